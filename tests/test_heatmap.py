from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from auheat.config import HeatmapKind
from auheat.heatmap import (
    Amplitude,
    HeatmapCodec,
    HeatmapLayout,
    max_over_points,
    mean_over_points,
)

AMPLITUDES: tuple[Amplitude, ...] = ("paper", 0.2, 1.0, 255.0)


@st.composite
def codecs(draw: st.DrawFn) -> HeatmapCodec:
    """Square and oblong, whole and broken strides."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    height = draw(st.integers(rows, 4 * rows + 3))
    width = draw(st.integers(columns, 4 * columns + 3))
    sigma, amplitude = draw(st.floats(0.3, 6)), draw(st.sampled_from(AMPLITUDES))
    return HeatmapCodec((height, width), (rows, columns), sigma, amplitude)


def test_equation_1_by_a_double_loop() -> None:
    """Every pixel of every map, from the formula as the paper prints it."""
    codec = HeatmapCodec((64, 96), (16, 24), sigma=1.5, amplitude="paper")
    points = torch.tensor([[3.0, 62.0], [50.2, 17.9], [94.0, 0.0]], dtype=torch.float64)
    centres = [(0, 15), (12, 4), (23, 0)]  # the map pixel (x, y) that holds each point, stride 4
    intensities = torch.tensor([5.0, 1.7, 0.3], dtype=torch.float64)
    maps = codec.encode(points, intensities)
    assert maps.shape == (3, 16, 24)
    for k, (cx, cy) in enumerate(centres):
        for row in range(16):
            for column in range(24):
                squared = (column - cx) ** 2 + (row - cy) ** 2
                gaussian = math.exp(-squared / (2 * 1.5**2)) / (2 * math.pi * 1.5**2)
                expected = float(intensities[k]) * gaussian
                assert float(maps[k, row, column]) == pytest.approx(expected, rel=1e-12)


def test_paper_amplitude_is_the_gaussians_density() -> None:
    """Golden value: 1 / (8 pi) at sigma 2, the 0.04 of the paper's peak."""
    codec = HeatmapCodec((256, 256), (64, 64), sigma=2.0, amplitude="paper")
    assert codec.scale == pytest.approx(0.039788735772973836, rel=1e-12)
    peak = codec.encode(torch.tensor([[128.0, 128.0]]), torch.tensor([1.0])).max()
    assert float(peak) == pytest.approx(0.0398, abs=5e-5)


def test_default_amplitude_puts_intensity_5_at_a_peak_of_1() -> None:
    codec = HeatmapCodec((64, 64), (16, 16))
    assert float(codec.encode(torch.zeros(1, 2), torch.tensor([5.0])).max()) == pytest.approx(1)


def test_convention_points_are_x_then_y() -> None:
    codec = HeatmapCodec((80, 80), (20, 20))
    maps = codec.encode(torch.tensor([[70.0, 10.0]]), torch.tensor([3.0]))
    row, column = divmod(int(maps[0].argmax()), 20)
    assert (row, column) == (2, 17)
    points, _ = codec.decode(maps.numpy())
    assert points.tolist() == [[69.5, 9.5]]


def test_convention_pixel_centres_lie_at_integers() -> None:
    """Map pixel 0 of stride 4 covers input pixels 0 to 3, so its centre is 1.5, not 0 or 2."""
    codec = HeatmapCodec((16, 16), (4, 4))
    places = torch.tensor([[x, 0.0] for x in (-0.5, 0.0, 3.0, 3.4, 3.6, 4.0, 15.0, 15.4)])
    found, _ = codec.decode(codec.encode(places, torch.ones(8)).numpy())
    assert found[:, 0].tolist() == [1.5, 1.5, 1.5, 1.5, 5.5, 5.5, 13.5, 13.5]
    assert found[:, 1].tolist() == [1.5] * 8


@given(codecs(), st.data())
def test_decode_inverts_encode(codec: HeatmapCodec, data: st.DataObject) -> None:
    """Exactly the intensity; the point within half a map pixel, borders included."""
    (height, width), (rows, columns) = codec.input_size, codec.map_size
    x = data.draw(st.floats(-0.5, width - 0.5) | st.sampled_from([-0.5, 0.0, width - 1.0]))
    y = data.draw(st.floats(-0.5, height - 0.5) | st.sampled_from([-0.5, 0.0, height - 1.0]))
    intensity = data.draw(st.floats(0.001, 5))
    maps = codec.encode(
        torch.tensor([[x, y]], dtype=torch.float64), torch.tensor([intensity], dtype=torch.float64)
    )
    points, read = codec.decode(maps.numpy())
    assert float(read[0]) == pytest.approx(intensity, rel=1e-12)
    assert abs(float(points[0, 0]) - x) <= width / columns / 2 + 1e-6
    assert abs(float(points[0, 1]) - y) <= height / rows / 2 + 1e-6


