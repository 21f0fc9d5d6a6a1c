"""Exported networks in ONNX Runtime, on the CPU."""

from __future__ import annotations

from pathlib import Path

from auheat.models.runtimes.exported import (
    INTENSITY,
    KEY,
    LOCATION,
    ExportedSettings,
    exists,
    graph_inputs,
    no_bfloat16,
)
from auheat.models.runtimes.names import Precision, PrecisionChoice, RuntimeName
from auheat.models.runtimes.runtime import Crops, HeatmapArrays, Shapes
from auheat.onnx import open_session


class OnnxRuntime:
    """See `Runtime`.

    Args:
        path: A file that `auheat.export` wrote.
        precision: fp32, which "auto" is too.
        threads: Of this network; all cores if None.

    Raises:
        AuheatError: onnxruntime is missing, the file cannot be read, or bf16 is asked for.

    Attributes:
        weights: SHA-256 of the checkpoint that the file was made from.
    """

    name: RuntimeName = "onnx"
    precision: Precision = "fp32"
    device = "cpu"

    def __init__(
        self,
        path: str | Path,
        *,
        precision: PrecisionChoice = "auto",
        threads: int | None = None,
    ) -> None:
        if precision == "bf16":
            raise no_bfloat16(path, "ONNX Runtime computes in fp32 on a CPU")
        self._session = open_session(exists(path), threads=threads or 0)
        stored = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        settings = ExportedSettings.read(stored, path)
        self.config, self.card = settings.config, settings.card
        self.weights = settings.weights
        self._outputs = [INTENSITY, LOCATION] if self.config.location_maps else [INTENSITY]

    def heatmaps(self, crops: Crops, geometry: Shapes | None = None) -> HeatmapArrays:
        found = self._session.run(self._outputs, graph_inputs(self.config, crops, geometry))
        return HeatmapArrays(found[0], found[1] if len(found) > 1 else None)
