from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from auheat.config import ModelConfig
from auheat.models.fused import fuse
from lively_nets import HOURGLASS, WITH_SCC, as_tensor, crops, lively
from stand_ins import SMALL


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        replace(SMALL, backbone="resnet50", normalise="imagenet"),
        HOURGLASS,
        *(
            replace(WITH_SCC, scc_norm=norm, scc_edges=edges)
            for norm in (True, False)
            for edges in ("centre_difference", "centre_neighbour", "difference")
        ),
        replace(WITH_SCC, scc_k=1),
        replace(WITH_SCC, scc_k=8),
    ],
)
def test_folding_changes_rounding_alone(config: ModelConfig) -> None:
    """In float64, where the bound is far below any slip of a formula."""
    net, x = lively(config).double(), as_tensor(crops(3)).double()
    with torch.no_grad():
        expected, found = net(x), fuse(net)(x)
    scale = expected.intensity.abs().max()
    assert scale > 0.05
    torch.testing.assert_close(found.intensity, expected.intensity, rtol=0, atol=1e-10 * scale)
    if expected.location is not None:
        torch.testing.assert_close(found.location, expected.location, rtol=0, atol=1e-9)


def test_folding_leaves_no_norm_to_compute_and_the_original_alone() -> None:
    net = lively(replace(WITH_SCC, scc_norm=True))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    fused = fuse(net)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    assert not any(parameter.requires_grad for parameter in fused.parameters())
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    x = as_tensor(crops(2))
    with torch.no_grad():
        torch.testing.assert_close(fuse(fused)(x), fused(x), rtol=0, atol=0)


def test_an_hourglass_keeps_the_norms_that_come_before_convolutions() -> None:
    kept = [n for n, m in fuse(lively(HOURGLASS)).named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert kept
    assert all(name.endswith("norm1") for name in kept)


def test_a_folded_graph_of_bfloat16_is_summed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels that differ by less than bfloat16 can tell apart in a sum of squares."""
    from auheat.models.fused import FusedCorrespondence
    from auheat.models.scc import SemanticCorrespondenceConv

    layer = SemanticCorrespondenceConv(4, k=2, norm=False, edges="centre_neighbour")
    with torch.no_grad():
        layer.phi.zero_()  # type: ignore[union-attr]
        layer.omega.copy_(torch.eye(4))
    # The second channel is nearer to the first by 2 in squares of about 30,000.
    nodes = torch.tensor([[100.0, 100, 100, 0], [101, 100, 100, 0], [100, 100, 101, 1]])
    fused = FusedCorrespondence(layer).to(torch.bfloat16)
    out = fused(nodes.view(1, 3, 2, 2).to(torch.bfloat16)).view(3, 4).float()
    assert out[0].tolist() == [101.0, 100, 100, 0]
