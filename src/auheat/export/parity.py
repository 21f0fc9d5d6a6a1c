"""Whether two runtimes read the same from the same faces.

Letters: N faces, A Action Units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auheat.metrics import Agreement
from auheat.models.heatmap_net import layout_of
from auheat.models.map_net import MapNet, Maps
from auheat.models.runtimes.runtime import Crops, Precision, Runtime

_BATCH = 8
# How far an intensity may be from that of the network in PyTorch, fp32, and the least mean ICC.
LIMITS: dict[Precision, float] = {"fp32": 1e-3, "bf16": 0.1}
LEAST_ICC = 0.99

Levels = NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """How a runtime compares with the network in PyTorch, fp32.

    faces: how many were read. largest: largest difference of an intensity, 0 to 5.
    icc: mean ICC(3,1) over the AUs; NaN where no intensity varies, as with one face.
    """

    faces: int
    largest: float
    icc: float

    def problem(self, precision: Precision) -> str | None:
        """What is beyond the limits of a precision, or None."""
        if not self.largest <= LIMITS[precision]:
            return f"an intensity is {self.largest:.2g} off, more than {LIMITS[precision]:g}"
        if self.icc < LEAST_ICC:
            return f"the mean ICC is {self.icc:.4f}, less than {LEAST_ICC}"
        return None


def parity(net: MapNet, runtime: Runtime, crops: Crops) -> Parity:
    """Reads crops (N, H, W, 3) with the plain network, as it was trained, and with a runtime."""
    with torch.inference_mode():
        expected = _levels(lambda part: net(_pictures(part)), runtime, crops)
    found = _levels(runtime.maps, runtime, crops)
    iccs = Agreement.of(found, expected).icc
    mean = float(np.nanmean(iccs)) if np.isfinite(iccs).any() else float("nan")
    return Parity(len(crops), float(np.abs(found - expected).max()), mean)


def _levels(draw: Callable[[Crops], Maps], runtime: Runtime, crops: Crops) -> Levels:
    """Intensities (N, A)."""
    layout = layout_of(runtime.config)
    parts = [crops[start : start + _BATCH] for start in range(0, len(crops), _BATCH)]
    return np.concatenate([layout.read(draw(part).intensity).numpy() for part in parts])


def _pictures(crops: Crops) -> Tensor:
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float()
