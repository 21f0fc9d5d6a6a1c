"""Whether two networks read the same: what parity sees, and its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.export.exporting import Parity, parity
from auheat.export.faces import sheet
from auheat.heatmap import layout_of
from auheat.metrics import icc31
from auheat.models.runtimes.runtime import HeatmapArrays
from auheat.models.runtimes.torch_runtime import TorchRuntime
from stand_ins import SMALL, small_checkpoint


class Shifted:
    """A runtime whose maps are off by some intensity at one AU of one face."""

    name: Any = "torch"
    precision: Any = "fp32"
    device = "cpu"

    def __init__(self, step: float) -> None:
        checkpoint = small_checkpoint()
        self.config, self.card, self.calls = checkpoint.config, checkpoint.card, 0
        self._inner = TorchRuntime(checkpoint, device="cpu", precision="fp32")
        self._step = step * layout_of(self.config).codec.scale

    def heatmaps(
        self, crops: NDArray[np.uint8], geometry: NDArray[np.float32] | None = None
    ) -> HeatmapArrays:
        maps = self._inner.heatmaps(crops)
        intensity = maps.intensity.copy()
        if self.calls == 1:  # only in the second batch
            intensity[2, 4:] += self._step  # both points of AU12
        self.calls += 1
        return HeatmapArrays(intensity, maps.location)


def test_parity_sees_one_intensity_of_one_face() -> None:
    crops, shifted = sheet(64)[:14], Shifted(0.2)
    found = parity(TorchRuntime(small_checkpoint(), device="cpu", fused=False), shifted, crops)
    assert shifted.calls == 2
    assert found.faces == 14
    assert found.largest == pytest.approx(0.2, abs=1e-5)
    assert found.problem("fp32") and found.problem("bf16")
    layout, plain = layout_of(SMALL), Shifted(0.0)
    levels = layout.read(plain.heatmaps(crops).intensity).astype(np.float64)
    moved = levels.copy()
    moved[10, 2] += 0.2  # the third face of the second eight
    iccs = [icc31(np.stack([levels[:, i], moved[:, i]], 1)) for i in range(3)]
    assert found.icc == pytest.approx(np.mean(iccs), abs=1e-6)
    assert 0.9 < found.icc < 1


@pytest.mark.parametrize(
    ("largest", "icc", "fp32", "bf16"),
    [
        (0.0009, 1.0, None, None),
        (0.0011, 1.0, "0.0011 off, more than 0.001", None),
        (0.09, 0.991, "more than 0.001", None),
        (0.11, 0.999, "more than 0.001", "0.11 off, more than 0.1"),
        (0.0, 0.9899, "mean ICC is 0.9899", "mean ICC is 0.9899"),
        (float("nan"), 1.0, "nan off", "nan off"),
        (0.0, float("nan"), None, None),
    ],
)
def test_limits(largest: float, icc: float, fp32: str | None, bf16: str | None) -> None:
    for precision, expected in (("fp32", fp32), ("bf16", bf16)):
        problem = Parity(32, largest, icc).problem(precision)  # type: ignore[arg-type]
        assert (problem is None) == (expected is None)
        assert (expected or "") in (problem or "")
