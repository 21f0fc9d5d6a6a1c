"""What a camera makes of light."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from auheat.synthesis import camera
from auheat.synthesis.arrays import Floats32
from auheat.synthesis.camera import capture, develop


def scene(seed: int = 0, size: int = 96, level: float = 0.3) -> Floats32:
    """Smooth blotches of light with a sharp square in the middle."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.2, 1, (6, 6, 3)).astype(np.float32)
    light = np.asarray(cv2.resize(coarse, (size, size)), np.float32)
    light[size // 3 : -size // 3, size // 3 : -size // 3] += 0.6
    return np.asarray(level * light, np.float32)


def test_developing_golden_values() -> None:
    """(1 - exp(-1.2 x)) ^ (1 / 2.2) * 255, by hand."""
    light = np.array([[[-1, 0, 0.01], [0.1, 0.5, 1], [2, 10, 1e9]]], np.float32)
    found = develop(light)
    assert found.dtype == np.uint8
    assert found.tolist() == [[[0, 0, 34], [95, 178, 217], [244, 255, 255]]]
    darker = develop(light, exposure=0.6)
    assert (darker <= found).all()
    assert darker[0, 1, 2] == round(255 * (1 - np.exp(-0.6)) ** (1 / 2.2))


def test_developing_is_monotonic() -> None:
    ramp = np.repeat(np.linspace(0, 3, 300, dtype=np.float32)[None, :, None], 3, 2)
    assert (np.diff(develop(ramp).astype(int), axis=1) >= 0).all()


def test_images_are_images_of_the_same_size() -> None:
    for size in (16, 33, 96):
        for seed in range(10):
            image = capture(np.random.default_rng(seed), scene(size=size))
            assert image.shape == (size, size, 3)
            assert image.dtype == np.uint8
    oblong = capture(np.random.default_rng(0), scene()[:60])
    assert oblong.shape == (60, 96, 3)


def test_images_are_repeatable_and_leave_the_light_alone() -> None:
    light = scene()
    untouched = light.copy()
    first, second, third = (capture(np.random.default_rng(s), light) for s in (4, 4, 5))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()
    np.testing.assert_array_equal(light, untouched)


@pytest.mark.parametrize("level", [0.02, 0.3, 3.0])
def test_exposure_evens_out_brightness(level: float) -> None:
    """Whatever the light, hardly an image is black or blown out; but they do differ."""
    means = [
        capture(np.random.default_rng(i), scene(i, level=level))[24:-24, 24:-24].mean()
        for i in range(60)
    ]
    assert 60 < np.mean(means) < 215
    assert np.mean([20 < m < 245 for m in means]) > 0.95
    assert np.std(means) > 5


def test_black_light_gives_an_image() -> None:
    image = capture(np.random.default_rng(0), np.zeros((40, 40, 3), np.float32))
    assert image.mean() < 60


def test_statistics_of_images() -> None:
    """Some are grey, some blurred, some noisy; places stay where they are."""
    light = scene(1)
    images = [capture(np.random.default_rng(i), light) for i in range(150)]
    grey = np.mean([np.abs(p.astype(int) - p.mean(-1, keepdims=True)).max() < 14 for p in images])
    assert 0.02 < grey < 0.2
    sharp = np.array(
        [cv2.Laplacian(p[..., 1].astype(np.float32), cv2.CV_32F).std() for p in images]
    )
    assert sharp.max() > 4 * sharp.min()
    clean = develop(light).astype(np.float32)[..., 1]
    similar, shifts = [], []
    for image in images:
        plane = image[..., 1].astype(np.float32)
        similar.append(np.corrcoef(plane.ravel(), clean.ravel())[0, 1])
        (dx, dy), _ = cv2.phaseCorrelate(clean, plane)
        shifts.append((dx, dy))
    assert np.min(similar) > 0.5  # a few are grainy
    assert np.median(similar) > 0.9
    assert np.abs(np.median(shifts, axis=0)).max() < 0.05
    assert np.quantile(np.abs(shifts), 0.99) < 0.8


def test_noise_and_colour_casts_stay_small() -> None:
    flat = np.full((64, 64, 3), 0.3, np.float32)
    for i in range(60):
        image = capture(np.random.default_rng(i), flat).astype(float)
        assert image.std((0, 1)).max() < 22
        assert np.ptp(image.mean((0, 1))) < 40


def test_shaking_smears_along_a_line() -> None:
    dot = np.zeros((41, 41, 3), np.float32)
    dot[20, 20] = 1
    for i in range(20):
        smeared = camera._shaken(np.random.default_rng(i), dot)
        assert smeared.sum() == pytest.approx(3, rel=1e-5)
        rows, columns = np.nonzero(smeared[..., 0])
        assert 3 <= len(rows) <= 12
        assert max(np.ptp(rows), np.ptp(columns)) <= 6
        middle = np.array([rows.mean(), columns.mean()])
        assert np.abs(middle - 20).max() <= 0.75


def test_a_small_sensor_loses_detail_but_no_place() -> None:
    light = scene(2)
    for i in range(10):
        coarse = camera._small_sensor(np.random.default_rng(i), light)
        assert coarse.shape == light.shape
        (dx, dy), _ = cv2.phaseCorrelate(
            np.ascontiguousarray(light[..., 0]), np.ascontiguousarray(coarse[..., 0])
        )
        assert max(abs(dx), abs(dy)) < 0.1


def test_compression_keeps_the_order_of_colours() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    found = camera._compressed(np.random.default_rng(0), red)
    assert found[..., 0].mean() > 180
    assert found[..., 2].mean() < 30
