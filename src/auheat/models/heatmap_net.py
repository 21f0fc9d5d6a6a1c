"""The heatmap network: a residual trunk, deconvolutions with SCC, and a 1x1 output (Fig. 3, Eq. 5).

It knows nothing of files or video. Letters: B batch, H W input pixels, h w map pixels, K AU points.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from auheat.config import ModelConfig
from auheat.facs import PointLayout
from auheat.heatmap import HeatmapCodec
from auheat.models.deconv import DeconvStage
from auheat.models.resnet import ResNet
from auheat.models.scc import SemanticCorrespondenceConv


class Maps(NamedTuple):
    """What the network gives for a batch.

    intensity: (B, K, h, w), peak = intensity times the codec's amplitude.
    location: (B, K, h, w) with peak 1 at each AU point whatever the intensity, or None.
    """

    intensity: Tensor
    location: Tensor | None


class Normalise(nn.Module):
    """Brings RGB in 0 to 255 to zero mean and unit spread. (B, 3, H, W) -> the same shape.

    kind: "imagenet", or "image" for each picture's own channel means and common deviation.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, kind: Literal["imagenet", "image"]) -> None:
        super().__init__()
        self.kind = kind
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", mean.view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("deviation", deviation.view(3, 1, 1) * 255, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if self.kind == "imagenet":
            return (images - self.mean) / self.deviation
        centred = images - images.mean((2, 3), keepdim=True)
        return centred * torch.rsqrt(centred.square().mean((1, 2, 3), keepdim=True) + 1.0)


class HeatmapNet(nn.Module):
    """SCC-Heatmap; without `scc` it is ResNet-Deconv, the paper's own baseline.

    trunk: gives (B, trunk.out_channels, H / trunk.stride, W / trunk.stride).
    points: K. input_size: side of the square input. Other arguments: see `ModelConfig`.
    """

    def __init__(
        self,
        trunk: ResNet,
        points: int,
        input_size: int,
        normalise: Literal["imagenet", "image"],
        deconv_widths: Sequence[int],
        correspondence: Sequence[nn.Module],
        location_maps: bool,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(normalise)
        self.trunk = trunk
        widths = [trunk.out_channels, *deconv_widths]
        self.deconvs = nn.ModuleList(
            DeconvStage(inputs, outputs) for inputs, outputs in pairwise(widths)
        )
        self.correspondence = nn.ModuleList(correspondence)
        self.points = points
        self.input_size = input_size
        self.head = nn.Conv2d(widths[-1], points * (2 if location_maps else 1), 1)
        nn.init.normal_(self.head.weight, std=0.001)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def features(self, images: Tensor) -> Tensor:
        """The channels that the 1x1 output weighs, F^L of Eq. 5: (B, C, h, w)."""
        x: Tensor = self.trunk(self.normalise(images))
        for deconv, correspondence in zip(self.deconvs, self.correspondence, strict=True):
            x = correspondence(deconv(x))
        return x

    def forward(self, images: Tensor) -> Maps:
        """images: (B, 3, H, W) RGB, 0 to 255, float."""
        maps = self.head(self.features(images))
        if maps.shape[1] == self.points:
            return Maps(maps, None)
        return Maps(maps[:, : self.points], maps[:, self.points :])


def map_side(config: ModelConfig) -> int:
    """Side of the square heatmaps in pixels."""
    side: int = config.input_size // 32 * 2 ** len(config.deconv_widths)
    return side


def codec_of(config: ModelConfig) -> HeatmapCodec:
    """The codec that encodes targets for, and decodes maps of, a network with these settings."""
    side, size = map_side(config), config.input_size
    return HeatmapCodec((size, size), (side, side), config.sigma, config.amplitude)


def build_net(config: ModelConfig) -> HeatmapNet:
    """A network with random weights. Raises AuheatError for an unknown AU."""
    first = config.input_size // 32
    stages: list[nn.Module] = []
    for stage in range(1, len(config.deconv_widths) + 1):
        length = (first * 2**stage) ** 2
        stages.append(
            SemanticCorrespondenceConv(
                length, config.scc_k, config.scc_norm, config.scc_init, config.scc_edges
            )
            if config.scc
            else nn.Identity()
        )
    return HeatmapNet(
        ResNet(config.trunk, config.width),
        PointLayout.of(config.aus).count,
        config.input_size,
        config.normalise,
        config.deconv_widths,
        stages,
        config.location_maps,
    )


def parameter_count(net: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in net.parameters())
