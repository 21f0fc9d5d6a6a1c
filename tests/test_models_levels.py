"""Level curves: their values, and that every way to run a network applies them alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import build_net
from auheat.models.levels import LevelCurves
from auheat.models.runtimes.opening import installed, open_runtime
from auheat.models.runtimes.runtime import read_intensities
from auheat.models.warm_start import start_from
from lively_nets import HOURGLASS, WITH_SCC, as_tensor, crops, lively

GAIN, OFFSET, FAINT = np.array([1.5, 2.0]), np.array([0.3, 0.0]), 0.2


def curves() -> LevelCurves:
    made = LevelCurves(2)
    made.set(GAIN, OFFSET, FAINT)
    return made


def with_curves(config=WITH_SCC) -> tuple[HeatmapModel, HeatmapModel]:  # type: ignore[no-untyped-def]
    """The same network with curves, other ones for each map, and without."""
    plain, net = lively(config), build_net(replace(config, levels=True)).eval()
    assert net.levels is not None
    maps = net.points
    net.levels.set(np.linspace(1, 2, maps), np.linspace(0, 0.4, maps), FAINT)
    net.load_state_dict(plain.state_dict(), strict=False)
    return net, plain


def test_values_of_a_curve() -> None:
    """By hand. First map: 0.3 / (1.5 - 0.2) = 0.23 is where the two lines meet."""
    x = torch.tensor([-1.0, 0.0, 0.1, 0.2, 0.3, 1.0, 4.0])
    got = curves()(x.expand(1, 2, 1, 7))
    first = [-0.2, 0.0, 0.02, 0.04, 0.15, 1.2, 5.7]
    second = [-0.2, 0.0, 0.2, 0.4, 0.6, 2.0, 8.0]
    torch.testing.assert_close(got[0, :, 0], torch.tensor([first, second]))


def test_it_starts_as_the_identity_and_no_order_is_ever_lost() -> None:
    x = torch.linspace(-2, 6, 4001).view(1, 1, 1, -1)
    assert torch.equal(LevelCurves(1)(x), x)
    assert bool((curves()(x.expand(1, 2, 1, -1)).diff(dim=-1) > 0).all())


@pytest.mark.parametrize(
    ("gain", "offset", "faint"), [(1.0, -0.1, 0.2), (0.1, 0.0, 0.2), (1.0, 0.0, 0.0)]
)
def test_curves_that_would_fall_or_miss_0_are_refused(
    gain: float, offset: float, faint: float
) -> None:
    with pytest.raises(ValueError, match="no rising curves"):
        LevelCurves(1).set(np.array([gain]), np.array([offset]), faint)


@pytest.mark.parametrize("config", [WITH_SCC, HOURGLASS])
def test_intensities_have_them_and_location_maps_do_not(config) -> None:  # type: ignore[no-untyped-def]
    net, plain = with_curves(config)
    with torch.no_grad():
        found, before = net(as_tensor(crops(2))), plain(as_tensor(crops(2)))
        assert net.levels is not None
        torch.testing.assert_close(found.intensity, net.levels(before.intensity))
    assert not torch.allclose(found.intensity, before.intensity, atol=0.01)
    assert (found.location is None) == (before.location is None) == (not config.location_maps)
    if found.location is not None and before.location is not None:
        assert torch.equal(found.location, before.location)


def test_fused_networks_have_them_and_in_bfloat16_they_stay_exact() -> None:
    net, _ = with_curves()
    x = as_tensor(crops(2))
    with torch.no_grad():
        torch.testing.assert_close(fuse(net)(x).intensity, net(x).intensity, rtol=1e-4, atol=1e-4)
    rounded = in_bfloat16(fuse(net))
    assert rounded.levels is not None
    assert net.levels is not None
    assert rounded.levels.gain.dtype == torch.float32
    assert torch.equal(rounded.levels.gain, net.levels.gain)
    with torch.no_grad():
        assert rounded(x).intensity.dtype == torch.float32


def test_a_file_keeps_them_to_the_last_bit_and_training_starts_without(tmp_path: Path) -> None:
    net, plain = with_curves()
    path, config = tmp_path / "a.safetensors", replace(WITH_SCC, levels=True)
    save_checkpoint(path, net, config, half=True)
    stored = load_checkpoint(path).net.levels
    assert stored is not None
    assert net.levels is not None
    for name, tensor in net.levels.state_dict().items():
        assert torch.equal(stored.state_dict()[name], tensor)
    save_checkpoint(path, net, config)
    started = build_net(WITH_SCC).eval()
    start_from(started, WITH_SCC, path)
    assert started.levels is None
    with torch.no_grad():
        x = as_tensor(crops(2))
        torch.testing.assert_close(started(x).intensity, plain(x).intensity)


def test_exported_networks_have_them(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    exporting = pytest.importorskip("auheat.export.exporting")
    if not installed():
        pytest.skip("neither OpenVINO nor ONNX Runtime is installed")
    net, _ = with_curves()
    path, out = tmp_path / "a.safetensors", tmp_path / "a.onnx"
    save_checkpoint(path, net, replace(WITH_SCC, levels=True))
    exporting.export(path, out)
    expected = read_intensities(
        open_runtime(path, runtime="torch", device="cpu", precision="fp32"), crops(4)
    )
    for name in installed():
        found = read_intensities(open_runtime(str(out), runtime=name, precision="fp32"), crops(4))
        np.testing.assert_allclose(found, expected, atol=1e-4)
