"""Agreement between predicted and labelled intensities: ICC(3,1), MAE, MSE and PCC per AU.

ICC(3,1) is the two-way mixed, single-rater consistency of Shrout and Fleiss (1979),
(BMS - EMS) / (BMS + (k - 1) EMS). With two judges, prediction p and label y, it equals exactly
2 cov(p, y) / (var p + var y): a constant bias does not lower it, a wrong scale does. What is not
defined (fewer than two samples, or no variance beyond rounding) is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError, shown
from auheat.tables.names import Metric

__all__ = ["METRICS", "Agreement", "icc31", "summary"]

METRICS: tuple[Metric, ...] = get_args(Metric)
FALSE_ALARM = 1.0  # a reading above it where the label is 0
# A standard deviation below this fraction of the mean is what float32 rounding makes of a constant.
_ROUNDING = 2e-7


def icc31(ratings: ArrayLike) -> float:
    """ICC(3,1) of a table of ratings, from its mean squares (Shrout and Fleiss, 1979).

    Args:
        ratings: (n, k), a row for each target and a column for each judge. Rows with a NaN, such as
            frames without a face, are left out.

    Returns:
        At most 1; NaN where it is undefined: fewer than two targets or judges, or no variance.

    Raises:
        AuheatError: If it is no table of numbers, or holds infinite ones.
    """
    try:
        table = np.asarray(ratings, np.float64)
    except (TypeError, ValueError):
        raise AuheatError("ratings are a table of numbers, a row for each target") from None
    if table.ndim != 2:
        raise AuheatError(
            f"ratings have shape {table.shape}: give a table (n targets, k judges), a row for each "
            "target"
        )
    if np.isinf(table).any():
        raise AuheatError("ratings are infinite: nothing can be measured")
    table = table[~np.isnan(table).any(1)]
    n, k = table.shape
    if n < 2 or k < 2:
        return float("nan")
    means = table.mean(0)
    table = table - table[0]  # a judge's offset does not matter; constant judges become exactly 0
    table = np.where(_varies(((table - table.mean(0)) ** 2).sum(0), means, n), table, 0.0)
    targets, judges, grand = table.mean(1), table.mean(0), table.mean()
    between = k * ((targets - grand) ** 2).sum() / (n - 1)
    residual = table - targets[:, None] - judges[None, :] + grand
    error = (residual**2).sum() / ((n - 1) * (k - 1))
    total = between + (k - 1) * error
    return float((between - error) / total) if total > 0 else float("nan")


@dataclass(frozen=True)
class Agreement:
    """Mergeable sufficient statistics of paired predictions and labels, one entry per AU.

    Every array has shape (A,). Sums of squares are centred, so that merging many parts loses no
    precision (Chan, Golub and LeVeque, 1983). Two parts that saw the same AUs add up with `+`.
    """

    count: Floats
    mean_p: Floats
    mean_y: Floats
    ss_p: Floats
    ss_y: Floats
    ss_py: Floats
    absolute: Floats
    squared: Floats

    @classmethod
    def of(cls, predictions: ArrayLike, labels: ArrayLike) -> Agreement:
        """Statistics of predictions and labels. Pairs with a NaN are left out.

        Args:
            predictions: (N, A), 0 to 5.
            labels: (N, A), 0 to 5.

        Returns:
            One entry for each of the A AUs.

        Raises:
            AuheatError: If they are no numbers, infinite, or not of one shape (N, A).
        """
        try:
            p, y = np.asarray(predictions, np.float64), np.asarray(labels, np.float64)
        except (TypeError, ValueError):
            raise AuheatError(
                "predictions and labels are tables of numbers, a row for each image and a column "
                "for each AU"
            ) from None
        if np.isinf(p).any() or np.isinf(y).any():
            raise AuheatError("predictions or labels are infinite: nothing can be measured")
        if p.shape != y.shape or p.ndim != 2:
            raise AuheatError(
                f"predictions {p.shape} and labels {y.shape} must share a shape (N, A)"
            )
        valid = ~(np.isnan(p) | np.isnan(y))
        mean_p, dp = centred(p, valid)
        mean_y, dy = centred(y, valid)
        error = np.where(valid, p - y, 0.0)
        return cls(
            valid.sum(0).astype(np.float64),
            mean_p,
            mean_y,
            (dp**2).sum(0),
            (dy**2).sum(0),
            (dp * dy).sum(0),
            np.abs(error).sum(0),
            (error**2).sum(0),
        )

    @classmethod
    def empty(cls, aus: int) -> Agreement:
        """Statistics of nothing, the neutral element of `+`."""
        return cls.of(np.empty((0, aus)), np.empty((0, aus)))

    def __add__(self, other: Agreement) -> Agreement:
        if self.count.shape != other.count.shape:
            raise AuheatError(f"cannot add {other.count.size} AUs to {self.count.size}")
        count = self.count + other.count
        weight_of_other = np.where(count > 0, other.count / np.maximum(count, 1), 0.0)
        step_p, step_y = other.mean_p - self.mean_p, other.mean_y - self.mean_y
        weight = self.count * weight_of_other
        return Agreement(
            count,
            self.mean_p + step_p * weight_of_other,
            self.mean_y + step_y * weight_of_other,
            self.ss_p + other.ss_p + step_p**2 * weight,
            self.ss_y + other.ss_y + step_y**2 * weight,
            self.ss_py + other.ss_py + step_p * step_y * weight,
            self.absolute + other.absolute,
            self.squared + other.squared,
        )

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Whether predictions, labels vary by more than rounding. (2, A)."""
        return np.stack(
            [
                _varies(self.ss_p, self.mean_p, self.count),
                _varies(self.ss_y, self.mean_y, self.count),
            ]
        )

    def _variation(self) -> tuple[Floats, Floats, Floats]:
        """ss_p, ss_y and ss_py, 0 where that is rounding."""
        p, y = self.varies
        zero = np.zeros_like(self.count)
        return (
            np.where(p, self.ss_p, zero),
            np.where(y, self.ss_y, zero),
            np.where(p & y, self.ss_py, zero),
        )

    @property
    def icc(self) -> Floats:
        """ICC(3,1) per AU, -1 to 1, NaN where undefined. (A,)."""
        ss_p, ss_y, ss_py = self._variation()
        return _ratio(2 * ss_py, ss_p + ss_y)

    @property
    def pcc(self) -> Floats:
        """Pearson correlation per AU, -1 to 1, NaN if either side is constant. (A,)."""
        ss_p, ss_y, ss_py = self._variation()
        return np.clip(_ratio(ss_py, np.sqrt(ss_p * ss_y)), -1.0, 1.0)

    @property
    def mae(self) -> Floats:
        """Mean absolute error per AU in intensity levels, NaN without samples. (A,)."""
        return _ratio(self.absolute, self.count)

    @property
    def mse(self) -> Floats:
        """Mean squared error per AU in squared levels, NaN without samples. (A,)."""
        return _ratio(self.squared, self.count)


