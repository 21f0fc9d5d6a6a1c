from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from auheat.config import Trunk
from auheat.models.resnet import ResNet

BLOCKS: dict[Trunk, tuple[int, int, int, int]] = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
}


def norm_shapes(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for field in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{field}", (channels,)
    yield f"{name}.num_batches_tracked", ()


def torchvision_shapes(kind: Trunk) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes in torchvision's files, written down by rule, without `fc`."""
    yield "conv1.weight", (64, 3, 7, 7)
    yield from norm_shapes("bn1", 64)
    inputs = 64
    for stage, depth in enumerate(BLOCKS[kind]):
        planes = (64, 128, 256, 512)[stage]
        outputs = 4 * planes if kind == "resnet50" else planes
        for block in range(depth):
            at = f"layer{stage + 1}.{block}"
            if kind == "resnet50":
                sizes = [(planes, inputs, 1, 1), (planes, planes, 3, 3), (outputs, planes, 1, 1)]
            else:
                sizes = [(planes, inputs, 3, 3), (planes, planes, 3, 3)]
            for i, size in enumerate(sizes, 1):
                yield f"{at}.conv{i}.weight", size
                yield from norm_shapes(f"{at}.bn{i}", size[0])
            if block == 0 and (stage > 0 or kind == "resnet50"):
                yield f"{at}.downsample.0.weight", (outputs, inputs, 1, 1)
                yield from norm_shapes(f"{at}.downsample.1", outputs)
            inputs = outputs


def reference_forward(weights: Mapping[str, Tensor], kind: Trunk, x: Tensor) -> Tensor:
    """torchvision's forward pass in evaluation mode, in functions over named weights."""

    def conv(x: Tensor, name: str, norm: str, stride: int = 1) -> Tensor:
        weight = weights[f"{name}.weight"]
        x = functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        scale, shift = weights[f"{norm}.weight"], weights[f"{norm}.bias"]
        return functional.batch_norm(x, mean, variance, scale, shift)

    x = functional.max_pool2d(functional.relu(conv(x, "conv1", "bn1", 2)), 3, 2, 1)
    for stage, depth in enumerate(BLOCKS[kind], 1):
        for block in range(depth):
            at = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            strides = (1, stride, 1) if kind == "resnet50" else (stride, 1)
            out = x
            for i, step in enumerate(strides, 1):
                out = conv(out, f"{at}.conv{i}", f"{at}.bn{i}", step)
                out = functional.relu(out) if i < len(strides) else out
            if f"{at}.downsample.0.weight" in weights:
                x = conv(x, f"{at}.downsample.0", f"{at}.downsample.1", stride)
            x = functional.relu(out + x)
    return x


@pytest.mark.parametrize("kind", BLOCKS)
def test_names_and_shapes_are_torchvisions(kind: Trunk) -> None:
    with torch.device("meta"):
        found = {name: tuple(value.shape) for name, value in ResNet(kind).state_dict().items()}
    assert list(found.items()) == list(torchvision_shapes(kind))


@pytest.mark.parametrize(
    ("kind", "count"),
    # Published totals less the classifier: 11,689,512, 21,797,672 and 25,557,032.
    [("resnet18", 11_176_512), ("resnet34", 21_284_672), ("resnet50", 23_508_032)],
)
def test_parameter_counts_are_the_published_ones(kind: Trunk, count: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in ResNet(kind).parameters()) == count


@pytest.mark.parametrize("kind", BLOCKS)
def test_forward_is_torchvisions(kind: Trunk) -> None:
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
def test_output_is_a_thirtysecond_of_the_input(kind: Trunk, width: float, channels: int) -> None:
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
