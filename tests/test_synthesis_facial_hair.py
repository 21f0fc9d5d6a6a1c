"""Brows and beards."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from auheat.synthesis import facial_hair
from auheat.synthesis.arrays import floats
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import SkinMap
from auheat.synthesis.textures import NoiseBank

BROWN = floats([0.07, 0.04, 0.02])


@pytest.fixture
def skin(model: FaceModel) -> SkinMap:
    return SkinMap(model.pack)


@pytest.fixture(scope="module")
def noise() -> NoiseBank:
    return NoiseBank()


def test_fibres_move_with_the_skin(model: FaceModel, skin: SkinMap) -> None:
    pack = model.pack
    hair = facial_hair.grow_brows(np.random.default_rng(0), model.landmark_uv, skin, BROWN, 0.5)
    still = hair.fibres.pose(pack, pack.vertices)
    raised = model.deform(pack.vertices, model.weights({"browInnerUp_L": 1, "browInnerUp_R": 1}))
    moved = hair.fibres.pose(pack, raised)
    inner = np.abs(still.start[:, 0]) < 2.2
    assert (moved.start - still.start)[inner, 1].mean() > 0.2
    shifted = hair.fibres.pose(pack, pack.vertices + floats([1, 2, 3]))
    np.testing.assert_allclose(shifted.end, still.end + floats([1, 2, 3]), atol=1e-3)
    off_the_skin, _ = cKDTree(pack.vertices[model.skin]).query(still.start)
    assert off_the_skin.max() < 1.2


def test_brows_lie_where_the_landmarks_say(model: FaceModel, skin: SkinMap) -> None:
    """Just below the landmarks, which mark their upper edge; between nose root and temple."""
    marks = model.landmark_uv
    for seed, heavy in enumerate((0.0, 0.3, 0.7, 1.0)):
        hair = facial_hair.grow_brows(np.random.default_rng(seed), marks, skin, BROWN, heavy)
        posed = hair.fibres.pose(model.pack, model.pack.vertices)
        points = model.pack.vertices[model.pack.landmarks]
        assert len(posed.width) > 150
        for indices, side in ((range(17, 22), -1), (range(22, 27), 1)):
            curve = points[list(indices)]
            own = posed.start[np.sign(posed.start[:, 0]) == side]
            assert len(own) > 70
            height = np.interp(own[:, 0], curve[:, 0], curve[:, 1]) - own[:, 1]
            assert -0.25 < height.mean() < 0.7
            assert np.abs(height).max() < 1.6
            assert own[:, 0].min() > curve[:, 0].min() - 0.8
            assert own[:, 0].max() < curve[:, 0].max() + 0.8
        assert hair.paint.min() >= 0
        assert hair.paint.max() <= 1
        rows, columns = np.nonzero(hair.paint > 0.5 * hair.paint.max())
        v = (rows + 0.5) / 512
        assert marks[17:27, 1].min() - 0.06 < v.min()
        assert v.max() < marks[17:27, 1].max() + 0.03
        assert abs((columns + 0.5).mean() / 512 - 0.5) < 0.02


CM_PER_V = 25.5  # of the texture around the brows: 1.91 cm between landmarks 19 and 37


def test_brows_are_dark_bands_as_thick_as_people_have_them(model: FaceModel, skin: SkinMap) -> None:
    """Some 4 to 12 mm where they are widest, and filled, not dotted."""
    marks = model.landmark_uv
    thick, holes = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        heavy = float(rng.uniform(0.1, 0.9))
        paint = facial_hair.grow_brows(rng, marks, skin, BROWN, heavy).paint
        column = paint[:, round(512 * marks[20, 0])]
        inside = np.flatnonzero(column > 0.5 * column.max())
        thick.append(len(inside) / 512 * CM_PER_V)
        holes.append(np.ptp(inside) + 1 - len(inside))
        assert 0.25 < paint.max() < 1
    assert max(holes) == 0
    assert 0.55 < np.mean(thick) < 0.95
    assert min(thick) > 0.15
    assert 0.9 < max(thick) < 1.6


def test_bushy_brows_have_more_hair(model: FaceModel, skin: SkinMap) -> None:
    def count(heavy: float) -> float:
        rngs = (np.random.default_rng(i) for i in range(6))
        marks = model.landmark_uv
        grown = [facial_hair.grow_brows(rng, marks, skin, BROWN, heavy) for rng in rngs]
        return float(np.mean([len(g.fibres.width) for g in grown]))

    assert count(1.0) > 2 * count(0.0) > 200


def test_brow_hairs_point_outwards(model: FaceModel, skin: SkinMap) -> None:
    hair = facial_hair.grow_brows(np.random.default_rng(1), model.landmark_uv, skin, BROWN, 0.5)
    posed = hair.fibres.pose(model.pack, model.pack.vertices)
    outwards = (posed.end - posed.start)[:, 0] * np.sign(posed.start[:, 0])
    assert (outwards > 0).mean() > 0.85
    assert (np.linalg.norm(posed.end - posed.start, axis=1) < 0.8).all()


def test_beards_grow_below_the_nose_and_not_on_lips(
    model: FaceModel, skin: SkinMap, noise: NoiseBank
) -> None:
    marks = model.landmark_uv
    points = model.pack.vertices[model.pack.landmarks]
    full = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        beard = facial_hair.grow_beard(rng, marks, skin, BROWN, noise)
        assert beard.paint.min() >= 0
        assert beard.paint.max() <= 1
        rows, columns = np.nonzero(beard.paint > 0.3)
        front = np.abs(columns / 512 - 0.5) < 0.15
        assert (rows[front] / 512 < marks[33, 1] + 0.01).all()
        assert (rows / 512 < marks[2, 1] + 0.06).all()
        lips = marks[[50, 52, 56, 58]].mean(0)
        assert beard.paint[int(lips[1] * 512), int(lips[0] * 512)] < 0.2
        posed = beard.fibres.pose(model.pack, model.pack.vertices)
        if len(posed.width):
            full += 1
            # a moustache may reach a little up the nose
            assert np.mean(posed.start[:, 1] < points[33, 1] + 0.8) > 0.95
            assert np.mean(posed.start[:, 1] < points[33, 1] + 2) == 1
            assert np.mean((posed.end - posed.start)[:, 1] < 0.1) > 0.8  # they hang
    assert 0 < full < 12  # the others are stubble, which is only paint


def test_hair_colour_shows_through_where_it_is_painted() -> None:
    albedo = np.full((512, 512, 3), 0.5, np.float32)
    paint = np.zeros((512, 512), np.float32)
    paint[200:300] = 0.6
    found = facial_hair.painted(albedo, paint, floats([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(
        found[250, 9], 0.4 * 0.5 + 0.6 * np.array([0.1, 0.2, 0.3]), rtol=1e-4
    )
    assert (found[:190] == 0.5).all()
    assert (albedo == 0.5).all()
