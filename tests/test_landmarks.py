from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auheat import landmarks
from auheat.landmarks import FLIP, inner_eye_distance, mirror

Points = NDArray[np.float64]


def test_flip_is_an_involution_over_all_68() -> None:
    assert sorted(FLIP) == list(range(68))
    assert [FLIP[FLIP[i]] for i in range(68)] == list(range(68))


def test_convention_flip_pairs() -> None:
    """Spot checks against the iBUG mark-up, written down by hand."""
    pairs = {0: 16, 7: 9, 17: 26, 21: 22, 31: 35, 36: 45, 37: 44, 39: 42, 40: 47, 41: 46}
    pairs |= {48: 54, 49: 53, 50: 52, 59: 55, 58: 56, 60: 64, 61: 63, 67: 65}
    assert all(FLIP[a] == b and FLIP[b] == a for a, b in pairs.items())
    assert [i for i in range(68) if FLIP[i] == i] == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_mirror_leaves_a_symmetrical_face_in_place(face: Points) -> None:
    np.testing.assert_array_equal(mirror(face, 201), face)


def test_mirror_matches_a_flipped_picture(face: Points) -> None:
    """Each landmark is drawn in its own grey; after flipping, the mirrored landmarks find them."""
    moved = np.round(face + np.random.default_rng(0).normal(0, 4, face.shape))
    picture = np.zeros((240, 220), np.uint8)
    for i, (x, y) in enumerate(moved.astype(int)):
        picture[y, x] = i + 1
    flipped = picture[:, ::-1]
    seen = [flipped[y, x] for x, y in mirror(moved, 220).astype(int)]
    assert seen == [FLIP[i] + 1 for i in range(68)]


def test_mirror_twice_is_nothing_and_spares_its_input(face: Points) -> None:
    moved = face + np.random.default_rng(1).normal(0, 3, face.shape)
    before = moved.copy()
    np.testing.assert_allclose(mirror(mirror(moved, 201), 201), moved, atol=1e-12)
    np.testing.assert_array_equal(moved, before)


def test_regions_cover_every_landmark_once() -> None:
    slices = [value for value in vars(landmarks).values() if isinstance(value, slice)]
    covered = [i for region in slices for i in range(68)[region]]
    assert sorted(covered) == list(range(68))


def test_named_landmarks_lie_where_their_names_say(face: Points) -> None:
    assert face[landmarks.CHIN].tolist() == [100, 196]
    assert face[landmarks.SUBNASALE].tolist() == [100, 131]
    assert face[landmarks.RIGHT_MOUTH_CORNER].tolist() == [68, 156]
    assert face[landmarks.LEFT_MOUTH_CORNER].tolist() == [132, 156]
    outer, inner = face[landmarks.RIGHT_EYE_OUTER], face[landmarks.RIGHT_EYE_INNER]
    assert (outer.tolist(), inner.tolist()) == ([40, 80], [70, 80])
    inner, outer = face[landmarks.LEFT_EYE_INNER], face[landmarks.LEFT_EYE_OUTER]
    assert (inner.tolist(), outer.tolist()) == ([130, 80], [160, 80])


def test_inner_eye_distance(face: Points) -> None:
    assert inner_eye_distance(face) == 60.0
    turned = face[:, ::-1] * 2  # along y, twice the size
    assert inner_eye_distance(turned) == 120.0
