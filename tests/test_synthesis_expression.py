"""From intensities to shape weights, and how expressions are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auheat.facs import ALL_AUS
from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats32
from auheat.synthesis.expression import Actor, Expression, gaze
from auheat.synthesis.face import FaceModel
from auheat.synthesis.identity import Person, PersonSampler
from auheat.synthesis.repertoire import sample_distractors, sample_expression

DRAWS = 3000


@pytest.fixture(scope="module")
def actor(tiny_model: FaceModel) -> Actor:
    return Actor(tiny_model)


@pytest.fixture(scope="module")
def plain(tiny_model: FaceModel) -> Person:
    return PersonSampler(tiny_model).sample(np.random.default_rng(1), plain=True)


def named(model: FaceModel, weights: Floats32) -> dict[str, float]:
    """The weights that are not zero; without the seal's, which the lips' gap decides."""
    seal = {"mouthClose", *(n for s in anatomy.RECIPES["AU25"] for n in (s, f"{s}_L", f"{s}_R"))}
    return {
        name: float(weight)
        for name, weight in zip(model.shapes, weights, strict=True)
        if abs(weight) > 1e-7 and name not in seal
    }


def test_a_recipe_at_full_intensity(tiny_model: FaceModel, actor: Actor, plain: Person) -> None:
    assert named(tiny_model, actor.weights(plain, Expression())) == {}
    found = named(tiny_model, actor.weights(plain, Expression({"AU04": 5.0})))
    both = {"browDown": 1.2, "browTogether": 1.0}
    assert found == pytest.approx({f"{n}_{side}": w for n, w in both.items() for side in "LR"})
    found = named(tiny_model, actor.weights(plain, Expression({"AU20": 5.0})))
    assert found["lipFlatten"] == pytest.approx(0.9)
    assert found["mouthSmile_R"] == pytest.approx(0.3)


def test_intensity_and_amplitude_scale_the_recipe(
    tiny_model: FaceModel, actor: Actor, plain: Person
) -> None:
    amplitude = dict.fromkeys(ALL_AUS, 1.0) | {"AU02": 0.9}
    recipe = plain.manner.recipe | {("AU02", "browOuterUp"): 1.1}
    someone = replace(plain, manner=replace(plain.manner, amplitude=amplitude, recipe=recipe))
    for level in (0.5, 1, 2.5, 4, 5):
        found = named(tiny_model, actor.weights(someone, Expression({"AU02": level})))
        expected = 1.05 * anatomy.curve(level) * 0.9 * 1.1
        assert found == pytest.approx({"browOuterUp_L": expected, "browOuterUp_R": expected})


def test_amplitude_scales_the_parting_of_the_lips(
    tiny_model: FaceModel, actor: Actor, plain: Person
) -> None:
    def gap(amplitude: float, level: float) -> float:
        scaled = dict.fromkeys(ALL_AUS, 1.0) | {"AU25": amplitude}
        manner = replace(plain.manner, amplitude=scaled)
        weights = actor.weights(replace(plain, manner=manner), Expression({"AU25": level}))
        vertices = tiny_model.deform(plain.neutral, weights)
        return actor.seal.gap(vertices) - actor.seal.gap(tiny_model.pack.vertices)

    for level in (1, 3, 5):
        share = anatomy.curve(level)
        assert gap(1.0, level) == pytest.approx(1.15 * share, abs=5e-3)
        assert gap(0.85, level) == pytest.approx(1.15 * share * 0.85, abs=5e-3)
    assert gap(1.15, 5) == pytest.approx(1.15 * 1.1, abs=5e-3)  # never more than 1.1


@pytest.mark.parametrize("lag", [0.0, 0.3, -0.3, 0.45])
@pytest.mark.parametrize("lopsided", [0.0, 0.05])
def test_the_label_is_that_of_the_stronger_side(
    tiny_model: FaceModel, actor: Actor, plain: Person, lag: float, lopsided: float
) -> None:
    """One side moves as the intensity says; the other less: above 0 the right one, below 0 the
    left. A person's own lean adds to that of the expression."""
    someone = replace(plain, manner=replace(plain.manner, lopsided=lopsided))
    found = named(
        tiny_model, actor.weights(someone, Expression({"AU15": 4.0}, lag={"AU15": lag, "AU12": 1}))
    )
    full, lean = 1.2 * anatomy.curve(4), lag + lopsided
    assert max(found.values()) == pytest.approx(full)
    assert found["mouthFrown_R"] == pytest.approx(full * (1 - max(lean, 0)))
    assert found["mouthFrown_L"] == pytest.approx(full * (1 - max(-lean, 0)))