def centred(values: Floats, valid: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Means of the valid values of each column, and the differences from them.

    The second pass takes out what rounding left in the mean of many values. A column that varies by
    rounding alone differs from its mean by exactly 0.

    Args:
        values: (N, A).
        valid: (N, A), which of them count.

    Returns:
        The means (A,), 0 without a value, and the differences (N, A), 0 where not valid.
    """
    count = np.maximum(valid.sum(0), 1)
    mean = np.where(valid, values, 0.0).sum(0) / count
    mean = mean + np.where(valid, values - mean, 0.0).sum(0) / count
    away = np.where(valid, values - mean, 0.0)
    return mean, np.where(_varies((away**2).sum(0), mean, count), away, 0.0)


def _varies(ss: Floats, mean: Floats, count: Floats | int) -> NDArray[np.bool_]:
    """Whether a centred sum of squares is more than what rounding makes of a constant."""
    return np.asarray(ss > count * (_ROUNDING * mean) ** 2, np.bool_)


def _ratio(above: Floats, below: Floats) -> Floats:
    usable = below > 0
    return np.where(usable, above / np.where(usable, below, 1.0), np.nan)


def summary(agreement: Agreement, aus: Sequence[str]) -> dict[str, dict[str, float]]:
    """Per AU and as `mean` over AUs with a defined value: icc, mae, mse, pcc and the count n.

    Args:
        agreement: Of A Action Units.
        aus: The A names.

    Returns:
        By AU and under "mean", the values by name.

    Raises:
        AuheatError: If there are not as many names.
    """
    if isinstance(aus, str) or len(aus) != agreement.count.size:
        raise AuheatError(
            f"the agreement is of {agreement.count.size} AUs: name each, not {shown(aus)}"
        )
    columns = {name: getattr(agreement, name) for name in METRICS}
    table = {
        au: {
            **{name: float(values[a]) for name, values in columns.items()},
            "n": float(agreement.count[a]),
        }
        for a, au in enumerate(aus)
    }
    table["mean"] = {name: nanmean(values) for name, values in columns.items()}
    table["mean"]["n"] = float(agreement.count.max(initial=0.0))
    return table


def false_alarms(values: Floats, labels: Floats) -> Floats:
    """How often each AU reads above `FALSE_ALARM` where its label is 0.

    Args:
        values: (N, A) readings.
        labels: (N, A), NaN where not coded.

    Returns:
        (A,) fractions, NaN where the AU is never absent.
    """
    absent = labels == 0
    return _ratio(((values > FALSE_ALARM) & absent).sum(0), absent.sum(0))


def nanmean(values: ArrayLike) -> float:
    """Mean of the values that are not NaN; NaN, without a warning, if there are none."""
    array = np.asarray(values, np.float64)
    kept = array[~np.isnan(array)]
    return float(kept.mean()) if kept.size else float("nan")


def __dir__() -> list[str]:
    return sorted(__all__)
