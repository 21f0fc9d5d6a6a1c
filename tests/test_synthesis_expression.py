"""From intensities to shape weights."""

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
    both = {"browDown": 1.25, "browTogether": 0.4, "browInnerUp": -0.3, "browOuterUp": 0.2}
    assert found == pytest.approx({f"{n}_{side}": w for n, w in both.items() for side in "LR"})
    found = named(tiny_model, actor.weights(plain, Expression({"AU20": 5.0})))
    assert found["lipFlatten"] == pytest.approx(0.9)
    assert found["mouthSmile_R"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("raised", "down", "inner"),
    [({"AU01": 5.0}, 1.25 * 0.65, 1.35 - 0.3 + 1.1), ({"AU02": 5.0}, 1.25 * 0.2, -0.3),
     ({"AU01": 5.0, "AU02": 5.0}, 1.25 * 0.2, 1.35 * 0.7 - 0.3)],
)  # fmt: skip
def test_raised_brows_are_hardly_lowered_by_a_frown(
    tiny_model: FaceModel, actor: Actor, plain: Person, raised: dict[str, float], down: float,
    inner: float,
) -> None:  # fmt: skip
    found = named(tiny_model, actor.weights(plain, Expression({"AU04": 5.0, **raised})))
    assert found["browDown_L"] == pytest.approx(down)
    assert found["browInnerUp_R"] == pytest.approx(inner)
    assert found["browTogether_L"] == pytest.approx(0.4)


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
        fraction = anatomy.curve(level)
        assert gap(1.0, level) == pytest.approx(1.15 * fraction, abs=5e-3)
        assert gap(0.85, level) == pytest.approx(1.15 * fraction * 0.85, abs=5e-3)
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
        whole = {"mouthShrugLower": 1.6, "mouthShrugUpper": 0.5, "mouthRollLower": -0.2}
        middle = {shape: weight * 0.8 for shape, weight in whole.items()}
        corners = {f"mouthFrown_{'R' if lag > 0 else 'L'}": 0.5 * 0.6}
        corners |= {f"mouthFrown_{'L' if lag > 0 else 'R'}": 0.5}
        assert found == pytest.approx(middle | corners)


def test_tails_of_brows_sink_where_the_inner_brow_rises_alone(
    tiny_model: FaceModel, actor: Actor, plain: Person
) -> None:
    """1+4 slants the brow; 1+2+4 raises all of it (FACS manual, combinations)."""
    half = anatomy.curve(3.0)
    for outer in (0.0, 5.0):
        shown = Expression({"AU01": 3.0, "AU02": outer, "AU04": 5.0})
        found = named(tiny_model, actor.weights(plain, shown))
        raised = anatomy.curve(outer)
        lifted = 1.05 * raised * (1 - 0.3 * min(half, raised))
        sunk = 0.9 * half * (1 - raised)
        assert found["browOuterUp_L"] == pytest.approx(lifted + 0.2 - sunk)


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
