from __future__ import annotations

import itertools
import warnings
from functools import reduce
from operator import add

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error

from auheat.errors import AuheatError
from auheat.metrics import Agreement, icc31, nanmean, summary

Array = NDArray[np.float64]
METRICS = ("icc", "pcc", "mae", "mse")

# Table 2 of Shrout and Fleiss, Psychological Bulletin 86(2), 1979: 6 targets, 4 judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def pingouin_icc3(*judges: Array) -> float:
    """ICC(3,1) by an independent package (its row is called ICC3 or, since 0.6, ICC(C,1))."""
    n, k = len(judges[0]), len(judges)
    long = pd.DataFrame(
        {
            "target": np.tile(np.arange(n), k),
            "judge": np.repeat(np.arange(k), n),
            "score": np.concatenate(judges),
        }
    )
    table = pingouin.intraclass_corr(long, targets="target", raters="judge", ratings="score")
    return float(table[table["Type"].isin(["ICC3", "ICC(C,1)"])]["ICC"].iloc[0])


def noisy_levels(seed: int, n: int, aus: int) -> tuple[Array, Array]:
    """Labels 0 to 5 and predictions that agree with them in part."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, (n, aus)).astype(float)
    return 0.6 * labels + rng.normal(0.8, 1.0, (n, aus)), labels


def test_shrout_and_fleiss_1979() -> None:
    """Golden value from the article's Table 4: ICC(3,1) = .71 (.7148 to four places)."""
    assert icc31(SHROUT_FLEISS) == pytest.approx(0.7148, abs=5e-5)


