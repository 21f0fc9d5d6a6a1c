"""The average adult at rest and at intensity 5, against published measurements in mm."""

from __future__ import annotations

import numpy as np
import pytest

from auheat.landmarks import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    RIGHT_EYE_OUTER,
    SUBNASALE,
)
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.face import FaceModel
from auheat.synthesis.resting import Brows, brow_height, sample_brows
from face_casts import Cast, X, Y, Z


@pytest.fixture(scope="module")
def adult(real_model: FaceModel) -> Floats32:
    """Landmarks (68, 3) of the average adult, in cm."""
    return real_model.neutral(np.zeros(1, np.float32))[real_model.pack.landmarks]


def test_brows_stand_where_they_were_measured(adult: Floats32) -> None:
    """Upper edge over the inner eye corner, pupil and outer eye corner: of women of two ages in
    Matros et al. (2009) 17.4, 21.1 and 21.9; over the pupil 22.0 by the other source."""
    inner, outer = adult[LEFT_EYE_INNER], adult[LEFT_EYE_OUTER]
    places = [inner[X], (inner[X] + outer[X]) / 2, outer[X]]
    found = 10 * (np.interp(places, adult[22:27, X], adult[22:27, Y]) - inner[Y])
    np.testing.assert_allclose(found, [17.4 + 0.45, 21.1 + 0.45, 21.9 + 0.45], atol=0.7)
    np.testing.assert_allclose(adult[17:22] * (-1, 1, 1), adult[26:21:-1], atol=0.02)


def test_eyes_are_as_far_apart_as_measured(adult: Floats32) -> None:
    """Outer corners: men 91.2, s.d. 3.0, women 87.8, s.d. 3.2 (Farkas et al., 2005)."""
    apart = np.linalg.norm(adult[LEFT_EYE_OUTER] - adult[RIGHT_EYE_OUTER])
    assert 10 * apart == pytest.approx(89.5, abs=1)


def test_noses_are_as_long_as_measured(real_model: FaceModel, adult: Floats32) -> None:
    """From the deepest point of the root to the base: 52.7, mean of both sexes (Farkas 2005)."""
    points = real_model.neutral(np.zeros(1, np.float32))
    middle = real_model.skin & (np.abs(points[:, X]) < 0.05) & (points[:, Z] > 5)
    near = middle & (np.abs(points[:, Y] - adult[RIGHT_EYE_OUTER, Y]) < 1.5)
    root = points[near][points[near, Z].argmin()]
    assert 10 * (root[Y] - adult[SUBNASALE, Y]) == pytest.approx(52.7, abs=2)


def test_lids_and_what_lies_below_the_nose_stay(real_model: FaceModel) -> None:
    lowered = real_model.resting.offset()[real_model.pack.landmarks, Y]
    assert np.abs(lowered[36:48]).max() < 0.05
    assert not lowered[:17].any()
    assert not lowered[48:].any()
    assert lowered[21] < -0.4


def test_skin_is_not_folded_over(real_model: FaceModel) -> None:
    """Triangles of the upper face still look forwards where they did."""
    pack = real_model.pack
    face = pack.triangles[(pack.material == 0)]
    after = real_model.neutral(np.zeros(1, np.float32))

    def facing(points: Floats32) -> Floats32:
        a, b, c = (points[face[:, corner]] for corner in range(3))
        return np.asarray(np.cross(b - a, c - a)[:, Z])

    assert (facing(after)[facing(pack.vertices) > 1e-3] > 0).mean() > 0.999


def test_brows_rise_with_age_and_are_higher_in_women(real_model: FaceModel) -> None:
    assert brow_height(0.9, False) > brow_height(0.1, False) > brow_height(0.1, True)
    usual, raised, slanted = (
        real_model.neutral(np.zeros(1, np.float32), by)[real_model.pack.landmarks, Y]
        for by in (None, Brows(height=0.3), Brows(slant=0.2))
    )
    np.testing.assert_allclose((raised - usual)[21:23], 0.3, atol=0.02)
    np.testing.assert_allclose((slanted - usual)[21:23], 0.2, atol=0.03)
    assert (slanted - usual)[[17, 26]].max() < -0.05


def test_resting_brows_of_people_differ_as_measured() -> None:
    """Over the pupil more than the 1.8 mm of one age and origin (Cartwright et al., 1994)."""
    rng = np.random.default_rng(0)
    drawn = [sample_brows(rng, 0.43, False, 1.0) for _ in range(2000)]
    pupil = [float(brows.above(floats([3.15]))[0]) for brows in drawn]
    head = [float(brows.above(floats([1.2]))[0]) for brows in drawn]
    assert np.std(pupil) == pytest.approx(0.25, abs=0.03)
    assert np.std(head) == pytest.approx(np.hypot(0.25, 0.11), abs=0.03)
    assert np.corrcoef(pupil, head)[0, 1] < 0.94
    assert np.mean(pupil) == pytest.approx(brow_height(0.43, False), abs=0.02)


def gap(marks: Floats32) -> float:
    return float((marks[[61, 62, 63], Y] - marks[[67, 66, 65], Y]).mean())


def fissure(marks: Floats32) -> float:
    return float((marks[[37, 38], Y] - marks[[41, 40], Y]).mean())


def test_strongest_movements_are_those_that_were_measured(real_cast: Cast) -> None:
    """Sources are named in `anatomy.RECIPES`."""
    rest = real_cast.marks({})

    def moved(**levels: float) -> Floats32:
        return np.asarray(10 * (real_cast.marks(levels) - rest))

    assert moved(AU01=5)[21, Y] == pytest.approx(8.3, abs=0.5)
    assert moved(AU02=5)[[18, 19], Y].mean() == pytest.approx(8.3, abs=0.5)
    both = moved(AU01=5, AU02=5)[[18, 19, 20, 21], Y]
    assert 7.6 < both[1:3].mean() < 9.05  # over the middle of the lid fissure
    assert both.min() > 7.3
    opened = 10 * (fissure(real_cast.marks({"AU05": 5})) - fissure(rest))
    assert opened == pytest.approx(4.3, abs=0.3)
    corner = moved(AU12=5)[54]
    assert np.hypot(corner[X], corner[Y]) == pytest.approx(14, abs=1)
    assert np.degrees(np.arctan2(corner[Y], corner[X])) == pytest.approx(47, abs=3)
    parted = 10 * (gap(real_cast.marks({"AU25": 5})) - gap(rest))
    assert parted == pytest.approx(11.5, abs=0.6)
    teeth = 10 * (gap(real_cast.marks({"AU25": 5, "AU26": 5})) - gap(rest)) - parted
    assert 14 < teeth < 20  # mm by which a jaw that drops parts the lips further
