"""What Action Units do to a face: directions, monotonicity, symmetry."""

from __future__ import annotations

import numpy as np
import pytest

from auheat.facs import ALL_AUS
from auheat.landmarks import FLIP
from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.expression import Expression
from face_casts import Cast, X, Y, Z


def test_the_intensity_curve() -> None:
    """Golden values: the levels of `anatomy.LEVEL_WEIGHTS` and half way between them."""
    found = [anatomy.curve(level) for level in np.arange(0, 5.5, 0.5)]
    expected = [0, 0.06, 0.12, 0.21, 0.30, 0.42, 0.54, 0.66, 0.78, 0.89, 1]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert anatomy.curve(-1) == 0
    assert anatomy.curve(9) == 1


def test_every_au_has_a_recipe_of_known_shapes(cast: Cast) -> None:
    assert tuple(anatomy.RECIPES) == ALL_AUS
    for recipe in anatomy.RECIPES.values():
        for shape in recipe:
            assert set(anatomy.sides(shape, cast.model.index)) <= set(cast.model.shapes)


def test_sides_and_regions_of_shapes() -> None:
    known = {"jawOpen": 0, "browDown_L": 1, "browDown_R": 2}
    assert anatomy.sides("jawOpen", known) == ("jawOpen",)
    assert anatomy.sides("browDown", known) == ("browDown_L", "browDown_R")
    assert anatomy.sides("browDown_L", known) == ("browDown_L",)
    regions = {
        "browDown_L": "brow", "browTogether_R": "brow", "cheekPuff_L": "cheek",
        "noseSneer_R": "cheek", "mouthClose": "mouth", "lipFlatten": "mouth",
        "jawOpen": None, "eyeBlink_L": None, "eyeLookUp_R": None,
    }  # fmt: skip
    assert {shape: anatomy.region_of(shape) for shape in regions} == regions


# AU, landmarks, axis, least movement in cm at intensity 5 on the real face. For landmarks on the
# subject's right, the axis x points outwards too.
DIRECTIONS = [
    ("AU01", (21, 22), Y, 0.4), ("AU02", (18, 25), Y, 0.4), ("AU04", (21, 22), Y, -0.3),
    ("AU04", (21, 22), X, -0.3), ("AU05", (37, 38, 43, 44), Y, 0.25),
    ("AU06", (40, 41, 46, 47), Y, 0.2), ("AU09", (31, 35), Y, 0.4), ("AU10", (50, 51, 52), Y, 0.7),
    ("AU10", (61, 63), Y, 0.6), ("AU12", (48, 54), Y, 0.5), ("AU12", (48, 54), X, 0.4),
    ("AU14", (48, 54), Z, -0.4), ("AU15", (48, 54), Y, -0.4), ("AU17", (57, 66), Y, 0.4),
    ("AU17", (8,), Y, 0.3), ("AU20", (48, 54), X, 0.6), ("AU25", (65, 66, 67), Y, -0.4),
    ("AU26", (8,), Y, -0.8),
]  # fmt: skip


@pytest.mark.parametrize(("au", "landmarks", "axis", "least"), DIRECTIONS)
def test_aus_move_landmarks_the_way_they_should(
    cast: Cast, au: str, landmarks: tuple[int, ...], axis: int, least: float
) -> None:
    """And the further the higher the intensity."""
    outwards = np.where(cast.marks({})[list(landmarks), X] < 0, -1, 1) if axis == X else 1

    def moved(intensity: float) -> Floats32:
        return np.asarray(
            cast.moves(au, intensity)[list(landmarks), axis] * outwards * np.sign(least)
        )

    assert moved(5).min() > abs(least)
    steps = np.diff([moved(level) for level in (0, 0.5, 1, 2, 3, 4, 5)], axis=0)
    assert steps.min() > 0


@pytest.mark.parametrize(("au", "strong", "weak"), [("AU01", 21, 18), ("AU02", 18, 21)])
def test_inner_and_outer_brow_raisers_differ(cast: Cast, au: str, strong: int, weak: int) -> None:
    moves = cast.moves(au)[:, Y]
    assert moves[strong] > 2 * max(moves[weak], 0)
    assert moves[FLIP[strong]] > 2 * max(moves[FLIP[weak]], 0)


def test_brows_are_drawn_together_and_the_skin_between_is_heaped_up(real_cast: Cast) -> None:
    before, after = real_cast.marks({}), real_cast.marks({"AU04": 5})
    assert 0.5 < (after[22, X] - after[21, X]) / (before[22, X] - before[21, X]) < 0.8
    assert after[22, X] > after[21, X]  # but not past each other