def test_icc_of_two_judges_of_shrout_and_fleiss_agrees_in_both_forms() -> None:
    for i, j in itertools.permutations(range(4), 2):
        p, y = SHROUT_FLEISS[:, i], SHROUT_FLEISS[:, j]
        expected = 2 * np.cov(p, y)[0, 1] / (np.var(p, ddof=1) + np.var(y, ddof=1))
        assert icc31(np.column_stack([p, y])) == pytest.approx(expected, rel=1e-12)
        assert Agreement.of(p[:, None], y[:, None]).icc[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tied", [False, True])
def test_icc_agrees_with_pingouin(seed: int, tied: bool) -> None:
    p, y = noisy_levels(seed, 40, 1)
    if tied:
        p = np.clip(np.round(p), 0, 5)
    expected = pingouin_icc3(p[:, 0], y[:, 0])
    assert Agreement.of(p, y).icc[0] == pytest.approx(expected, abs=1e-6)
    assert icc31(np.column_stack([p, y])) == pytest.approx(expected, abs=1e-6)


def labels_as_in_disfa(seed: int) -> tuple[Array, Array]:
    """Whole levels, 0 in nine of ten frames; predictions are whole levels, too, mostly 0."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(300) < 0.9, 0, rng.integers(1, 6, 300)).astype(float)
    p = np.where(rng.random(300) < 0.6, y, np.where(rng.random(300) < 0.9, 0, 2)).astype(float)
    return p, y


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_icc_of_aus_that_are_mostly_absent_agrees_with_pingouin(seed: int, offset: float) -> None:
    p, y = labels_as_in_disfa(seed)
    assert (y == 0).mean() > 0.85 and len(np.unique(p)) <= 6  # ties in nearly all places
    expected = pingouin_icc3(p, y)
    found = Agreement.of(p[:, None] + offset, y[:, None] + offset)
    assert found.icc[0] == pytest.approx(expected, abs=1e-6)
    assert icc31(np.column_stack([p, y]) + offset) == pytest.approx(expected, abs=1e-6)
    halves = [Agreement.of(p[s][:, None], y[s][:, None]) for s in (slice(130), slice(130, None))]
    assert reduce(add, halves).icc[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_icc_of_a_network_that_hardly_moves_agrees_with_pingouin(seed: int) -> None:
    """A prediction near 0 everywhere has a small error and next to no agreement."""
    _, y = labels_as_in_disfa(seed)
    p = 0.01 * y + np.random.default_rng(seed).uniform(0, 0.02, 300)
    expected = pingouin_icc3(p, y)
    assert Agreement.of(p[:, None], y[:, None]).icc[0] == pytest.approx(expected, abs=1e-6)
    assert 0 < expected < 0.05


@pytest.mark.parametrize("judges", [3, 5])
def test_icc_of_several_judges_agrees_with_pingouin(judges: int) -> None:
    rng = np.random.default_rng(judges)
    scores = rng.integers(0, 3, (30, 1)) + rng.integers(0, 3, (30, judges)).astype(float)
    assert icc31(scores) == pytest.approx(pingouin_icc3(*scores.T), abs=1e-6)


def test_error_and_correlation_agree_with_sklearn_and_scipy() -> None:
    p, y = noisy_levels(7, 60, 3)
    found = Agreement.of(p, y)
    for a in range(3):
        assert found.mae[a] == pytest.approx(mean_absolute_error(y[:, a], p[:, a]), rel=1e-12)
        assert found.mse[a] == pytest.approx(mean_squared_error(y[:, a], p[:, a]), rel=1e-12)
        assert found.pcc[a] == pytest.approx(stats.pearsonr(p[:, a], y[:, a])[0], rel=1e-12)
    assert found.count.tolist() == [60, 60, 60]


def test_icc_measures_consistency_bias_is_free_and_scale_is_not() -> None:
    p, y = noisy_levels(3, 200, 1)
    plain = Agreement.of(p, y).icc[0]
    assert Agreement.of(p + 3, y).icc[0] == pytest.approx(plain, rel=1e-12)
    assert Agreement.of(y + 3, y).icc[0] == pytest.approx(1)
    # A judge s times as wide, in perfect correlation: 2 s / (1 + s^2).
    assert Agreement.of(0.5 * y, y).icc[0] == pytest.approx(2 * 0.5 / 1.25)
    assert Agreement.of(-y, y).icc[0] == pytest.approx(-1)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 60), max_size=5), st.booleans())
def test_merging_any_split_equals_the_whole(seed: int, cuts: list[int], holes: bool) -> None:
    p, y = noisy_levels(seed, 60, 2)
    if holes:
        y[np.random.default_rng(seed).random(y.shape) < 0.3] = np.nan
    borders = [0, *sorted(cuts), 60]
    parts = [Agreement.of(p[i:j], y[i:j]) for i, j in itertools.pairwise(borders)]
    merged, whole = reduce(add, parts), Agreement.of(p, y)
    assert merged.count.tolist() == whole.count.tolist()
    for name in (*METRICS, "mean_p", "mean_y"):
        np.testing.assert_allclose(
            getattr(merged, name), getattr(whole, name), rtol=1e-10, atol=1e-12, err_msg=name
        )


def test_nothing_is_the_neutral_element() -> None:
    whole = Agreement.of(*noisy_levels(1, 30, 2))
    for joined in (Agreement.empty(2) + whole, whole + Agreement.empty(2)):
        for name in METRICS:
            np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))


@pytest.mark.parametrize("parts", [1, 7])
def test_large_offsets_lose_no_precision(parts: int) -> None:
    p, y = noisy_levels(5, 700, 2)
    split = zip(np.split(p + 1e6, parts), np.split(y + 1e6, parts), strict=True)
    shifted = reduce(add, (Agreement.of(a, b) for a, b in split))
    plain = Agreement.of(p, y)
    for name in METRICS:
        np.testing.assert_allclose(getattr(shifted, name), getattr(plain, name), rtol=1e-8)
    assert icc31(np.column_stack([p[:, 0], y[:, 0]]) + 1e6) == pytest.approx(plain.icc[0], rel=1e-8)


def test_small_spreads_are_not_taken_for_none() -> None:
    p, y = noisy_levels(5, 50, 1)
    plain = Agreement.of(p, y).icc[0]
    assert Agreement.of(p * 1e-9, y * 1e-9).icc[0] == pytest.approx(plain, rel=1e-9)
    assert icc31(np.column_stack([p, y]) * 1e-9) == pytest.approx(plain, rel=1e-9)


def test_missing_labels_are_left_out() -> None:
    p, y = noisy_levels(2, 50, 2)
    y[::3, 0], y[1::4, 1] = np.nan, np.nan
    found = Agreement.of(p, y)
    for a in range(2):
        kept = ~np.isnan(y[:, a])
        alone = Agreement.of(p[kept][:, [a]], y[kept][:, [a]])
        assert found.count[a] == kept.sum()
        for name in METRICS:
            assert getattr(found, name)[a] == pytest.approx(getattr(alone, name)[0], rel=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("p", "y", "undefined"),
    [
        ([], [], METRICS),
        ([np.nan, np.nan], [1.0, 2.0], METRICS),
        ([2.0], [3.0], ("icc", "pcc")),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], ("icc", "pcc")),
        ([0.1, 0.1, 0.1], [0.3, 0.3, 0.3], ("icc", "pcc")),
        ([0.1, 0.1, 0.1], [0.0, 1.0, 3.0], ("pcc",)),
        ([0.0, 1.0, 3.0], [0.0, 0.0, 0.0], ("pcc",)),
    ],
)
def test_degenerate_input_is_nan_and_silent(
    p: list[float], y: list[float], undefined: tuple[str, ...]
) -> None:
    found = Agreement.of(np.array(p)[:, None], np.array(y)[:, None])
    for name in METRICS:
        assert np.isnan(getattr(found, name)[0]) == (name in undefined), name
    if len(p) and not np.isnan(p).any():
        assert np.isnan(icc31(np.column_stack([p, y]))) == ("icc" in undefined)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("parts", [1, 3])
def test_a_constant_predictor_over_a_whole_dataset(parts: int) -> None:
    """As many frames as DISFA: summing 0.1 that often must not leave a trace of variance."""
    p, y = np.full((131_082, 3), [0.1, 0.237, 0.0]), np.zeros((131_082, 3))
    y[:, 2] = np.arange(len(y)) % 6
    split = zip(np.split(p, parts), np.split(y, parts), strict=True)
    found = reduce(add, (Agreement.of(a, b) for a, b in split))
    assert np.isnan(found.pcc).all()
    assert np.isnan(found.icc[:2]).all()
    assert found.icc[2] == 0.0  # defined: labels vary, the prediction follows none of it
    assert np.isnan(icc31(np.column_stack([p[:, 0], y[:, 0]])))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("level", [0.3, 4.7])
def test_a_constant_is_one_whatever_float32_made_of_it(parts: int, level: float) -> None:
    """Neighbouring float32 values, as a network gives whose batches are summed in another order."""
    steps = np.random.default_rng(1).integers(-1, 2, 400)
    here = np.float32(level)
    p = np.where(steps == 0, here, np.nextafter(here, np.float32(9) * steps)).astype(np.float64)
    assert len(set(p)) == 3
    y = np.tile([0.0, 2.0, 3.0, 1.0], 100)
    table = np.column_stack([p, p]), np.column_stack([y, np.zeros(400)])
    split = zip(*(np.split(side, parts) for side in table), strict=True)
    found = reduce(add, (Agreement.of(a, b) for a, b in split))
    assert found.varies.tolist() == [[False, False], [True, False]]
    assert np.isnan(found.pcc).all()
    assert found.icc[0] == 0.0 and np.isnan(found.icc[1])
    assert np.isnan(icc31(np.column_stack([p, np.zeros(400)])))
    assert icc31(np.column_stack([p, y])) == 0.0


def test_icc31_needs_two_targets_and_two_judges() -> None:
    assert np.isnan(icc31([[1.0, 2.0]]))
    assert np.isnan(icc31([[1.0], [2.0]]))


def test_shapes_must_fit() -> None:
    with pytest.raises(AuheatError, match="must share a shape"):
        Agreement.of(np.zeros((3, 2)), np.zeros((2, 3)))
    with pytest.raises(AuheatError, match="must share a shape"):
        Agreement.of(np.zeros(3), np.zeros(3))
    with pytest.raises(AuheatError, match="cannot add 1 AUs to 3"):
        Agreement.empty(3) + Agreement.empty(1)


def test_summary_lists_each_au_and_the_mean_over_defined_values() -> None:
    p, y = noisy_levels(4, 80, 3)
    y[:, 2] = p[:, 2] = 0.0  # never active and never predicted: ICC undefined, error 0
    y[:10, 1] = np.nan
    table = summary(Agreement.of(p, y), ["AU01", "AU02", "AU04"])
    assert list(table) == ["AU01", "AU02", "AU04", "mean"]
    assert [row["n"] for row in table.values()] == [80, 70, 80, 80]
    assert table["AU01"]["icc"] == pytest.approx(pingouin_icc3(p[:, 0], y[:, 0]), abs=1e-6)
    assert np.isnan(table["AU04"]["icc"])
    assert table["mean"]["icc"] == pytest.approx((table["AU01"]["icc"] + table["AU02"]["icc"]) / 2)
    assert table["mean"]["mae"] == pytest.approx((table["AU01"]["mae"] + table["AU02"]["mae"]) / 3)


def test_nanmean_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nanmean([1.0, np.nan, 4.0]) == 2.5
        assert np.isnan(nanmean([np.nan]))
        assert np.isnan(nanmean([]))


def test_rows_with_nothing_in_them_are_left_out() -> None:
    """A frame without a face had made the whole table 0."""
    table = np.array(SHROUT_FLEISS, float)
    gaps = np.insert(table, [1, 4], np.nan, axis=0)
    gaps[1, 1:] = 3.0
    assert icc31(gaps) == icc31(table)
    assert np.isnan(icc31([[1.0, np.nan], [2.0, 3.0], [np.nan, 4.0]]))
    with pytest.raises(AuheatError, match="infinite"):
        icc31([[np.inf, 1.0], [2.0, 3.0]])
