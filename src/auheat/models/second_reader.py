"""A second reading beside the heatmaps, by a network of another build.

Heatmaps ask of each place how strongly an Action Unit moves it. The second reader looks at the
whole face at once: a small residual network of depthwise convolutions (as in MobileNets: Howard et
al., arXiv:1704.04861), and a layer that gives one level for each AU. It is trained by itself, and
the level joins the heatmaps where the AU lies, so that the peak is the mean of both readings (late
fusion; nearly so, as their peaks need not be at one pixel, and neither is clipped before). Networks
that are built and trained differently err differently, and a mean errs less than its parts do on
average (Krogh and Vedelsby, NeurIPS 1994).

Letters: see `heatmap_model`; A Action Units.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

# Channels of the first convolution, and of each stage of three blocks, of which the first halves
# the map.
_STEM, _STAGES = 16, (32, 64, 128, 128)
_SQUEEZED, _HIDDEN = 64, 96
_TINY = 1e-6


class DepthwiseBlock(nn.Module):
    """x -> relu(shortcut(x) + pointwise(depthwise(x))). (B, C, H, W) -> (B, outputs, H', W').

    It has no norm, so it starts from weights that keep the spread of what goes through (He et al.,
    ICCV 2015), half of it beside the shortcut.

    Args:
        inputs: C.
        outputs: Where they differ from C the shortcut has a convolution, too.
        stride: 2 halves the map; the shortcut is a maximum of 2 x 2 then.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
            nn.init.kaiming_normal_(self.shortcut.weight, nonlinearity="relu")
        _start(self.depthwise, "linear")
        _start(self.pointwise, "relu", factor=0.5)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.stride == 1 else functional.max_pool2d(x, 2)
        return torch.relu(self.shortcut(kept) + self.pointwise(self.depthwise(x)))


class SecondReader(nn.Module):
    """Reads one level for each AU, and joins it with the heatmaps.

    Args:
        aus: A.
        map_owners: N indices into the AUs: which one each map is of.
        share: Of the joint reading that is this one's, 0 to 1.
        peak: Of a map at intensity 1, see `auheat.heatmap`.
        input_size: Side of the square input in pixels, a multiple of 32.
    """

    owners: Tensor

    def __init__(
        self, aus: int, map_owners: Sequence[int], share: float, peak: float, input_size: int
    ) -> None:
        super().__init__()
        self.share, self.peak = share, peak
        self.stem = nn.Conv2d(3, _STEM, 3, 2, padding=1)
        self.first = nn.Sequential(DepthwiseBlock(_STEM, _STEM), DepthwiseBlock(_STEM, _STEM))
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    DepthwiseBlock(inputs, outputs, 2),
                    DepthwiseBlock(outputs, outputs),
                    DepthwiseBlock(outputs, outputs),
                )
                for inputs, outputs in pairwise((_STEM, *_STAGES))
            )
        )
        self.squeeze = nn.Conv2d(_STAGES[-1], _SQUEEZED, 1)
        self.hidden = nn.Linear(_SQUEEZED * (input_size // 32) ** 2, _HIDDEN)
        self.levels = nn.Linear(_HIDDEN, aus)
        self.dropout, self.last_dropout = nn.Dropout(0.1), nn.Dropout(0.2)
        _start(self.stem, "relu")
        _start(self.squeeze, "relu")
        nn.init.normal_(self.levels.weight, std=0.01)
        nn.init.zeros_(self.levels.bias)
        self.register_buffer("owners", torch.tensor(map_owners), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Levels (B, A) of images (B, 3, H, W), RGB, 0 to 255; not clipped."""
        x = (images / 255).to(self.levels.weight.dtype)
        x = self.stages(self.first(torch.relu(self.stem(x))))
        face = torch.relu(self.squeeze(x)).flatten(1)
        hidden = functional.gelu(self.hidden(self.dropout(face)))
        return self.levels(self.last_dropout(hidden))  # type: ignore[no-any-return]

    def join(self, intensity: Tensor, location: Tensor, levels: Tensor) -> Tensor:
        """Intensity maps whose peaks are the mean of both readings, weighed by `share`.

        Just so where both peaks are at one pixel and the level is not below 0; a level that is
        lowers the map around the AU.

        Args:
            intensity: (B, N, h, w).
            location: (B, N, h, w); a level is drawn in its shape, with peak 1.
            levels: (B, A) what `forward` gives.

        Returns:
            (B, N, h, w).
        """
        drawn = torch.relu(location)
        drawn = drawn / drawn.amax((2, 3), keepdim=True).clamp(min=_TINY)
        at_maps = levels[:, self.owners, None, None] * self.peak
        return (1 - self.share) * intensity + self.share * at_maps * drawn


def _start(layer: nn.Conv2d, then: Literal["relu", "linear"], factor: float = 1.0) -> None:
    """Weights that keep the spread of what goes through, times a factor, and no bias."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity=then)
    with torch.no_grad():
        layer.weight *= factor
        if layer.bias is not None:
            layer.bias.zero_()
