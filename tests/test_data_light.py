"""Augmentation of what an image looks like: light, relief, textures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.arrays import Image
from auheat.data.transforms import NONE, augment
from test_data_transforms import PAD, SIDE, SIZE, textured


def test_light_changes_all_pixels_alike(marks: NDArray[np.float64]) -> None:
    """One table of values for each channel, rising, so that order is kept."""
    image = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, 0).repeat(3, 2)
    spread = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found, _, _ = augment(rng, image, marks, 256, 0, replace(NONE, photometric=1.0))
        assert (found == found[:1]).all()
        assert (np.diff(found[0].astype(int), axis=0) >= 0).all()
        spread.append(found[0, 128].astype(int))
    levels = np.array(spread)
    assert 10 < levels.mean(1).std() < 50
    assert 1 < levels.std(1).mean() < 25  # a colour cast


def test_shading_lays_smooth_patches_of_light_over_the_image(marks: NDArray[np.float64]) -> None:
    """What was one gray differs from place to place, all colours alike, neighbours hardly."""
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    means, spreads = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        found = augment(rng, image, marks, SIZE, PAD, replace(NONE, shading=1.0)).image.astype(int)
        assert (found == found[..., :1]).all()
        steps = max(np.abs(np.diff(found[..., 0], axis=axis)).max() for axis in (0, 1))
        assert steps <= 16
        means.append(found.mean() / 100)
        spreads.append(np.log(np.maximum(found, 1) / 100).std())
    assert 0.9 < np.mean(means) < 1.2
    assert min(spreads) < 0.15
    assert 0.3 < max(spreads) < 0.7


def test_local_contrast_changes_relief_and_not_what_lies_below(marks: NDArray[np.float64]) -> None:
    """A step becomes steeper or flatter at its edge; far from it everything stays."""
    image = np.full((SIDE, SIDE, 3), 110, np.uint8)
    image[:, SIDE // 2 :] = 140
    steps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        config = replace(NONE, local_contrast=1.0)
        found = augment(rng, image, marks, SIZE, PAD, config).image[..., 0].astype(int)
        assert (np.abs(found[:, [0, -1]] - (110, 140)) <= 1).all()
        steps.append(np.diff(found[SIZE // 2])[SIZE // 2 - 1] / 30)
    assert min(steps) < 0.6
    assert 1.8 < max(steps) < 2.6


def test_weak_light_changes_little(marks: NDArray[np.float64]) -> None:
    image = textured()
    plain = image[PAD:-PAD, PAD:-PAD].astype(int)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found, _, _ = augment(rng, image, marks, SIZE, PAD, replace(NONE, photometric=1e-6))
        assert np.abs(found - plain).max() <= 1


def test_smoothing_takes_lines_of_the_skin_and_leaves_rims() -> None:
    """Left of a dark brow, 130 levels below, a furrow of 12 levels, two pixels wide."""
    skin = np.full((SIZE, SIZE, 3), 180, np.uint8)
    skin[:, SIZE // 4 : SIZE // 4 + 2] = 168
    skin[:, SIZE // 2 :] = 50
    config, left = replace(NONE, smoothing=1.0), []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        found = augment(rng, skin, np.zeros((68, 2)), SIZE, 0, config).image[..., 0].astype(int)
        left.append(np.ptp(found[:, : SIZE // 2 - 4]) / 12)
        assert (found[:, SIZE // 2 - 1] > 170).all()
        assert (found[:, SIZE // 2] < 60).all()
    assert min(left) < 0.35
    assert max(left) < 0.9


def filtered(image: Image, seed: int) -> Image:
    config = replace(NONE, random_convolution=1.0)
    nowhere = np.zeros((68, 2))
    return augment(np.random.default_rng(seed), image, nowhere, image.shape[0], 0, config).image


def test_random_convolutions_keep_mean_and_contrast_and_never_invert() -> None:
    """A brow that is darker than its skin stays darker; colours and textures are anybody's."""
    grey = np.repeat(textured()[..., :1], 3, -1)
    likeness, casts = [], []
    for seed in range(60):
        found = filtered(grey, seed).astype(float)
        likeness.append(np.corrcoef(found.mean(-1).ravel(), grey.mean(-1).ravel())[0, 1])
        assert found.mean() == pytest.approx(grey.mean(), abs=12)
        assert 0.4 < found.std() / grey.std() < 1.6
        casts.append(np.abs(found[..., 0] - found[..., 2]).mean())
    assert min(likeness) > 0
    assert 0.2 < np.mean(np.array(likeness) > 0.95) < 0.9
    assert max(casts) > 20


def test_random_convolutions_leave_what_is_even_as_it_is() -> None:
    even = np.full((SIZE, SIZE, 3), (200, 120, 90), np.uint8)
    for seed in range(20):
        assert np.abs(filtered(even, seed).astype(int) - even).max() <= 1


def test_random_convolutions_reach_as_far_as_their_filters() -> None:
    """A step is spread by 3 pixels at most to either side: beyond, each side is even."""
    step = np.full((SIZE, SIZE, 3), 60, np.uint8)
    step[:, SIZE // 2 :] = 180
    for seed in range(30):
        found = filtered(step, seed).astype(int)
        for side in (found[:, : SIZE // 2 - 3], found[:, SIZE // 2 + 3 :]):
            assert np.ptp(side, axis=(0, 1)).max() <= 1
