"""SCC against two independent implementations, and what it may not do: store edges, lose bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from auheat.config import EdgeFeatures
from auheat.models.scc import SemanticCorrespondenceConv, nearest_channels, neighbour_max
from scc_reference import (
    B,
    C,
    L,
    a_batch,
    a_layer,
    a_norm,
    brute_force_graph,
    by_edge_conv,
    by_loops,
)

EDGES: tuple[EdgeFeatures, ...] = get_args(EdgeFeatures)
CLOSE: dict[str, float] = {"rtol": 1e-9, "atol": 1e-11}
Reference = Callable[[SemanticCorrespondenceConv, Tensor, nn.BatchNorm1d], Tensor]


def gradients(output: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Of a sum with uneven weights, so that no two outputs are alike."""
    weights = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).view(output.shape)
    return torch.autograd.grad((output * weights).sum(), inputs)


@pytest.mark.parametrize("reference", [by_loops, by_edge_conv])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("k", [1, 4, C])
def test_output_and_all_gradients(
    reference: Reference, training: bool, norm: bool, edges: EdgeFeatures, k: int
) -> None:
    layer = a_layer(k=k, norm=norm, edges=edges).train(training)
    table_norm = a_norm()
    if layer.norm is not None:  # other than their starting values
        layer.norm.running_mean.copy_(torch.linspace(-1, 1, L))
        layer.norm.running_var.copy_(torch.linspace(0.3, 2, L))
        table_norm.load_state_dict(layer.norm.state_dict(), strict=False)
    x = a_batch(1).requires_grad_()
    wanted = [x, *layer.parameters()]
    expected = reference(layer, x.flatten(2), table_norm).view_as(x)
    found = layer(x)
    assert found.shape == x.shape
    assert expected.abs().max() > 0.1 or edges == "difference"
    torch.testing.assert_close(found, expected, **CLOSE)
    for ours, theirs in zip(gradients(found, wanted), gradients(expected, wanted), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("edges", EDGES)
def test_running_statistics_after_some_training_steps(edges: EdgeFeatures) -> None:
    """Equal to BatchNorm1d's over the table of edges, while the weights move."""
    layer, norm = a_layer(edges=edges).train(), a_norm()
    optimiser = torch.optim.SGD(layer.parameters(), 0.05)
    for step in range(5):
        x = a_batch(step) * (1 + step)
        by_edge_conv(layer, x.flatten(2), norm)
        optimiser.zero_grad()
        layer(x).square().mean().backward()
        optimiser.step()
    assert layer.norm is not None
    torch.testing.assert_close(layer.norm.running_mean, norm.running_mean, **CLOSE)
    torch.testing.assert_close(layer.norm.running_var, norm.running_var, **CLOSE)
    layer.eval()
    x = a_batch(9)
    expected = by_edge_conv(layer, x.flatten(2), norm).view_as(x)
    torch.testing.assert_close(layer(x), expected, **CLOSE)


def test_evaluation_leaves_the_statistics_alone() -> None:
    layer = a_layer().eval()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer(a_batch(0))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 5, 12])
def test_graph_by_brute_force_itself_first(k: int, dtype: torch.dtype) -> None:
    nodes = a_batch(3, channels=12).flatten(2).to(dtype)
    graph = nearest_channels(nodes, k)
    assert graph.dtype == torch.int64
    assert graph.tolist() == brute_force_graph(nodes, k)


def test_graph_keeps_itself_first_among_identical_channels() -> None:
    graph = nearest_channels(torch.ones(1, 6, 4), 3)
    assert graph[0, :, 0].tolist() == list(range(6))
    assert all(len(set(row)) == 3 for row in graph[0].tolist())


def test_graph_is_invariant_to_a_common_offset() -> None:
    """Features in steps of 1/64 plus 1024 are exact in float32; their squares are not."""
    nodes = (a_batch(5, channels=24).flatten(2) * 64).round().float() / 64
    assert torch.equal((nodes + 1024) - 1024, nodes)
    assert torch.equal(nearest_channels(nodes + 1024, 6), nearest_channels(nodes, 6))


def test_graph_ignores_autocast() -> None:
    nodes = a_batch(5, channels=40).flatten(2).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(nearest_channels(nodes, 6), nearest_channels(nodes.clone(), 6))
        assert nearest_channels(nodes, 6).tolist() == brute_force_graph(nodes, 6)


def test_graph_needs_k_channels() -> None:
    with pytest.raises(ValueError, match="k = 10 neighbours need at least as many channels"):
        nearest_channels(torch.zeros(1, 9, 4), 10)


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="maps of 25 pixels"):
        a_layer()(torch.zeros(1, 9, 6, 6, dtype=torch.float64))


def test_neighbour_max_gradient_numerically() -> None:
    values = a_batch(2).flatten(2)[:, :, :4].contiguous().requires_grad_()
    graph = nearest_channels(values, 3)
    assert torch.autograd.gradcheck(lambda v: neighbour_max(v, graph), (values,))


def test_neighbour_max_takes_the_first_of_equals() -> None:
    values = torch.ones(1, 3, 1, requires_grad=True)
    neighbour_max(values, torch.tensor([[[2, 0], [1, 0], [0, 1]]])).sum().backward()
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [1, 1, 1]


def test_more_neighbours_than_a_byte_counts() -> None:
    values = torch.arange(300.0, dtype=torch.float64).view(1, 300, 1).requires_grad_()
    graph = torch.arange(300).expand(1, 300, 300).contiguous()
    best = neighbour_max(values, graph)
    assert best.unique().tolist() == [299.0]
    best.sum().backward()
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [0.0] * 299 + [300.0]


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def strided(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 1)[:, ::2]


