"""A trained network rewritten to be used: the same maps with less work, in one graph.

Batch norms go into the convolutions before them. In an SCC layer (see `auheat.models.scc`) the
norm goes into the node weights, the two products become one, and no winner is kept for gradients.
What is left are plain tensor operations, so that `auheat.export` can trace them.

Letters: B batch, C channels, H W pixels, L = H * W, k neighbours.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import DeconvStage
from auheat.models.hourglass import Residual
from auheat.models.resnet import BasicBlock, Bottleneck, ResNet
from auheat.models.scc import SemanticCorrespondenceConv

# Where the forward pass applies a batch norm right after a convolution: names of the two.
_PAIRS: dict[type[nn.Module], tuple[tuple[str, str], ...]] = {
    ResNet: (("conv1", "bn1"),),
    BasicBlock: (("conv1", "bn1"), ("conv2", "bn2")),
    Bottleneck: (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")),
    DeconvStage: (("deconv", "norm"),),
    Residual: (("conv1", "norm2"), ("conv2", "norm3")),
}
# Larger than any closeness of two channels, and a number that bfloat16 has too.
_FAR = 1e30

_Net = TypeVar("_Net", bound=nn.Module)


def fuse(net: _Net) -> _Net:
    """A copy for use alone, on the same device: images in, maps out, as from `net`.

    Intensities differ by rounding alone. The copy takes no gradients.
    """
    fused = copy.deepcopy(net).eval().requires_grad_(False)
    for module in list(fused.modules()):
        for conv, norm in _pairs(module):
            _fuse(module, conv, norm)
        for name, child in module.named_children():
            if isinstance(child, SemanticCorrespondenceConv):
                setattr(module, name, FusedCorrespondence(child))
    return fused


def in_bfloat16(fused: _Net) -> _Net:
    """Lets a fused network work in bfloat16, in place: between its normalised input and its maps.

    Distances between channels, and so the graphs of SCC, are summed in float32, and level curves
    are applied in it.
    """
    if isinstance(fused, HeatmapModel):
        normalise, levels = fused.normalise, copy.deepcopy(fused.levels)
        fused.to(torch.bfloat16)
        fused.levels = levels
        fused.normalise = _Rounded(normalise.float())  # type: ignore[assignment]
    return fused


class FusedCorrespondence(nn.Module):
    """A trained SCC layer: the nearest channels, one product, and a maximum. (B, C, H, W) -> same.

    Args:
        layer: whose weights and norm to take over.
    """

    weight: Tensor
    shift: Tensor | None

    def __init__(self, layer: SemanticCorrespondenceConv) -> None:
        super().__init__()
        self.k, self.length = layer.k, layer.length
        weight = _matrix(layer)
        shift = None
        if layer.norm is not None:
            scale = layer.norm.weight * torch.rsqrt(layer.norm.running_var + layer.norm.eps)
            shift = (layer.norm.bias - scale * layer.norm.running_mean).detach()
            shift = torch.cat([shift, torch.zeros_like(shift)])
            weight = weight * scale.detach().repeat(2)[:, None]
        self.register_buffer("weight", weight)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels = x.shape[:2]
        nodes = x.reshape(batch * channels, self.length)
        both = nn.functional.linear(nodes, self.weight, self.shift)
        own, others = both[:, : self.length], both[:, self.length :].contiguous()
        best = others
        if self.k > 1:
            rows = _other_channels(nodes.view(batch, channels, self.length), self.k - 1)
            for n in range(self.k - 1):
                best = torch.maximum(best, others.index_select(0, rows[:, n]))
        return torch.relu(own + best).view(x.shape)


def _other_channels(nodes: Tensor, count: int) -> Tensor:
    """The nearest channels but the own one, as rows of the (B * C, L) table: (B * C, count).

    With the own channel they are those that `nearest_channels` finds, up to rounding, which can
    turn the order of neighbours at all but equal distances: on the faces of the examples once in
    a few thousand channels, and an intensity moved by 0.002 at most.
    """
    batch, channels = nodes.shape[:2]
    nodes = nodes if nodes.dtype == torch.float64 else nodes.float()
    nodes = nodes - nodes.mean(1, keepdim=True)
    norms = nodes.square().sum(2)
    closeness = 2 * (nodes @ nodes.transpose(1, 2)) - norms[:, None, :]
    itself = torch.eye(channels, dtype=nodes.dtype, device=nodes.device) * _FAR
    found = (closeness - itself).topk(count, dim=2).indices
    start = torch.arange(batch, device=nodes.device)[:, None, None] * channels
    return (found + start).view(batch * channels, count)


class _Rounded(nn.Module):
    """Normalises in float32, and gives bfloat16."""

    def __init__(self, normalise: nn.Module) -> None:
        super().__init__()
        self.normalise = normalise

    def forward(self, images: Tensor) -> Tensor:
        return self.normalise(images).to(torch.bfloat16)  # type: ignore[no-any-return]


def _matrix(layer: SemanticCorrespondenceConv) -> Tensor:
    """What gives both node terms of a layer in one product, (2L, L).

    Its columns are what the layer makes of unit vectors.
    """
    with torch.no_grad():
        units = torch.eye(layer.length, dtype=layer.omega.dtype, device=layer.omega.device)
        own, others = layer.node_terms(units[None])
    return torch.cat([own[0].T, others[0].T]).contiguous()


def _pairs(module: nn.Module) -> list[tuple[str, str]]:
    if not isinstance(module, nn.Sequential):
        return list(_PAIRS.get(type(module), ()))
    return [
        (first, second)
        for (first, conv), (second, norm) in pairwise(module.named_children())
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    ]


def _fuse(module: nn.Module, conv: str, norm: str) -> None:
    layer, after = getattr(module, conv), getattr(module, norm)
    if not isinstance(after, nn.BatchNorm2d):  # fused before
        return
    turned = isinstance(layer, nn.ConvTranspose2d)
    setattr(module, conv, fuse_conv_bn_eval(layer, after, transpose=turned))
    setattr(module, norm, nn.Identity())