@given(codecs(), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_a_point_outside_goes_to_the_nearest_border_pixel(
    codec: HeatmapCodec, x: float, y: float
) -> None:
    (height, width), (rows, columns) = codec.input_size, codec.map_size
    points, read = codec.decode(
        codec.encode(
            torch.tensor([[x, y]], dtype=torch.float64), torch.tensor([4.0], dtype=torch.float64)
        ).numpy()
    )
    assert float(read[0]) == pytest.approx(4.0, rel=1e-12)
    nearest = min(max(x, -0.5), width - 0.5), min(max(y, -0.5), height - 0.5)
    assert abs(float(points[0, 0]) - nearest[0]) <= width / columns / 2 + 1e-6
    assert abs(float(points[0, 1]) - nearest[1]) <= height / rows / 2 + 1e-6


@given(codecs(), st.lists(st.floats(0, 5), min_size=1, max_size=6))
def test_intensities_survive_in_float32(codec: HeatmapCodec, intensities: list[float]) -> None:
    wanted = torch.tensor(intensities)
    _, read = codec.decode(codec.encode(torch.zeros(len(intensities), 2), wanted).numpy())
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, wanted, rtol=3e-7, atol=1e-30)


def test_location_maps_have_peak_1_whatever_the_intensity() -> None:
    codec = HeatmapCodec((64, 64), (16, 16), amplitude="paper")
    points = torch.tensor([[10.0, 50.0], [33.0, 5.0]])
    location = codec.locate(points)
    assert location.flatten(1).amax(1).tolist() == [1.0, 1.0]
    intensity = torch.tensor([2.0, 0.0])
    maps = codec.encode(points, intensity)
    torch.testing.assert_close(maps[0], location[0] * 2 * codec.scale)
    assert maps[1].abs().max() == 0


def test_leading_dimensions_are_kept() -> None:
    codec = HeatmapCodec((32, 48), (8, 12))
    points, intensities = torch.rand(2, 3, 5, 2) * 30, torch.rand(2, 3, 5) * 5
    maps = codec.encode(points, intensities)
    assert maps.shape == (2, 3, 5, 8, 12)
    torch.testing.assert_close(maps[1, 2], codec.encode(points[1, 2], intensities[1, 2]))
    found, read = codec.decode(maps.numpy())
    assert found.shape == (2, 3, 5, 2)
    np.testing.assert_allclose(read, intensities, rtol=1e-6)
    np.testing.assert_array_equal(codec.intensities(maps.numpy()), read)


def test_decode_clips_and_never_rounds() -> None:
    codec = HeatmapCodec((16, 16), (4, 4), amplitude=0.2)
    maps = torch.zeros(3, 4, 4)
    maps[0, 1, 2], maps[1], maps[2, 0, 0] = 7.0 * 0.2, -0.3, 1.23456 * 0.2
    _, read = codec.decode(maps.numpy())
    assert read[0] == 5.0
    assert read[1] == 0.0
    assert float(read[2]) == pytest.approx(1.23456, rel=1e-6)


def test_decode_widens_half_precision_maps() -> None:
    codec = HeatmapCodec((100, 100), (30, 30), amplitude=0.2)
    maps = np.zeros((1, 30, 30), np.float16)
    maps[0, 11, 29] = 0.75
    points, read = codec.decode(maps)
    assert points.dtype == read.dtype == np.float32
    np.testing.assert_allclose(read, [3.75], rtol=1e-6)
    np.testing.assert_allclose(points, [[29.5 * 100 / 30 - 0.5, 11.5 * 100 / 30 - 0.5]], rtol=1e-6)


def test_decode_refuses_maps_of_another_size() -> None:
    codec = HeatmapCodec((64, 64), (16, 16))
    with pytest.raises(ValueError, match="maps of"):
        codec.decode(np.zeros((1, 32, 32)))


def test_encode_lets_gradients_reach_the_intensities() -> None:
    codec = HeatmapCodec((16, 16), (4, 4), amplitude=0.5)
    intensities = torch.tensor([2.0], requires_grad=True)
    peak = codec.encode(torch.tensor([[8.0, 8.0]]), intensities).amax()
    peak.backward()  # type: ignore[no-untyped-call]
    assert intensities.grad is not None
    assert intensities.grad.tolist() == [0.5]


def test_mean_over_points_averages_within_each_au() -> None:
    values = np.array([[1.0, 3.0, 2.5, 0.0, 1.0, 5.0], [0.0, 0.0, 1.0, 3.0, 3.0, 3.0]], np.float32)
    read = mean_over_points(values, (0, 0, 1, 2, 2, 2))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, [[2.0, 2.5, 2.0], [0.0, 1.0, 3.0]], rtol=1e-6)


def test_growing_gaussians_by_a_double_loop() -> None:
    """sigma(I) = sigma * max(I, 1); the amplitude is that of sigma at every intensity."""
    codec = HeatmapCodec((64, 64), (16, 16), sigma=1.5, amplitude="paper", gaussian="growing")
    levels = [5.0, 2.5, 1.0, 0.3, 0.0]
    points = torch.tensor([[33.0, 21.0]] * 5, dtype=torch.float64)  # map pixel (8, 5)
    maps = codec.encode(points, torch.tensor(levels, dtype=torch.float64))
    for level, found in zip(levels, maps, strict=True):
        sigma = 1.5 * max(level, 1.0)
        for row in range(16):
            for column in range(16):
                squared = (column - 8) ** 2 + (row - 5) ** 2
                expected = level * math.exp(-squared / (2 * sigma**2)) / (2 * math.pi * 1.5**2)
                assert float(found[row, column]) == pytest.approx(expected, rel=1e-12)


