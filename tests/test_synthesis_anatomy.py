"""What Action Units do to a face: directions, monotonicity, symmetry, and the seal of the lips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auheat.facs import PAPER_AUS
from auheat.landmarks import FLIP
from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats, floats
from auheat.synthesis.expression import Actor, Expression, sample_expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.identity import Person, PersonSampler
from auheat.synthesis.textures import NoiseBank

MODELS = ["tiny_model", pytest.param("real_model", marks=pytest.mark.assets)]
X, Y, Z = 0, 1, 2  # to the subject's left, up, forward


class Cast:
    """A face model with an average mover, whose landmarks can be asked for."""

    def __init__(self, model: FaceModel) -> None:
        self.model, self.actor = model, Actor(model)
        self.sampler = PersonSampler(model, NoiseBank(512))
        self.plain = self.sampler.sample(np.random.default_rng(5), plain=True)

    def vertices(self, expression: Expression, person: Person | None = None) -> Floats:
        someone = person or self.plain
        weights = self.actor.weights(someone, expression)
        return self.model.deform(someone.neutral, weights, someone.manner.gains)

    def marks(self, intensities: Mapping[str, float]) -> Floats:
        return self.vertices(Expression(intensities))[self.model.pack.landmarks]

    def moves(self, au: str, intensity: float = 5.0) -> Floats:
        """Displacement (68, 3) of the landmarks in cm by one AU alone."""
        return self.marks({au: intensity}) - self.marks({})

    def gap(self, expression: Expression, person: Person | None = None) -> float:
        """Opening between the inner lips, beyond that of touching lips."""
        vertices = self.vertices(expression, person)
        return self.actor.seal.gap(vertices) - self.actor.seal.gap(self.model.pack.vertices)


CASTS: dict[str, Cast] = {}


def cast_of(model: FaceModel) -> Cast:
    name = str(len(model.pack.vertices))
    if name not in CASTS:
        CASTS[name] = Cast(model)
    return CASTS[name]


@pytest.fixture(params=MODELS)
def cast(request: pytest.FixtureRequest) -> Cast:
    return cast_of(request.getfixturevalue(request.param))


@pytest.fixture
def real(real_model: FaceModel) -> Cast:
    return cast_of(real_model)


@pytest.fixture
def tiny(tiny_model: FaceModel) -> Cast:
    return cast_of(tiny_model)


def test_the_intensity_curve() -> None:
    """Golden values: the levels of `anatomy.LEVEL_WEIGHTS` and half way between them."""
    found = [anatomy.curve(level) for level in np.arange(0, 5.5, 0.5)]
    expected = [0, 0.06, 0.12, 0.21, 0.30, 0.42, 0.54, 0.66, 0.78, 0.89, 1]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert anatomy.curve(-1) == 0
    assert anatomy.curve(9) == 1


def test_every_au_has_a_recipe_of_known_shapes(cast: Cast) -> None:
    assert tuple(anatomy.RECIPES) == PAPER_AUS
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

    def moved(intensity: float) -> Floats:
        return cast.moves(au, intensity)[list(landmarks), axis] * outwards * np.sign(least)

    assert moved(5).min() > abs(least)
    steps = np.diff([moved(level) for level in (0, 0.5, 1, 2, 3, 4, 5)], axis=0)
    assert steps.min() > 0


@pytest.mark.parametrize(("au", "strong", "weak"), [("AU01", 21, 18), ("AU02", 18, 21)])
def test_inner_and_outer_brow_raisers_differ(cast: Cast, au: str, strong: int, weak: int) -> None:
    moves = cast.moves(au)[:, Y]
    assert moves[strong] > 2 * max(moves[weak], 0)
    assert moves[FLIP[strong]] > 2 * max(moves[FLIP[weak]], 0)


def test_brows_are_drawn_together_and_the_skin_between_is_heaped_up(real: Cast) -> None:
    before, after = real.marks({}), real.marks({"AU04": 5})
    assert after[22, X] - after[21, X] < 0.6 * (before[22, X] - before[21, X])
    assert after[22, X] > after[21, X]  # but not past each other


def test_the_upper_lip_raiser_raises_the_lip_more_than_the_nose_wrinkler(real: Cast) -> None:
    lips = [49, 50, 51, 52, 53, 61, 62, 63]
    assert (real.moves("AU10")[lips, Y] > 1.1 * real.moves("AU09")[lips, Y]).all()
    brows = [21, 22]  # which only the nose wrinkler lowers
    assert (real.moves("AU09")[brows, Y] < real.moves("AU10")[brows, Y] - 0.3).all()


def test_the_stretcher_does_not_lower_the_corners(real: Cast) -> None:
    """Or else it could not be told from AU15."""
    moves = real.moves("AU20")[[48, 54]]
    assert np.abs(moves[:, Y]).max() < 0.2 * np.abs(moves[:, X]).min()


def test_the_dimpler_does_not_move_the_corners_sideways(real: Cast) -> None:
    moves = real.moves("AU14")[[48, 54]]
    assert np.abs(moves[:, X]).max() < 0.1 * np.abs(moves[:, Z]).min()


def test_the_cheek_raiser_lifts_the_cheeks(real: Cast) -> None:
    """Skin between eye and mouth corner, where there is no landmark."""
    points, marks = real.model.pack.vertices, real.model.pack.vertices[real.model.pack.landmarks]
    moved = real.vertices(Expression({"AU06": 5})) - real.vertices(Expression())
    for eye, corner in ((46, 54), (41, 48)):
        middle = marks[eye] * 0.7 + marks[corner] * 0.3
        near = real.model.skin & (np.linalg.norm(points - middle, axis=1) < 1.5)
        assert near.sum() > 20
        assert moved[near, Y].mean() > 0.1
        assert moved[near, Z].mean() > 0.05


def test_aus_leave_other_places_alone(real: Cast) -> None:
    brows, mouth, nose = list(range(17, 27)), list(range(48, 68)), list(range(27, 36))
    for au in ("AU01", "AU02", "AU04", "AU05"):
        assert np.abs(real.moves(au)[mouth]).max() < 0.02, au
        assert np.abs(real.moves(au)[8]).max() < 0.01, au
    for au in ("AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU25", "AU26"):
        assert np.abs(real.moves(au)[brows]).max() < 0.15, au
    for au in ("AU17", "AU25"):
        assert np.abs(real.moves(au)[nose]).max() < 0.12, au


def test_a_plain_person_moves_symmetrically(cast: Cast) -> None:
    for au in PAPER_AUS:
        moves = cast.moves(au)
        np.testing.assert_allclose(moves[list(FLIP)] * (-1, 1, 1), moves, atol=0.06, err_msg=au)


def test_jaw_drop_keeps_lips_together_and_shows_in_the_chin(cast: Cast) -> None:
    assert abs(cast.gap(Expression({"AU26": 5}))) < 0.01
    assert cast.gap(Expression({"AU26": 5, "AU25": 5})) > 1.0


# --- the seal ---

BESIDE = [
    "mouthFunnel", "mouthPucker", "mouthPress_L", "mouthRollLower", "mouthRollUpper", "jawOpen",
    "jawForward", "mouthUpperUp_L", "mouthUpperUp_R", "mouthLowerDown_L", "mouthShrugLower",
    "mouthSmile_L", "mouthFrown_R", "noseSneer_L",
]  # fmt: skip


def sealed_gap(cast: Cast, named: dict[str, float], parting: float) -> tuple[float, float]:
    """The gap before and after the seal, of the mean face with uneven reach of the mouth."""
    model, seal = cast.model, cast.actor.seal
    n = len(model.pack.vertices)
    gains = np.ones((3, n), np.float32)
    gains[2] = 1 + 0.2 * np.sin(np.arange(n))
    mouth = floats([anatomy.region_of(shape) == "mouth" for shape in model.shapes])
    neutral, weights = model.neutral(floats([0.5, -0.5])), model.weights(named)
    after = seal.apply(neutral, weights, parting, gains[2], mouth)
    touching = seal.gap(model.pack.vertices)
    before_gap, after_gap = (
        seal.gap(model.deform(neutral, w, gains)) - touching for w in (weights, after)
    )
    return before_gap, after_gap


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from(BESIDE), st.floats(-0.4, 1.0), max_size=5), st.floats(0.01, 1.1)
)
def test_the_gap_is_what_the_seal_says(
    tiny_model: FaceModel, named: dict[str, float], parting: float
) -> None:
    """p * (the gap that everything else makes + 0.64 cm), unless lips are pressed so hard that
    parting them would take more than 1.3 times AU25's movement."""
    before, after = sealed_gap(cast_of(tiny_model), named, parting)
    expected = parting * (max(before, 0) + 0.64)
    assert after <= expected + 2e-3
    if before > -0.05:
        assert after == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("parting", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("named", [{}, {"jawOpen": 0.5}, {"mouthUpperUp_L": 1, "mouthFunnel": 0.3}])
def test_the_gap_on_the_real_face(real: Cast, named: dict[str, float], parting: float) -> None:
    before, after = sealed_gap(real, named, parting)
    assert after == pytest.approx(parting * (max(before, 0) + 0.64), abs=2e-3)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(BESIDE), st.floats(-0.4, 1.0), max_size=5))
