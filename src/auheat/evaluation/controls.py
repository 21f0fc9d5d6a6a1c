"""What a network's figures are held against: naive baselines, and variance matching.

Most frames of most datasets show no AU, so that saying 0 always has a small error. A network is
worth something by how far it is from the naive baselines on the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions, pool
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY
from auheat.metrics import Agreement

ZERO, TRAIN_MEAN = "all zero", "train mean"
SUFFIX = " + variance matching"


def zero(predictions: Predictions) -> Predictions:
    """0 for every row and AU that has a prediction."""
    values = np.where(np.isnan(predictions.values()), np.nan, 0.0)
    return predictions.with_values(values, name=ZERO)


def train_mean(predictions: Predictions, train: Manifest) -> Predictions:
    """The mean label of the training rows for every row and AU that has a prediction.

    An AU that is not coded there is NaN.
    """
    labels = train.labels(predictions.aus).astype(np.float64)
    means = Agreement.of(labels, labels).mean_y
    means = np.where(np.isnan(labels).all(0), np.nan, means)
    values = np.where(np.isnan(predictions.values()), np.nan, means)
    return predictions.with_values(values, name=TRAIN_MEAN)


def controls(predictions: Predictions, train: Manifest | None = None) -> dict[str, Predictions]:
    """The naive baselines by name; the train mean only if training rows are given."""
    found = {ZERO: zero(predictions)}
    if train is not None and len(train.table):
        found[TRAIN_MEAN] = train_mean(predictions, train)
    return found


def pool_controls(parts: list[dict[str, Predictions]]) -> dict[str, Predictions]:
    """Naive baselines of several folds, pooled as their predictions are.

    Train means differ between folds, so the pooled ones have some agreement, mostly below 0: who
    is tested is missing from the mean.
    """
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: pool([part[name] for part in parts]) for name in names}


@dataclass(frozen=True)
class VarianceMatching:
    """A scale and an offset per AU that give predictions the spread and mean of labels.

    With a correlation r and predictions s times as spread as the labels, ICC(3,1) is
    2 r s / (1 + s^2). Squared error teaches a network s = r, where ICC is 2 r^2 / (1 + r^2) < r.
    Spreading predictions to s = 1 raises ICC to r and worsens MAE and MSE. It is fitted on
    validation subjects and reported as a row of its own, never as the network's result.

    Attributes:
        aus: The A names.
        scale: (A,); a prediction is multiplied by it. 1 for an AU whose validation predictions or
            labels do not vary.
        offset: (A,), added then; 0 for such an AU.
    """

    aus: tuple[str, ...]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def fit(cls, validation: Predictions) -> VarianceMatching:
        """Fits both on the pairs of validation predictions and labels."""
        seen: Agreement = validation.agreement()
        varies = seen.varies.all(0)
        ratio = seen.ss_y / np.where(varies, seen.ss_p, 1.0)
        scale = np.where(varies, np.sqrt(ratio), 1.0)
        offset = np.where(varies, seen.mean_y - scale * seen.mean_p, 0.0)
        return cls(validation.aus, scale, offset)

    def apply(self, predictions: Predictions) -> Predictions:
        """Matched predictions, clipped to 0..5, whose name ends in " + variance matching".

        Raises:
            AuheatError: They are of other AUs than the fit.
        """
        if predictions.aus != self.aus:
            raise AuheatError(
                f"variance matching was fitted for {', '.join(self.aus)}, "
                f"not for {', '.join(predictions.aus)}"
            )
        name = f"{predictions.about.get('name', '')}{SUFFIX}"
        matched = predictions.values() * self.scale + self.offset
        return predictions.with_values(matched.clip(MIN_INTENSITY, MAX_INTENSITY), name=name)
