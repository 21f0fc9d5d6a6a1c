"""Level curves: readings with the spread of labels, without losing the order of faint ones.

A network that was trained on squared error reads what an image shows on average over all that it
may show, so it stays the closer to rest the less it sees, and rests above 0. A gain and an offset
for each AU, which `scripts/fit_levels.py` finds, mend both; this layer applies them:

    y = max(gain x - offset, faint x)

The second term keeps what the offset would push below 0 apart: faces of which one shows a little
more than the other stay in that order, however little. Letters: see `heatmap_model`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from auheat.arrays import Floats


class LevelCurves(nn.Module):
    """One curve for each map, x -> max(gain x - offset, faint x). (B, N, h, w) -> the same shape.

    Starts as y = x. A maximum over a map (how an intensity is read) may be taken before or after,
    as curves rise.

    Args:
        maps: N.
    """

    gain: Tensor
    offset: Tensor
    faint: Tensor

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(maps))
        self.register_buffer("offset", torch.zeros(maps))
        self.register_buffer("faint", torch.ones(maps))

    def set(self, gain: Floats, offset: Floats, faint: float) -> None:
        """Gives the curves their numbers.

        Args:
            gain: (N,), more than 0.
            offset: (N,), 0 or more, in units of the maps.
            faint: Slope of what is faint, more than 0 and at most the smallest gain.

        Raises:
            ValueError: Some curve would not rise, or would not pass through 0.
        """
        if not 0 < faint <= gain.min() or offset.min() < 0:
            raise ValueError(f"no rising curves: gains {gain}, offsets {offset}, faint {faint}")
        self.gain.copy_(torch.as_tensor(gain))
        self.offset.copy_(torch.as_tensor(offset))
        self.faint.fill_(faint)

    def forward(self, maps: Tensor) -> Tensor:
        strong = maps * self.gain[:, None, None] - self.offset[:, None, None]
        return torch.maximum(strong, maps * self.faint[:, None, None])
