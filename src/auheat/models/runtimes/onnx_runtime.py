"""Exported networks in ONNX Runtime, on the CPU in float32."""

from __future__ import annotations

from pathlib import Path

import torch

from auheat.errors import AuheatError
from auheat.models.heatmap_model import Heatmaps
from auheat.models.runtimes.exported import (
    CROPS,
    INTENSITY,
    LOCATION,
    not_readable,
    read_settings,
)
from auheat.models.runtimes.runtime import Crops, Precision, PrecisionChoice, RuntimeName

_ERRORS_ONLY = 3


class OnnxRuntime:
    """See `Runtime`.

    path: a file that `auheat.export` wrote. threads: of this network; all cores if None.
    Raises AuheatError if onnxruntime is missing, the file cannot be read, or bf16 is asked for.
    """

    name: RuntimeName = "onnx"
    precision: Precision = "fp32"
    device = "cpu"

    def __init__(
        self, path: Path, precision: PrecisionChoice = "auto", threads: int | None = None
    ) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise AuheatError(
                "ONNX Runtime is not installed: pip install onnxruntime, or use --runtime torch"
            ) from None
        if precision == "bf16":
            raise AuheatError(
                "ONNX Runtime computes in fp32 on a CPU: use --runtime openvino or torch for bf16"
            )
        self.config = read_settings(path).config
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its kinds have no other base
            raise not_readable(path, error) from None
        self._outputs = [INTENSITY, LOCATION] if self.config.location_maps else [INTENSITY]

    def heatmaps(self, crops: Crops) -> Heatmaps:
        found = [
            torch.from_numpy(part) for part in self._session.run(self._outputs, {CROPS: crops})
        ]
        return Heatmaps(found[0], found[1] if len(found) > 1 else None)
