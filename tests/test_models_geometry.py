"""Networks that take in the shape of a face's mesh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.face_shape import SIZE
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.fused import fuse
from auheat.models.geometry import GeometryChannels
from auheat.models.heatmap_net import HeatmapNet, build_net
from auheat.models.warm_start import start_from
from lively_nets import WITH_SCC, as_tensor, crops, lively

CONFIG = replace(WITH_SCC, geometry="channels")


def shapes(count: int, seed: int = 0) -> Tensor:
    """Displacements as faces have them."""
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(count, SIZE, generator=generator) * 0.05
    made[:, -1] = 1
    return made


@torch.no_grad()
def test_a_network_that_is_given_geometry_reads_as_before(tmp_path: Path) -> None:
    plain = lively(WITH_SCC)
    path = tmp_path / "plain.safetensors"
    save_checkpoint(path, plain, WITH_SCC)
    grown = build_net(CONFIG).eval()
    start_from(grown, CONFIG, path)
    images = as_tensor(crops(3))
    for geometry in (None, shapes(3), torch.zeros(3, SIZE)):
        assert torch.equal(grown(images, geometry).intensity, plain(images).intensity)
    assert isinstance(grown, HeatmapNet)
    assert sum(p.numel() for p in grown.parameters()) > sum(p.numel() for p in plain.parameters())


@torch.no_grad()
def test_a_shape_changes_what_is_read_and_an_absent_one_is_none() -> None:
    net, images = lively(CONFIG), as_tensor(crops(4))
    without, with_shapes = net(images).intensity, net(images, shapes(4)).intensity
    some = shapes(4)
    some[1:3] = 0
    mixed = net(images, some).intensity
    torch.testing.assert_close(mixed[1:3], without[1:3])
    torch.testing.assert_close(mixed[::3], with_shapes[::3])
    assert ((with_shapes - without).abs().amax((1, 2, 3)) > 0.01).all()
    torch.testing.assert_close(net(images, torch.zeros(4, SIZE)).intensity, without)


def test_the_first_deconvolution_gets_the_maps_and_scc_joins_them() -> None:
    """At zero weights but one: that channel alone moves, by what was drawn."""
    layer = GeometryChannels(channels=5, side=4)
    with torch.no_grad():
        layer.weigh.weight[3, 7] = 2.0
        drawn = layer(shapes(2))
        moved = shapes(2)[:, :-1] / 0.05
        maps = torch.relu(layer.draw(torch.relu(layer.hidden(moved)))).view(2, 16, 4, 4)
    assert drawn.shape == (2, 5, 4, 4)
    torch.testing.assert_close(drawn[:, 3], 2 * maps[:, 7])
    assert not drawn[:, [0, 1, 2, 4]].any()
    net, order = build_net(CONFIG).eval(), []
    for name, module in net.named_modules():
        if name in ("deconvs.0", "geometry", "correspondence.0", "deconvs.1"):
            module.register_forward_hook(lambda *_, name=name: order.append(name))
    net(as_tensor(crops(1)), shapes(1))
    assert order == ["deconvs.0", "geometry", "correspondence.0", "deconvs.1"]


def test_every_parameter_learns() -> None:
    net = lively(CONFIG).train()
    net(as_tensor(crops(4)), shapes(4)).intensity.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@torch.no_grad()
def test_fused_networks_take_it_in_too() -> None:
    net, images, geometry = lively(CONFIG), as_tensor(crops(3)), shapes(3)
    expected, found = net(images, geometry).intensity, fuse(net)(images, geometry).intensity
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_networks_without_it_do_not_look_at_it() -> None:
    net, images = lively(WITH_SCC), as_tensor(crops(2))
    assert torch.equal(net(images, shapes(2)).intensity, net(images).intensity)
    assert not any(name.startswith("geometry") for name in net.state_dict())


@torch.no_grad()
def test_it_comes_back_from_a_checkpoint(tmp_path: Path) -> None:
    net, path = lively(CONFIG), tmp_path / "model.safetensors"
    save_checkpoint(path, net, CONFIG)
    found = load_checkpoint(path)
    assert found.config.geometry == "channels"
    images, geometry = as_tensor(crops(2)), shapes(2)
    assert torch.equal(found.net(images, geometry).intensity, net(images, geometry).intensity)


def test_an_hourglass_has_no_place_for_it() -> None:
    with pytest.raises(AuheatError, match="geometry = 'channels': expected 'none'"):
        ModelConfig(kind="hourglass", scc=False, geometry="channels")
