"""The SCC layer in the forms that it is measured against.

All give the same numbers. Letters: B batch, C channels, H W pixels, L = H * W, k neighbours.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from auheat.models.scc import SemanticCorrespondenceConv, nearest_channels


@torch.no_grad()
def _node_weights(layer: SemanticCorrespondenceConv) -> tuple[Tensor, Tensor]:
    """The matrices (L, L) of a and b in the edge a_i + b_j: what the layer makes of unit maps."""
    unit_maps = torch.eye(layer.length).to(layer.omega)[None]
    first, second = layer.node_terms(unit_maps)
    return first[0].T.contiguous(), second[0].T.contiguous()


def _filters(layer: SemanticCorrespondenceConv) -> Tensor:
    """What an edge (f_i, f_j - f_i) is multiplied with: (L, 2L)."""
    own, other = _node_weights(layer)  # a_i + b_j with a = own f and b = other f
    return torch.cat([own + other, other], 1)


class MaterialisedEdges(nn.Module):
    """Every edge stored, a 1x1 convolution over them, batch norm, ReLU, maximum over neighbours.

    What the authors' code computes: edges (B, C, k, 2L), which the convolution turns to
    (B, C, k, L). Takes the values of `layer`. (B, C, H, W) -> the same.
    """

    def __init__(self, layer: SemanticCorrespondenceConv) -> None:
        super().__init__()
        self.k = layer.k
        self.weight = nn.Parameter(_filters(layer))
        self.norm: nn.Module = _table_norm(layer)

    def forward(self, x: Tensor) -> Tensor:
        nodes = x.flatten(2)
        batch, _, length = nodes.shape
        graph = nearest_channels(nodes, self.k)
        others = nodes[torch.arange(batch, device=x.device)[:, None, None], graph]
        own = nodes[:, :, None].expand_as(others)
        edges = torch.cat([own, others - own], 3)
        table = nn.functional.linear(edges, self.weight)  # channels last: a 1x1 convolution
        table = self.norm(table.view(-1, length)).view(table.shape)
        return torch.relu(table).max(2).values.view_as(x)


class GeometricEdges(nn.Module):
    """torch_geometric's EdgeConv with max, on the same graph. Takes the values of `layer`.

    Its DynamicEdgeConv is this after a k-nearest search that needs another compiled package.

    Raises:
        ImportError: without torch_geometric.
    """

    def __init__(self, layer: SemanticCorrespondenceConv) -> None:
        super().__init__()
        from torch_geometric.nn import EdgeConv

        self.k = layer.k
        linear = nn.Linear(2 * layer.length, layer.length, bias=False)
        self.conv = EdgeConv(nn.Sequential(linear, nn.Identity(), nn.ReLU()), aggr="max")
        # EdgeConv resets what it is given, so values come after it.
        linear.weight = nn.Parameter(_filters(layer))
        self.conv.nn[1] = _table_norm(layer)

    def forward(self, x: Tensor) -> Tensor:
        nodes = x.flatten(2)
        batch, channels, length = nodes.shape
        start = torch.arange(batch, device=x.device)[:, None, None] * channels
        ends = (nearest_channels(nodes, self.k) + start).flatten()
        own = torch.arange(batch * channels, device=x.device).repeat_interleave(self.k)
        result: Tensor = self.conv(nodes.reshape(-1, length), torch.stack([ends, own]))
        return result.view_as(x)


class NodeProducts(nn.Module):
    """The two matrix products alone, which no form can do without: not SCC, but its lower bound."""

    def __init__(self, layer: SemanticCorrespondenceConv) -> None:
        super().__init__()
        self.first, self.second = (nn.Parameter(matrix) for matrix in _node_weights(layer))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        nodes = x.flatten(2)
        first, second = (nn.functional.linear(nodes, w) for w in (self.first, self.second))
        return first.view_as(x), second.view_as(x)


def _table_norm(layer: SemanticCorrespondenceConv) -> nn.Module:
    """Batch norm over a table of edges, with the values of the layer's own."""
    if layer.norm is None:
        return nn.Identity()
    norm = nn.BatchNorm1d(layer.length, layer.norm.eps, layer.norm.momentum)
    norm.load_state_dict(layer.norm.state_dict(), strict=False)
    return norm


def with_materialised_edges(net: nn.Module) -> nn.Module:
    """A copy of a network whose SCC layers store their edges."""
    net = copy.deepcopy(net)
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, SemanticCorrespondenceConv):
                setattr(module, name, MaterialisedEdges(child).train(child.training))
    return net
