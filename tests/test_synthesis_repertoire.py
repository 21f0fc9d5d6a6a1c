"""Mixtures that faces show, and what they cannot do at once."""

from __future__ import annotations

import numpy as np
import pytest

from auheat.facs import ALL_AUS
from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats32
from auheat.synthesis.expression import Expression
from auheat.synthesis.repertoire import sample_distractors, sample_expression

DRAWS = 3000


@pytest.fixture(scope="module")
def drawn() -> list[Expression]:
    return [sample_expression(np.random.default_rng([3, i])) for i in range(DRAWS)]


@pytest.fixture(scope="module")
def levels(drawn: list[Expression]) -> Floats32:
    """(draws, 20)."""
    return np.array([[e.intensities[au] for au in ALL_AUS] for e in drawn])


def column(levels: Floats32, au: str) -> Floats32:
    return levels[:, ALL_AUS.index(au)]


def test_what_is_an_au_is_never_added_without_its_label(drawn: list[Expression]) -> None:
    """Lids and lips are moved by AU07, 18, 23, 24, 28 and 43 only."""
    labelled = {name for au in ("AU07", "AU18", "AU23", "AU24", "AU28", "AU43")
                for shape in anatomy.RECIPES[au]
                for name in (shape, f"{shape}_L", f"{shape}_R")}  # fmt: skip
    assert not any(labelled & set(e.beside) for e in drawn)


def test_distractors_give_way_to_aus() -> None:
    """No funnel of lips that smile, stretch, part or are pressed."""
    rngs = [np.random.default_rng([4, i]) for i in range(400)]
    pursed = {"mouthFunnel", "mouthShrugUpper"}
    for au in ("AU12", "AU18", "AU20", "AU23", "AU24", "AU25", "AU26", "AU28"):
        assert not any(pursed & set(sample_distractors(rng, {au: 2.0})) for rng in rngs)
    assert any(pursed & set(sample_distractors(rng, {"AU12": 0.5})) for rng in rngs)


def test_what_a_face_cannot_do_at_once_is_never_shown(levels: Floats32) -> None:
    for one, other in (("AU05", "AU43"), ("AU24", "AU25"), ("AU25", "AU28"), ("AU18", "AU28"),
                       ("AU23", "AU28"), ("AU24", "AU28"), ("AU18", "AU24")):  # fmt: skip
        assert not ((column(levels, one) > 0) & (column(levels, other) > 0)).any(), (one, other)
    for one, other in (("AU12", "AU18"), ("AU24", "AU26"), ("AU20", "AU24")):
        both = np.minimum(column(levels, one), column(levels, other))
        assert 0 < both.max() <= 1.5, (one, other)


# What faces show together, and training was found to lack (at least 0.3% of the pictures each).
MIXTURES = (
    ("AU04", "AU43"), ("AU04", "AU06"), ("AU04", "AU07"), ("AU04", "AU09"), ("AU01", "AU04"),
    ("AU01", "AU04", "AU20"), ("AU01", "AU04", "AU25"), ("AU01", "AU04", "AU26"),
    ("AU10", "AU25", "AU26"), ("AU15", "AU17"), ("AU17", "AU24"), ("AU17", "AU23"),
    ("AU14", "AU24"), ("AU01", "AU02", "AU20"), ("AU06", "AU12", "AU43"), ("AU07", "AU12"),
)  # fmt: skip


@pytest.mark.parametrize("mixture", MIXTURES)
def test_mixtures_are_shown(levels: Floats32, mixture: tuple[str, ...]) -> None:
    shown = np.min([column(levels, au) for au in mixture], axis=0) > 1
    assert shown.mean() > 0.003


def test_slanted_brows_come_with_and_without_an_open_mouth(levels: Floats32) -> None:
    slanted = np.minimum(column(levels, "AU01"), column(levels, "AU04")) > 1
    opened = np.max([column(levels, au) for au in ("AU20", "AU25", "AU26")], axis=0) > 1
    assert 0.3 < opened[slanted].mean() < 0.8


def test_eyes_are_often_shut_completely(drawn: list[Expression], levels: Floats32) -> None:
    lids = column(levels, "AU43")
    assert 0.3 < (lids[lids > 0] > 4.5).mean() < 0.7
    assert max(abs(e.lag["AU43"]) for e in drawn) < 0.1  # both eyes