def test_a_frown_lowers_no_brow_that_the_forehead_raises(real_cast: Cast) -> None:
    """FACS manual, combinations: 1+4 slants the brow, 1+2+4 raises it, both draw it together."""
    heads, tails = [21, 22], [18, 25]
    rest, frown = real_cast.marks({}), real_cast.marks({"AU04": 4})
    sad = real_cast.marks({"AU01": 4, "AU04": 4})
    afraid = real_cast.marks({"AU01": 4, "AU02": 4, "AU04": 4})
    for raised in (sad, afraid):
        assert (raised[heads, Y] > rest[heads, Y] + 0.2).all()
        apart = raised[22, X] - raised[21, X]
        assert apart < 0.96 * (rest[22, X] - rest[21, X])
    slant = [mark[heads, Y].mean() - mark[tails, Y].mean() for mark in (rest, sad, frown)]
    assert slant[1] > slant[0] + 0.35
    assert slant[2] < slant[0]
    sunk = rest[tails, Y] - sad[tails, Y]
    assert (sunk > 0.1).all()  # cm
    assert (sunk < 0.5).all()
    assert (afraid[tails, Y] > rest[tails, Y] + 0.2).all()


def test_the_upper_lip_raiser_raises_the_lip_more_than_the_nose_wrinkler(real_cast: Cast) -> None:
    lips = [49, 50, 51, 52, 53, 61, 62, 63]
    assert (real_cast.moves("AU10")[lips, Y] > 1.1 * real_cast.moves("AU09")[lips, Y]).all()
    brows = [21, 22]  # which only the nose wrinkler lowers
    assert (real_cast.moves("AU09")[brows, Y] < real_cast.moves("AU10")[brows, Y] - 0.3).all()


def test_the_stretcher_does_not_lower_the_corners(real_cast: Cast) -> None:
    """Or else it could not be told from AU15."""
    moves = real_cast.moves("AU20")[[48, 54]]
    assert np.abs(moves[:, Y]).max() < 0.2 * np.abs(moves[:, X]).min()


def test_the_dimpler_does_not_move_the_corners_sideways(real_cast: Cast) -> None:
    moves = real_cast.moves("AU14")[[48, 54]]
    assert np.abs(moves[:, X]).max() < 0.1 * np.abs(moves[:, Z]).min()


def test_the_cheek_raiser_lifts_the_cheeks(real_cast: Cast) -> None:
    """Skin between eye and mouth corner, where there is no landmark."""
    points = real_cast.model.pack.vertices
    marks = points[real_cast.model.pack.landmarks]
    moved = real_cast.vertices(Expression({"AU06": 5})) - real_cast.vertices(Expression())
    for eye, corner in ((46, 54), (41, 48)):
        middle = marks[eye] * 0.7 + marks[corner] * 0.3
        near = real_cast.model.skin & (np.linalg.norm(points - middle, axis=1) < 1.5)
        assert near.sum() > 20
        assert moved[near, Y].mean() > 0.1
        assert moved[near, Z].mean() > 0.05


def test_aus_leave_other_places_alone(real_cast: Cast) -> None:
    brows, mouth, nose = list(range(17, 27)), list(range(48, 68)), list(range(27, 36))
    for au in ("AU01", "AU02", "AU04", "AU05"):
        assert np.abs(real_cast.moves(au)[mouth]).max() < 0.02, au
        assert np.abs(real_cast.moves(au)[8]).max() < 0.01, au
    for au in ("AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU25", "AU26"):
        assert np.abs(real_cast.moves(au)[brows]).max() < 0.15, au
    for au in ("AU17", "AU25"):
        assert np.abs(real_cast.moves(au)[nose]).max() < 0.12, au


def test_a_plain_person_moves_symmetrically(cast: Cast) -> None:
    for au in ALL_AUS:
        moves = cast.moves(au)
        np.testing.assert_allclose(moves[list(FLIP)] * (-1, 1, 1), moves, atol=0.06, err_msg=au)


def test_authored_shapes_do_what_their_names_say(cast: Cast) -> None:
    model = cast.model
    marks = model.pack.landmarks

    def offsets(shape: str) -> Floats32:
        return np.asarray(model.expressions[model.index[shape]])

    for side, head, outwards in (("L", 22, 1), ("R", 21, -1)):
        together = offsets(f"browTogether_{side}")[marks]
        assert together[head, X] * outwards < -0.2
        assert together[head, Y] < -0.08
        assert np.abs(together[head]).max() > 2 * np.abs(together[FLIP[head]]).max()
        assert np.abs(together[48:]).max() < 1e-3
    for side, corner, outwards in (("L", 54, 1), ("R", 48, -1)):
        pit = offsets(f"lipCornerPit_{side}")
        assert pit[marks[corner], Z] < -0.1
        beside = model.pack.vertices[marks[corner]] + floats([1.0 * outwards, 0.8, 0.0])
        away = np.linalg.norm(model.pack.vertices - beside, axis=1) + 99 * ~model.skin
        assert pit[away.argmin(), Z] > 0  # the bulge around the hollow
    flat = offsets("lipFlatten")[marks]
    assert flat[50:53, Y].max() < 0 < flat[55:60, Y].min()
    assert flat[[50, 51, 52, 56, 57, 58], Z].max() < -0.04
    assert np.abs(flat[:48]).max() < 0.05
