"""Networks that find landmarks, and take in where they lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.export.exporting import export
from auheat.heatmap import layout_of
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.heatmap_net import HeatmapNet, build_net
from auheat.models.landmarks import LandmarkChannels, _without_pose, surroundings
from auheat.models.warm_start import start_from
from auheat.training.module import landmark_distances
from lively_nets import WITH_SCC, as_tensor, crops, lively

CONFIG = replace(WITH_SCC, landmarks="channels")


@torch.no_grad()
def test_a_network_that_is_given_landmarks_reads_as_before(tmp_path: Path) -> None:
    plain, path = lively(WITH_SCC), tmp_path / "plain.safetensors"
    save_checkpoint(path, plain, WITH_SCC)
    grown = build_net(CONFIG).eval()
    start_from(grown, CONFIG, path)
    images = as_tensor(crops(3))
    found = grown(images)
    assert torch.equal(found.intensity, plain(images).intensity)
    assert plain(images).landmarks is None
    assert found.landmarks is not None
    assert found.landmarks.shape == (3, 4, 68, 2)
    # Untrained, all lie near the middle of the 64 pixels, and no step has moved them yet.
    assert (found.landmarks - 31.5).abs().max() < 5
    assert torch.equal(found.landmarks[:, 0], found.landmarks[:, 3])


def test_a_step_looks_around_each_landmark() -> None:
    """Features that hold their own pixel coordinates say where was looked."""
    rows = torch.arange(8, dtype=torch.float32)
    features = torch.stack(torch.meshgrid(rows, rows, indexing="xy"))[None]  # x, then y
    places = torch.zeros(1, 68, 2)
    places[0, 1] = torch.tensor([0.25, -0.5])
    middle, other = surroundings(features, places)[0, :2].view(2, 3, 3, 2)
    assert middle[1, :, 0].tolist() == [2.5, 3.5, 4.5]  # pixel centres are at integers
    assert middle[:, 1, 1].tolist() == [2.5, 3.5, 4.5]
    assert other[1, 1].tolist() == [(0.25 + 1) * 8 / 2 - 0.5, (-0.5 + 1) * 8 / 2 - 0.5]


def test_looking_around_is_bilinear_and_ends_at_the_border() -> None:
    """Beside PyTorch's grid_sample, with landmarks far outside, and beside its gradients."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 5, 16, 12, generator=generator, requires_grad=True)
    places = torch.randn(3, 68, 2, generator=generator)
    step = torch.tensor([2 / 12, 2 / 16])
    line = torch.arange(-1, 2)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(1, 1, 9, 2) * step
    at = places[:, :, None] + grid
    expected = grid_sample(features, at, "bilinear", "border", align_corners=False)
    found = surroundings(features, places).view(3, 68, 9, 5).permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    weights = torch.randn(expected.shape, generator=generator)
    (one,) = torch.autograd.grad((expected * weights).sum(), features)
    (other,) = torch.autograd.grad((found * weights).sum(), features)
    torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_pose_is_taken_out() -> None:
    generator = torch.Generator().manual_seed(0)
    places = torch.randn(5, 68, 2, generator=generator) * 6
    angle = torch.tensor(0.4)
    turn = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )
    moved = 1.7 * places @ turn.T + torch.tensor([3.0, -2.0])
    torch.testing.assert_close(_without_pose(moved), _without_pose(places), rtol=1e-3, atol=1e-3)
    level = torch.zeros(1, 68, 2)
    level[0, [36, 39]] = torch.tensor([[-6.0, 0.0], [-2.0, 0.0]])
    level[0, [42, 45]] = torch.tensor([[2.0, 0.0], [6.0, 0.0]])
    level[0, 8] = torch.tensor([0.0, 8.0])
    shape = _without_pose(level).view(2, 68)
    assert shape[:, 8].tolist() == [0.0, 1.0]  # one distance between the eyes below them
    assert shape[0, 45] == pytest.approx(0.75)


def test_distances_of_landmarks_are_in_pixels() -> None:
    wanted = torch.zeros(2, 68, 2)
    found = torch.zeros(2, 3, 68, 2)
    found[:, 0] = torch.tensor([3.0, 4.0])
    found[0, 1, :34] = torch.tensor([0.0, 8.0])
    found.requires_grad_()
    away = landmark_distances(found, wanted)
    assert away.tolist() == pytest.approx([5.0, 2.0, 0.05], abs=0.05)
    away.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(found.grad).all()  # type: ignore[arg-type]


