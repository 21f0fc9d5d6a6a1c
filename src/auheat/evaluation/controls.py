"""Predictors without skill, measured on the same rows as a network.

Most frames of most datasets show no AU, so that saying 0 always has a small error. A network is
worth something by how far it is from these.
"""

from __future__ import annotations

import numpy as np

from auheat.data.manifest import Manifest
from auheat.evaluation.predictions import Predictions, pool
from auheat.metrics import Agreement

ZERO, TRAIN_MEAN = "all zero", "train mean"


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
    """The predictors without skill by name; the train mean only if training rows are given."""
    found = {ZERO: zero(predictions)}
    if train is not None and len(train.table):
        found[TRAIN_MEAN] = train_mean(predictions, train)
    return found


def pool_controls(parts: list[dict[str, Predictions]]) -> dict[str, Predictions]:
    """Controls of several folds, pooled as their predictions are.

    Train means differ between folds, so the pooled ones have some agreement, mostly below 0: who
    is tested is missing from the mean.
    """
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: pool([part[name] for part in parts]) for name in names}
