"""What a step of the SCC layer may cost, counted in operations and tensors, not in seconds.

Sizes are those at which a table of edges is far larger than anything that the layer needs.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from auheat.models.scc import SemanticCorrespondenceConv
from measure import Meter
from scc_forms import GeometricEdges, MaterialisedEdges

B, C, SIDE, K = 4, 16, 8, 7
L = SIDE * SIDE
MAPS = B * C * L
PRODUCTS = 2 * (2 * B * C * L * L)  # both, forward
GRAPH = 2 * B * C * C * L
EDGES = MAPS * K
# What the layer reads and writes, in units of its output, and some room: (norm, backward).
TRAFFIC = {(True, True): 200, (False, True): 130, (True, False): 65, (False, False): 60}
PASSES = ("training", "evaluation")


def cost(form: nn.Module, backward: bool) -> Meter:
    torch.manual_seed(0)
    x = torch.randn(B, C, SIDE, SIDE, requires_grad=backward)
    meter = Meter()
    with meter, torch.set_grad_enabled(backward):
        output = form.train(backward)(x)
        if backward:
            output.square().sum().backward()
    return meter


def breaches(form: nn.Module, norm: bool, backward: bool) -> set[str]:
    """What of a form costs more than the layer is allowed."""
    meter = cost(form, backward)
    # Forward and two products backward; the graph is found once, the norm joins channels thrice.
    graphs = 1 + (3 if norm and backward else 0)
    allowed = PRODUCTS * (3 if backward else 1) + graphs * GRAPH + 4 * MAPS * norm
    found = {"operations"} if meter.operations > allowed else set()
    if meter.largest >= EDGES:
        found.add("largest tensor")
    if meter.traffic > 4 * MAPS * TRAFFIC[norm, backward]:
        found.add("traffic")
    return found


@pytest.mark.parametrize("backward", [True, False], ids=PASSES)
@pytest.mark.parametrize("norm", [True, False])
def test_the_layer_keeps_within_its_cost(norm: bool, backward: bool) -> None:
    layer = SemanticCorrespondenceConv(L, K, norm, init="random")
    assert breaches(layer, norm, backward) == set()


@pytest.mark.parametrize("backward", [True, False], ids=PASSES)
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("form", [MaterialisedEdges, GeometricEdges])
def test_the_guard_sees_stored_edges(
    form: type[MaterialisedEdges] | type[GeometricEdges], norm: bool, backward: bool
) -> None:
    layer = SemanticCorrespondenceConv(L, K, norm, init="random")
    assert breaches(form(layer), norm, backward) == {"operations", "largest tensor", "traffic"}


def test_both_products_are_really_there() -> None:
    """A guard with a loose bound would pass anything: the bound is nearly reached."""
    for norm in (True, False):
        meter = cost(SemanticCorrespondenceConv(L, K, norm, init="random"), True)
        assert meter.operations >= 3 * PRODUCTS + GRAPH
        assert meter.largest >= MAPS


@pytest.mark.parametrize("edges", ["centre_difference", "centre_neighbour", "difference"])
def test_no_sum_of_matrices(edges: str) -> None:
    """Only gradients have the size of a matrix: phi - omega is never formed."""
    layer = SemanticCorrespondenceConv(256, 2, norm=False, edges=edges)  # type: ignore[arg-type]
    meter = Meter()
    with meter, torch.no_grad():
        layer(torch.randn(1, 4, 16, 16))
    assert meter.largest < 256 * 256
