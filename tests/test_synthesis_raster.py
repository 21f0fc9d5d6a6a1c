"""Triangles, specks and cards against slow, plain references."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from auheat.synthesis.arrays import Floats32, Ints32, floats
from auheat.synthesis.raster import FAR, NOTHING, Visibility, blend_cards, draw_depth, draw_specks
from small_screen import COLUMNS, FRONT, ROWS, drawn

SAMPLES = np.stack(np.meshgrid(np.arange(COLUMNS), np.arange(ROWS)), -1).astype(np.float64)
BACK = FRONT[:, ::-1].copy()


def weights_of(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric weights (rows, columns, 3) of all samples in a triangle (3, 2), any place."""
    system = np.vstack([corners.T, np.ones(3)])
    samples = np.concatenate([SAMPLES, np.ones((ROWS, COLUMNS, 1))], -1)
    return np.asarray(samples @ np.linalg.inv(system).T)


def mesh(seed: int, whole: bool = False) -> tuple[Floats32, Ints32]:
    """Triangles that tile a field wider than the screen. whole: with corners at integers."""
    rng = np.random.default_rng(seed)
    corners = np.array([[-9, -9], [49, -9], [-9, 39], [49, 39]])
    points = np.concatenate([corners, rng.uniform((-8, -8), (48, 38), (60, 2))])
    if whole:
        points = np.unique(points.round(), axis=0)
    triangles = Delaunay(points).simplices  # against the clock where y is up
    depth = rng.uniform(50, 60, (len(points), 1))
    return floats(np.hstack([points, depth])), np.ascontiguousarray(triangles[:, ::-1], np.int32)


def test_triangles_match_a_brute_force_reference() -> None:
    """60 triangles at random places and depths, half of them seen from behind."""
    rng = np.random.default_rng(1)
    middles = rng.uniform((-5, -5, 20), (45, 35, 80), (60, 1, 3))
    screen = floats((middles + rng.uniform(-12, 12, (60, 3, 3))).reshape(-1, 3))
    triangles = np.arange(180, dtype=np.int32).reshape(-1, 3)
    depth = np.full((ROWS, COLUMNS), np.inf)
    item = np.full((ROWS, COLUMNS), NOTHING)
    weights = np.zeros((ROWS, COLUMNS, 3))
    margin = np.full((ROWS, COLUMNS), np.inf)  # to the nearest edge or tie, where rounding decides
    for t, corners in enumerate(screen.astype(np.float64)[triangles]):
        (ax, ay), (bx, by), (cx, cy) = corners[:, :2]
        if (bx - ax) * (cy - ay) - (cx - ax) * (by - ay) >= 0:
            continue
        w = weights_of(corners[:, :2])
        here = w @ corners[:, 2]
        margin = np.minimum(margin, np.abs(w).min(-1))
        inside = (w >= 0).all(-1)
        margin = np.where(inside, np.minimum(margin, np.abs(here - depth)), margin)
        nearer = inside & (here < depth)
        depth[nearer], item[nearer], weights[nearer] = here[nearer], t, w[nearer]
    sure = margin > 1e-4
    assert sure.mean() > 0.98
    seen = drawn(screen, triangles)
    assert (item == NOTHING).any()
    assert len(np.unique(item)) > 15
    np.testing.assert_array_equal(seen.item[sure], item[sure])
    hit = sure & (item >= 0)
    np.testing.assert_allclose(seen.u[hit], weights[hit, 0], atol=1e-5)
    np.testing.assert_allclose(seen.v[hit], weights[hit, 1], atol=1e-5)
    np.testing.assert_allclose(seen.depth[hit], depth[hit], rtol=1e-6)
    assert (seen.depth[item == NOTHING] == FAR).all()
    shadow = np.full((ROWS, COLUMNS), FAR, np.float32)
    draw_depth(screen, triangles, shadow)
    np.testing.assert_allclose(shadow, seen.depth, rtol=1e-6)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("whole", [False, True])
def test_tiles_leave_no_holes_and_overlap_only_at_edges(seed: int, whole: bool) -> None:
    """Also where corners and edges run exactly through samples."""
    screen, triangles = mesh(seed, whole)
    covered = np.zeros((ROWS, COLUMNS), int)
    at_edge = np.zeros((ROWS, COLUMNS), bool)
    for t in range(len(triangles)):
        covered += drawn(screen, triangles[t : t + 1]).item == 0
        w = weights_of(screen[triangles[t], :2].astype(np.float64))
        at_edge |= (w > -1e-6).all(-1) & (np.abs(w) < 1e-6).any(-1)
    assert (covered >= 1).all()
    assert (covered[~at_edge] == 1).all()
    assert at_edge.any() == whole
    assert (drawn(screen, triangles).item >= 0).all()


def test_convention_sample_centres_lie_at_integers() -> None:
    """A triangle just around sample (column 7, row 4) covers that one and nothing else."""
    around = floats([[6.9, 3.9, 1], [6.9, 4.4, 1], [7.4, 3.9, 1]])
    seen = drawn(around, FRONT)
    assert np.argwhere(seen.item == 0).tolist() == [[4, 7]]
    assert not (drawn(around + floats([0.3, 0.3, 0]), FRONT).item == 0).any()


def test_convention_front_faces_run_against_the_clock() -> None:
    """Seen in the image: top left, bottom left, top right."""
    corners = floats([[2, 2, 1], [2, 20, 1], [30, 2, 1]])
    assert (drawn(corners, FRONT).item == 0).any()
    assert not (drawn(corners, BACK).item == 0).any()
    depth = np.full((ROWS, COLUMNS), FAR, np.float32)
    draw_depth(corners, BACK, depth)
    assert (depth == FAR).all()