def test_closed_lips_touch(tiny_model: FaceModel, named: dict[str, float]) -> None:
    """At AU25 = 0 nothing parts the lips; lips that are pressed together stay so."""
    before, after = sealed_gap(cast_of(tiny_model), named, 0.0)
    assert after == pytest.approx(min(before, 0), abs=2e-3)


def test_lips_that_part_in_a_smile_bare_the_upper_teeth(real: Cast) -> None:
    """As far apart as without the smile, but by the upper lip, as the smile rises."""

    def lips(au12: float) -> tuple[float, float]:
        """How far AU25 of 4 moves the upper lip up and the lower lip down, in cm."""
        moved = real.marks({"AU12": au12, "AU25": 4}) - real.marks({"AU12": au12})
        return float(moved[62, 1]), float(-moved[66, 1])

    upper, lower = np.array([lips(level) for level in (0.0, 2.0, 3.5, 5.0)]).T
    assert upper[0] < 0.4 * lower[0]
    assert (np.diff(upper) > 0).all()
    assert (np.diff(lower) < 0).all()
    assert upper[-1] > 1.2 * lower[-1]
    gaps = [real.gap(Expression({"AU12": level, "AU25": 4})) for level in (0.0, 2.0, 5.0)]
    assert min(gaps) > 0.8 * max(gaps)


