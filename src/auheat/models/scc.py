"""Semantic correspondence convolution (SCC), Eq. 3 and 4 of Fan, Lam and Li (AAAI 2020).

The nodes of the graph are feature *channels*: channel i, flattened to f_i in R^L with L = H * W, is
joined to its k nearest channels by Euclidean distance, itself included as the first. With
phi, omega in R^(L x L),

    e'_ij = ReLU(norm(phi f_i + omega (f_j - f_i))),   f'_i = max_j e'_ij   (element by element).

No edge is ever stored. The linear part splits exactly into a node term and a neighbour term,

    phi f_i + omega (f_j - f_i) = a_i + b_j,   a = (phi - omega) f,  b = omega f,

ReLU is monotone and the norm is affine, so f'_i = ReLU(s a_i + t + max_j s b_j). The norm's
statistics over edges, needed in training, follow from a, b and the graph as well.

Letters: B batch, C channels, H W pixels, L = H * W, k neighbours.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from auheat.config import EdgeFeatures, SccInit


def nearest_channels(features: Tensor, k: int) -> Tensor:
    """The graph: for every channel the k nearest by Euclidean distance, itself first.

    features: (B, C, L). Returns indices (B, C, k), int64. Works in at least float32.
    Raises ValueError if there are fewer than k channels.
    """
    channels = features.shape[1]
    if k > channels:
        raise ValueError(f"k = {k} neighbours need at least as many channels, not {channels}")
    with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
        nodes = features if features.dtype == torch.float64 else features.float()
        nodes = nodes - nodes.mean(1, keepdim=True)  # distances stay, rounding errors shrink
        product = nodes @ nodes.transpose(1, 2)
        norms = product.diagonal(dim1=1, dim2=2)
        closeness = 2 * product - norms[:, None, :]
        closeness.diagonal(dim1=1, dim2=2).fill_(float("inf"))
        return closeness.topk(k, dim=2).indices


class _NeighbourMax(torch.autograd.Function):
    """out[b, i, l] = max over n of values[b, graph[b, i, n], l], one neighbour at a time."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, graph: Tensor) -> Tensor:
        batch, channels, length = values.shape
        start = torch.arange(batch, device=graph.device)[:, None, None] * channels
        rows = (graph + start).reshape(batch * channels, -1)
        flat = values.reshape(batch * channels, length)
        best = flat.index_select(0, rows[:, 0])
        small = torch.uint8 if rows.shape[1] <= 256 else torch.int16
        winner = torch.zeros(best.shape, dtype=small, device=best.device)
        candidate, better = torch.empty_like(best), torch.empty_like(winner)
        for n in range(1, rows.shape[1]):
            torch.index_select(flat, 0, rows[:, n], out=candidate)
            torch.gt(candidate, best, out=better)
            torch.maximum(winner, better.mul_(n), out=winner)  # masked_fill_ is far slower
            torch.maximum(best, candidate, out=best)
        ctx.save_for_backward(winner, rows)
        return best.view(batch, channels, length)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        winner, rows = ctx.saved_tensors
        (gradient,) = gradients
        flat = gradient.reshape(winner.shape)
        result, part = torch.zeros_like(flat), torch.empty_like(flat)
        won = torch.empty_like(winner, dtype=torch.bool)
        for n in range(rows.shape[1]):
            torch.eq(winner, n, out=won)
            torch.mul(flat, won, out=part)
            result.index_add_(0, rows[:, n], part)
        return result.view(gradient.shape), None


def neighbour_max(values: Tensor, graph: Tensor) -> Tensor:
    """Maximum over each channel's neighbours. values: (B, C, L); graph: (B, C, k) -> (B, C, L)."""
    result: Tensor = _NeighbourMax.apply(values, graph)  # type: ignore[no-untyped-call]
    return result


