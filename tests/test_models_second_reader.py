"""The second reader: its filters, what it adds to the maps, and how it travels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.facs import PointLayout
from auheat.heatmap import layout_of
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.heatmap_net import build_net
from auheat.models.second_reader import DepthwiseBlock, SecondReader
from auheat.models.warm_start import start_from
from auheat.training.module import level_loss

AUS = ("AU01", "AU12", "AU25")
CONFIG = ModelConfig(AUS, width=1 / 8, deconv_widths=(8, 8), scc=False, second_reader=0.4)


def reader_net(seed: int = 0, config: ModelConfig = CONFIG) -> HeatmapModel:
    torch.manual_seed(seed)
    net = build_net(config).eval()
    with torch.no_grad():
        net.head.weight.normal_(std=0.3)
        reader_of(net).levels.bias.copy_(torch.linspace(0.5, 3.0, len(config.aus)))
    return net


def reader_of(net: HeatmapModel) -> SecondReader:
    assert net.reader is not None
    return net.reader


def faces(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 128, 128, generator=torch.Generator().manual_seed(3)) * 255


def test_the_start_keeps_the_spread_of_what_goes_through() -> None:
    """Whatever the depth: without norms, layers that shrink it would learn nothing at first."""
    torch.manual_seed(0)
    reader, seen = SecondReader(2, (0, 1), 0.5, 1.0, 128).eval(), []
    for module in reader.modules():
        if isinstance(module, DepthwiseBlock):
            module.register_forward_hook(lambda _, __, out: seen.append(out.std().item()))
    with torch.no_grad():
        reader(faces(8))
    assert len(seen) == 14
    assert 0.2 < min(seen) <= max(seen) < 15


def test_a_block_is_what_its_docstring_says() -> None:
    """Against the sum written out, pixel by pixel."""
    torch.manual_seed(1)
    block = DepthwiseBlock(2, 3, stride=2).eval()
    assert isinstance(block.shortcut, nn.Conv2d)
    assert block.depthwise.bias is not None and block.pointwise.bias is not None
    block.depthwise.bias.data.normal_()
    block.pointwise.bias.data.normal_()
    x = torch.randn(1, 2, 4, 4)
    padded = torch.zeros(2, 6, 6)
    padded[:, 1:5, 1:5] = x[0]
    expected = torch.zeros(3, 2, 2)
    for row in range(2):
        for column in range(2):
            window = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            depthwise = (block.depthwise.weight[:, 0] * window).sum((1, 2)) + block.depthwise.bias
            own = x[0, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].amax((1, 2))
            expected[:, row, column] = (
                block.shortcut.weight[..., 0, 0] @ own
                + block.pointwise.weight[..., 0, 0] @ depthwise
                + block.pointwise.bias
            )
    torch.testing.assert_close(block(x)[0], expected.relu())


def test_the_peak_is_the_mean_of_both_readings() -> None:
    owners = PointLayout.of(AUS).au_of_point
    reader = SecondReader(len(AUS), owners, share=0.25, peak=0.2, input_size=128)
    location = torch.zeros(1, len(owners), 8, 8)
    location[:, :, 2, 5] = 0.5  # whatever its height
    location[:, :, 2, 6] = 0.25
    location[:, :, 7, 7] = -3.0
    intensity = torch.zeros_like(location)
    intensity[:, :, 2, 5] = 0.4  # level 2
    joined = reader.join(intensity, location, torch.tensor([[4.0, 0.0, 1.0]]))
    levels = torch.tensor([4.0, 0.0, 1.0])[list(owners)]
    expected = 0.75 * 2 + 0.25 * levels
    torch.testing.assert_close(joined[0, :, 2, 5] / 0.2, expected)
    torch.testing.assert_close(joined[0, :, 2, 6] / 0.2, 0.125 * levels)
    assert joined[0, :, 7, 7].abs().max() == 0


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"maps": "au"},
        {"map_units": "amplitude", "amplitude": 0.2},
        {"kind": "hourglass", "maps": "au", "width": 0.125},
    ],
    ids=["points", "aus", "amplitude", "hourglass"],
)
def test_a_network_joins_its_reader_before_level_curves(settings: dict[str, Any]) -> None:
    config = replace(CONFIG, levels=True, **settings)
    net, images = reader_net(config=config), faces()
    layout = layout_of(config)
    owners = list(range(len(AUS))) if config.maps == "au" else list(layout.au_of_point)
    curves = net.levels
    assert curves is not None
    count = layout.count
    curves.set(np.full(count, 1.5), np.full(count, 0.3 * layout.codec.scale), 0.1)
    with torch.no_grad():
        alone, joined = net.heatmaps(images), net(images)
        levels = reader_of(net)(images)[:, owners, None, None] * layout.codec.scale
        assert alone.location is not None
        drawn = alone.location.relu()
        drawn = drawn / drawn.amax((2, 3), keepdim=True).clamp(min=1e-6)
        mixed = 0.6 * alone.intensity + 0.4 * levels * drawn
        expected = torch.maximum(1.5 * mixed - 0.3 * layout.codec.scale, 0.1 * mixed)
        torch.testing.assert_close(joined.intensity, expected)
        torch.testing.assert_close(joined.location, alone.location)


def test_images_are_seen_from_0_to_1() -> None:
    """Half of the light, twice the first filters (and no bias): the same levels."""
    reader = reader_of(reader_net())
    bright = faces()
    with torch.no_grad():
        expected = reader(bright)
        assert not torch.allclose(reader(bright / 2), expected, atol=1e-3)
        reader.stem.weight *= 2
        torch.testing.assert_close(reader(bright / 2), expected)
        reader.stem.weight /= 2 * 255
        first: list[torch.Tensor] = []
        reader.stem.register_forward_hook(lambda _, __, out: first.append(out))
        reader(bright)
        by_hand = nn.functional.conv2d(bright, reader.stem.weight / 255, stride=2, padding=1)
        torch.testing.assert_close(first[0], by_hand)


def test_training_drops_what_readings_do_not() -> None:
    reader, images = reader_of(reader_net()), faces(1)
    with torch.no_grad():
        assert torch.equal(reader(images), reader(images))
        reader.train()
        assert not torch.equal(reader(images), reader(images))


def test_levels_do_not_depend_on_the_rest_of_the_batch() -> None:
    net, images = reader_net(), faces(3)
    with torch.no_grad():
        together = reader_of(net)(images)
        alone = torch.cat([reader_of(net)(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_a_fused_network_reads_the_same() -> None:
    net, images = reader_net(), faces()
    with torch.no_grad():
        expected, fused = net(images), fuse(net)
        torch.testing.assert_close(fused(images).intensity, expected.intensity)
        rounded = in_bfloat16(fused)(images).intensity.float()
    assert (rounded - expected.intensity).abs().max() < 0.1 * expected.intensity.abs().max()


def test_the_reader_is_stored_and_read_again(tmp_path: Path) -> None:
    net, images = reader_net(), faces()
    save_checkpoint(tmp_path / "w.safetensors", net, CONFIG)
    again = load_checkpoint(tmp_path / "w.safetensors")
    assert again.config.second_reader == 0.4
    with torch.no_grad():
        torch.testing.assert_close(again.net(images).intensity, net(images).intensity)


def test_a_start_with_other_aus_keeps_what_the_reader_knows(tmp_path: Path) -> None:
    net = reader_net()
    save_checkpoint(tmp_path / "w.safetensors", net, CONFIG)
    config = ModelConfig(
        ("AU04", "AU12", "AU01"), width=1 / 8, deconv_widths=(8, 8), scc=False, second_reader=0.2
    )
    new = reader_net(1, config)
    start_from(new, config, tmp_path / "w.safetensors")
    with torch.no_grad():
        old, found = reader_of(net)(faces()), reader_of(new)(faces())
    torch.testing.assert_close(found[:, 1:], old[:, [1, 0]])
    assert found[:, 0].abs().max() == 0


def test_a_start_without_a_reader_leaves_it_as_it_is(tmp_path: Path) -> None:
    plain = ModelConfig(AUS, width=1 / 8, deconv_widths=(8, 8), scc=False)
    save_checkpoint(tmp_path / "w.safetensors", build_net(plain), plain)
    new = reader_net(1)
    before = {k: v.clone() for k, v in reader_of(new).state_dict().items()}
    start_from(new, CONFIG, tmp_path / "w.safetensors")
    for name, value in reader_of(new).state_dict().items():
        assert torch.equal(value, before[name])


def test_a_network_without_a_reader_starts_from_one_with(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "w.safetensors", reader_net(), CONFIG)
    plain = ModelConfig(AUS, width=1 / 8, deconv_widths=(8, 8), scc=False)
    start_from(build_net(plain), plain, tmp_path / "w.safetensors")


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(AuheatError, match=r"second_reader = .*: expected 0, or less than 1"):
        ModelConfig(AUS, second_reader=share)


def test_a_reader_needs_location_maps() -> None:
    with pytest.raises(AuheatError, match=r"second_reader = 0.5: .* where location_maps is true"):
        ModelConfig(AUS, second_reader=0.5, location_maps=False)


def test_inputs_of_other_sizes_are_read() -> None:
    config = ModelConfig(AUS, deconv_widths=(8, 8), scc=False, second_reader=0.5, input_size=96)
    assert reader_of(build_net(config))(torch.rand(1, 3, 96, 96) * 255).shape == (1, len(AUS))


def test_the_loss_of_levels_is_of_what_is_coded() -> None:
    levels = torch.tensor([[1.0, 2.0], [0.0, 5.0]], requires_grad=True)
    nan = float("nan")
    loss = level_loss(levels, torch.tensor([[3.0, nan], [nan, 4.0]]))
    assert loss.item() == pytest.approx((4 + 1) / 4)
    loss.backward()  # type: ignore[no-untyped-call]
    assert levels.grad is not None
    torch.testing.assert_close(levels.grad, torch.tensor([[-1.0, 0.0], [0.0, 0.5]]))
    assert level_loss(levels, torch.full((2, 2), nan)).item() == 0


def test_parts_of_a_batch_average_to_the_whole() -> None:
    """As processes and accumulated batches do, however much of each is coded."""
    levels = torch.tensor([[1.0, 2.0], [0.0, 5.0], [3.0, 1.0], [2.0, 2.0]])
    labels = torch.tensor([[0.0, 1.0], [2.0, 2.0], [float("nan")] * 2, [float("nan"), 0.0]])
    halves = [level_loss(levels[rows], labels[rows]) for rows in (slice(2), slice(2, 4))]
    torch.testing.assert_close(torch.stack(halves).mean(), level_loss(levels, labels))
