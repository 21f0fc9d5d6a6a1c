"""torchvision's residual networks: what its files hold, and what they compute, independently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor
from torch.nn import functional

from auheat.config import Backbone

BLOCKS: dict[Backbone, tuple[int, int, int, int]] = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
}


def norm_shapes(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for field in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{field}", (channels,)
    yield f"{name}.num_batches_tracked", ()


def torchvision_shapes(kind: Backbone) -> Iterator[tuple[str, tuple[int, ...]]]:
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


def reference_forward(weights: Mapping[str, Tensor], kind: Backbone, x: Tensor) -> Tensor:
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
