"""What is rendered for a look-alike: how often each level comes, who plays whom, and the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.data.datasets import lookalikes
from auheat.data.lookalike import plan_of
from auheat.data.sequences import (
    STEP_S,
    LabelledFrame,
    level,
    perform,
    render_sequence,
)
from auheat.facs import DISFA_AUS
from auheat.synthesis.studio import Studio
from small_lookalikes import tiny

# Frames at level 1 or more: DISFA's of 130,814 (Mavadati et al., IEEE Transactions on Affective
# Computing 4(2), 2013), BP4D's rounded.
DISFA_PRESENT = {
    au: frames / 130_814
    for au, frames in {
        "AU01": 8778, "AU02": 7364, "AU04": 24594, "AU05": 2728, "AU06": 19484, "AU09": 7132,
        "AU12": 30794, "AU15": 7862, "AU17": 12930, "AU20": 4532, "AU25": 46052, "AU26": 24976,
    }.items()
}  # fmt: skip
BP4D_PRESENT = {"AU06": 0.46, "AU10": 0.59, "AU12": 0.56, "AU14": 0.47, "AU17": 0.34}


def fractions(layout: str, seeds: range) -> dict[str, NDArray[Any]]:
    """By AU, the fractions of frames at levels 0 to 5."""
    counts: dict[str, NDArray[Any]] = {au: np.zeros(6) for au in lookalikes()[layout].corpus.aus}
    for seed in seeds:
        plan = plan_of(layout, seed=seed)
        for subject in plan.names:
            for sequence in plan.corpus.sequences:
                performance = perform(plan, subject, sequence)
                for index in range(0, plan.frames, 3):
                    for au in counts:
                        events = [e for e in performance.events if e.au == au]
                        most = max((e.at(STEP_S * index) for e in events), default=0.0)
                        counts[au][level(most)] += 1
    return {au: count / count.sum() for au, count in counts.items()}


@pytest.mark.parametrize(
    ("layout", "published"), [("disfa", DISFA_PRESENT), ("bp4d", BP4D_PRESENT)]
)
def test_levels_are_as_frequent_as_in_the_dataset(layout: str, published: dict[str, float]) -> None:
    found = fractions(layout, range(2))
    assert set(found) == set(published)
    for au, fraction in published.items():
        factor = 2.0 if au in ("AU05", "AU20") else 1.5
        assert fraction / factor < 1 - found[au][0] < fraction * factor, au
    low_to_high = np.sum(list(found.values()), 0)[1:]
    assert (np.diff(low_to_high)[1:] < 0).all()
    assert low_to_high[0] + low_to_high[1] > 2 * (low_to_high[3] + low_to_high[4])


def test_aus_come_together_as_in_spontaneous_faces() -> None:
    """P(b | a) against P(b), from which chance would not differ."""
    plan, rows = plan_of("disfa"), []
    for subject in plan.names:
        performance = perform(plan, subject, "video")
        for index in range(0, plan.frames, 3):
            levels = performance.expression(STEP_S * index).intensities
            rows.append([levels[au] >= 0.5 for au in DISFA_AUS])
    seen = np.array(rows)
    for a, b in ((6, 12), (2, 1), (9, 4), (15, 17), (26, 25), (5, 2)):
        given, then = (seen[:, DISFA_AUS.index(f"AU{n:02d}")] for n in (a, b))
        assert then[given].mean() > 1.5 * then.mean(), (a, b)


def test_people_differ_in_how_expressive_they_are() -> None:
    """More than one person's sessions do."""
    plan = plan_of("disfa")
    counts = [
        [len(perform(plan, name, str(session)).events) for session in range(8)]
        for name in plan.names
    ]
    between, within = np.mean(counts, 1).var(), np.var(counts, 1).mean() / 8
    assert between > 2.5 * within


def test_takes_tell_the_truth(tiny_studio: Studio) -> None:
    plan = tiny("disfa", 1, 12)
    takes = list(render_sequence(tiny_studio, plan, subject="SN001", sequence="video"))
    assert [take.number for take in takes] == list(range(1, 13))
    performance = perform(plan, "SN001", "video")
    for index, take in enumerate(takes):
        assert take.image.shape == (32, 40, 3)
        assert take.landmarks.shape == (68, 2)
        assert (take.landmarks > 0).all()
        assert (take.landmarks < (40, 32)).all()
        assert take.intensities == performance.expression(STEP_S * index).intensities
        assert tuple(take.levels) == DISFA_AUS
        for au, coded in take.levels.items():
            assert type(coded) is int
            assert abs(coded - take.intensities[au]) <= 0.5
    assert max(max(take.levels.values()) for take in takes) > 0


def test_takes_are_decided_by_seed_subject_and_sequence(tiny_studio: Studio) -> None:
    def first(layout: str, seed: int, subject: str, sequence: str) -> LabelledFrame:
        plan = plan_of(layout, seed=seed, frames=2, size=32)
        return next(render_sequence(tiny_studio, plan, subject=subject, sequence=sequence))

    same = [first("bp4d", 1, "F001", "T2"), first("bp4d", 1, "F001", "T2")]
    same.append(first("fera2015", 1, "F001", "T2"))  # FERA 2015 shows BP4D
    assert len({take.image.tobytes() for take in same}) == 1
    others = [
        first("bp4d", 2, "F001", "T2"), first("bp4d", 1, "F002", "T2"),
        first("bp4d", 1, "F001", "T3"), first("bp4d-plus", 1, "F001", "T1"),
    ]  # fmt: skip
    assert len({take.image.tobytes() for take in [*same, *others]}) == 5


def test_who_plays_whom() -> None:
    corpora = {layout: lookalike.corpus for layout, lookalike in lookalikes().items()}

    def number(layout: str, subject: str) -> int:
        return corpora[layout].person_number(subject)

    names = [("disfa", "SN001"), ("bp4d", "F001"), ("bp4d", "M001"), ("bp4d-plus", "F001"),
             ("bp4d-plus", "M001"), ("unbc", "042-ll042"), ("fera2017", "VA_F004")]  # fmt: skip
    assert len({number(*name) for name in names}) == len(names)
    assert number("disfa-plus", "SN001") == number("disfa", "SN001")
    assert number("fera2017", "TR_M001") == number("bp4d", "M001")
    for layout, corpus in corpora.items():
        assert len({number(layout, name) for name in corpus.subjects}) == len(corpus.subjects)
    counts = {layout: len(corpus.subjects) for layout, corpus in corpora.items()}
    expected = {"disfa": 27, "disfa-plus": 9, "bp4d": 41, "fera2015": 41, "unbc": 25}
    assert counts | expected == counts
    assert lookalikes()["bp4d-plus"].corpus.sequences == ("T1", "T6", "T7", "T8")
