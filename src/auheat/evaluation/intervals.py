"""95% intervals of the metrics, by drawing subjects with replacement (cluster bootstrap).

Frames of one person resemble each other, so subjects are what is drawn, each with all of its
frames, and every drawn set is pooled before a metric is taken (Field and Welsh, 2007). The interval
lies between two percentiles over the resamples, which are corrected for bias and skewness (BCa,
Efron 1987) and moved outwards for a small number of subjects S, as Student's t is wider than the
normal distribution (Hesterberg 2015, The American Statistician 69(4): expanded percentiles).

It speaks of other people filmed in the same way, not of other datasets and not of training again.
In simulations with a known truth it held the ICC 92, 93 and 95 times in 100 with 27, 35 and 100
people, and the MAE 94 to 95 times; plain percentiles held the ICC 89, 90 and 94 times.

Letters: N rows, S subjects, A Action Units, R resamples, 8 sums per subject and AU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError
from auheat.metrics import METRICS, centred

if TYPE_CHECKING:
    from auheat.evaluation.predictions import Predictions

Bounds = dict[str, dict[str, tuple[float, float]]]

RESAMPLES = 1000
_TAIL = 0.025  # on either side of the interval
# What centred sums may differ from 0 by rounding alone, as a fraction of what was summed.
_ROUNDING = 1e-12
_TIED = 1e-9  # values this near, by the larger of their size and their spread, count as equal


def intervals(predictions: Predictions, resamples: int = RESAMPLES, seed: int = 1) -> Bounds:
    """95% intervals of icc, mae, mse and pcc: by AU and as "mean", then by metric, (low, high).

    An AU without a value in a resample is left out of that resample's mean. NaN where no resample
    has a value, and for fewer than two subjects.
    """
    found = _of_draws(predictions, resamples, seed)
    names = (*predictions.aus, "mean")
    return {
        name: {m: _between(v[:, a], w[0, a], o[:, a]) for m, (v, w, o) in found.items()}
        for a, name in enumerate(names)
    }


def difference(
    one: Predictions, other: Predictions, resamples: int = RESAMPLES, seed: int = 1
) -> dict[str, tuple[float, float]]:
    """95% intervals of how far one lies above another, by metric, in the mean over AUs.

    Both are of the same rows, and the same people are drawn for both, so that what makes people
    easy or hard cancels: two that overlap can differ clearly.

    Raises:
        AuheatError: They are not of the same rows.
    """
    first, second = (part.table[["image", "subject"]].to_numpy().tolist() for part in (one, other))
    if first != second:
        raise AuheatError("a difference needs predictions of the same images in the same order")
    found, less = (_of_draws(part, resamples, seed) for part in (one, other))
    bounds: dict[str, tuple[float, float]] = {}
    for metric in METRICS:
        values, whole, without = (
            a[:, -1] - b[:, -1] for a, b in zip(found[metric], less[metric], strict=True)
        )
        bounds[metric] = _between(values, whole[0], without)
    return bounds


def _of_draws(
    predictions: Predictions, resamples: int, seed: int
) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Each metric of the resamples (R, B), of all subjects (1, B) and of all but one (S, B).

    B is A and one more: the mean over AUs.
    """
    who, of_row = np.unique(predictions.subjects.astype(str), return_inverse=True)
    sums = subject_sums(
        predictions.values(), predictions.labels(), of_row=of_row, subjects=len(who)
    )
    everybody = np.ones((len(who), len(who)))
    drawn = (draw(len(who), resamples, seed), everybody[:1], everybody - np.eye(len(who)))
    found, whole, without = (resampled(sums, times) for times in drawn)
    return {
        metric: (_with_mean(found[metric]), _with_mean(whole[metric]), _with_mean(without[metric]))
        for metric in METRICS
    }