def test_it_learns_where_landmarks_are() -> None:
    """A bright spot says where all of them lie: a hundred steps find it, each step nearer."""
    torch.manual_seed(0)
    net = build_net(replace(CONFIG, scc=False))
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(1)
    grid = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="xy"), -1)

    def batch() -> tuple[Tensor, Tensor]:
        centre = torch.rand(16, 1, 1, 2, generator=generator) * 24 + 20
        spot = torch.exp(-(grid - centre).square().sum(-1) / 50)
        return (spot[:, None] * 200).expand(-1, 3, -1, -1), centre[:, 0].expand(-1, 68, -1)

    for _ in range(100):
        images, wanted = batch()
        found = net(images).landmarks
        assert found is not None
        optimiser.zero_grad()
        landmark_distances(found, wanted).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(landmark_distances(found.detach(), wanted)[-1]) < 3  # of 64 pixels; 9 by guessing


def test_every_parameter_learns() -> None:
    net = lively(CONFIG).train()
    found = net(as_tensor(crops(4)))
    assert found.landmarks is not None
    (found.intensity.square().mean() + found.landmarks.square().mean()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@torch.no_grad()
def test_fused_networks_find_them_too() -> None:
    net, images = lively(CONFIG), as_tensor(crops(3))
    expected, found = net(images), fuse(net)(images)
    torch.testing.assert_close(found.landmarks, expected.landmarks, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(found.intensity, expected.intensity, rtol=1e-3, atol=1e-3)
    rounded = in_bfloat16(fuse(net))
    assert isinstance(rounded, HeatmapNet)
    assert isinstance(rounded.landmarks, LandmarkChannels)
    assert {p.dtype for p in rounded.landmarks.parameters()} == {torch.float32}
    spread = expected.intensity.std()
    assert (rounded(images).intensity.float() - expected.intensity).abs().mean() < 0.1 * spread


def test_exported_networks_find_them_too(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    net = lively(CONFIG)
    with torch.no_grad():
        net.head.weight.mul_(0.1)
    save_checkpoint(path, net, CONFIG, half=True)
    checks = export(path, tmp_path / "net.onnx")
    assert checks and max(check.parity.largest for check in checks) < 1e-3
    shared = export(path, tmp_path / "shared.onnx", share=True)
    assert max(check.parity.largest for check in shared) < 1e-3
    assert (tmp_path / "shared.onnx").stat().st_size < 0.5 * path.stat().st_size


@torch.no_grad()
def test_a_narrower_network_keeps_what_it_looks_at(tmp_path: Path) -> None:
    path, narrow = tmp_path / "wide.safetensors", replace(CONFIG, width=0.0625)
    save_checkpoint(path, lively(CONFIG), CONFIG)
    net = build_net(narrow).eval()
    start_from(net, narrow, path)
    stored = load_checkpoint(path).net.state_dict()
    own = net.state_dict()
    assert torch.equal(own["landmarks.refine.0.local"], stored["landmarks.refine.0.local"])
    wide = stored["landmarks.find.weight"]
    kept = own["landmarks.find.weight"]
    assert kept.shape[1] < wide.shape[1]
    for channel in kept.transpose(0, 1):
        same = [torch.equal(channel, other) for other in wide.transpose(0, 1)]
        assert sum(same) == 1


@torch.no_grad()
def test_it_comes_back_from_a_checkpoint(tmp_path: Path) -> None:
    net, path = lively(CONFIG), tmp_path / "model.safetensors"
    save_checkpoint(path, net, CONFIG)
    found = load_checkpoint(path)
    assert found.config.landmarks == "channels"
    images = as_tensor(crops(2))
    assert torch.equal(found.net(images).intensity, net(images).intensity)
    points = layout_of(CONFIG).count
    assert found.net(images).intensity.shape[1] == points


def test_an_hourglass_has_no_place_for_it() -> None:
    with pytest.raises(AuheatError, match="landmarks = 'channels': expected 'none'"):
        ModelConfig(kind="hourglass", scc=False, landmarks="channels")
