"""The heatmap network (Fig. 3, Eq. 5): residual backbone, deconvolutions with SCC, 1x1 output.

Networks of either kind are built here from their settings. Letters: see `heatmap_model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from auheat.config import ModelConfig
from auheat.heatmap import layout_of
from auheat.models.geometry import GeometryChannels
from auheat.models.heatmap_model import HeatmapModel, output_layer
from auheat.models.hourglass import Hourglass
from auheat.models.levels import LevelCurves
from auheat.models.resnet import ResNet
from auheat.models.scc import SemanticCorrespondenceConv


class DeconvStage(nn.Module):
    """A stage of Simple Baselines (Xiao, Wu and Wei, ECCV 2018): doubles the map.

    ConvTranspose2d (kernel 4, stride 2, padding 1, no bias), batch norm, ReLU.

    (B, inputs, H, W) -> (B, outputs, 2H, 2W). Weights start from N(0, 0.001), as published.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        nn.init.normal_(self.deconv.weight, std=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.deconv(x)))  # type: ignore[no-any-return]


class HeatmapNet(HeatmapModel):
    """SCC-Heatmap; without SCC it is ResNet-Deconv, the paper's own baseline.

    Args:
        backbone: gives (B, backbone.out_channels, H / backbone.stride, W / backbone.stride).
        points: number of maps.
        input_size: side of the square input.
        correspondence: what follows each deconvolution: SCC, or nn.Identity.
        geometry: what draws the shape of a face's mesh for the first of them; None for networks
            that do not take it in. Others: see `ModelConfig`.
    """

    def __init__(
        self,
        backbone: ResNet,
        points: int,
        input_size: int,
        normalise: Literal["imagenet", "image"],
        deconv_widths: Sequence[int],
        correspondence: Sequence[nn.Module],
        location_maps: bool,
        geometry: GeometryChannels | None = None,
    ) -> None:
        super().__init__(points, input_size, normalise)
        self.backbone = backbone
        widths = [backbone.out_channels, *deconv_widths]
        self.deconvs = nn.ModuleList(
            DeconvStage(inputs, outputs) for inputs, outputs in pairwise(widths)
        )
        self.correspondence = nn.ModuleList(correspondence)
        self.geometry = geometry
        self.head = output_layer(widths[-1], points * (2 if location_maps else 1))

    def features(self, images: Tensor, geometry: Tensor | None = None) -> Tensor:
        """The channels that the 1x1 output weighs, F^L of Eq. 5: (B, C, h, w)."""
        x: Tensor = self.backbone(self.normalise(images))
        stages = zip(self.deconvs, self.correspondence, strict=True)
        for stage, (deconv, correspondence) in enumerate(stages):
            x = deconv(x)
            if stage == 0 and self.geometry is not None and geometry is not None:
                x = x + self.geometry(geometry)
            x = correspondence(x)
        return x


def build_net(config: ModelConfig) -> HeatmapModel:
    """A network with random weights.

    Raises:
        AuheatError: for an unknown AU.
    """
    net = _untrained(config, layout_of(config).count)
    if config.levels:
        net.levels = LevelCurves(net.points)
    return net


def _untrained(config: ModelConfig, maps: int) -> HeatmapModel:
    if config.kind == "hourglass":
        return Hourglass(
            maps, config.input_size, config.normalise, config.width, config.location_maps
        )
    return HeatmapNet(
        ResNet(config.backbone, config.width),
        maps,
        config.input_size,
        config.normalise,
        config.deconv_widths,
        _correspondence(config),
        config.location_maps,
        _geometry(config),
    )


def _side(config: ModelConfig, stage: int) -> int:
    """Side of the maps that a deconvolution gives, counted from 1."""
    return (config.input_size // 32) << stage


def _geometry(config: ModelConfig) -> GeometryChannels | None:
    if config.geometry == "none":
        return None
    return GeometryChannels(config.deconv_widths[0], _side(config, 1))


def _correspondence(config: ModelConfig) -> list[nn.Module]:
    """What follows each deconvolution."""
    stages: list[nn.Module] = []
    for stage in range(1, len(config.deconv_widths) + 1):
        length = _side(config, stage) ** 2
        stages.append(
            SemanticCorrespondenceConv(
                length, config.scc_k, config.scc_norm, config.scc_init, config.scc_edges
            )
            if stage in config.stages_with_scc
            else nn.Identity()
        )
    return stages