def draw(subjects: int, resamples: int, seed: int) -> Floats:
    """How often each subject is in each resample. (R, S); every row sums to S."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(subjects, np.full(subjects, 1 / subjects), resamples).astype(np.float64)


def subject_sums(p: Floats, y: Floats, *, of_row: NDArray[np.int64], subjects: int) -> Floats:
    """Sums (S, A, 8) over each subject's rows of predictions p and labels y, both (N, A).

    1, p, y, p^2, y^2, p y, |p - y| and (p - y)^2, where p and y in the first six are counted from
    their means over all rows, which keeps precision. Pairs with a NaN are left out.
    """
    valid = ~(np.isnan(p) | np.isnan(y))
    (_, dp), (_, dy) = centred(p, valid), centred(y, valid)
    error = np.where(valid, p - y, 0.0)
    terms = (valid, dp, dy, dp**2, dy**2, dp * dy, np.abs(error), error**2)
    rows = np.stack([np.asarray(term, np.float64) for term in terms], -1)
    order = np.argsort(of_row, kind="stable")
    starts = np.searchsorted(of_row[order], np.arange(subjects))
    return np.asarray(np.add.reduceat(rows[order], starts), np.float64)


def resampled(sums: Floats, drawn: Floats) -> dict[str, Floats]:
    """icc, mae, mse and pcc (R, A) of the pooled subjects of each resample, NaN where undefined."""
    pooled: Floats = np.tensordot(drawn, sums, axes=(1, 0))
    n, p, y, pp, yy, py, absolute, squared = np.moveaxis(pooled, -1, 0)
    count: Floats = np.maximum(n, 1.0)
    ss_p: Floats = pp - p * p / count
    ss_y: Floats = yy - y * y / count
    ss_p = np.where(ss_p > _ROUNDING * pp, ss_p, 0.0)
    ss_y = np.where(ss_y > _ROUNDING * yy, ss_y, 0.0)
    ss_py: Floats = py - p * y / count
    ss_py = np.where((ss_p > 0) & (ss_y > 0), ss_py, 0.0)
    found = {
        "icc": _ratio(2 * ss_py, ss_p + ss_y),
        "mae": _ratio(absolute, n),
        "mse": _ratio(squared, n),
        "pcc": np.clip(_ratio(ss_py, np.sqrt(ss_p * ss_y)), -1, 1),
    }
    return {metric: found[metric] for metric in METRICS}


def _ratio(above: Floats, below: Floats) -> Floats:
    usable = below > 0
    return np.where(usable, above / np.where(usable, below, 1.0), np.nan)


def _with_mean(values: Floats) -> Floats:
    """(R, A) with one more column: the mean of what is defined in each row, or NaN."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(1)
    return np.column_stack([values, _ratio(total, defined.sum(1).astype(np.float64))])


def _between(values: Floats, value: float, without: Floats) -> tuple[float, float]:
    """The interval of one metric.

    Args:
        values: (R,) of the resamples.
        value: of all subjects.
        without: (S,) of all but one of them.
    """
    known = values[~np.isnan(values)]
    if len(without) < 2 or not known.size:
        return float("nan"), float("nan")
    from scipy.stats import norm

    bias = norm.ppf(_fraction_below(known, value))
    z = bias + _reach(len(without)) * np.array([-1.0, 1.0])
    room = 1 - _acceleration(without) * z
    moved = np.where(room > 0, z / np.where(room > 0, room, 1.0), np.sign(z) * np.inf)
    low, high = np.percentile(known, 100 * norm.cdf(bias + moved))
    return float(low), float(high)


def _reach(subjects: int) -> float:
    """How far the interval reaches on either side, in standard deviations of a normal."""
    from scipy.stats import t

    return float(np.sqrt(subjects / (subjects - 1)) * t.ppf(1 - _TAIL, subjects - 1))


def _fraction_below(known: Floats, value: float) -> float:
    """The fraction of resamples below the value of all subjects, ties half; never all or none.

    A resample that holds every subject once has the value of all subjects up to rounding, which
    differs between processors: it is a tie on all of them.
    """
    if np.isnan(value):
        return 0.5
    tied = np.abs(known - value) <= _TIED * max(abs(value), float(np.ptp(known)))
    fraction = ((known < value) & ~tied).mean() + tied.mean() / 2
    return float(np.clip(fraction, 0.5 / len(known), 1 - 0.5 / len(known)))


def _acceleration(without: Floats) -> float:
    """How the spread grows with the value, from the values without one subject each (S,)."""
    known = without[~np.isnan(without)]
    steps = known.mean() - known if known.size else np.zeros(1)
    if known.size and np.abs(steps).max() <= _TIED * abs(known.mean()):
        return 0.0  # rounding alone, which has a skewness, too
    squared = float((steps**2).sum())
    return float((steps**3).sum()) / (6 * squared**1.5) if squared > 0 else 0.0
