from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from auheat.config import EdgeFeatures, ModelConfig
from auheat.facs import PointLayout
from auheat.heatmap import codec_of, heatmap_side, layout_of
from auheat.models.heatmap_model import Normalise
from auheat.models.heatmap_net import DeconvStage, HeatmapNet, build_net
from auheat.models.scc import SemanticCorrespondenceConv
from auheat.settings import build, read_toml
from lively_nets import parameter_count

SMALL = ModelConfig(
    width=0.125, input_size=64, deconv_widths=(12, 8), scc_k=3, aus=("AU04", "AU12")
)


def a_net(config: ModelConfig) -> HeatmapNet:
    torch.manual_seed(0)
    net = build_net(config).eval()
    assert isinstance(net, HeatmapNet)
    return net


def images(count: int, side: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(20, 200, (count, 3, side, side), generator=generator).float()


@torch.no_grad()
def test_default_settings() -> None:
    net = a_net(ModelConfig())
    maps = net(images(2, 128))
    assert maps.intensity.shape == (2, 28, 32, 32)
    assert maps.location is not None
    assert maps.location.shape == (2, 28, 32, 32)


@torch.no_grad()
def test_the_papers_settings() -> None:
    """The paper: 256x256 images, 64x64 maps, SCC of 256, 1024 and 4096 filters, no extra maps."""
    path = Path(__file__).resolve().parents[1] / "configs" / "paper" / "scc-heatmap.toml"
    net = a_net(build(ModelConfig, read_toml(path)["model"], "the paper's"))
    layers = [m for m in net.correspondence if isinstance(m, SemanticCorrespondenceConv)]
    lengths = [layer.omega.shape[0] for layer in layers]
    assert lengths == [256, 1024, 4096]
    maps = net(images(1, 256))
    assert maps.intensity.shape == (1, 24, 64, 64)
    assert maps.location is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"input_size": 96},
        {"input_size": 160, "deconv_widths": (12,)},
        {"input_size": 32, "deconv_widths": (12, 8, 4)},
        {"backbone": "resnet50", "deconv_widths": (8, 8)},
        {"scc": False, "location_maps": False},
    ],
)
@torch.no_grad()
def test_codec_fits_what_the_network_gives(changes: dict[str, Any]) -> None:
    config = replace(SMALL, **changes)
    codec = codec_of(config)
    maps = a_net(config)(images(1, config.input_size))
    assert maps.intensity.shape[-2:] == codec.map_size == (heatmap_side(config),) * 2
    assert codec.input_size == (config.input_size,) * 2
    in_levels = config.map_units == "intensity"
    assert (codec.sigma, codec.amplitude) == (config.sigma, 1.0 if in_levels else config.amplitude)
    assert maps.intensity.shape[1] == PointLayout.of(config.aus).count == 3
    points, intensities = codec.decode(maps.intensity.detach().numpy())
    assert points.shape == (1, 3, 2)
    assert intensities.shape == (1, 3)


def test_location_maps_are_optional_and_apart() -> None:
    net = a_net(SMALL)
    assert net.head.out_channels == 6
    with torch.no_grad():
        net.head.bias.copy_(torch.arange(6.0))  # type: ignore[union-attr]
        net.head.weight.zero_()
        maps = net(images(1, 64))
    assert maps.intensity[0, :, 0, 0].tolist() == [0, 1, 2]
    assert maps.location is not None
    assert maps.location[0, :, 0, 0].tolist() == [3, 4, 5]
    assert a_net(replace(SMALL, location_maps=False)).head.out_channels == 3


def test_one_map_per_au_halves_the_output() -> None:
    config = replace(SMALL, maps="au", gaussian="growing")
    net = a_net(config)
    assert (net.points, net.head.out_channels, layout_of(config).count) == (2, 4, 2)
    assert layout_of(config).codec.gaussian == "growing"
    with torch.no_grad():
        maps = net(images(1, 64))
        assert layout_of(config).read(maps.intensity.numpy()).shape == (1, 2)
        assert maps.location is not None and maps.location.shape == maps.intensity.shape


@pytest.mark.parametrize("scc", [True, False])
@pytest.mark.parametrize("widths", [(24, 16), (24, 16, 16)])
@pytest.mark.parametrize("k", [1, 7, 15])
def test_every_setting_of_the_papers_ablations_learns(
    scc: bool, widths: tuple[int, ...], k: int
) -> None:
    """Tables 2 and 3 and Figure 6: with and without SCC, two or three stages, k from 1 to 15."""
    for edges in get_args(EdgeFeatures) if scc else ("centre_difference",):
        config = replace(
            SMALL, scc=scc, deconv_widths=widths, scc_k=k, scc_edges=edges, scc_norm=True
        )
        net = a_net(config).train()
        torch.nn.init.normal_(net.head.weight)
        assert [layer.k for layer in net.correspondence if scc] == [k] * len(widths) * scc
        maps = net(images(3, 64)).intensity
        assert maps.shape == (3, 3, 2 * 2 ** len(widths), 2 * 2 ** len(widths))
        maps.square().mean().backward()
        for name, parameter in net.named_parameters():
            learns = parameter.grad is not None and bool(parameter.grad.any())
            # With k = 1 a channel has no neighbour but itself, so f_j - f_i is always 0.
            still = k == 1 and edges != "centre_neighbour" and name.endswith("omega")
            still |= k == 1 and edges == "difference" and scc
            assert learns or still, (edges, name)


