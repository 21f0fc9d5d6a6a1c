"""How often training visits each row of a dataset."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auheat.data.sampling import VisitSampler, balanced_weights

NAN = np.nan


def test_rarity_by_hand() -> None:
    """AU one: level 0 three times, 3 once; AU two: coded twice, 0 and 2 (1.6 rounds to 2)."""
    levels = np.array([[0, NAN], [0.4, 0], [0, 1.6], [3, NAN]], np.float32)
    rarity = np.array([1 / 3, 1 / 3 + 1, 1 / 3 + 1, 1])
    np.testing.assert_allclose(balanced_weights(levels, 1.0), rarity / rarity.mean())
    halved = np.sqrt(rarity)
    np.testing.assert_allclose(balanced_weights(levels, 0.5), halved / halved.mean())
    assert balanced_weights(levels, 0.0).tolist() == [1, 1, 1, 1]


def test_no_row_outweighs_all_others() -> None:
    levels = np.zeros((100, 1), np.float32)
    levels[7] = 5
    assert balanced_weights(levels, 1.0).max() == 4
    assert balanced_weights(np.full((3, 2), NAN, np.float32), 1.0).tolist() == [1, 1, 1]


@given(st.lists(st.floats(0.1, 4), min_size=1, max_size=30), st.integers(0, 9))
def test_a_round_holds_each_row_as_often_as_its_share_says(
    fractions: list[float], seed: int
) -> None:
    weights, rows = np.array(fractions), len(fractions)
    sampler = VisitSampler(rows, rows, seed, weights=weights)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        items = list(sampler)
        counts = Counter(row for _, row in items)
        for row, fraction in enumerate(weights / weights.mean()):
            assert np.floor(fraction - 1e-9) <= counts[row] <= np.ceil(fraction + 1e-9)
        assert len(set(items)) == rows  # each visit has its own augmentation


def test_shares_are_kept_over_rounds() -> None:
    weights = np.array([0.25, 0.75, 1.0, 2.0])
    sampler = VisitSampler(4, 4000, 3, weights=weights)
    counts = Counter(row for _, row in sampler)
    found = np.array([counts[row] for row in range(4)]) / 1000
    assert found == pytest.approx(weights, abs=0.05)
    assert list(sampler) == list(sampler)
    resumed = VisitSampler(4, 4000, 3, weights=weights)
    resumed.resume(0, 1234)
    assert list(resumed) == list(sampler)[1234:]
