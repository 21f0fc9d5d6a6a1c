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

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from auheat.config import EdgeFeatures, SccInit


def nearest_channels(features: Tensor, k: int) -> Tensor:
    """The graph: for every channel the k nearest by Euclidean distance, itself first.

    Args:
        features: (B, C, L). Returns indices (B, C, k), int64. Works in at least float32.
        k: how many neighbours, the channel itself included.

    Raises:
        ValueError: if there are fewer than k channels.
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


# Elements that are worked on at once on a CPU, so that what is read again is still in its cache.
_BLOCK_ELEMENTS = 2**18


def _blocks(rows: Tensor, channels: int, length: int) -> range:
    """Where blocks of whole graphs start in a table of (B * C) rows; their step is their height."""
    held = (
        max(1, _BLOCK_ELEMENTS // (channels * length)) if rows.device.type == "cpu" else len(rows)
    )
    return range(0, len(rows), held * channels)


class _NeighbourMax(torch.autograd.Function):
    """neighbour_max for training: notes which neighbour was the largest."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, graph: Tensor) -> Tensor:
        batch, channels, length = values.shape
        rows, flat = _rows(graph), values.reshape(batch * channels, length)
        result = torch.empty(values.shape, dtype=values.dtype, device=values.device)
        best = result.view_as(flat)
        small = torch.uint8 if rows.shape[1] <= 256 else torch.int16
        winner = torch.zeros(best.shape, dtype=small, device=best.device)
        ctx.blocks = _blocks(rows, channels, length)
        for start in ctx.blocks:
            block = slice(start, start + ctx.blocks.step)
            _largest(flat, rows[block], best[block], winner[block])
        ctx.save_for_backward(winner, rows)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        winner, rows = ctx.saved_tensors
        (gradient,) = gradients
        flat = gradient.reshape(winner.shape)
        result = torch.zeros_like(flat)
        for start in ctx.blocks:
            block = slice(start, start + ctx.blocks.step)
            result.scatter_add_(0, rows[block].gather(1, winner[block].long()), flat[block])
        return result.view(gradient.shape), None


def _rows(graph: Tensor) -> Tensor:
    """A graph (B, C, k) as rows of a (B * C, L) table: (B * C, k)."""
    batch, channels, k = graph.shape
    start = torch.arange(batch, device=graph.device)[:, None, None] * channels
    return (graph + start).reshape(batch * channels, k)


def _largest(flat: Tensor, rows: Tensor, best: Tensor, winner: Tensor) -> None:
    """Fills `best` with the maximum over the columns of `rows`, `winner` (all 0) with which."""
    torch.index_select(flat, 0, rows[:, 0], out=best)
    candidate, better = torch.empty_like(best), torch.empty_like(winner)
    for n in range(1, rows.shape[1]):
        torch.index_select(flat, 0, rows[:, n], out=candidate)
        torch.gt(candidate, best, out=better)
        torch.maximum(winner, better.mul_(n), out=winner)  # masked_fill_ is far slower
        torch.maximum(best, candidate, out=best)


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def neighbour_max(values: Tensor, graph: Tensor) -> Tensor:
    """Maximum over each channel's neighbours, one neighbour at a time.

    Args:
        values: (B, C, L).
        graph: (B, C, k). Returns (B, C, L). Gradients go to the first of equals.
    """
    if values.device.type == "cuda" and values.dtype != torch.float64 and _has_triton():
        from auheat.models.scc_triton import triton_neighbour_max

        return triton_neighbour_max(values, _rows(graph))
    if torch.is_grad_enabled() and values.requires_grad:
        result: Tensor = _NeighbourMax.apply(values, graph)  # type: ignore[no-untyped-call]
        return result
    rows, flat = _rows(graph), values.flatten(0, 1)
    best = flat.index_select(0, rows[:, 0])
    for n in range(1, rows.shape[1]):
        best = torch.maximum(best, flat.index_select(0, rows[:, n]))
    return best.view_as(values)


