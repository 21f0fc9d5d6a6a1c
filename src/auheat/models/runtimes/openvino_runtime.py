"""Exported networks in OpenVINO, on the CPU in float32 or bfloat16."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.models.runtimes.exported import (
    INTENSITY,
    KEY,
    LOCATION,
    ExportedSettings,
    exists,
    graph_inputs,
    no_bfloat16,
    not_readable,
)
from auheat.models.runtimes.names import Precision, PrecisionChoice, RuntimeName
from auheat.models.runtimes.runtime import Crops, HeatmapArrays, Shapes
from auheat.onnx import checked
from auheat.optional import require


class OpenVinoRuntime:
    """See `Runtime`.

    Args:
        path: A file that `auheat.export` wrote.
        precision: "auto" is the one that the file was exported in, or fp32 where the processor has
            no bfloat16.
        threads: Of this network; OpenVINO's choice if None.

    Raises:
        AuheatError: openvino is missing, the file cannot be read, or bf16 is asked of a file that
            was exported in fp32.
    """

    name: RuntimeName = "openvino"
    device = "cpu"

    def __init__(
        self,
        path: str | Path,
        *,
        precision: PrecisionChoice = "auto",
        threads: int | None = None,
    ) -> None:
        require("openvino")
        core = _core()
        checked(exists(path))
        model = _read(path)
        stored = ExportedSettings.read(_metadata(model), path)
        if precision == "bf16" and stored.precision != "bf16":
            raise no_bfloat16(path, f"{path} was exported in fp32")
        self.config, self.card = stored.config, stored.card
        able = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        wanted = stored.precision if precision == "auto" else precision
        self.precision: Precision = "bf16" if wanted == "bf16" and able else "fp32"
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            compiled = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise not_readable(path, error) from None
        self._request, self._lock = compiled.create_infer_request(), Lock()

    def heatmaps(self, crops: Crops, geometry: Shapes | None = None) -> HeatmapArrays:
        with self._lock:
            self._request.infer(graph_inputs(self.config, crops, geometry))
            location = self._output(LOCATION) if self.config.location_maps else None
            return HeatmapArrays(self._output(INTENSITY), location)

    def _output(self, name: str) -> NDArray[np.float32]:
        """A copy, for the next request writes into the same memory."""
        return np.array(self._request.get_tensor(name).data, np.float32)


def _read(path: str | Path) -> Any:
    """The network of an ONNX file, read as nothing else.

    `Core.read_model` asks what else a file may be, too, and TensorFlow's reader says on the
    terminal that it is none of its own.

    Raises:
        AuheatError: The file is none, or damaged.
    """
    reader = _readers().load_by_framework("onnx")
    try:
        return reader.convert(reader.load(str(path)))
    except Exception as error:  # its kinds have no other base
        raise not_readable(path, error) from None


@cache
def _readers() -> Any:
    """OpenVINO's readers of files; a network may need the one it was read by until it ends."""
    return require("openvino.frontend").FrontEndManager()


def _metadata(model: Any) -> str | None:
    """What OpenVINO keeps of the metadata of an ONNX file under auheat's key."""
    place = ["framework", KEY]
    return str(model.get_rt_info(place).value) if model.has_rt_info(place) else None


@cache
def _core() -> Any:
    """The one core of this process, which stays until it ends.

    OpenVINO gives the thread that loads its CPU plugin another stack for signal handlers, and the
    old one back when the plugin goes. Of two cores that go in the order in which they came, the
    second gives back the stack of the first, which is no longer there, and the next signal (Ctrl-C,
    the end of a child) kills the process. Seen with OpenVINO 2026.4.
    """
    return require("openvino").Core()
