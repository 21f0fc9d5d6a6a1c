"""The graph of SCC: nearest channels, and the maximum over neighbours."""

from __future__ import annotations

import pytest
import torch

from auheat.models.scc import nearest_channels, neighbour_max
from scc_reference import a_batch, brute_force_graph


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


def test_neighbour_max_gradient_numerically() -> None:
    values = a_batch(2).flatten(2)[:, :, :4].contiguous().requires_grad_()
    graph = nearest_channels(values, 3)
    assert torch.autograd.gradcheck(lambda v: neighbour_max(v, graph), (values,))


def test_neighbour_max_takes_the_first_of_equals() -> None:
    values = torch.ones(1, 3, 1, requires_grad=True)
    total = neighbour_max(values, torch.tensor([[[2, 0], [1, 0], [0, 1]]])).sum()
    total.backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [1, 1, 1]


def test_more_neighbours_than_a_byte_counts() -> None:
    values = torch.arange(300.0, dtype=torch.float64).view(1, 300, 1).requires_grad_()
    graph = torch.arange(300).expand(1, 300, 300).contiguous()
    best = neighbour_max(values, graph)
    assert set(best.flatten().tolist()) == {299.0}
    best.sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [0.0] * 299 + [300.0]


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
    rtol, atol = (1e-5, 1e-5) if dtype == torch.float32 else (0.03, 0.1)
    torch.testing.assert_close(b.cpu(), a, rtol=rtol, atol=atol)
