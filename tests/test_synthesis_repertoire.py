"""How expressions are drawn: fractions, mixtures that faces show, what they cannot do at once."""

from __future__ import annotations

import numpy as np
import pytest

from auheat.facs import ALL_AUS
from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats32
from auheat.synthesis.expression import Expression
from auheat.synthesis.face import FaceModel
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


# What faces show together, and training was found to lack (at least 0.3% of the images each).
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


def test_inner_brows_hardly_rise_alone(levels: Floats32) -> None:
    """But sometimes: what is never shown cannot be told from a frown."""
    alone = (column(levels, "AU01") > 1.5) & (column(levels, "AU02") < 1)
    assert 0.55 < (column(levels, "AU04") > 0.5)[alone].mean() < 0.9


def test_eyes_are_often_shut_completely(drawn: list[Expression], levels: Floats32) -> None:
    lids = column(levels, "AU43")
    assert 0.3 < (lids[lids > 0] > 4.5).mean() < 0.7
    assert max(abs(e.lag["AU43"]) for e in drawn) < 0.1  # both eyes


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
    """At least half zeros each; each active in a sane fraction, at every level."""
    zero, active = (levels == 0).mean(0), (levels >= 1).mean(0)
    assert zero.min() > 0.5
    assert active.min() > 0.05
    assert active.max() < 0.33  # AU04: most of what is strong comes with a frown
    for low in range(5):
        fraction = ((levels > low) & (levels <= low + 1)).mean(0)
        assert fraction.min() > 0.008, low
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
    def fraction(*shapes: str) -> float:
        return float(np.mean([any(s in e.beside for s in shapes) for e in drawn]))

    assert 0.01 < fraction("cheekPuff_L") < 0.06
    assert 0.01 < fraction("mouthFunnel", "mouthShrugUpper") < 0.06
    assert 0.1 < fraction("jawLeft", "jawRight", "mouthLeft", "mouthRight") < 0.2
    weights = [weight for e in drawn for weight in e.beside.values()]
    assert min(weights) >= 0
    assert max(weights) <= 1
