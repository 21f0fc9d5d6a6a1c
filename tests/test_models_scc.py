"""SCC against two independent implementations, and what it may not do: store edges, lose bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from auheat.config import EdgeFeatures
from auheat.models.scc import SemanticCorrespondenceConv, nearest_channels, neighbour_max
from scc_reference import B, C, L, a_batch, a_layer, a_norm, by_edge_conv, by_loops

EDGES: tuple[EdgeFeatures, ...] = get_args(EdgeFeatures)
assert_close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-11)
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
    assert_close(found, expected)
    for ours, theirs in zip(gradients(found, wanted), gradients(expected, wanted), strict=True):
        assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


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
    assert_close(layer.norm.running_mean, norm.running_mean)
    assert_close(layer.norm.running_var, norm.running_var)
    layer.eval()
    x = a_batch(9)
    expected = by_edge_conv(layer, x.flatten(2), norm).view_as(x)
    assert_close(layer(x), expected)


def test_evaluation_leaves_the_statistics_alone() -> None:
    layer = a_layer().eval()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer(a_batch(0))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="maps of 25 pixels"):
        a_layer()(torch.zeros(1, 9, 6, 6, dtype=torch.float64))


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
    assert_close(found, expected)
    (a,) = torch.autograd.grad(expected.sum(), plain)  # .sum() sends back an expanded gradient
    (b,) = torch.autograd.grad(found.sum(), other)
    assert_close(b, a)


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
    assert_close(found, expected.view_as(x), rtol=1e-6, atol=1e-6)


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


@torch.no_grad()
def test_zero_start_leaves_the_neighbours_out() -> None:
    layer = SemanticCorrespondenceConv(16, 3, norm=False, init="zero").eval()
    x = torch.randn(2, 5, 4, 4)
    torch.testing.assert_close(layer(x), x.relu())
    assert torch.equal(layer.omega, torch.zeros(16, 16))


@torch.no_grad()
def test_orthogonal_start_keeps_lengths() -> None:
    layer = SemanticCorrespondenceConv(16, 3, norm=False, init="orthogonal")
    assert layer.phi is not None
    for matrix in (layer.phi, layer.omega):
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(16), atol=1e-5, rtol=0)
    assert layer.phi.diagonal().abs().max() < 0.9


def test_random_start_is_that_of_a_linear_layer() -> None:
    torch.manual_seed(0)
    layer = SemanticCorrespondenceConv(100, init="random")
    bound = (2 * 100) ** -0.5
    for matrix in (layer.phi, layer.omega):
        assert matrix is not None
        assert bound * 0.99 < matrix.abs().max() <= bound
        assert abs(matrix.detach().mean()) < bound / 50


class LargestTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the most elements that any operator returned."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
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
        edges.sum().backward()  # type: ignore[no-untyped-call]
    assert forward.elements == backward.elements == B * C * 5 * L