class EdgeNorm(nn.Module):
    """Batch norm over the edges of the graph, from node quantities alone.

    Gives what nn.BatchNorm1d(L) gives on the (B * C * k, L) table of edges a_i + b_j, as a scale
    and a shift: running averages with momentum 0.1, unbiased running variance, biased in the batch.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, length: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(length))
        self.bias = nn.Parameter(torch.zeros(length))
        self.register_buffer("running_mean", torch.zeros(length))
        self.register_buffer("running_var", torch.ones(length))
        self.momentum, self.eps = momentum, eps

    def forward(self, a: Tensor, b: Tensor, graph: Tensor) -> tuple[Tensor, Tensor]:
        """a, b: (B, C, L); graph: (B, C, k). Returns scale and shift, both (L,)."""
        if self.training:
            mean, variance = self._edge_statistics(a, b, graph)
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return scale, self.bias - scale * mean

    def _edge_statistics(self, a: Tensor, b: Tensor, graph: Tensor) -> tuple[Tensor, Tensor]:
        batch, channels, k = graph.shape
        edges = batch * channels * k
        joined = torch.zeros(batch, channels, channels, dtype=a.dtype, device=a.device)
        joined.scatter_(2, graph, 1.0)
        degree = joined.sum(1)[..., None]  # how many edges end in each channel
        mean_a = a.mean((0, 1))
        mean_b = (degree * b).sum((0, 1)) / edges
        a, b = a - mean_a, b - mean_b
        squares = k * a.square() + 2 * a * (joined @ b) + degree * b.square()
        mean = mean_a + mean_b
        # Where a and b nearly cancel, rounding can push a variance below 0.
        variance = (squares.sum((0, 1)) / edges).clamp(min=0)
        with torch.no_grad():
            unbiased = variance * (edges / max(edges - 1, 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return mean, variance


class SemanticCorrespondenceConv(nn.Module):
    """SCC over the channels of a feature map. (B, C, H, W) -> (B, C, H, W), H * W = length.

    length: L. The number of filters K equals L, so that the output has the input's shape.
    k: neighbours, the channel itself included (the paper: 5 for BP4D, 7 for DISFA).
    norm: batch norm before the ReLU, as in the authors' code.
    init: "identity" starts phi at the identity and omega at a tenth of it, so that the layer
        begins as a pass-through; "random" is uniform in +-1/sqrt(2L), which scrambles the spatial
        layout of every channel at the start.
    edges: which pair an edge is made of (Table 3 of the paper): "centre_difference"
        (f_i, f_j - f_i), "centre_neighbour" (f_i, f_j), or "difference" f_j - f_i alone.
    """

    def __init__(
        self,
        length: int,
        k: int = 7,
        norm: bool = True,
        init: SccInit = "identity",
        edges: EdgeFeatures = "centre_difference",
    ) -> None:
        super().__init__()
        self.length, self.k, self.edges = length, k, edges
        self.omega = nn.Parameter(torch.empty(length, length))
        self.phi = None if edges == "difference" else nn.Parameter(torch.empty(length, length))
        self.norm = EdgeNorm(length) if norm else None
        self._initialise(init)

    def _initialise(self, init: SccInit) -> None:
        bound = (2 * self.length) ** -0.5
        for matrix, diagonal in ((self.phi, 1.0), (self.omega, 0.1)):
            if matrix is None:
                continue
            if init == "identity":
                nn.init.zeros_(matrix)
                matrix.data.fill_diagonal_(diagonal)
            else:
                nn.init.uniform_(matrix, -bound, bound)

    def node_weights(self) -> tuple[Tensor, Tensor]:
        """The matrices of a and b in the edge a_i + b_j, both (L, L)."""
        if self.phi is None:
            return -self.omega, self.omega
        if self.edges == "centre_neighbour":
            return self.phi, self.omega
        return self.phi - self.omega, self.omega

    def forward(self, x: Tensor) -> Tensor:
        nodes = x.flatten(2)
        if nodes.shape[2] != self.length:
            raise ValueError(f"expected maps of {self.length} pixels, not {tuple(x.shape[2:])}")
        graph = nearest_channels(nodes, self.k)
        a, b = (nn.functional.linear(nodes, weight) for weight in self.node_weights())
        if self.norm is None:
            return torch.relu(a + neighbour_max(b, graph)).view_as(x)
        with torch.autocast(x.device.type, enabled=False):
            wide = torch.promote_types(a.dtype, torch.float32)
            a, b = a.to(wide), b.to(wide)
            scale, shift = self.norm(a, b, graph)
            return torch.relu(scale * a + shift + neighbour_max(scale * b, graph)).view_as(x)