@given(codecs(), st.floats(0.001, 5))
def test_growing_gaussians_are_read_exactly(codec: HeatmapCodec, level: float) -> None:
    growing = HeatmapCodec(
        codec.input_size, codec.map_size, codec.sigma, codec.amplitude, "growing"
    )
    point, levels = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([level]).double()
    maps = growing.encode(point, levels)
    assert float(growing.decode(maps.numpy())[1][0]) == pytest.approx(float(levels[0]), rel=1e-12)
    fixed = codec.encode(point, levels)
    assert (maps >= fixed).all()
    assert torch.equal(maps, fixed) or level > 1
    torch.testing.assert_close(growing.locate(point), codec.locate(point), rtol=0, atol=0)


OWNER = (0, 0, 1, 2, 2, 2)
LAYOUT_CODEC = HeatmapCodec((32, 48), (8, 12), sigma=1.2, amplitude=0.3, gaussian="growing")


def a_face() -> tuple[torch.Tensor, torch.Tensor]:
    """Points of two faces, and levels of three AUs of which one is not coded."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(2, 6, 2, generator=generator) * torch.tensor([48.0, 32.0])
    return points, torch.tensor([[4.0, 0.5, 2.0], [math.nan, 3.0, 0.0]])


@pytest.mark.parametrize("kind", ["point", "au"])
def test_targets_by_a_plain_loop(kind: HeatmapKind) -> None:
    points, levels = a_face()
    layout = HeatmapLayout(LAYOUT_CODEC, OWNER, kind)
    targets = layout.targets(points, levels)
    groups = [[k] for k in range(6)] if kind == "point" else [[0, 1], [2], [3, 4, 5]]
    assert layout.count == len(groups)
    assert targets.intensity.shape == targets.location.shape == (2, len(groups), 8, 12)
    for face in range(2):
        for n, group in enumerate(groups):
            level = float(levels[face, OWNER[group[0]]])
            coded = not math.isnan(level)
            assert targets.coded[face, n] == float(coded)
            drawn = torch.zeros(8, 12)
            marked = torch.zeros(8, 12)
            for k in group:
                known = torch.tensor([level if coded else 0.0])
                drawn = torch.maximum(drawn, LAYOUT_CODEC.encode(points[face, [k]], known)[0])
                marked = torch.maximum(marked, LAYOUT_CODEC.locate(points[face, [k]])[0])
            assert torch.equal(targets.intensity[face, n], drawn)
            assert torch.equal(targets.location[face, n], marked)


@pytest.mark.parametrize("kind", ["point", "au"])
def test_reading_inverts_the_targets(kind: HeatmapKind) -> None:
    points, levels = a_face()
    layout = HeatmapLayout(LAYOUT_CODEC, OWNER, kind)
    read = layout.read(layout.targets(points, levels).intensity.numpy())
    np.testing.assert_allclose(read, levels.nan_to_num(), rtol=1e-6, atol=1e-6)


def test_reading_by_point_is_a_mean_and_by_au_a_peak() -> None:
    codec = HeatmapCodec((32, 32), (8, 8), amplitude=0.2)
    maps = np.zeros((6, 8, 8), np.float32)
    for k, level in enumerate((1.0, 3.0, 2.5, 0.0, 1.0, 9.0)):
        maps[k, k, 7 - k] = level * 0.2
    by_point = HeatmapLayout(codec, OWNER)
    np.testing.assert_allclose(by_point.read(maps), [2.0, 2.5, 2.0], rtol=1e-6)
    by_au = HeatmapLayout(codec, OWNER, "au")
    np.testing.assert_allclose(by_au.read(maps[[1, 2, 5]]), [3.0, 2.5, 5.0], rtol=1e-6)
    heights = by_point.per_au(maps)
    assert heights.shape == (3, 8, 8)
    np.testing.assert_allclose(heights.max((1, 2)), [3.0, 2.5, 9.0], rtol=1e-6)
    assert (float(heights[2, 4, 3]), float(heights[2, 5, 2])) == pytest.approx((1.0, 9.0))
    np.testing.assert_allclose(by_au.per_au(maps[[1, 2, 5]]), maps[[1, 2, 5]] / 0.2, rtol=1e-6)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 99))
def test_max_over_points_by_loops(points: list[int], seed: int) -> None:
    owner = [au for au, count in enumerate(points) for _ in range(count)]
    maps = np.random.default_rng(seed).normal(size=(2, len(owner), 3, 4))
    found = max_over_points(maps, owner)
    assert found.shape == (2, len(points), 3, 4)
    for au in range(len(points)):
        mine = [maps[:, k] for k in range(len(owner)) if owner[k] == au]
        np.testing.assert_array_equal(found[:, au], np.max(mine, 0))