def transposed(x: Tensor) -> Tensor:
    return x.transpose(2, 3).contiguous().transpose(2, 3)


@pytest.mark.parametrize("layout", [channels_last, strided, transposed])
def test_memory_layout_does_not_matter(layout: Callable[[Tensor], Tensor]) -> None:
    layer = a_layer()
    plain, other = a_batch(4).requires_grad_(), layout(a_batch(4)).requires_grad_()
    assert not other.is_contiguous()
    expected, found = layer(plain), layer(other)
    torch.testing.assert_close(found, expected, **CLOSE)
    (a,) = torch.autograd.grad(expected.sum(), plain)  # .sum() sends back an expanded gradient
    (b,) = torch.autograd.grad(found.sum(), other)
    torch.testing.assert_close(b, a, **CLOSE)


@pytest.mark.parametrize("norm", [True, False])
def test_bfloat16_autocast_stays_close(norm: bool) -> None:
    layer = a_layer(norm=norm).float().train()
    x = a_batch(6).float().requires_grad_()
    exact = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = layer(x)
    assert (rough.float() - exact).abs().mean() < 0.01 * exact.abs().mean()
    wanted = [x, *layer.parameters()]
    for a, b in zip(gradients(exact, wanted), gradients(rough.float(), wanted), strict=True):
        assert torch.cosine_similarity(a.flatten(), b.flatten(), 0) > 0.995


def test_batch_statistics_stay_float32_under_autocast() -> None:
    """Autocast may round the node products; the norm and the maximum work on them in float32."""
    layer = a_layer().float().train()
    x = a_batch(6).float()
    assert layer.norm is not None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(x)
        a, b = (term.float() for term in layer.node_terms(x.flatten(2)))
    graph = nearest_channels(x.flatten(2), layer.k)
    a, b = layer.norm(a, b, graph)
    expected = torch.relu(a + neighbour_max(b, graph))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected.view_as(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("edges", EDGES)
def test_nearly_equal_channels_give_no_nan(edges: EdgeFeatures) -> None:
    """Edges vary a million times less than the nodes, so their variance is all rounding."""
    layer = a_layer(edges=edges).float().train()
    x = (a_batch(7)[:, :1] * 100 + a_batch(8) * 1e-3).float().requires_grad_()
    output = layer(x)
    output.sum().backward()
    assert output.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert layer.norm is not None
    assert (layer.norm.running_var >= 0).all()


def test_identity_start_passes_a_channel_through() -> None:
    layer = SemanticCorrespondenceConv(L, k=1, norm=False).double()
    x = a_batch(0)
    torch.testing.assert_close(layer(x), torch.relu(x))
    layer = SemanticCorrespondenceConv(L, k=C, norm=False).double()
    nearest = x + 0.1 * (x.amax(1, keepdim=True) - x)
    torch.testing.assert_close(layer(x), torch.relu(nearest))


def test_random_start_is_that_of_a_linear_layer() -> None:
    torch.manual_seed(0)
    layer = SemanticCorrespondenceConv(100, init="random")
    bound = (2 * 100) ** -0.5
    for matrix in (layer.phi, layer.omega):
        assert matrix is not None
        assert bound * 0.99 < matrix.abs().max() <= bound
        assert abs(matrix.detach().mean()) < bound / 50


class LargestTensor(TorchDispatchMode):
    """Records the most elements that any operator returned."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


@contextmanager
def largest_tensor() -> Iterator[LargestTensor]:
    with LargestTensor() as record:
        yield record


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("edges", EDGES)
def test_no_tensor_over_the_edges_is_ever_made(
    training: bool, norm: bool, edges: EdgeFeatures
) -> None:
    layer = a_layer(k=5, norm=norm, edges=edges).train(training)
    x = a_batch(0).requires_grad_()
    with largest_tensor() as forward:
        output = layer(x)
    with largest_tensor() as backward:
        output.square().sum().backward()
    over_edges = B * C * 5 * L
    assert B * C * L <= forward.elements < over_edges
    assert B * C * L <= backward.elements < over_edges


def test_the_guard_sees_a_tensor_over_the_edges() -> None:
    x = a_batch(0).flatten(2).requires_grad_()
    graph = nearest_channels(x, 5)
    with largest_tensor() as forward:
        edges = torch.stack([x[b][graph[b]] for b in range(B)]).tanh()
    with largest_tensor() as backward:
        edges.sum().backward()
    assert forward.elements == backward.elements == B * C * 5 * L


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("k", [1, 7])
def test_the_triton_kernel_gives_what_the_plain_form_gives(k: int, dtype: torch.dtype) -> None:
    triton = pytest.importorskip("auheat.models.scc_triton")
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 20, 1100, generator=generator)  # longer than a block of the kernel
    values = values.round(decimals=1).to(dtype)  # some are equal
    graph = nearest_channels(values, k)
    plain = values.requires_grad_()
    there = values.detach().cuda().requires_grad_()
    rows = (graph + 20 * torch.arange(3)[:, None, None]).reshape(60, k).cuda()
    expected, found = neighbour_max(plain, graph), triton.triton_neighbour_max(there, rows)
    assert torch.equal(found.cpu(), expected)
    weights = torch.randn(expected.shape, generator=generator).to(dtype)
    (a,) = torch.autograd.grad(expected, plain, weights)
    (b,) = torch.autograd.grad(found, there, weights.cuda())
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.03, "atol": 0.1}
    torch.testing.assert_close(b.cpu(), a, **close)