def test_without_scc_no_parameter_of_it_remains() -> None:
    with_scc, without = a_net(replace(SMALL, scc_norm=True)), a_net(replace(SMALL, scc=False))
    assert any(name.startswith("correspondence") for name, _ in with_scc.named_parameters())
    assert not any(name.startswith("correspondence") for name in without.state_dict())
    extra = sum(2 * side**4 + 2 * side**2 for side in (4, 8))  # phi, omega, norm weight and bias
    assert parameter_count(with_scc) - parameter_count(without) == extra


@torch.no_grad()
def test_scc_at_some_stages_alone() -> None:
    """What is left out is the identity, and its matrices, the largest ones, are not there."""
    every, first = a_net(SMALL), a_net(replace(SMALL, scc_stages=(1,)))
    names = {name for name in first.state_dict() if name.startswith("correspondence")}
    assert names == {"correspondence.0.phi", "correspondence.0.omega"}
    assert parameter_count(every) - parameter_count(first) == 2 * 8**4
    first.load_state_dict({k: v for k, v in every.state_dict().items() if k in first.state_dict()})
    every.correspondence[1] = torch.nn.Identity()
    assert torch.equal(every(images(2, 64)).intensity, first(images(2, 64)).intensity)


def test_settings_reach_the_layers() -> None:
    net = a_net(replace(SMALL, scc_k=5, scc_norm=False, scc_edges="difference"))
    for layer in net.correspondence:
        assert isinstance(layer, SemanticCorrespondenceConv)
        assert layer.k == 5
        assert layer.norm is None and layer.phi is None
    random = a_net(replace(SMALL, scc_init="random")).correspondence[0]
    assert isinstance(random, SemanticCorrespondenceConv)
    assert random.phi is not None
    assert random.phi.diagonal().abs().max() < 0.5


@torch.no_grad()
def test_equation_5_the_head_weighs_the_features() -> None:
    net, x = a_net(SMALL), images(2, 64)
    torch.nn.init.normal_(net.head.weight)
    features = net.features(x)
    assert features.shape == (2, 8, 8, 8)
    expected = torch.einsum("bchw,nc->bnhw", features, net.head.weight[:, :, 0, 0])
    torch.testing.assert_close(net(x).intensity, expected[:, :3], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_scc_follows_every_deconvolution() -> None:
    net, order = a_net(SMALL), []
    for name, module in net.named_modules():
        if name in ("backbone", "deconvs.0", "deconvs.1", "correspondence.0", "correspondence.1"):
            module.register_forward_hook(lambda *_, name=name: order.append(name))
    net(images(1, 64))
    assert order == ["backbone", "deconvs.0", "correspondence.0", "deconvs.1", "correspondence.1"]


def test_every_parameter_learns() -> None:
    net = a_net(SMALL).train()
    torch.nn.init.normal_(net.head.weight)
    maps = net(images(4, 64))
    (maps.intensity.square().mean() + maps.location.square().mean()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_deconvolution_doubles_the_map() -> None:
    stage = DeconvStage(6, 4)
    assert stage(torch.rand(2, 6, 5, 7)).shape == (2, 4, 10, 14)
    assert [tuple(p.shape) for p in stage.parameters()] == [(6, 4, 4, 4), (4,), (4,)]
    assert 0.0005 < stage.deconv.weight.std() < 0.0015


def test_image_normalisation_by_hand() -> None:
    x = images(2, 16).double()
    out = Normalise("image").double()(x)
    for image, normal in zip(x, out, strict=True):
        centred = image - image.mean((1, 2), keepdim=True)
        torch.testing.assert_close(normal, centred / (centred.square().mean() + 1).sqrt())
        assert float(normal.square().mean()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("gain", [0.5, 1.25, 3.0])
def test_image_normalisation_ignores_gain_and_colour_cast(gain: float) -> None:
    x = images(2, 16)
    cast = torch.tensor([30.0, -12.0, 0.0]).view(3, 1, 1)
    normalise = Normalise("image")
    torch.testing.assert_close(normalise(gain * x + cast), normalise(x), rtol=1e-3, atol=1e-4)
    flat = normalise(torch.full((1, 3, 8, 8), 77.0))
    assert flat.abs().max() < 1e-4


def test_image_normalisation_keeps_the_channels_own_contrast() -> None:
    """One deviation for the whole image: a channel with less contrast keeps less."""
    x = images(1, 16)
    x[:, 2] = x[:, 2] * 0.1
    spread = Normalise("image")(x).std((2, 3))[0]
    assert spread[2] < 0.2 * spread[0]


def test_convention_imagenet_normalisation_is_rgb_in_0_to_255() -> None:
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    x = torch.tensor([0.0, 127.5, 255.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    expected = [
        [(v - m) / d for v in (0.0, 0.5, 1.0)] for m, d in zip(mean, deviation, strict=True)
    ]
    found = Normalise("imagenet")(x)[0, :, 0]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-5)


def test_normalisation_stores_nothing_in_checkpoints() -> None:
    assert not Normalise("imagenet").state_dict()
