"""A second reading beside the heatmaps, by filters that were first trained on faces of people.

The residual trunk of MediaPipe's face mesh (Kartynnik et al., arXiv:1907.06724; Apache-2.0), which
finds 468 points in photos, is trained on to read AUs: a few layers on its last two feature maps
give one level for each AU. Networks that only ever saw rendered faces read their texture; these
filters begin from what faces of people look like. The level joins the heatmaps where the AU lies,
with a fixed share (late fusion), so that the peak is the mean of both readings.

Letters: see `heatmap_model`; A Action Units.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Side of what the trunk sees: eyes are then as far apart as in the patches that the mesh looks at.
SIDE = 160
# Channels of each stage of three blocks, of which the first halves the map.
_STEM, _STAGES = 16, (32, 64, 128, 128, 128)
_SQUEEZED, _HIDDEN = 48, 384
_TINY = 1e-6


def after() -> nn.Module:
    """The padding of a convolution of 3 x 3 that halves a map in TensorFlow: right and below."""
    return nn.ZeroPad2d((0, 1, 0, 1))


class Block(nn.Module):
    """x -> PReLU(shortcut(x) + pointwise(depthwise(x))). (B, C, H, W) -> (B, outputs, H', W').

    Args:
        inputs: C.
        outputs: Where they differ from C the shortcut has a convolution, too.
        stride: 2 halves the map; the shortcut is a maximum of 2 x 2 then.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.pad: nn.Module = nn.Identity() if stride == 1 else after()
        self.depthwise = nn.Conv2d(
            inputs, inputs, 3, stride, padding=int(stride == 1), groups=inputs
        )
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.slopes: nn.Module = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.stride == 1 else functional.max_pool2d(x, 2)
        joined = self.shortcut(kept) + self.pointwise(self.depthwise(self.pad(x)))
        return self.slopes(joined)  # type: ignore[no-any-return]


class MeshTrunk(nn.Module):
    """The trunk of MediaPipe's face mesh: images (B, 3, S, S) from 0 to 1 -> two feature maps.

    They are the last two that its landmarks are read from, (B, 128, S / 32, S / 32) and half of
    that, rounded down.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pad: nn.Module = after()
        self.stem = nn.Conv2d(3, _STEM, 3, 2)
        self.slopes: nn.Module = nn.PReLU(_STEM)
        widths = (_STEM, *_STAGES)
        self.first = nn.Sequential(Block(_STEM, _STEM), Block(_STEM, _STEM))
        self.stages = nn.ModuleList(
            nn.Sequential(
                Block(inputs, outputs, 2), Block(outputs, outputs), Block(outputs, outputs)
            )
            for inputs, outputs in zip(widths, _STAGES, strict=False)
        )

    def blocks(self) -> list[Block]:
        """All blocks, in the order in which they see the image."""
        return [module for module in self.modules() if isinstance(module, Block)]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(self.slopes(self.stem(self.pad(images))))
        *earlier, last = self.stages
        for stage in earlier:
            x = stage(x)
        return x, last(x)


class MeshReader(nn.Module):
    """Reads one level for each AU, and joins it with the heatmaps.

    Args:
        aus: A.
        map_owners: N indices into the AUs: which one each map is of.
        share: Of the joint reading that is this one's, 0 to 1.
        peak: Of a map at intensity 1, see `auheat.heatmap`.
    """

    owners: Tensor

    def __init__(self, aus: int, map_owners: Sequence[int], share: float, peak: float) -> None:
        super().__init__()
        self.share, self.peak = share, peak
        self.trunk = MeshTrunk()
        self.squeeze = nn.Conv2d(_STAGES[-1], _SQUEEZED, 1)
        side = SIDE // 32
        self.hidden = nn.Linear(_STAGES[-1] * (side // 2) ** 2 + _SQUEEZED * side**2, _HIDDEN)
        self.levels = nn.Linear(_HIDDEN, aus)
        self.dropout, self.last_dropout = nn.Dropout(0.1), nn.Dropout(0.2)
        nn.init.normal_(self.levels.weight, std=0.01)
        nn.init.zeros_(self.levels.bias)
        self.register_buffer("owners", torch.tensor(map_owners), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Levels (B, A) of images (B, 3, H, W), RGB, 0 to 255, not clipped."""
        resized = functional.interpolate(
            images / 255, (SIDE, SIDE), mode="bilinear", align_corners=False
        )
        fine, coarse = self.trunk(resized.to(self.levels.weight.dtype))
        squeezed = torch.relu(self.squeeze(fine))
        both = torch.cat([coarse.flatten(1), squeezed.flatten(1)], 1)
        hidden = functional.gelu(self.hidden(self.dropout(both)))
        return self.levels(self.last_dropout(hidden))  # type: ignore[no-any-return]

    def join(self, intensity: Tensor, location: Tensor, levels: Tensor) -> Tensor:
        """Intensity maps whose peaks are the mean of both readings, weighed by `share`.

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