def people(cast: Cast, count: int) -> list[Person]:
    return [cast.sampler.sample(np.random.default_rng([8, i])) for i in range(count)]


def test_au25_of_zero_keeps_lips_together_whatever_else_moves(cast: Cast) -> None:
    """Exactly, but for how far this face's nose and cheeks reach, which the seal leaves out."""

    def closed(i: int) -> Expression:
        drawn = sample_expression(np.random.default_rng([1, i]))
        return Expression(dict(drawn.intensities) | {"AU25": 0}, drawn.lag, drawn.beside)

    for i in range(100):
        assert cast.gap(closed(i)) < 2e-3
        assert cast.actor.seal.closed(cast.vertices(closed(i)))
    for someone in people(cast, 8):
        gains = someone.manner.gains.copy()
        gains[anatomy.REGIONS.index("cheek")] = 1
        even = replace(someone, manner=replace(someone.manner, gains=gains))
        for i in range(8):
            assert cast.gap(closed(i), even) < 2e-3
            assert cast.gap(closed(i), someone) < 0.25


def test_the_gap_grows_with_au25_whatever_else_moves(cast: Cast) -> None:
    for someone in [cast.plain, *people(cast, 4)]:
        for i in range(8):
            drawn = sample_expression(np.random.default_rng([3, i]))
            gaps = [
                cast.gap(
                    Expression(dict(drawn.intensities) | {"AU25": au25}, drawn.lag, drawn.beside),
                    someone,
                )
                for au25 in (0, 0.2, 0.5, 1, 2, 3, 4, 5)
            ]
            assert (np.diff(gaps) >= -1e-3).all()
            assert gaps[-1] - gaps[0] > 0.3


def test_parted_lips_are_not_called_closed(cast: Cast) -> None:
    seal = cast.actor.seal
    for au25, closed in ((0, True), (0.5, True), (2, False), (5, False)):
        assert seal.closed(cast.vertices(Expression({"AU25": au25}))) == closed


def test_wide_open_lips_are_parted_further_by_the_jaw(cast: Cast) -> None:
    jaw = [cast.gap(Expression({"AU25": 5, "AU26": level})) for level in range(6)]
    assert (np.diff(jaw) > 0.02).all()


# --- shapes that the kit lacks ---


def test_authored_shapes_do_what_their_names_say(cast: Cast) -> None:
    model = cast.model
    marks = model.pack.landmarks

    def offsets(shape: str) -> Floats:
        return model.expressions[model.index[shape]]

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
