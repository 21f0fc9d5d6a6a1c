from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import bootstrap, norm

from auheat.errors import AuheatError
from auheat.evaluation import intervals as module
from auheat.evaluation.intervals import draw, intervals, resampled, subject_sums
from auheat.evaluation.predictions import Predictions
from auheat.metrics import METRICS, Agreement, nanmean

Array = NDArray[np.float64]
AUS = ("AU04", "AU12", "AU25")


def table(p: Array, y: Array, who: NDArray[np.int64]) -> Predictions:
    columns: dict[str, list[Any]] = {
        "image": [f"{n}.jpg" for n in range(len(p))],
        "subject": [f"S{n}" for n in who],
    }
    columns |= {"sequence": [""] * len(p), "frame": [0] * len(p), "fold": [""] * len(p)}
    values = {au: p[:, a] for a, au in enumerate(AUS[: p.shape[1]])}
    labels = {f"{au}_label": y[:, a] for a, au in enumerate(AUS[: p.shape[1]])}
    return Predictions(pd.DataFrame({**columns, **values, **labels}), {"name": "a"})


def uneven(seed: int, subjects: int = 7, aus: int = 3) -> tuple[Array, Array, NDArray[np.int64]]:
    """Subjects with 1 to 9 rows each, in mixed order, some labels missing, one AU rare."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(subjects), rng.integers(1, 10, subjects)))
    y = rng.integers(0, 6, (len(who), aus)).astype(float) + rng.normal(0, 1, (subjects, aus))[who]
    p = 0.5 * y + rng.normal(1, 1, y.shape)
    y[rng.random(y.shape) < 0.1] = np.nan
    y[:, -1] = np.where(who == 0, 3.0, 0.0)
    return np.clip(p, 0, 5), np.clip(y, 0, 5), who


@pytest.mark.parametrize("seed", range(3))
def test_resamples_equal_a_plain_loop_over_the_same_draws(seed: int) -> None:
    p, y, who = uneven(seed)
    drawn = draw(7, 40, seed)
    found = resampled(subject_sums(p, y, of_row=who, subjects=7), drawn)
    for r, times in enumerate(drawn.astype(int)):
        rows = np.concatenate([np.flatnonzero(who == s) for s in np.repeat(np.arange(7), times)])
        expected = Agreement.of(p[rows], y[rows])
        for metric in METRICS:
            np.testing.assert_allclose(
                found[metric][r], getattr(expected, metric), rtol=1e-9, atol=1e-10, err_msg=metric
            )


def test_intervals_are_those_of_scipy() -> None:
    """BCa by scipy over the same resamples, pooled in a plain loop.

    Of 7 subjects the tails are those beyond sqrt(7 / 6) t = 2.643 of a normal, 0.0041 each, where
    t = 2.447 is Student's with 6 degrees of freedom.
    """
    p, y, who = uneven(5)
    found = intervals(table(p, y, who), resamples=60, seed=8)
    level = 1 - 2 * norm.cdf(-np.sqrt(7 / 6) * 2.4469118511)
    assert level == pytest.approx(1 - 2 * 0.00411, abs=1e-5)
    draws = [np.repeat(np.arange(7), times) for times in draw(7, 60, 8).astype(int)]
    for metric in METRICS:
        for a, name in enumerate((*AUS[:2], "mean")):

            def statistic(people: Array, metric: str = metric, a: int = a) -> float:
                rows = np.concatenate([np.flatnonzero(who == s) for s in people.astype(int)])
                values = getattr(Agreement.of(p[rows], y[rows]), metric)
                return float(values[a] if a < 2 else nanmean(values))

            options = {"confidence_level": level, "vectorized": False}
            given = bootstrap((np.arange(7),), statistic, n_resamples=9, method="percentile")
            given = replace(given, bootstrap_distribution=np.array([statistic(d) for d in draws]))
            expected = bootstrap(
                (np.arange(7),), statistic, n_resamples=0, bootstrap_result=given, **options
            ).confidence_interval
            assert found[name][metric] == pytest.approx(tuple(expected), rel=1e-7), (name, metric)


def test_a_difference_is_of_the_same_people() -> None:
    """By a plain loop over the same draws; a better half of the people does not widen it."""
    p, y, who = uneven(3)
    shifted = np.clip(p + np.where(who % 2, 1.5, 0.0)[:, None], 0, 5)
    one, other = table(shifted + 0.05 * y, y, who), table(shifted, y, who)
    low, high = module.difference(one, other, 200)["icc"]
    drawn = [np.repeat(np.arange(7), times) for times in draw(7, 200, 1).astype(int)]
    everybody = list(range(7))

    def gain(subjects: Any) -> float:
        rows = np.concatenate([np.flatnonzero(who == s) for s in subjects])
        first, second = (nanmean(Agreement.of(t.values()[rows], y[rows]).icc) for t in (one, other))
        return first - second

    gains = np.array([gain(subjects) for subjects in drawn])
    without = np.array([gain([s for s in everybody if s != left]) for left in everybody])
    expected = module._between(gains, gain(everybody), without)
    assert (low, high) == pytest.approx(expected, abs=1e-9)
    wide = intervals(one, 200)["mean"]["icc"]
    assert high - low < (wide[1] - wide[0]) / 3
    assert module.difference(other, one, 200)["icc"] == pytest.approx((-high, -low), abs=1e-3)
    with pytest.raises(AuheatError, match="the same images in the same order"):
        module.difference(one, table(p[::-1], y[::-1], who[::-1]))


def test_draws_are_of_subjects_with_replacement() -> None:
    drawn = draw(12, 4000, 3)
    assert drawn.shape == (4000, 12) and (drawn.sum(1) == 12).all()
    np.testing.assert_array_equal(drawn, draw(12, 4000, 3))
    assert (drawn != draw(12, 4000, 4)).any()
    # A subject is missing from a resample with probability (1 - 1/12)^12 = 0.352.
    assert (drawn == 0).mean() == pytest.approx(0.352, abs=0.01)


def test_large_offsets_lose_no_precision() -> None:
    p, y, who = uneven(2)
    drawn = draw(7, 20, 1)
    plain = resampled(subject_sums(p, y, of_row=who, subjects=7), drawn)
    moved = resampled(subject_sums(p + 1e6, y + 1e6, of_row=who, subjects=7), drawn)
    for metric in METRICS:
        np.testing.assert_allclose(moved[metric], plain[metric], rtol=1e-6, atol=1e-8)


def test_what_does_not_vary_is_undefined_and_silent() -> None:
    """Each subject constant at a level of its own: a resample of one subject has no variance."""
    who = np.repeat(np.arange(3), 50)
    y = np.array([0.1, 0.7, 1.3])[who][:, None]
    p = np.full_like(y, 0.237)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = resampled(
            subject_sums(p, y, of_row=who, subjects=3), np.array([[0.0, 3.0, 0.0], [1.0, 1.0, 1.0]])
        )
        bounds = intervals(table(p, y, who))
        alone = intervals(table(p[:50], y[:50], who[:50]))
    assert np.isnan(one["icc"][0, 0]) and np.isnan(one["pcc"]).all()
    assert one["icc"][1, 0] == 0.0
    assert np.isnan(bounds["AU04"]["pcc"]).all()
    assert bounds["AU04"]["mae"][0] < bounds["AU04"]["mae"][1]
    assert np.isnan(alone["mean"]["mae"]).all()  # nothing is known of other people from one


def test_skewness_is_not_made_of_rounding() -> None:
    """Subjects that weigh alike, up to rounding, give no acceleration."""
    without = 0.61 + 1e-16 * np.array([0.0, 1.2, 1.2, 0.0, 4.5, 0.0])
    assert len(set(without)) > 1
    assert module._acceleration(without) == 0.0
    # By hand: steps from the mean 2.5 are 1.5, 0.5, -0.5, -1.5 and then (1, 1, -2) of another set.
    assert module._acceleration(np.array([1.0, 2.0, 3.0, 4.0])) == 0.0
    assert module._acceleration(np.array([1.0, 1.0, 4.0])) == pytest.approx(-6 / (6 * 6**1.5))


def test_subjects_are_drawn_not_frames() -> None:
    """Copies of every frame add rows but no people: the interval stays."""
    p, y, who = uneven(1)
    once = intervals(table(p, y, who), 200)
    nine = intervals(table(np.tile(p, (9, 1)), np.tile(y, (9, 1)), np.tile(who, 9)), 200)
    for metric in METRICS:
        assert nine["AU12"][metric] == pytest.approx(once["AU12"][metric], rel=1e-9)


@pytest.mark.parametrize("value", [0.7, -0.3, 1e-9, 4e6])
@pytest.mark.parametrize("rounding", [-1e-13, 0.0, 1e-13])
def test_a_resample_of_everybody_is_a_tie_whatever_its_rounding(
    value: float, rounding: float
) -> None:
    """Five below, two that are the whole again, three above: (5 + 2 / 2) / 10."""
    others = value + abs(value) * np.array([-0.5, -0.4, -0.3, -0.2, -1e-6, 1e-6, 0.2, 0.3])
    whole = np.full(2, value) + rounding * abs(value)
    found = module._fraction_below(np.concatenate([others, whole]), value)
    assert found == 0.6


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_does_not_move_the_interval(seed: int) -> None:
    """Sums in another order are rounded in another way, as on another processor."""
    p, y, who = uneven(seed, subjects=5)
    order = np.random.default_rng(seed).permutation(len(who))
    one = intervals(table(p, y, who), 200)
    other = intervals(table(p[order], y[order], who[order]), 200)
    for name, metrics in one.items():
        for metric, bounds in metrics.items():
            assert other[name][metric] == pytest.approx(bounds, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.slow
def test_coverage_of_the_interval() -> None:
    """Known ICC: label u + e, prediction 0.8 u + f, u, e, f normal with variances 1, 0.25, 0.49.

    Half of u belongs to the person. 2 cov / (var + var) = 1.6 / (0.64 + 0.49 + 1 + 0.25) = 0.672.
    With 35 people and 1000 resamples 1200 sets gave 0.932 (icc) and 0.945 (mae), plain percentiles
    0.904 and 0.937; with the 300 resamples of here 900 sets gave 0.922 and 0.930, which 300 sets
    may miss by three standard errors. An interval over frames instead of people holds
    the truth far less often.
    """
    rng = np.random.default_rng(20)
    subjects, frames, sets = 35, 20, 300
    who = np.repeat(np.arange(subjects), frames)
    draws = draw(len(who), 200, 1)
    hits = {"icc": 0, "mae": 0, "frames": 0}
    for number in range(sets):
        person = rng.normal(0, np.sqrt(0.5), (subjects, 1))[who]
        u = person + rng.normal(0, np.sqrt(0.5), (len(who), 1))
        y, p = u + rng.normal(0, 0.5, u.shape), 0.8 * u + rng.normal(0, 0.7, u.shape)
        found = intervals(table(p, y, who), 300, seed=int(rng.integers(1 << 30)))["AU04"]
        # |p - y| of a normal with variance 0.04 + 0.25 + 0.49: its mean is sqrt(2/pi) sd.
        truth = {"icc": 1.6 / 2.38, "mae": np.sqrt(2 / np.pi * 0.78)}
        for metric, value in truth.items():
            hits[metric] += found[metric][0] <= value <= found[metric][1]
        if number >= 100:
            continue
        naive = resampled(subject_sums(p, y, of_row=np.arange(len(who)), subjects=len(who)), draws)[
            "icc"
        ]
        low, high = np.percentile(naive, [2.5, 97.5])
        hits["frames"] += low <= truth["icc"] <= high
    assert 0.876 <= hits["icc"] / sets <= 0.968
    assert 0.886 <= hits["mae"] / sets <= 0.974
    assert hits["frames"] / 100 < 0.85
