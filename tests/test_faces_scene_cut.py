from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.faces.scene_cut import SceneCut
from stand_ins import texture


def cuts(*images: NDArray[Any]) -> list[bool]:
    watch = SceneCut()
    return [watch.is_cut(image) for image in images]


def test_another_scene_is_a_cut_once() -> None:
    a, b = texture(0), texture(1)
    assert cuts(a, a, b, b, a) == [False, False, True, False, True]


def test_brightness_and_contrast_do_not_matter() -> None:
    a = texture(0)
    dark = (a * 0.4).astype(np.uint8)
    pale = (a * 0.3 + 170).astype(np.uint8)
    assert cuts(a, dark, pale) == [False, False, False]


def test_a_single_colour_is_passed_over() -> None:
    a, b, black, white = texture(0), texture(1), np.zeros((90, 160, 3)), np.full((90, 160, 3), 255)
    flat = [image.astype(np.uint8) for image in (black, white)]
    assert cuts(a, *flat, a) == [False] * 4
    assert cuts(a, *flat, b) == [False, False, False, True]
    assert cuts(*flat, a) == [False] * 3


def test_a_slow_pan_is_no_cut() -> None:
    wide = np.repeat(texture(0, 90, 160 * 2), 2, axis=1)
    views = [np.ascontiguousarray(wide[:, x : x + 320]) for x in range(0, 60, 4)]
    assert not any(cuts(*views))


def test_one_pixel_is_enough() -> None:
    assert cuts(np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 9, np.uint8)) == [False, False]
