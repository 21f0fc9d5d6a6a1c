from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.heatmap import codec_of, heatmap_side, layout_of
from auheat.models.checkpoint import backbone_of, load_backbone, load_checkpoint, save_checkpoint
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import build_net
from auheat.models.hourglass import Hourglass, HourglassModule, Residual
from auheat.models.resnet import ResNet
from lively_nets import parameter_count

SMALL = ModelConfig(
    kind="hourglass",
    aus=("AU04", "AU09", "AU12"),  # one, three and two points
    width=0.125,
    input_size=64,
    scc=False,
    maps="au",
)


def a_net(config: ModelConfig = SMALL) -> HeatmapModel:
    """Weights and batch statistics other than the starting ones."""
    torch.manual_seed(0)
    net = build_net(config).eval()
    for name, value in net.state_dict().items():
        if name.endswith("running_var") or (name.endswith("weight") and value.ndim == 1):
            value.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            value.normal_(0, 0.2)
    torch.nn.init.normal_(net.head.weight)
    return net


def images(count: int, side: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(20, 200, (count, 3, side, side), generator=generator).float()


def published_shape(channels: int, maps: int) -> int:
    """Trainable values of one hourglass, counted by hand from Newell's description."""

    def conv(inputs: int, outputs: int, size: int) -> int:
        return inputs * outputs * size * size + outputs

    def residual(inputs: int, outputs: int) -> int:
        half = outputs // 2
        norms = 2 * (inputs + half + half)
        convs = conv(inputs, half, 1) + conv(half, half, 3) + conv(half, outputs, 1)
        return norms + convs + (conv(inputs, outputs, 1) if inputs != outputs else 0)

    quarter, half = channels // 4, channels // 2
    stem = conv(3, quarter, 7) + 2 * quarter
    stem += residual(quarter, half) + residual(half, half) + residual(half, channels)
    # Every level has a bottleneck above, and two below around the next level; the last has three.
    hourglass = (4 * 3 + 1) * residual(channels, channels)
    tail = residual(channels, channels) + conv(channels, channels, 1) + 2 * channels
    return stem + hourglass + tail + conv(channels, maps, 1)


def test_size_at_full_width() -> None:
    """Golden, by hand: stem 352,640, hourglass 13 x 214,528, tail 280,832, output 4,112."""
    assert published_shape(256, 16) == 3_426_448
    with torch.device("meta"):
        net = Hourglass(16, 256, "imagenet", 1.0, False)
        assert parameter_count(net.hourglass) == 13 * 214_528
        assert parameter_count(net) == 3_426_448
        assert parameter_count(Hourglass(5, 64, "image", 0.25, True)) == published_shape(64, 10)


def reference_forward(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Features by functions over named weights, level by level instead of by recursion."""

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = weights[f"{name}.weight"]
        pad = weight.shape[-1] // 2
        return functional.conv2d(x, weight, weights[f"{name}.bias"], stride, pad)

    def norm_relu(x: Tensor, name: str) -> Tensor:
        statistics = (weights[f"{name}.running_mean"], weights[f"{name}.running_var"])
        scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return functional.relu(functional.batch_norm(x, *statistics, scale, shift))

    def residual(x: Tensor, at: str) -> Tensor:
        out = x
        for i in (1, 2, 3):
            out = conv(norm_relu(out, f"{at}.norm{i}"), f"{at}.conv{i}")
        return out + (conv(x, f"{at}.shortcut") if f"{at}.shortcut.weight" in weights else x)

    x = residual(norm_relu(conv(x, "stem.0", 2), "stem.1"), "stem.3")
    x = residual(residual(functional.max_pool2d(x, 2), "stem.5"), "stem.6")
    levels, kept = ["hourglass" + ".inner" * i for i in range(4)], []
    for at in levels:
        kept.append(residual(x, f"{at}.upper"))
        x = residual(functional.max_pool2d(x, 2), f"{at}.before")
    x = residual(x, "hourglass.inner.inner.inner.inner")
    for at in reversed(levels):
        low = residual(x, f"{at}.after")
        x = kept.pop() + low.repeat_interleave(2, -1).repeat_interleave(2, -2)
    return norm_relu(conv(residual(x, "tail.0"), "tail.1"), "tail.2")


@torch.no_grad()
@pytest.mark.parametrize("side", [64, 128])
def test_forward_by_functions_over_weights(side: int) -> None:
    net, x = a_net(replace(SMALL, input_size=side)), images(2, side)
    expected = reference_forward(net.state_dict(), net.normalise(x))
    assert expected.shape == (2, 32, side // 4, side // 4)
    assert expected.std() > 0.05
    torch.testing.assert_close(net.features(x), expected, rtol=1e-4, atol=1e-4)
    weight = net.head.weight[:, :, 0, 0]
    maps = torch.einsum("bchw,nc->bnhw", expected, weight) + net.head.bias.view(1, -1, 1, 1)  # type: ignore[union-attr]
    torch.testing.assert_close(net(x).intensity, maps[:, :3], rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_at_the_papers_size_maps_are_64_x_64() -> None:
    config = ModelConfig(
        kind="hourglass", scc=False, maps="au", input_size=256, location_maps=False
    )
    maps = build_net(replace(config, width=0.125))(images(1, 256))
    assert maps.intensity.shape == (1, 14, 64, 64)
    assert maps.location is None
    assert heatmap_side(config) == 64


@pytest.mark.parametrize(("maps", "count"), [("au", 3), ("point", 6)])
@torch.no_grad()
def test_maps_per_au_or_per_point(maps: str, count: int) -> None:
    config = replace(SMALL, maps=maps)  # type: ignore[arg-type]
    net = a_net(config)
    out = net(images(2, 64))
    assert out.intensity.shape == out.location.shape == (2, count, 16, 16)
    assert codec_of(config).map_size == (16, 16)
    assert (net.points, net.input_size, layout_of(config).count) == (count, 64, count)
    assert layout_of(config).read(out.intensity.detach().numpy()).shape == (2, 3)


def test_every_parameter_learns() -> None:
    net = a_net().train()
    maps = net(images(4, 64))
    (maps.intensity.square().mean() + maps.location.square().mean()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        # A bias before a norm cannot matter; one behind it, or in the last sum, does.
        if not name.endswith(("conv1.bias", "conv2.bias", "stem.0.bias", "tail.1.bias")):
            assert parameter.grad.abs().max() > 0, name


def test_the_innermost_level_is_one_pixel_at_the_smallest_input() -> None:
    net, sides = a_net(), []
    for module in net.modules():
        if isinstance(module, Residual):
            module.register_forward_hook(lambda _, given, out: sides.append(out.shape[-1]))
    net(images(2, 64))
    assert min(sides) == 1
    assert sorted(set(sides)) == [1, 2, 4, 8, 16, 32]


def test_a_width_below_the_smallest_network_still_has_channels() -> None:
    net = build_net(replace(SMALL, width=1 / 64)).eval()
    assert net(images(1, 64)).intensity.shape == (1, 3, 16, 16)
    assert Residual(1, 1)(torch.zeros(2, 1, 4, 4)).shape == (2, 1, 4, 4)
    assert HourglassModule(2, 4)(torch.zeros(2, 4, 8, 12)).shape == (2, 4, 8, 12)


@torch.no_grad()
def test_a_checkpoint_rebuilds_it(tmp_path: Path) -> None:
    config, path = replace(SMALL, gaussian="growing"), tmp_path / "hourglass.safetensors"
    net = a_net(config)
    save_checkpoint(path, net, config, card={"note": 1})
    loaded = load_checkpoint(path)
    assert isinstance(loaded.net, Hourglass)
    assert loaded.config == config
    assert torch.equal(loaded.net(images(1, 64)).intensity, net(images(1, 64)).intensity)


def test_it_has_no_backbone_to_load(tmp_path: Path) -> None:
    with pytest.raises(AuheatError, match=r"no backbone .* leave optim\.backbone_weights out"):
        load_backbone(backbone_of(a_net()), tmp_path / "resnet50.safetensors")
    plain = build_net(ModelConfig(width=0.125, input_size=32, deconv_widths=(8,), scc=False))
    assert isinstance(backbone_of(plain), ResNet)