def test_middle_shapes_move_by_the_mean_of_both_sides(
    tiny_model: FaceModel, actor: Actor, plain: Person
) -> None:
    for lag in (0.4, -0.4):
        found = named(tiny_model, actor.weights(plain, Expression({"AU17": 5.0}, {"AU17": lag})))
        assert found == pytest.approx({"mouthShrugLower": 1.05 * 0.8})


def test_rest_and_what_goes_on_beside_add_up(
    tiny_model: FaceModel, actor: Actor, plain: Person
) -> None:
    rest = tiny_model.weights({"browDown_L": 0.1, "eyeSquint_L": -0.05})
    someone = replace(plain, manner=replace(plain.manner, rest=rest))
    untouched = rest.copy()
    beside = {"eyeBlink_L": 0.7, "eyeSquint_L": 0.3}
    found = named(tiny_model, actor.weights(someone, Expression({"AU04": 3.0}, beside=beside)))
    assert found["eyeBlink_L"] == pytest.approx(0.7)
    assert found["eyeSquint_L"] == pytest.approx(0.25)
    assert found["browDown_L"] - found["browDown_R"] == pytest.approx(0.1)
    np.testing.assert_array_equal(rest, untouched)


def test_no_shape_is_driven_beyond_its_limits(
    tiny_model: FaceModel, actor: Actor, plain: Person
) -> None:
    beside = {"browDown_L": 3.0, "cheekPuff_R": -2.0}
    found = named(tiny_model, actor.weights(plain, Expression(beside=beside)))
    assert found == pytest.approx({"browDown_L": 2.2, "cheekPuff_R": -0.7})


def test_unknown_shapes_are_an_error(actor: Actor, plain: Person) -> None:
    with pytest.raises(KeyError):
        actor.weights(plain, Expression(beside={"tongueOut": 1.0}))


# --- the sampler ---


@pytest.fixture(scope="module")
def drawn() -> list[Expression]:
    return [sample_expression(np.random.default_rng([3, i])) for i in range(DRAWS)]


@pytest.fixture(scope="module")
def levels(drawn: list[Expression]) -> Floats32:
    """(draws, AUs)."""
    return np.array([[e.intensities[au] for au in ALL_AUS] for e in drawn])


def column(levels: Floats32, au: str) -> Floats32:
    return levels[:, ALL_AUS.index(au)]


def test_the_same_generator_gives_the_same_expression(drawn: list[Expression]) -> None:
    for i in (0, 7, 99):
        assert sample_expression(np.random.default_rng([3, i])) == drawn[i]
    assert len({str(e) for e in drawn[:200]}) == 200


def test_every_au_is_named_and_within_range(drawn: list[Expression], levels: Floats32) -> None:
    assert all(tuple(e.intensities) == ALL_AUS for e in drawn)
    assert levels.min() == 0
    assert levels.max() <= 5
    assert (levels.max(0) > 4.8).all()


def test_every_au_is_often_absent_and_often_there(levels: Floats32) -> None:
    """At least half zeros each; each active in a sane share, at every level."""
    zero, active = (levels == 0).mean(0), (levels >= 1).mean(0)
    assert zero.min() > 0.5
    assert active.min() > 0.05
    assert active.max() < 0.3
    for low in range(5):
        share = ((levels > low) & (levels <= low + 1)).mean(0)
        assert share.min() > 0.008, low
    assert 0.1 < (levels == 0).all(1).mean() < 0.18  # resting faces


def test_no_au_can_be_read_off_another(levels: Floats32) -> None:
    for values in (levels, levels > 0):
        correlation = np.corrcoef(values.T.astype(float)) - np.eye(len(ALL_AUS))
        assert np.abs(correlation).max() < 0.6


def test_every_au_occurs_alone_and_without_its_usual_company(levels: Floats32) -> None:
    """Strong AUs next to absent ones, for every ordered pair."""
    strong, absent = (levels > 2.5).astype(float), (levels == 0).astype(float)
    together = strong.T @ absent
    np.fill_diagonal(together, np.inf)
    assert together.min() > 8
    single = levels[(levels > 0).sum(1) == 1]
    assert ((single > 0).sum(0) > 3).all()


