"""What all heatmap networks share: how images go in, and how maps come out.

They know nothing of files or video. Letters: B batch, C channels, H W input pixels, h w map pixels,
G numbers of a face's shape, N maps (K where there is one per AU point, A where one per AU).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from auheat.models.levels import LevelCurves


class Heatmaps(NamedTuple):
    """What a network gives for a batch.

    Attributes:
        intensity: (B, N, h, w), peak = intensity times the codec's amplitude.
        location: (B, N, h, w) with peak 1 at each AU point whatever the intensity, or None.
    """

    intensity: Tensor
    location: Tensor | None


class Normalise(nn.Module):
    """Brings RGB in 0 to 255 to zero mean and unit spread. (B, 3, H, W) -> the same shape.

    Args:
        kind: "imagenet", or "image" for each image's own channel means and common deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, kind: Literal["imagenet", "image"]) -> None:
        super().__init__()
        self.kind = kind
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", mean.view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", std.view(3, 1, 1) * 255, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if self.kind == "imagenet":
            return (images - self.mean) / self.std
        centred = images - images.mean((2, 3), keepdim=True)
        return centred * torch.rsqrt(centred.square().mean((1, 2, 3), keepdim=True) + 1.0)


class HeatmapModel(nn.Module):
    """A network from images to maps: what it sees in them, `features`, weighed by a 1x1 output.

    Args:
        points: N, the number of maps of each kind.
        input_size: side of the square input in pixels.

    Attributes:
        levels: What follows the output for intensities, see `auheat.models.levels`; None while a
            network is trained.
    """

    head: nn.Conv2d
    levels: LevelCurves | None

    def __init__(
        self, points: int, input_size: int, normalise: Literal["imagenet", "image"]
    ) -> None:
        super().__init__()
        self.normalise = Normalise(normalise)
        self.points = points
        self.input_size = input_size
        self.levels = None

    def features(self, images: Tensor, geometry: Tensor | None = None) -> Tensor:
        """The channels that the 1x1 output weighs: (B, C, h, w). Arguments as for `forward`."""
        raise NotImplementedError

    def forward(self, images: Tensor, geometry: Tensor | None = None) -> Heatmaps:
        """Maps of faces.

        Args:
            images: (B, 3, H, W), RGB, 0 to 255, float.
            geometry: (B, G) float, the shapes of the faces' meshes, see `auheat.face_shape`; None
                where none is known. Networks whose settings have no geometry do not look at it.
        """
        maps = self.head(self.features(images, geometry))
        located = self.head.out_channels > self.points
        intensity, location = maps[:, : self.points], maps[:, self.points :]
        if self.levels is not None:
            intensity = self.levels(intensity)
        return Heatmaps(intensity, location if located else None)


def output_layer(channels: int, maps: int) -> nn.Conv2d:
    """A 1x1 convolution that starts from weights of N(0, 0.001) and no bias."""
    layer = nn.Conv2d(channels, maps, 1)
    nn.init.normal_(layer.weight, std=0.001)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
