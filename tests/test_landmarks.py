from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auheat import geometry, landmarks
from auheat.errors import AuheatError
from auheat.geometry import Points
from auheat.landmarks import COUNT, FLIP, IN_49, IN_66, MESH_OF_LANDMARK, mirror, to_68


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


def test_mirror_matches_a_flipped_image(face: Points) -> None:
    """Each landmark is drawn in its own grey; after flipping, the mirrored landmarks find them."""
    noise = np.random.default_rng(0).normal(0, 4, face.shape)
    moved = np.asarray(np.round(face + noise), np.float64)
    image = np.zeros((240, 220), np.uint8)
    for i, (x, y) in enumerate(moved.astype(int)):
        image[y, x] = i + 1
    flipped = image[:, ::-1]
    seen = [flipped[y, x] for x, y in mirror(moved, 220).astype(int)]
    assert seen == [FLIP[i] + 1 for i in range(68)]


def test_mirror_twice_is_nothing_and_spares_its_input(face: Points) -> None:
    moved = face + np.random.default_rng(1).normal(0, 3, face.shape)
    before = moved.copy()
    np.testing.assert_allclose(mirror(mirror(moved, 201), 201), moved, atol=1e-12)
    np.testing.assert_array_equal(moved, before)


def test_regions_share_no_landmark() -> None:
    slices = [value for value in vars(landmarks).values() if isinstance(value, slice)]
    covered = [i for region in slices for i in range(68)[region]]
    assert sorted(covered) == [*range(27), *range(36, 48)]


def test_named_landmarks_lie_where_their_names_say(face: Points) -> None:
    assert face[landmarks.CHIN].tolist() == [100, 196]
    assert face[landmarks.SUBNASALE].tolist() == [100, 131]
    outer, inner = face[landmarks.RIGHT_EYE_OUTER], face[landmarks.RIGHT_EYE_INNER]
    assert (outer.tolist(), inner.tolist()) == ([40, 80], [70, 80])
    inner, outer = face[landmarks.LEFT_EYE_INNER], face[landmarks.LEFT_EYE_OUTER]
    assert (inner.tolist(), outer.tolist()) == ([130, 80], [160, 80])


def test_convention_49_and_66_points() -> None:
    """66 points are the 68 without 60 and 64; 49 begin with the right brow's outer end."""
    assert (len(IN_66), len(IN_49)) == (66, 49)
    assert sorted({*range(68)} - {*IN_66}) == [60, 64]
    assert IN_49[:2] == (17, 18)
    assert IN_49[43:] == (61, 62, 63, 65, 66, 67)


def test_68_points_stay_as_they_are(face: Points) -> None:
    np.testing.assert_array_equal(to_68(face), face)


def test_inner_mouth_corners_are_filled_in(face: Points) -> None:
    """Between the outer corner (68, 156) and the middle (88, 156.5) of its inner neighbours."""
    filled = to_68(face[list(IN_66)])
    np.testing.assert_array_equal(filled[list(IN_66)], face[list(IN_66)])
    np.testing.assert_allclose(filled[60], [68 + 0.21 * 20, 156 + 0.21 * 0.5])
    np.testing.assert_allclose(filled[64], [132 - 0.21 * 20, 156 + 0.21 * 0.5])


def test_the_jaw_is_estimated(face: Points) -> None:
    """Loosely: the schematic face has a lower brow and a narrower jaw than people have."""
    filled = to_68(face[list(IN_49)])
    np.testing.assert_array_equal(filled[list(IN_49)], face[list(IN_49)])
    off = np.linalg.norm(filled[:17] - face[:17], axis=1) / 60  # between the inner eyes
    assert off.max() < 0.8
    assert off[8] < 0.5
    np.testing.assert_allclose(mirror(filled, 201), filled, atol=1e-9)  # as symmetrical as it was
    assert (np.diff(filled[:17, 0]) > 0).all()
    assert filled[:17, 1].argmax() == 8


@pytest.mark.parametrize("yaw", [-30, 0, 30])
@pytest.mark.parametrize("pitch", [-15, 20])
def test_a_turned_mean_face_gets_its_own_jaw(yaw: float, pitch: float) -> None:
    """Seen from afar, the mean face comes back exactly, however the head is turned."""
    cy, sy = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    cp, sp = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
    turn = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]
    seen = (landmarks.MEAN_FACE @ turn.T)[:, :2] * 40 + [300, 200]
    np.testing.assert_allclose(to_68(seen[list(IN_49)])[:17], seen[:17], atol=1e-9)


def test_the_chin_follows_the_lower_lip(face: Points) -> None:
    """All the way along the face's down direction; the ears stay."""
    lower = face.copy()
    lower[[55, 56, 57, 58, 59, 65, 66, 67]] += [0, 24]
    moved = to_68(lower[list(IN_49)]) - to_68(face[list(IN_49)])
    np.testing.assert_allclose(moved[8], [0, 24], atol=1e-9)
    np.testing.assert_allclose(moved[[0, 16]], 0, atol=1e-9)
    np.testing.assert_allclose(moved[[4, 12]], [[0, 12], [0, 12]], atol=1e-9)


@given(
    degrees=st.floats(-180, 180),
    scale=st.floats(0.1, 10),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_filling_in_turns_with_the_image(
    face: Points, degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    transform = geometry.similarity(scale, degrees, shift=shift)
    moved = geometry.apply(transform, face)
    for kept in (IN_49, IN_66):
        expected = geometry.apply(transform, to_68(face[list(kept)]))
        np.testing.assert_allclose(to_68(moved[list(kept)]), expected, atol=1e-7 * scale + 1e-7)


@pytest.mark.parametrize("shape", [(67, 2), (5, 2), (49, 3), (2, 66), (0,)])
def test_other_numbers_of_points_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AuheatError, match="expected 68, 66 or 49 points"):
        to_68(np.zeros(shape))


# Vertices of the mesh that mirror each other, from its published topology.
MIRRORED = {
    **{127: 356, 234: 454, 93: 323, 132: 361, 58: 288, 172: 397, 150: 379, 176: 400, 152: 152},
    **{70: 300, 63: 293, 105: 334, 66: 296, 107: 336, 168: 168, 197: 197, 5: 5, 4: 4},
    **{98: 327, 97: 326, 2: 2, 33: 263, 160: 387, 158: 385, 133: 362, 153: 380, 144: 373},
    **{61: 291, 40: 270, 37: 267, 0: 0, 321: 91, 314: 84, 17: 17},
    **{78: 308, 81: 311, 13: 13, 402: 178, 14: 14},
}


def test_the_table_names_68_vertices_of_the_mesh() -> None:
    assert len(MESH_OF_LANDMARK) == COUNT
    assert len(set(MESH_OF_LANDMARK)) == COUNT
    assert 0 <= min(MESH_OF_LANDMARK) <= max(MESH_OF_LANDMARK) < 468  # 468 on are the irises


def test_the_table_is_symmetrical() -> None:
    partner = MIRRORED | {right: left for left, right in MIRRORED.items()}
    for landmark, vertex in enumerate(MESH_OF_LANDMARK):
        assert partner[vertex] == MESH_OF_LANDMARK[FLIP[landmark]]