def test_convention_u_and_v_weigh_the_first_two_corners() -> None:
    corners = floats([[10, 5, 1], [10, 25, 2], [35, 5, 3]])
    seen = drawn(corners, FRONT)
    for (x, y), (u, v) in (((10, 5), (1, 0)), ((10, 25), (0, 1)), ((35, 5), (0, 0))):
        assert (seen.u[y, x], seen.v[y, x]) == pytest.approx((u, v), abs=1e-6)
    assert seen.depth[5, 35] == 3


def test_the_nearer_triangle_is_seen_whatever_the_order() -> None:
    near, far = [[5, 5, 20], [5, 25, 20], [35, 5, 20]], [[5, 5, 30], [5, 25, 30], [35, 5, 30]]
    for corners, first in ((near + far, 0), (far + near, 1)):
        seen = drawn(floats(corners), np.array([[0, 1, 2], [3, 4, 5]], np.int32))
        assert set(np.unique(seen.item)) == {NOTHING, first}
        assert seen.depth[6, 6] == 20
    crossing = floats([[5, 5, 10], [5, 25, 10], [35, 5, 50], *far])
    seen = drawn(crossing, np.array([[0, 1, 2], [3, 4, 5]], np.int32))
    assert seen.item[6, 6] == 0  # the slanting one dives under the level one half way
    assert seen.item[6, 30] == 1


@pytest.mark.parametrize(
    "corners",
    [
        [[-50, 5, 1], [-50, 9, 1], [-45, 5, 1]],
        [[90, 5, 1], [90, 9, 1], [95, 5, 1]],
        [[5, -40, 1], [5, -30, 1], [9, -40, 1]],
        [[5, 70, 1], [5, 80, 1], [9, 70, 1]],
        [[5, 5, 1], [5, 5, 1], [5, 5, 1]],  # a point
        [[5, 5, 1], [10, 10, 1], [20, 20, 1]],  # a line
        [[-1e9, 3, 1], [-1e9, 4, 1], [-9e8, 3, 1]],
    ],
)
def test_triangles_off_screen_and_without_area_draw_nothing(corners: list[list[float]]) -> None:
    both = np.concatenate([FRONT, BACK])
    seen = drawn(floats(corners), both)
    assert (seen.item == NOTHING).all()
    assert (seen.depth == FAR).all()


def test_a_triangle_around_the_whole_screen_covers_it() -> None:
    seen = drawn(floats([[-1e4, -1e4, 7], [-1e4, 3e4, 7], [3e4, -1e4, 7]]), FRONT)
    assert (seen.item == 0).all()
    np.testing.assert_allclose(seen.depth, 7, rtol=1e-5)


def test_specks_cover_two_by_two_cells_and_keep_what_is_nearer() -> None:
    depth = np.full((6, 8), 5, np.float32)
    depth[2, 3] = 1
    draw_specks(floats([[2.9, 2.1, 3], [-0.5, 3, 1], [7.2, 3, 1], [3, 5.5, 1], [3, -1, 1]]), depth)
    expected = np.full((6, 8), 5, np.float32)
    expected[2:4, 2:4] = 3
    expected[2, 3] = 1
    np.testing.assert_array_equal(depth, expected)


def cards(depth: float, lash: bool, behind: float = 50.0) -> Floats32:
    """Darkness under one card over the whole screen whose v runs from 0 at the top to 1."""
    seen = Visibility.blank(ROWS, COLUMNS)
    seen.depth[:] = behind
    high, low, right = -10.0, ROWS + 9.0, COLUMNS + 9.0
    screen = floats(
        [[-9, high, depth], [-9, low, depth], [right, low, depth], [right, high, depth]]
    )
    uv = floats([[0, 0], [0, 1], [1, 1], [1, 0]])
    triangles = np.array([[0, 1, 2], [0, 3, 2]], np.int32)  # one of them seen from behind
    dark = np.zeros((ROWS, COLUMNS), np.float32)
    strength, lashes = floats([0.8, 0.8]), np.array([lash, lash])
    blend_cards(screen, triangles, triangles, uv, strength, lashes, seen, dark)
    return dark


def test_a_shadow_card_fades_towards_its_middle() -> None:
    dark = cards(49, lash=False)
    assert np.abs(dark - dark[:, :1]).max() < 1e-5
    v = (np.arange(ROWS) + 10) / (ROWS + 19)
    assert (dark[np.abs(v - 0.5) < 0.14] == 0).all()
    assert dark.max() <= 0.8
    assert (np.diff(dark[v > 0.5, 5]) >= 0).all()
    assert (np.diff(dark[v < 0.5, 5]) <= 0).all()
    assert dark[-1, 5] > 0.1


def test_lash_cards_are_cut_into_lashes() -> None:
    dark = cards(49, lash=True)
    assert set(np.unique(dark).round(5)) == {0, np.float32(0.8).round(5)}
    assert (dark == dark[:1]).mean() > 0.97  # cut along u, up to rounding at a cut
    assert 0.35 < (dark > 0).mean() < 0.85


@pytest.mark.parametrize("lash", [False, True])
def test_cards_behind_something_cast_no_darkness(lash: bool) -> None:
    assert (cards(51, lash) == 0).all()
    assert cards(50, lash).max() > 0  # touching is in front


def test_cards_darken_one_after_the_other() -> None:
    seen = Visibility.blank(4, 4)
    screen = floats([[-9, -9, 1], [-9, 30, 1], [30, -9, 1]])
    uv = floats([[0, 1], [0, 1], [0, 1]])
    dark = np.zeros((4, 4), np.float32)
    both = np.concatenate([FRONT, FRONT])
    blend_cards(screen, both, both, uv, floats([0.5, 0.6]), np.array([False, False]), seen, dark)
    np.testing.assert_allclose(dark, 1 - 0.5 * 0.4, rtol=1e-6)
