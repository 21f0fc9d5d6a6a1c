from __future__ import annotations

import pytest
import torch

from auheat.config import Backbone
from auheat.models.resnet import ResNet
from resnet_reference import BLOCKS, reference_forward, torchvision_shapes


@pytest.mark.parametrize("kind", BLOCKS)
def test_names_and_shapes_are_torchvisions(kind: Backbone) -> None:
    with torch.device("meta"):
        found = {name: tuple(value.shape) for name, value in ResNet(kind).state_dict().items()}
    assert list(found.items()) == list(torchvision_shapes(kind))


@pytest.mark.parametrize(
    ("kind", "count"),
    # Published totals less the classifier: 11,689,512, 21,797,672 and 25,557,032.
    [("resnet18", 11_176_512), ("resnet34", 21_284_672), ("resnet50", 23_508_032)],
)
def test_parameter_counts_are_the_published_ones(kind: Backbone, count: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in ResNet(kind).parameters()) == count


@pytest.mark.parametrize("kind", BLOCKS)
def test_forward_is_torchvisions(kind: Backbone) -> None:
    torch.manual_seed(0)
    net = ResNet(kind, width=0.25).eval()
    for name, value in net.state_dict().items():
        if name.endswith(("running_var", "weight")) and value.ndim == 1:
            value.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bias")):
            value.normal_(0, 0.2)
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = reference_forward(net.state_dict(), kind, x)
        torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-4)
    assert expected.abs().mean() > 0.01


@pytest.mark.parametrize(
    ("kind", "width", "channels"),
    [
        ("resnet18", 1.0, 512),
        ("resnet18", 0.5, 256),
        ("resnet34", 0.25, 128),
        ("resnet50", 0.25, 512),
    ],
)
def test_output_is_a_thirtysecond_of_the_input(kind: Backbone, width: float, channels: int) -> None:
    net = ResNet(kind, width)
    assert (net.out_channels, net.stride) == (channels, 32)
    assert net(torch.zeros(2, 3, 64, 96)).shape == (2, channels, 2, 3)


def test_convention_a_bottlenecks_stride_sits_in_its_3x3() -> None:
    with torch.device("meta"):
        modules = dict(ResNet("resnet50").named_modules())
    for stage, stride in ((1, 1), (2, 2), (3, 2), (4, 2)):
        first = {i: modules[f"layer{stage}.0.conv{i}"].stride for i in (1, 2, 3)}
        assert first == {1: (1, 1), 2: (stride, stride), 3: (1, 1)}
        assert modules[f"layer{stage}.0.downsample.0"].stride == (stride, stride)
        assert modules[f"layer{stage}.1.conv2"].stride == (1, 1)
