"""The seal of the lips: what parts them, and by how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auheat.synthesis import anatomy
from auheat.synthesis.arrays import floats
from auheat.synthesis.expression import Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.identity import Person
from auheat.synthesis.repertoire import sample_expression
from face_casts import Cast, cast_of


def test_jaw_drop_keeps_lips_together_and_shows_in_the_chin(cast: Cast) -> None:
    assert abs(cast.gap(Expression({"AU26": 5}))) < 0.01
    assert cast.gap(Expression({"AU26": 5, "AU25": 5})) > 1.0


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
    """p * (the gap that everything else makes + 1.15 cm), unless lips are pressed so hard that
    parting them would take more than 1.3 times AU25's movement."""
    before, after = sealed_gap(cast_of(tiny_model), named, parting)
    expected = parting * (max(before, 0) + 1.15)
    assert after <= expected + 2e-3
    if before > -0.05:
        assert after == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("parting", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("named", [{}, {"jawOpen": 0.5}, {"mouthUpperUp_L": 1, "mouthFunnel": 0.3}])
def test_the_gap_on_the_real_face(real_cast: Cast, named: dict[str, float], parting: float) -> None:
    before, after = sealed_gap(real_cast, named, parting)
    assert after == pytest.approx(parting * (max(before, 0) + 1.15), abs=2e-3)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(BESIDE), st.floats(-0.4, 1.0), max_size=5))
def test_closed_lips_touch(tiny_model: FaceModel, named: dict[str, float]) -> None:
    """At AU25 = 0 nothing parts the lips; lips that are pressed together stay so."""
    before, after = sealed_gap(cast_of(tiny_model), named, 0.0)
    assert after == pytest.approx(min(before, 0), abs=2e-3)


def test_lips_that_part_in_a_smile_bare_the_upper_teeth(real_cast: Cast) -> None:
    """As far apart as without the smile, but by the upper lip, as the smile rises."""

    def lips(au12: float) -> tuple[float, float]:
        """How far AU25 of 4 moves the upper lip up and the lower lip down, in cm."""
        moved = real_cast.marks({"AU12": au12, "AU25": 4}) - real_cast.marks({"AU12": au12})
        return float(moved[62, 1]), float(-moved[66, 1])

    upper, lower = np.array([lips(level) for level in (0.0, 2.0, 3.5, 5.0)]).T
    assert upper[0] < 0.4 * lower[0]
    assert (np.diff(upper) > 0).all()
    assert (np.diff(lower) < 0).all()
    assert upper[-1] > 0.7 * lower[-1]
    risen = real_cast.marks({"AU12": 5, "AU25": 4})[62, 1] - real_cast.marks({})[62, 1]
    assert risen > 0.6  # cm: 28% of an upper lip of 2.1 (Tarantili et al., 2005)
    gaps = [real_cast.gap(Expression({"AU12": level, "AU25": 4})) for level in (0.0, 2.0, 5.0)]
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
    for au25, closed in ((0, True), (0.4, True), (2, False), (5, False)):
        assert seal.closed(cast.vertices(Expression({"AU25": au25}))) == closed


def test_wide_open_lips_are_parted_further_by_the_jaw(cast: Cast) -> None:
    jaw = [cast.gap(Expression({"AU25": 5, "AU26": level})) for level in range(6)]
    assert (np.diff(jaw) > 0.02).all()