class _SquaredEdges(torch.autograd.Function):
    """Sum of (a_i + b_j)^2 over all edges, pixel by pixel.

    a, b: (B, C, L); joined: (B, C, C), 1 where an edge goes from i to j, else 0. Returns (L,).
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, joined: Tensor, k: int) -> Tensor:
        ctx.save_for_backward(a, b, joined)
        ctx.k = k
        ends = joined.sum(1)[..., None]  # how many edges end in each channel
        both = torch.baddbmm(a, joined, b, alpha=2, beta=k).mul_(a)
        return both.addcmul_(ends * b, b).sum((0, 1))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        a, b, joined = ctx.saved_tensors
        factor = 2 * gradients[0]
        ends = joined.sum(1)[..., None]
        to_a = torch.baddbmm(a, joined, b, beta=ctx.k).mul_(factor)
        to_b = torch.baddbmm(ends * b, joined.mT, a).mul_(factor)
        return to_a, to_b, None, None


class EdgeNorm(nn.Module):
    """Batch norm over the edges of the graph, from node quantities alone.

    Gives what nn.BatchNorm1d(L) gives on the (B * C * k, L) table of edges a_i + b_j: running
    averages with momentum 0.1, unbiased running variance, biased in the batch.
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
        """The terms a and b of the normed edges.

        Args:
            a: (B, C, L).
            b: (B, C, L).
            graph: (B, C, k).
        """
        if self.training:
            a, b, variance = self._centred(a, b, graph)
            shift: Tensor = self.bias
        else:
            variance = self.running_var
            shift = self.bias - self.weight * torch.rsqrt(variance + self.eps) * self.running_mean
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(shift, scale, a), scale * b

    def _centred(self, a: Tensor, b: Tensor, graph: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A and b without their means over edges, and the variance of the edges."""
        batch, channels, k = graph.shape
        edges = batch * channels * k
        joined = torch.zeros(batch, channels, channels, dtype=a.dtype, device=a.device)
        joined.scatter_(2, graph, 1.0)
        mean_a = a.mean((0, 1))
        mean_b = joined.sum(1).flatten() @ b.flatten(0, 1) / edges
        a, b = a - mean_a, b - mean_b
        squares: Tensor = _SquaredEdges.apply(a, b, joined, k)  # type: ignore[no-untyped-call]
        # Where a and b nearly cancel, rounding can push a variance below 0.
        variance = (squares / edges).clamp(min=0)
        with torch.no_grad():
            mean, unbiased = mean_a + mean_b, variance * (edges / max(edges - 1, 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return a, b, variance


class SemanticCorrespondenceConv(nn.Module):
    """SCC over the channels of a feature map. (B, C, H, W) -> (B, C, H, W), H * W = length.

    Args:
        length: L. The number of filters K equals L, so that the output has the input's shape.
        k: neighbours, the channel itself included (the paper: 5 for BP4D, 7 for DISFA).
        norm: batch norm before the ReLU, as in the authors' code.
        init: "identity" starts phi at the identity and omega at a tenth of it, so that the layer
            begins as a pass-through; "zero" leaves the neighbours out at first (omega 0), as
            residual branches start that are learned from nothing (Goyal et al., arXiv:1706.02677);
            "orthogonal" (Saxe, McClelland and Ganguli, ICLR 2014) and "random", uniform in
            +-1/sqrt(2L), scramble the spatial layout of every channel at the start.
        edges: which pair an edge is made of (Table 3 of the paper): "centre_difference" (f_i, f_j -
            f_i), "centre_neighbour" (f_i, f_j), or "difference" f_j - f_i alone.
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
        for matrix, diagonal in ((self.phi, 1.0), (self.omega, 0.0 if init == "zero" else 0.1)):
            if matrix is None:
                continue
            if init == "random":
                nn.init.uniform_(matrix, -bound, bound)
            elif init == "orthogonal":
                nn.init.orthogonal_(matrix)
            else:
                nn.init.zeros_(matrix)
                matrix.data.fill_diagonal_(diagonal)

    def node_terms(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """A and b of the edges a_i + b_j, from nodes (B, C, L), both (B, C, L).

        Without a sum of matrices: (phi - omega) f = phi f - omega f.
        """
        b = nn.functional.linear(nodes, self.omega)
        if self.phi is None:
            return -b, b
        a = nn.functional.linear(nodes, self.phi)
        return (a if self.edges == "centre_neighbour" else a.sub_(b)), b

    def forward(self, x: Tensor) -> Tensor:
        nodes = x.flatten(2)
        if nodes.shape[2] != self.length:
            raise ValueError(f"expected maps of {self.length} pixels, not {tuple(x.shape[2:])}")
        graph = nearest_channels(nodes, self.k)
        a, b = self.node_terms(nodes)
        if self.norm is not None:
            with torch.autocast(x.device.type, enabled=False):
                wide = torch.promote_types(a.dtype, torch.float32)
                a, b = self.norm(a.to(wide), b.to(wide), graph)
        return neighbour_max(b, graph).add_(a).relu_().view_as(x)
