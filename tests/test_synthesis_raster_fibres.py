"""Fibres on a screen, and that they and triangles hide each other."""

from __future__ import annotations

import numpy as np
import pytest

from auheat.synthesis.arrays import floats
from auheat.synthesis.raster import FIRST_FIBRE, NOTHING, Visibility, draw_fibres, draw_triangles
from small_screen import COLUMNS, FRONT, ROWS, drawn


def fibres(starts: object, ends: object, width: object) -> Visibility:
    seen = Visibility.blank(ROWS, COLUMNS)
    starts = np.atleast_2d(floats(starts))
    ends = np.atleast_2d(floats(ends))
    draw_fibres(starts, ends, np.broadcast_to(floats(width), len(starts)).copy(), seen)
    return seen


@pytest.mark.parametrize("width", [1.0, 1.5, 3.0, 4.2])
@pytest.mark.parametrize("degrees", [0, 17, 45, 70, 90, 135])
def test_a_thick_fibre_covers_its_width(width: float, degrees: float) -> None:
    """Averaged over places, because a single line may fall a little to one side."""
    angle = np.radians(degrees)
    along = 10 * np.array([np.cos(angle), np.sin(angle)])
    middles = np.random.default_rng(0).uniform((18, 13), (22, 17), (40, 2))
    covered = [
        (fibres([*(m - along), 1], [*(m + along), 1], width).item <= FIRST_FIBRE).sum()
        for m in middles
    ]
    assert np.mean(covered) == pytest.approx(21 * width, rel=0.08)  # 20 long, and its last sample


@pytest.mark.parametrize("width", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_a_thin_fibre_covers_its_width_by_chance(width: float, degrees: float) -> None:
    angle = np.radians(degrees)
    along = 10 * np.array([np.cos(angle), np.sin(angle)])
    middles = np.random.default_rng(1).uniform((17, 12), (23, 18), (400, 2))
    starts = np.column_stack([middles - along, np.ones(400)])
    ends = np.column_stack([middles + along, np.ones(400)])
    covered = 0
    for f in range(0, 400):
        seen = Visibility.blank(ROWS, COLUMNS)
        # as fibre f of a group, because chance depends on its number
        thin = np.zeros(f + 1, np.float32)
        thin[f] = width
        draw_fibres(floats(starts[: f + 1]), floats(ends[: f + 1]), thin, seen)
        covered += int((seen.item == FIRST_FIBRE - f).sum())
    assert covered / 400 == pytest.approx(21 * width, rel=0.06)


def test_chance_is_repeatable_and_has_no_pattern() -> None:
    starts = floats([[2.0, y, 1] for y in range(2, 28)])
    ends = floats([[37.0, y, 1] for y in range(2, 28)])
    first, second = (fibres(starts, ends, 0.5).item for _ in range(2))
    np.testing.assert_array_equal(first, second)
    covered = (first <= FIRST_FIBRE)[2:28, 2:38]
    assert 0.42 < covered.mean() < 0.58
    assert covered.mean(0).std() < 0.16  # a half by chance would give 0.1
    assert covered.mean(1).std() < 0.14


def test_convention_along_and_across_a_fibre() -> None:
    seen = fibres([5, 10, 20], [25, 10, 40], 5)
    assert np.argwhere(seen.item == FIRST_FIBRE)[:, 0].tolist() == sorted(list(range(8, 13)) * 21)
    np.testing.assert_allclose(seen.u[10, 5:26], np.linspace(0, 1, 21), atol=1e-6)
    np.testing.assert_allclose(seen.depth[10, 5:26], np.linspace(20, 40, 21), rtol=1e-6)
    assert (np.diff(seen.v[8:13, 15]) > 0).all()
    assert seen.v[10, 15] == 0
    assert np.abs(seen.v).max() <= 1


@pytest.mark.parametrize("width", [0.5, 1.0, 1.05, 2.5])
def test_v_stays_between_minus_one_and_one(width: float) -> None:
    rng = np.random.default_rng(2)
    seen = fibres(rng.uniform(0, 30, (50, 3)), rng.uniform(0, 30, (50, 3)), width)
    assert np.abs(seen.v).max() <= 1 + 1e-6
    assert seen.u.min() >= 0
    assert seen.u.max() <= 1


def test_fibres_and_triangles_hide_each_other() -> None:
    seen = drawn(floats([[-9, -9, 30], [-9, 90, 30], [90, -9, 30]]), FRONT)
    starts, ends = floats([[5, 5, 20], [5, 15, 40]]), floats([[35, 5, 20], [35, 15, 40]])
    draw_fibres(starts, ends, floats([1, 1]), seen)
    assert (seen.item[5, 5:36] == FIRST_FIBRE).all()
    assert (seen.item != FIRST_FIBRE - 1).all()  # behind the triangle
    assert seen.depth[5, 20] == 20
    draw_triangles(floats([[-9, -9, 10], [-9, 90, 10], [90, -9, 10]]), FRONT, seen)
    assert (seen.item == 0).all()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((-30, 10, 1), (70, 10, 1)),
        ((20, -30, 1), (20, 70, 1)),
        ((-30, -20, 1), (70, 60, 1)),
        ((39, 29, 1), (60, 40, 1)),
        ((-3, -2, 1), (0, 0, 1)),
    ],
)
def test_fibres_are_clipped_at_the_border(start: tuple[float, ...], end: tuple[float, ...]) -> None:
    """What is inside is the same as on a larger screen."""
    margin = 80
    large = Visibility.blank(ROWS + 2 * margin, COLUMNS + 2 * margin)
    offset = (margin, margin, 0)
    draw_fibres(floats([np.add(start, offset)]), floats([np.add(end, offset)]), floats([3]), large)
    small = fibres(start, end, 3)
    inner = large.item[margin:-margin, margin:-margin]
    assert (inner == FIRST_FIBRE).any()
    np.testing.assert_array_equal(small.item, inner)


def test_fibres_without_width_length_or_place() -> None:
    assert (fibres([5, 5, 1], [20, 20, 1], 0).item == NOTHING).all()
    assert (fibres([500, 5, 1], [520, 20, 1], 3).item == NOTHING).all()
    assert (fibres([5, -50, 1], [20, -40, 1], 3).item == NOTHING).all()
    assert np.argwhere(fibres([5, 7, 1], [5, 7, 1], 1).item == FIRST_FIBRE).tolist() == [[7, 5]]
    none = np.empty((0, 3), np.float32)
    assert (fibres(none, none, np.empty(0)).item == NOTHING).all()
