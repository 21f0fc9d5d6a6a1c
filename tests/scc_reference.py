"""SCC written twice more, for comparison: plain loops over Eq. 3 and 4, and EdgeConv."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch_geometric.nn import EdgeConv

from auheat.models.scc import SemanticCorrespondenceConv

B, C, SIDE = 2, 9, 5
L = SIDE * SIDE


def brute_force_graph(nodes: Tensor, k: int) -> list[list[list[int]]]:
    """For every channel the k nearest by squared distance, itself first."""
    graph = []
    for features in nodes.detach().double():
        distance = [[float(((f - g) ** 2).sum()) for g in features] for f in features]
        order = [
            sorted(range(len(row)), key=lambda j, i=i, row=row: (j != i, row[j]))  # type: ignore[misc]
            for i, row in enumerate(distance)
        ]
        graph.append([neighbours[:k] for neighbours in order])
    return graph


def matrices(layer: SemanticCorrespondenceConv) -> tuple[Tensor, Tensor]:
    """(phi, omega) of Eq. 3 that make the edges which `layer` is asked for."""
    if layer.phi is None:
        return torch.zeros_like(layer.omega), layer.omega
    if layer.edges == "centre_neighbour":  # p f_i + q f_j = (p + q) f_i + q (f_j - f_i)
        return layer.phi + layer.omega, layer.omega
    return layer.phi, layer.omega


def by_loops(layer: SemanticCorrespondenceConv, nodes: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Eq. 3 edge by edge, batch norm over the table of edges, Eq. 4 node by node."""
    phi, omega = matrices(layer)
    graph = brute_force_graph(nodes, layer.k)
    places = [
        (b, i, j) for b, i in itertools.product(range(len(graph)), range(C)) for j in graph[b][i]
    ]
    table = torch.stack(
        [phi @ nodes[b, i] + omega @ (nodes[b, j] - nodes[b, i]) for b, i, j in places]
    )
    if layer.norm is not None:
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        if layer.training:
            with torch.no_grad():
                mean.mul_(0.9).add_(0.1 * table.mean(0))
                variance.mul_(0.9).add_(0.1 * table.var(0, unbiased=True))
            mean, variance = table.mean(0), table.var(0, unbiased=False)
        table = (table - mean) / torch.sqrt(variance + 1e-5)
        table = table * layer.norm.weight + layer.norm.bias
    edges = torch.relu(table).view(len(graph), C, layer.k, L)
    return torch.stack(
        [
            torch.stack([torch.stack(list(edges[b, i])).max(0).values for i in range(C)])
            for b in range(len(graph))
        ]
    )


def by_edge_conv(layer: SemanticCorrespondenceConv, nodes: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """torch_geometric's EdgeConv: max over j of nn([f_i, f_j - f_i])."""
    steps = nn.Sequential(nn.Linear(2 * L, L, bias=False), nn.Identity(), nn.ReLU()).double()
    conv = EdgeConv(steps, aggr="max")  # forgets what its layers hold, hence the norm comes after
    if layer.norm is not None:
        steps[1] = norm
    conv.train(layer.training)
    weights = {"nn.0.weight": torch.cat(matrices(layer), 1)}
    if layer.norm is not None:
        weights |= {"nn.1.weight": layer.norm.weight, "nn.1.bias": layer.norm.bias}
    graph = brute_force_graph(nodes, layer.k)
    ends = [
        (b * C + j, b * C + i)
        for b, rows in enumerate(graph)
        for i, row in enumerate(rows)
        for j in row
    ]
    arguments = (nodes.reshape(-1, L), torch.tensor(ends).T)
    result: Tensor = functional_call(conv, weights, arguments)
    return result.view(nodes.shape)


def a_layer(seed: int = 0, **settings: Any) -> SemanticCorrespondenceConv:
    """A float64 layer with random weights; half of its batch-norm weights are negative."""
    torch.manual_seed(seed)
    chosen: dict[str, Any] = {"k": 4, "init": "random"} | settings
    layer = SemanticCorrespondenceConv(L, **chosen).double()
    for parameter in layer.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    if layer.norm is not None:
        layer.norm.weight.data *= torch.where(torch.arange(L) % 2 == 0, 1.0, -1.0)
    return layer


def a_batch(seed: int, channels: int = C) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(B, channels, SIDE, SIDE, generator=generator, dtype=torch.float64)


def a_norm() -> nn.BatchNorm1d:
    return nn.BatchNorm1d(L).double()
