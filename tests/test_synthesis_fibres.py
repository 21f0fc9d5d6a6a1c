"""Segments, and fibres that stand on the skin and move with it."""

from __future__ import annotations

import numpy as np
import pytest

from auheat.synthesis.arrays import floats
from auheat.synthesis.assets import Material
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import RootedFibres, Segments, SkinMap


@pytest.fixture
def skin(model: FaceModel) -> SkinMap:
    return SkinMap(model.pack)


def test_segments_join_and_move() -> None:
    a = Segments(*(np.full(s, 1.0, np.float32) for s in ((2, 3), (2, 3), 2, (2, 3), 2)))
    b = Segments(*(np.full(s, 2.0, np.float64) for s in ((1, 3), (1, 3), 1, (1, 3), 1)))  # type: ignore[arg-type]
    joined = Segments.join([a, Segments.join([]), b])
    assert joined.start[:, 0].tolist() == [1, 1, 2]
    assert joined.width.tolist() == joined.gloss.tolist() == [1, 1, 2]
    assert all(getattr(joined, name).dtype == np.float32 for name in ("start", "width", "colour"))
    turn = floats([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = joined.moved(turn, floats([10, 0, 0]))
    np.testing.assert_allclose(moved.start[0], [9, 1, 1])
    np.testing.assert_allclose(moved.end[2], [8, 2, 2])
    assert moved.start.flags.c_contiguous
    none = Segments.join([])
    assert none.start.shape == none.colour.shape == (0, 3)
    assert none.width.shape == (0,)
    assert len(none.moved(turn, floats([1, 2, 3])).end) == 0


def test_the_skin_under_a_texture_coordinate(model: FaceModel, skin: SkinMap) -> None:
    """Barycentric weights lead back to the coordinate, to a texel of the map."""
    pack = model.pack
    uv = floats(np.random.default_rng(0).uniform((0.25, 0.2), (0.75, 0.9), (500, 2)))
    hit, triangle, weights = skin.locate(uv)
    assert hit.mean() > 0.85
    assert len(triangle) == len(weights) == hit.sum()
    assert (pack.material[triangle] == Material.FACE).all()
    u, v = weights[:, :1], weights[:, 1:]
    corners = pack.uv[pack.uv_triangles[triangle]]
    found = corners[:, 0] * u + corners[:, 1] * v + corners[:, 2] * (1 - u - v)
    assert np.abs(found - uv[hit]).max() < 1 / 512
    assert weights.min() >= -1e-5
    assert weights.sum(1).max() <= 1 + 1e-5


def test_no_skin_outside_the_texture_or_in_holes(model: FaceModel, skin: SkinMap) -> None:
    marks = model.landmark_uv
    mouth = marks[[61, 62, 63, 65, 66, 67]].mean(0)
    hit, triangle, _ = skin.locate(floats([mouth, [-0.2, 0.5], [0.5, 1.2], [3, 3]]))
    assert not hit.any()
    assert len(triangle) == 0


def test_convention_fibres_point_along_the_texture_and_the_normal(
    model: FaceModel, skin: SkinMap
) -> None:
    """On the forehead: u is to the subject's left, v is up, and the normal is forward."""
    pack = model.pack
    marks = model.landmark_uv
    place = floats([(marks[21] + marks[22]) / 2 + (0, 0.01)] * 3)
    _, triangle, weights = skin.locate(place)
    flat = np.zeros(3, np.float32)
    fibres = RootedFibres(
        triangle, weights, floats(np.eye(3)), flat, np.zeros((3, 3), np.float32), flat
    )
    posed = fibres.pose(pack, pack.vertices)
    direction = posed.end - posed.start
    assert direction[0, 0] > 0.9
    assert direction[1, 1] > 0.75
    assert direction[2, 2] > 0.75
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=0.03)
