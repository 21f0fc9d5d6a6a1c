"""The heatmap network: a residual trunk, deconvolutions with SCC, and a 1x1 output (Fig. 3, Eq. 5).

Networks of either kind are built here from their settings. Letters: see `map_net`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from auheat.config import ModelConfig
from auheat.facs import PointLayout
from auheat.heatmap import HeatmapCodec, MapLayout
from auheat.models.deconv import DeconvStage
from auheat.models.hourglass import Hourglass
from auheat.models.map_net import MapNet, output_layer
from auheat.models.resnet import ResNet
from auheat.models.scc import SemanticCorrespondenceConv


class HeatmapNet(MapNet):
    """SCC-Heatmap; without `scc` it is ResNet-Deconv, the paper's own baseline.

    trunk: gives (B, trunk.out_channels, H / trunk.stride, W / trunk.stride).
    points: number of maps. input_size: side of the square input. Others: see `ModelConfig`.
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
        super().__init__(points, input_size, normalise)
        self.trunk = trunk
        widths = [trunk.out_channels, *deconv_widths]
        self.deconvs = nn.ModuleList(
            DeconvStage(inputs, outputs) for inputs, outputs in pairwise(widths)
        )
        self.correspondence = nn.ModuleList(correspondence)
        self.head = output_layer(widths[-1], points * (2 if location_maps else 1))

    def features(self, images: Tensor) -> Tensor:
        """The channels that the 1x1 output weighs, F^L of Eq. 5: (B, C, h, w)."""
        x: Tensor = self.trunk(self.normalise(images))
        for deconv, correspondence in zip(self.deconvs, self.correspondence, strict=True):
            x = correspondence(deconv(x))
        return x


def map_side(config: ModelConfig) -> int:
    """Side of the square heatmaps in pixels."""
    if config.kind == "hourglass":
        return config.input_size // Hourglass.stride
    side: int = config.input_size // 32 * 2 ** len(config.deconv_widths)
    return side


def codec_of(config: ModelConfig) -> HeatmapCodec:
    """The codec that encodes targets for, and decodes maps of, a network with these settings."""
    side, size = map_side(config), config.input_size
    return HeatmapCodec((size, size), (side, side), config.sigma, config.amplitude, config.gaussian)


def layout_of(config: ModelConfig) -> MapLayout:
    """What the maps of a network with these settings are of."""
    points = PointLayout.of(config.aus)
    return MapLayout(codec_of(config), points.au_of_point, config.maps)


def build_net(config: ModelConfig) -> MapNet:
    """A network with random weights. Raises AuheatError for an unknown AU."""
    maps = layout_of(config).count
    if config.kind == "hourglass":
        return Hourglass(
            maps, config.input_size, config.normalise, config.width, config.location_maps
        )
    return HeatmapNet(
        ResNet(config.trunk, config.width),
        maps,
        config.input_size,
        config.normalise,
        config.deconv_widths,
        _correspondence(config),
        config.location_maps,
    )


def _correspondence(config: ModelConfig) -> list[nn.Module]:
    """What follows each deconvolution."""
    stages: list[nn.Module] = []
    for stage in range(1, len(config.deconv_widths) + 1):
        length = (config.input_size // 32 * 2**stage) ** 2
        stages.append(
            SemanticCorrespondenceConv(
                length, config.scc_k, config.scc_norm, config.scc_init, config.scc_edges
            )
            if config.scc
            else nn.Identity()
        )
    return stages
