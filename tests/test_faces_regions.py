from __future__ import annotations

import numpy as np
import pytest

from auheat import geometry
from auheat.faces.crop import CropSpec
from auheat.faces.regions import Candidate, Region
from stand_ins import fit_at


def test_around_a_level_face() -> None:
    region = Region.around([10, 20, 50, 40], [20, 28], [40, 28], 1.5)
    assert region == Region((30.0, 30.0), 60.0, 0.0)


def test_turns_with_the_eyes() -> None:
    """The person's left eye, on the right of the picture, lies lower: a turn from x towards y."""
    region = Region.around([0, 0, 10, 10], [2, 2], [4, 4], 1.0)
    assert region.degrees == pytest.approx(45)


def test_transform_convention() -> None:
    """The middle of a square patch lies between its two middle pixels, and sides fill it."""
    transform = Region((30.0, 40.0), 60.0).transform(20)
    moved = geometry.apply(transform, [[30, 40], [0, 10], [60, 70]])
    np.testing.assert_allclose(moved, [[9.5, 9.5], [-0.5, -0.5], [19.5, 19.5]], atol=1e-12)


def test_a_turned_face_stands_upright_in_its_patch() -> None:
    right_eye, left_eye = np.array([20.0, 20.0]), np.array([30.0, 30.0])
    transform = Region.around([10, 10, 50, 50], right_eye, left_eye, 1.5).transform(96)
    right, left = geometry.apply(transform, [right_eye, left_eye])
    assert left[1] == pytest.approx(right[1])
    assert left[0] - right[0] == pytest.approx(np.hypot(10, 10) * 96 / 60)


def test_the_patch_shows_the_region() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[40:60, 20:40] = 255
    patch = CropSpec(20).extract(image, Region((29.5, 49.5), 20.0).transform(20))
    assert (patch == 255).all()
    wider = CropSpec(40).extract(image, Region((29.5, 49.5), 40.0).transform(40))
    assert (wider[10:30, 10:30] == 255).all()
    assert wider.astype(int).sum() == 20 * 20 * 3 * 255


def test_shifting_a_claim_moves_box_and_region() -> None:
    claim = Candidate(np.array([0.0, 1.0, 2.0, 3.0]), Region((1.0, 2.0), 4.0, 30.0), 0.5)
    moved = claim.shifted(10, 20)
    np.testing.assert_array_equal(moved.box, [10, 21, 12, 23])
    assert moved.region == Region((11.0, 22.0), 4.0, 30.0)
    assert moved.score == 0.5


def test_movement_is_a_share_of_the_size() -> None:
    still, moved = fit_at(50, 50, 40), fit_at(53, 54, 40)
    assert still.size == 40
    np.testing.assert_array_equal(moved.centre, [53, 54])
    assert still.movement(moved) == pytest.approx(5 / 40)
    assert still.movement(still) == 0
