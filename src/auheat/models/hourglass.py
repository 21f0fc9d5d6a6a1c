"""A single hourglass (Newell, Yang and Deng, ECCV 2016), a baseline of Table 1 of the paper.

Sanchez-Lozano, Tzimiropoulos and Valstar (BMVC 2018) read Action Units with one hourglass of depth
4 and 256 features, one map for each AU. The bottlenecks here are Newell's, where norm and ReLU
come before each convolution; in the code that Sanchez-Lozano published they come after it.
Letters: see `heatmap_model`.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from auheat.models.heatmap_model import HeatmapModel, output_layer

DEPTH = 4


class Residual(nn.Module):
    """Pre-activation bottleneck: norm, ReLU and convolution for 1x1, 3x3 and 1x1, and a shortcut.

    (B, inputs, H, W) -> (B, outputs, H, W). The middle has half as many channels as the output;
    where the counts differ the shortcut is a 1x1 convolution.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = max(1, outputs // 2)
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, half, 1)
        self.norm2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1)
        self.norm3 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, outputs, 1)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(functional.relu(self.norm1(x)))
        out = self.conv2(functional.relu(self.norm2(out)))
        out = self.conv3(functional.relu(self.norm3(out)))
        return out + self.shortcut(x)  # type: ignore[no-any-return]


class HourglassModule(nn.Module):
    """One level of the hourglass: a branch that keeps the size, and one at half of it.

    (B, channels, H, W) -> the same shape; H and W are multiples of 2**depth. The lower branch holds
    the level below, the innermost one a bottleneck.
    """

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        self.upper = Residual(channels, channels)
        self.before = Residual(channels, channels)
        self.inner: nn.Module = (
            HourglassModule(depth - 1, channels) if depth > 1 else Residual(channels, channels)
        )
        self.after = Residual(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        low = self.after(self.inner(self.before(functional.max_pool2d(x, 2))))
        enlarged = functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return self.upper(x) + enlarged  # type: ignore[no-any-return]


class Hourglass(HeatmapModel):
    """Stem to a quarter of the size, one hourglass, a bottleneck, and two 1x1 convolutions.

    Args:
        points: number of maps.
        input_size: side of the square input, a multiple of 64.
        width: factor on the channel counts 64, 128 and 256. Others: see `ModelConfig`.
    """

    stride = 4

    def __init__(
        self,
        points: int,
        input_size: int,
        normalise: Literal["imagenet", "image"],
        width: float,
        location_maps: bool,
    ) -> None:
        super().__init__(points, input_size, normalise)
        first, middle, wide = (round(channels * width) for channels in (64, 128, 256))
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 7, stride=2, padding=3),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            Residual(first, middle),
            nn.MaxPool2d(2),
            Residual(middle, middle),
            Residual(middle, wide),
        )
        self.hourglass = HourglassModule(DEPTH, wide)
        self.tail = nn.Sequential(
            Residual(wide, wide),
            nn.Conv2d(wide, wide, 1),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
        )
        self.head = output_layer(wide, points * (2 if location_maps else 1))

    def features(self, images: Tensor, geometry: Tensor | None = None) -> Tensor:
        """The channels that the 1x1 output weighs: (B, C, H / 4, W / 4)."""
        del geometry  # it has no place for it
        return self.tail(self.hourglass(self.stem(self.normalise(images))))  # type: ignore[no-any-return]
