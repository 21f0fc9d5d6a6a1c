"""Variance matching: a scale and an offset per AU, fitted on validation subjects.

With a correlation r and predictions s times as spread as the labels, ICC(3,1) is 2 r s / (1 + s^2).
Squared error teaches a network s = r, where ICC is 2 r^2 / (1 + r^2) < r. Spreading predictions to
s = 1 raises ICC to r and worsens MAE and MSE. It is reported as a row of its own, never as the
network's result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.metrics import Agreement

SUFFIX = " + variance matching"


@dataclass(frozen=True)
class VarianceMatching:
    """What takes the spread and mean of predictions to those of labels.

    scale, offset: (A,), in the order of `aus`; prediction * scale + offset. 1 and 0 for an AU whose
    validation predictions or labels do not vary.
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

        Raises AuheatError if they are of other AUs than the fit.
        """
        if predictions.aus != self.aus:
            raise AuheatError(
                f"variance matching was fitted for {', '.join(self.aus)}, "
                f"not for {', '.join(predictions.aus)}"
            )
        name = f"{predictions.about.get('name', '')}{SUFFIX}"
        return predictions.with_values(predictions.values() * self.scale + self.offset, name=name)
