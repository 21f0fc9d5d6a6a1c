"""Heatmaps: from points and intensities to maps, and back. The only place that knows the scale.

Equation 1 of Fan, Lam and Li (AAAI 2020) puts a Gaussian at each AU point, its height
proportional to the intensity I:

    g(x) = I * amplitude * exp(-|x - p|^2 / (2 sigma^2)),  amplitude = 1 / (2 pi sigma^2)

The centre p is the map pixel nearest to the point, as in the authors' code, so that the peak of
a map is exactly `I * amplitude` and reading the maximum (the paper's inference) returns I; the
point comes back within half a map pixel. A point outside the map is moved to the nearest border
pixel, so its intensity survives.

Sanchez-Lozano, Tzimiropoulos and Valstar (BMVC 2018), a baseline of the paper, draw one map for
each AU, the maximum over the Gaussians at its points, and let amplitude and size of a Gaussian
follow the intensity. That much is theirs. Their released code does not train, and notes on their
paper say no more of the size than that a Gaussian ends 6 I map pixels from its centre. Our choice
for "growing" is sigma(I) = sigma * max(I, 1), without an end: in proportion to the intensity from
level 1 to 5, and constant below, so that a faint AU still has an extent. The peak stays
I * amplitude, with the amplitude of the given sigma.

Targets are drawn in PyTorch, for training; maps are read in NumPy, so that reading faces needs no
PyTorch.

Letters: K AU points, A Action Units, N maps (K or A), h w map pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import AnyFloats
from auheat.config import Gaussian, HeatmapKind, ModelConfig
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY, PointLayout

if TYPE_CHECKING:
    from torch import Tensor

Amplitude = float | Literal["paper"]


@dataclass(frozen=True)
class HeatmapCodec:
    """Encodes and decodes maps for inputs of one size.

    Attributes:
        input_size: (height, width) of the network input in pixels.
        map_size: (height, width) of the maps in pixels.
        sigma: Standard deviation of the Gaussian in map pixels. The authors use 2 on 64x64 maps.
        amplitude: Peak of a map at intensity 1. "paper" is Eq. 1's 1 / (2 pi sigma^2); 1 counts in
            levels, as networks do by default (`ModelConfig.map_units`).
        gaussian: "fixed" has the same size at every intensity, "growing" has sigma * max(I, 1).
    """

    input_size: tuple[int, int]
    map_size: tuple[int, int]
    sigma: float = 2.0
    amplitude: Amplitude = 0.2
    gaussian: Gaussian = "fixed"

    @property
    def scale(self) -> float:
        """The peak of a map at intensity 1."""
        if self.amplitude == "paper":
            return 1.0 / (2.0 * pi * self.sigma**2)
        return float(self.amplitude)

    def encode(self, points: Tensor, intensities: Tensor) -> Tensor:
        """Intensity maps (..., K, h, w).

        Args:
            points: (..., K, 2) input pixels.
            intensities: (..., K) in 0 to 5.
        """
        spread: Tensor | float = self.sigma
        if self.gaussian == "growing":
            spread = self.sigma * intensities.clamp(min=1.0)[..., None, None]
        return self._draw(points, spread) * (intensities * self.scale)[..., None, None]

    def locate(self, points: Tensor) -> Tensor:
        """Location maps: peak 1 and size `sigma` whatever the intensity. (..., K, h, w)."""
        return self._draw(points, self.sigma)

    def _draw(self, points: Tensor, sigma: Tensor | float) -> Tensor:
        """Gaussians with peak 1. sigma: one for all, or (..., K, 1, 1)."""
        import torch

        centre = self._nearest_pixel(points)
        height, width = self.map_size
        rows = torch.arange(height, device=points.device, dtype=centre.dtype)
        columns = torch.arange(width, device=points.device, dtype=centre.dtype)
        across = (columns - centre[..., 0, None]).square()
        down = (rows - centre[..., 1, None]).square()
        squared = down[..., :, None] + across[..., None, :]
        return torch.exp(squared / (-2.0 * sigma**2))

    def _nearest_pixel(self, points: Tensor) -> Tensor:
        import torch

        dtype = points.dtype if points.is_floating_point() else torch.float32
        stride = torch.tensor(self._stride, dtype=dtype, device=points.device)
        cells = ((points + 0.5) / stride).floor()
        last = torch.tensor(
            [self.map_size[1] - 1, self.map_size[0] - 1], dtype=cells.dtype, device=cells.device
        )
        return torch.minimum(cells.clamp(min=0), last)

    def decode(self, maps: AnyFloats) -> tuple[AnyFloats, AnyFloats]:
        """Reads maps (..., K, h, w): points (..., K, 2) in input pixels, intensities (..., K).

        The intensity is the maximum of the map over the amplitude, clipped to 0 to 5 and never
        rounded; the point is where the maximum lies. Works in at least float32.

        Raises:
            ValueError: The maps have another size.
        """
        intensities = self.intensities(maps)
        index = maps.reshape(*maps.shape[:-2], -1).argmax(-1)
        cells = np.stack([index % self.map_size[1], index // self.map_size[1]], -1)
        points = (cells + 0.5) * np.array(self._stride) - 0.5
        return points.astype(intensities.dtype), intensities

    def intensities(self, maps: AnyFloats) -> AnyFloats:
        """The intensities (..., K) of maps (..., K, h, w) alone, see `decode`."""
        if tuple(maps.shape[-2:]) != self.map_size:
            raise ValueError(f"expected maps of {self.map_size}, not {tuple(maps.shape[-2:])}")
        peak = maps.max((-2, -1))
        wide = peak.astype(np.promote_types(peak.dtype, np.float32), copy=False)
        return np.asarray((wide / wide.dtype.type(self.scale)).clip(MIN_INTENSITY, MAX_INTENSITY))

    @property
    def _stride(self) -> tuple[float, float]:
        """(x, y) size of a map pixel in input pixels."""
        (height, width), (rows, columns) = self.input_size, self.map_size
        return width / columns, height / rows


class Targets(NamedTuple):
    """What the maps of a batch should be.

    Attributes:
        intensity: (..., N, h, w) intensity maps.
        location: (..., N, h, w) location maps.
        coded: (..., N), 1 where the intensity is known, else 0.
    """

    intensity: Tensor
    location: Tensor
    coded: Tensor


@dataclass(frozen=True)
class HeatmapLayout:
    """What the N maps of a network are of: how their targets are drawn, and how they are read.

    Attributes:
        codec: Draws and reads a single map.
        au_of_point: K indices into the A AUs, ascending.
        kind: "point" has a map for each AU point, and an AU is the mean of what its points read;
            "au" has a map for each AU, the maximum over the Gaussians of its points.
    """

    codec: HeatmapCodec
    au_of_point: tuple[int, ...]
    kind: HeatmapKind = "point"

    @property
    def count(self) -> int:
        """N, the number of maps."""
        return len(self.au_of_point) if self.kind == "point" else self.au_of_point[-1] + 1

    def targets(self, points: Tensor, levels: Tensor) -> Targets:
        """What a network should draw.

        Args:
            points: (..., K, 2) input pixels.
            levels: (..., A) in 0 to 5, NaN where not coded.
        """
        at_points = levels[..., list(self.au_of_point)]
        intensity = self.codec.encode(points, at_points.nan_to_num())
        location = self.codec.locate(points)
        if self.kind == "point":
            return Targets(intensity, location, (~at_points.isnan()).float())
        return Targets(self._merged(intensity), self._merged(location), (~levels.isnan()).float())

    def _merged(self, maps: Tensor) -> Tensor:
        """The pixelwise maximum over the points of each AU: (..., K, h, w) -> (..., A, h, w)."""
        import torch

        of_aus: tuple[Tensor, ...] = maps.split(_counts(self.au_of_point), -3)  # type: ignore[no-untyped-call]
        return torch.stack([points.amax(-3) for points in of_aus], -3)

    def read(self, maps: AnyFloats) -> AnyFloats:
        """Intensities (..., A) of intensity maps (..., N, h, w), see `HeatmapCodec.decode`."""
        levels = self.codec.intensities(maps)
        return levels if self.kind == "au" else mean_over_points(levels, self.au_of_point)

    def per_au(self, maps: AnyFloats) -> AnyFloats:
        """One map for each AU in units of intensity: (..., N, h, w) -> (..., A, h, w)."""
        levels = maps / maps.dtype.type(self.codec.scale)
        return levels if self.kind == "au" else max_over_points(levels, self.au_of_point)


def heatmap_side(config: ModelConfig) -> int:
    """Side of the square heatmaps in pixels of a network with these settings."""
    if config.kind == "hourglass":
        return config.input_size // 4
    side: int = config.input_size // 32 * 2 ** len(config.deconv_widths)
    return side


def codec_of(config: ModelConfig) -> HeatmapCodec:
    """The codec that encodes targets for, and decodes maps of, a network with these settings."""
    side, size = heatmap_side(config), config.input_size
    amplitude = 1.0 if config.map_units == "intensity" else config.amplitude
    return HeatmapCodec((size, size), (side, side), config.sigma, amplitude, config.gaussian)


def layout_of(config: ModelConfig) -> HeatmapLayout:
    """What the maps of a network with these settings are of."""
    points = PointLayout.of(config.aus)
    return HeatmapLayout(codec_of(config), points.au_of_point, config.maps)


def _counts(au_of_point: Sequence[int]) -> list[int]:
    """How many points each AU has. au_of_point: K indices into the A AUs, ascending."""
    return [au_of_point.count(au) for au in range(au_of_point[-1] + 1)]


def _starts(au_of_point: Sequence[int]) -> NDArray[np.intp]:
    """Where the points of each AU begin."""
    return np.cumsum([0, *_counts(au_of_point)[:-1]])


def max_over_points(maps: AnyFloats, au_of_point: Sequence[int]) -> AnyFloats:
    """The pixelwise maximum over the maps of each AU's points: (..., K, h, w) -> (..., A, h, w).

    Args:
        maps: (..., K, h, w).
        au_of_point: K indices into the A AUs, none smaller than the one before it.
    """
    return np.maximum.reduceat(maps, _starts(au_of_point), axis=-3)


def mean_over_points(values: AnyFloats, au_of_point: Sequence[int]) -> AnyFloats:
    """Averages what was read at the points of each AU (the paper's footnote 2).

    Args:
        values: (..., K).
        au_of_point: K indices into the A AUs, none smaller than the one before it.

    Returns:
        (..., A).
    """
    fraction = (1.0 / np.array(_counts(au_of_point))[list(au_of_point)]).astype(values.dtype)
    return np.add.reduceat(values * fraction, _starts(au_of_point), axis=-1)