def test_at_most_one_rival_is_strong(levels: Floats32) -> None:
    rivals = np.sort([column(levels, au) for au in ("AU12", "AU14", "AU15", "AU20")], axis=0)
    assert rivals[-2].max() == 2.5
    assert (rivals[-2] > 1).mean() > 0.05  # they do occur together


def test_lips_part_where_a_face_would_part_them(levels: Floats32) -> None:
    lips = column(levels, "AU25")
    sealed = (column(levels, "AU24") > 0) | (column(levels, "AU28") > 0)
    assert not lips[sealed].any()  # lips that are pressed or sucked in
    jaw, upper = column(levels, "AU26") > 1, column(levels, "AU10") > 2
    jaw, upper = jaw & ~sealed, upper & ~sealed
    assert 0.8 < (lips[jaw] >= 1.5).mean() < 0.99  # but not always
    assert 0.7 < (lips[upper] >= 1).mean() < 0.95
    pressed = (column(levels, "AU17") > 1.5) & (lips > 1.5)
    assert 0 < pressed.mean() < 0.03


def test_marked_smiles_mostly_raise_the_cheeks(levels: Floats32) -> None:
    """As in life, and the other way round cheeks rise mostly without a smile."""
    smile, cheeks = column(levels, "AU12"), column(levels, "AU06")
    assert 0.8 < (cheeks[smile > 2.5] >= 1).mean() < 0.97
    assert 0.2 < (smile[cheeks >= 1] < 1).mean() < 0.75


def test_open_lips_hardly_dimple(levels: Floats32) -> None:
    dimples = column(levels, "AU14") > 1
    open_lips = column(levels, "AU25") > 1.5
    assert 0 < dimples[open_lips].mean() < 0.08
    assert dimples[~open_lips].mean() > 0.1


def test_lags_are_bounded_and_mostly_small(drawn: list[Expression]) -> None:
    lags = np.array([[e.lag[au] for au in ALL_AUS] for e in drawn])
    one_sided = [ALL_AUS.index(au) for au in ("AU12", "AU14")]
    assert (np.abs(lags) > 0.6).mean(0)[one_sided] == pytest.approx([0.05, 0.3], rel=0.3)
    assert np.abs(lags).max() <= 1
    assert np.abs(np.delete(lags, one_sided, 1)).max() <= 0.45
    assert abs(lags.mean()) < 0.01
    assert 0.8 < (np.abs(lags) < 0.2).mean() < 0.97
    assert (np.abs(lags) > 0.3).mean() > 0.01
    assert np.abs(lags[:, ALL_AUS.index("AU43")]).max() < 0.1  # nobody winks


def test_distractors_do_not_touch_labels(tiny_model: FaceModel, drawn: list[Expression]) -> None:
    """They are weights of shapes; the intensities are what they were without them."""
    for i, expression in enumerate(drawn[:300]):
        assert set(expression.beside) <= set(tiny_model.shapes)
        before = dict(expression.intensities)
        sample_distractors(np.random.default_rng(i), expression.intensities)
        assert expression.intensities == before


def test_distractors_come_in_sane_shares(drawn: list[Expression]) -> None:
    def share(*shapes: str) -> float:
        return float(np.mean([any(s in e.beside for s in shapes) for e in drawn]))

    assert 0.01 < share("cheekPuff_L") < 0.06
    assert 0.01 < share("mouthFunnel", "mouthShrugUpper") < 0.06
    assert 0.1 < share("jawLeft", "jawRight", "mouthLeft", "mouthRight") < 0.2
    weights = [weight for e in drawn for weight in e.beside.values()]
    assert min(weights) >= 0
    assert max(weights) <= 1


@pytest.mark.parametrize(
    ("sideways", "upwards", "expected"),
    [
        (0.3, 0.2, {"eyeLookOut_L": 0.3, "eyeLookIn_R": 0.3, "eyeLookUp_L": 0.2}),
        (-0.3, -0.2, {"eyeLookIn_L": 0.3, "eyeLookOut_R": 0.3, "eyeLookDown_R": 0.2}),
    ],
)
def test_convention_gaze_to_the_left_is_the_subjects(
    sideways: float, upwards: float, expected: dict[str, float]
) -> None:
    found = gaze(sideways, upwards)
    assert len(found) == 4
    assert expected.items() <= found.items()
