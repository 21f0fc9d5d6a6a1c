from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat import face_shape
from auheat.face_shape import POINTS, SIZE, absent, mirror, neutral, shape_of

Mesh = NDArray[np.float64]


def rotation(degrees: tuple[float, float, float]) -> Mesh:
    """About x, then y, then z."""
    turned = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one, other = [i for i in range(3) if i != axis]
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        turned = turn @ turned
    return turned


def a_face(seed: int = 0) -> Mesh:
    """The neutral face with all of it moved a little: every point, crookedly."""
    return neutral() + np.random.default_rng(seed).normal(0, 0.02, (468, 3))


def moved(shape: NDArray[np.float32]) -> NDArray[np.float32]:
    return shape[:-1].reshape(-1, 3)


def test_the_neutral_face_is_one_and_symmetrical() -> None:
    face = neutral()
    assert face.shape == (468, 3)
    np.testing.assert_allclose(face[263] - face[33], [1, 0, 0], atol=1e-3)
    np.testing.assert_allclose(face[263] + face[33], [0, 0, 2 * face[33, 2]], atol=1e-3)
    assert face[152, 1] > face[13, 1] > face[1, 1] > 0 > face[10, 1]  # chin, lips, nose, forehead
    assert face[1, 2] < face[33, 2] < face[234, 2]  # the nose is nearest, the cheek bone far
    for right, left in zip(POINTS[:-14:2], POINTS[1:-14:2], strict=True):
        np.testing.assert_allclose(face[right], face[left] * (-1, 1, 1), atol=1e-3)
    assert np.abs(face[list(POINTS[-14:]), 0]).max() < 1e-3


def test_size_and_flag() -> None:
    shape = shape_of(neutral())
    assert shape.shape == (SIZE,) == (301,)
    assert shape.dtype == np.float32
    assert shape[-1] == 1
    np.testing.assert_allclose(shape[:-1], 0, atol=1e-6)


def test_what_moves_is_told_in_units_of_the_eyes_distance() -> None:
    """The lower lip 0.1 down and 0.02 out; nothing that aligns the face has moved."""
    face = neutral().copy()
    face[17] += (0, 0.1, -0.02)
    found = moved(shape_of(200 * face + 50))
    np.testing.assert_allclose(found[POINTS.index(17)], (0, 0.1, -0.02), atol=1e-6)
    others = np.delete(found, POINTS.index(17), 0)
    np.testing.assert_allclose(others, 0, atol=1e-6)


@pytest.mark.parametrize("degrees", [(0, 0, 30), (20, 0, 0), (0, 35, 0), (15, -40, 170)])
def test_pose_place_and_size_do_not_matter(degrees: tuple[float, float, float]) -> None:
    face = a_face()
    elsewhere = 83.0 * face @ rotation(degrees).T + (310.0, 205.0, -12.0)
    np.testing.assert_allclose(shape_of(elsewhere), shape_of(face), atol=1e-5)
    assert np.abs(moved(shape_of(face))).max() > 0.02


def test_a_mirrored_face_has_the_mirrored_shape() -> None:
    """Vertices of a mirrored image: x is negated, and right vertices are left ones."""
    face, order = a_face(), np.arange(468)
    pairs = np.linalg.norm((neutral() * (-1, 1, 1))[:, None] - neutral()[None], axis=2)
    order = pairs.argmin(1)
    assert (order[order] == np.arange(468)).all()
    mirrored = (face * (-1, 1, 1))[order] * 120 + 64
    np.testing.assert_allclose(shape_of(mirrored), mirror(shape_of(face)), atol=1e-5)
    batch = np.stack([shape_of(a_face(1)), shape_of(a_face(2)), absent()])
    twice = mirror(mirror(batch))
    np.testing.assert_array_equal(twice, batch)
    assert mirror(batch).dtype == np.float32
    assert (mirror(batch)[0] != batch[0]).any()
    np.testing.assert_array_equal(mirror(batch)[2], absent())


def test_irises_are_left_out() -> None:
    face = a_face()
    with_irises = np.concatenate([face, np.full((10, 3), 7.0)])
    np.testing.assert_array_equal(shape_of(with_irises), shape_of(face))


@pytest.mark.filterwarnings("error")
def test_no_mesh_and_meshes_of_no_face_are_absent() -> None:
    assert absent().shape == (SIZE,) and not absent().any()
    broken = a_face()
    broken[17, 1] = np.nan
    reflected = neutral() * (-1, 1, 1)
    noise = np.random.default_rng(0).normal(0, 1, (468, 3))
    wild = a_face()
    wild[POINTS[3]] += 1e8  # one of the points that are told, none of those it is laid over
    few = [neutral()[:400], np.zeros((0, 3))]
    for mesh in (None, broken, reflected, noise, wild, *few, np.zeros((468, 3))):
        np.testing.assert_array_equal(shape_of(mesh), absent())


def test_every_vertex_is_named_once() -> None:
    assert len(set(POINTS)) == len(POINTS) == 100
    assert set(POINTS) <= set(range(face_shape.VERTICES))


def test_bending_moves_neighbours_alike_and_both_sides_as_mirror_images() -> None:
    rng = np.random.default_rng(3)
    assert not face_shape.bend(face_shape.absent(), rng, 0.02).any()
    still = np.append(np.zeros(face_shape.SIZE - 1, np.float32), np.float32(1))
    assert face_shape.bend(still, rng, 0.0) is still
    moved = np.stack([face_shape.bend(still, rng, 0.02) for _ in range(2000)])
    assert (moved[:, -1] == 1).all()
    np.testing.assert_allclose(face_shape.mirror(moved), moved, atol=1e-3)
    fields = moved[:, :-1].reshape(len(moved), -1, 3)
    np.testing.assert_allclose(fields.std(0)[:, 1:].mean(), 0.02, atol=0.0005)
    assert not fields[:, face_shape.POINTS.index(1), 0].any()  # the middle leans to no side
    heights = fields[:, :, 1]
    brow, beside, lip = (face_shape.POINTS.index(v) for v in (107, 66, 61))
    assert np.corrcoef(heights[:, brow], heights[:, beside])[0, 1] > 0.6
    assert abs(np.corrcoef(heights[:, brow], heights[:, lip])[0, 1]) < 0.1
