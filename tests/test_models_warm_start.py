"""Starting from weights of a network that is not quite the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.heatmap import layout_of
from auheat.models.checkpoint import save_checkpoint
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import build_net
from auheat.models.warm_start import start_from
from lively_nets import TWO_AUS


def lively(config: ModelConfig, seed: int = 0) -> HeatmapModel:
    """A network whose every weight and statistic is its own."""
    torch.manual_seed(seed)
    net = build_net(config).eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                drawn = torch.rand(tensor.shape) * 0.4 - 0.2
                one = name.endswith("running_var") or (tensor.ndim == 1 and "weight" in name)
                tensor.copy_(drawn + 1 if one else drawn)
    return net


def started(other: HeatmapModel, config: ModelConfig, path: Path, **changes: Any) -> HeatmapModel:
    """A network with changed settings that started from another one's file."""
    save_checkpoint(path / "other.safetensors", other, config)
    wanted = replace(config, **changes)
    torch.manual_seed(5)
    net = build_net(wanted).eval()
    start_from(net, wanted, path / "other.safetensors")
    return net


def readings(net: HeatmapModel, config: ModelConfig) -> dict[str, Any]:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        maps = net(images).intensity.numpy()
    return dict(zip(config.aus, layout_of(config).read(maps).T, strict=True))


def test_maps_follow_their_action_units(tmp_path: Path) -> None:
    """AU04 and AU12 stand at other places, between a new one that reads nothing."""
    other = lively(TWO_AUS)
    aus = ("AU04", "AU09", "AU12")
    net = started(other, TWO_AUS, tmp_path, aus=aus)
    before, after = readings(other, TWO_AUS), readings(net, replace(TWO_AUS, aus=aus))
    assert before["AU12"].std() > 0 and before["AU04"].std() > 0
    np.testing.assert_allclose(after["AU12"], before["AU12"], rtol=1e-5)
    np.testing.assert_allclose(after["AU04"], before["AU04"], rtol=1e-5)
    assert not after["AU09"].any()
    # Location maps are the second half of the last layer: AU12's two points move from 0, 1 of 4
    # (AU04 has two as well) to the end.
    stored, own = other.head.weight, net.head.weight
    torch.testing.assert_close(own[net.points :][-2:], stored[other.points :][:2])


def test_units_are_scaled_for_intensities_alone(tmp_path: Path) -> None:
    config = replace(TWO_AUS, map_units="amplitude", amplitude=0.2)
    other = lively(config)
    net = started(other, config, tmp_path, map_units="intensity")
    count = net.points
    torch.testing.assert_close(net.head.weight[:count], other.head.weight[:count] * 5)
    torch.testing.assert_close(net.head.weight[count:], other.head.weight[count:])
    assert net.head.bias is not None and other.head.bias is not None
    torch.testing.assert_close(net.head.bias[:count], other.head.bias[:count] * 5)


def test_scc_may_join_and_leave(tmp_path: Path) -> None:
    with_scc = lively(TWO_AUS)
    without = started(with_scc, TWO_AUS, tmp_path, scc=False)
    assert not [name for name in without.state_dict() if name.startswith("correspondence")]
    torch.testing.assert_close(without.head.weight, with_scc.head.weight)
    again = started(without, replace(TWO_AUS, scc=False), tmp_path, scc=True)
    matrix = again.state_dict()["correspondence.0.phi"]
    torch.testing.assert_close(matrix, torch.eye(len(matrix)))  # what it starts as


def test_scc_may_stand_at_other_stages(tmp_path: Path) -> None:
    """What one of the two lacks stays as it is, or behind; all else comes over."""
    both = lively(TWO_AUS)
    fewer = started(both, TWO_AUS, tmp_path, scc_stages=(1,))
    found, expected = fewer.state_dict(), both.state_dict()
    assert {name for name in expected if name not in found} == {
        name for name in expected if name.startswith("correspondence.1.")
    }
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    more = started(fewer, replace(TWO_AUS, scc_stages=(1,)), tmp_path, scc_stages="all")
    grown = more.state_dict()
    assert torch.equal(grown["correspondence.1.phi"], torch.eye(len(grown["correspondence.1.phi"])))
    assert all(torch.equal(grown[name], value) for name, value in found.items())


def spread(narrow: Tensor, wide: Tensor, name: str) -> None:
    """Puts a narrow tensor among zeros; which channels it gets depends on their number alone."""
    wide.zero_()
    if name.endswith("running_var"):
        wide.fill_(1.0)
    places = [
        torch.arange(small)
        if small == large
        else torch.randperm(large, generator=torch.Generator().manual_seed(small))[:small].sort()[0]
        for small, large in zip(narrow.shape, wide.shape, strict=True)
    ]
    wide[torch.meshgrid(*places, indexing="ij") if places else ...] = narrow


@pytest.mark.parametrize(
    ("backbone", "geometry"),
    [("resnet18", "none"), ("resnet50", "none"), ("resnet18", "channels")],
)
def test_a_narrower_network_keeps_the_channels_that_weigh(
    tmp_path: Path, backbone: Any, geometry: Any
) -> None:
    """A network hidden among channels of zeros in one of twice the width is found again."""
    config = replace(TWO_AUS, backbone=backbone, geometry=geometry)
    hidden = lively(config)
    broad = replace(config, width=0.25, deconv_widths=(24, 16))
    wide = lively(broad, 1)
    with torch.no_grad():
        for (name, tensor), small in zip(
            wide.state_dict().items(), hidden.state_dict().values(), strict=True
        ):
            spread(small, tensor, name)
    found = started(wide, broad, tmp_path, width=0.125, deconv_widths=(12, 8))
    for name, tensor in hidden.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor, msg=name)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    other = lively(TWO_AUS)
    with pytest.raises(AuheatError, match=r"misshapes backbone\.bn1\.bias"):
        started(other, TWO_AUS, tmp_path, width=0.25)
    with pytest.raises(AuheatError, match=r"misshapes correspondence\.0"):
        started(other, TWO_AUS, tmp_path, input_size=96)
