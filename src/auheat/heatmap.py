"""Heatmaps: from points and intensities to maps, and back. The only place that knows the scale.

Equation 1 of Fan, Lam and Li (AAAI 2020) puts a Gaussian at each AU point, its height
proportional to the intensity I:

    g(x) = I * amplitude * exp(-|x - p|^2 / (2 sigma^2)),  amplitude = 1 / (2 pi sigma^2)

The centre p is the map pixel nearest to the point, as in the authors' code, so that the peak of
a map is exactly `I * amplitude` and reading the maximum (the paper's inference) returns I; the
point comes back within half a map pixel. A point outside the map is moved to the nearest border
pixel, so its intensity survives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Literal

import torch
from torch import Tensor

from auheat.facs import MAX_INTENSITY, MIN_INTENSITY

Amplitude = float | Literal["paper"]


@dataclass(frozen=True)
class HeatmapCodec:
    """Encodes and decodes maps for inputs of one size.

    input_size: (height, width) of the network input in pixels.
    map_size: (height, width) of the maps in pixels.
    sigma: standard deviation of the Gaussian in map pixels. The authors use 2 on 64x64 maps.
    amplitude: peak of a map at intensity 1. "paper" is Eq. 1's 1 / (2 pi sigma^2); the default
        0.2 puts intensity 5 at a peak of 1.
    """

    input_size: tuple[int, int]
    map_size: tuple[int, int]
    sigma: float = 2.0
    amplitude: Amplitude = 0.2

    @property
    def scale(self) -> float:
        """The peak of a map at intensity 1."""
        if self.amplitude == "paper":
            return 1.0 / (2.0 * pi * self.sigma**2)
        return float(self.amplitude)

    def encode(self, points: Tensor, intensities: Tensor) -> Tensor:
        """Intensity maps. points: (..., K, 2) input pixels; intensities: (..., K) in 0 to 5.

        Returns (..., K, h, w).
        """
        return self.locate(points) * (intensities * self.scale)[..., None, None]

    def locate(self, points: Tensor) -> Tensor:
        """Location maps: the same Gaussians with peak 1 whatever the intensity. (..., K, h, w)."""
        centre = self._nearest_pixel(points)
        height, width = self.map_size
        rows = torch.arange(height, device=points.device, dtype=centre.dtype)
        columns = torch.arange(width, device=points.device, dtype=centre.dtype)
        across = (columns - centre[..., 0, None]).square()
        down = (rows - centre[..., 1, None]).square()
        squared = down[..., :, None] + across[..., None, :]
        return torch.exp(squared / (-2.0 * self.sigma**2))

    def decode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Reads maps (..., K, h, w): points (..., K, 2) in input pixels, intensities (..., K).

        The intensity is the maximum of the map over the amplitude, clipped to 0 to 5 and never
        rounded; the point is where the maximum lies. Works in at least float32.
        Raises ValueError if the maps have another size.
        """
        if tuple(maps.shape[-2:]) != self.map_size:
            raise ValueError(f"expected maps of {self.map_size}, not {tuple(maps.shape[-2:])}")
        width = self.map_size[1]
        peak, index = maps.flatten(-2).max(-1)
        peak = peak.to(torch.promote_types(peak.dtype, torch.float32))
        cells = torch.stack([index % width, torch.div(index, width, rounding_mode="floor")], -1)
        stride = self._stride(peak)
        points = (cells + 0.5) * stride - 0.5
        return points, (peak / self.scale).clamp(MIN_INTENSITY, MAX_INTENSITY)

    def _nearest_pixel(self, points: Tensor) -> Tensor:
        cells = ((points + 0.5) / self._stride(points)).floor()
        last = torch.tensor(
            [self.map_size[1] - 1, self.map_size[0] - 1], dtype=cells.dtype, device=cells.device
        )
        return torch.minimum(cells.clamp(min=0), last)

    def _stride(self, like: Tensor) -> Tensor:
        (height, width), (rows, columns) = self.input_size, self.map_size
        dtype = like.dtype if like.is_floating_point() else torch.float32
        return torch.tensor([width / columns, height / rows], dtype=dtype, device=like.device)


def mean_over_points(values: Tensor, au_of_point: Sequence[int]) -> Tensor:
    """Averages what was read at the points of each AU (the paper's footnote 2).

    values: (..., K); au_of_point: K indices into the A AUs. Returns (..., A).
    """
    owner = torch.as_tensor(au_of_point, device=values.device)
    count = int(owner.max()) + 1
    share = torch.nn.functional.one_hot(owner, count).to(values.dtype)
    # No matrix product: autocast would round the intensities to bfloat16.
    return (values[..., None] * (share / share.sum(0))).sum(-2)
