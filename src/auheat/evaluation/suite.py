"""Agreement by family of a test suite, whose families differ in one thing each.

The dataset is one of `auheat synth --suite ood`: its column `sequence` names the family.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from auheat.errors import AuheatError
from auheat.evaluation.breakdown import FAMILIES, content_of, measured_on, write_breakdown
from auheat.evaluation.predictions import Predictions
from auheat.metrics import Agreement, false_alarms, nanmean, summary

# By AU, and `mean` over AUs: icc, mae, false_alarms, n.
Measures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class SuiteReport:
    """What weights reach in each family.

    Attributes:
        families: By family, in the order of the dataset: `icc` and `mae` over all its images,
            `false_alarms`, the fraction of images with label 0 that read above 1, and `n`, the
            number of images. What is undefined is NaN, as the ICC where the label never changes.
        about: What was measured.
        measured: On what, see `auheat.evaluation.breakdown`.
    """

    families: Mapping[str, Measures]
    about: Mapping[str, Any]
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, predictions: Predictions) -> SuiteReport:
        """Measures every family of the predictions.

        Raises:
            AuheatError: The dataset has no families.
        """
        names = predictions.table["sequence"].to_numpy()
        families = list(dict.fromkeys(str(name) for name in names))
        check_suite(predictions.about.get("data", {}))
        values, labels = predictions.values(), predictions.labels()
        measured = {}
        for family in families:
            rows = names == family
            measured[family] = _measure(values[rows], labels[rows], predictions.aus)
        return cls(measured, predictions.about, measured_on(predictions))

    @property
    def content(self) -> dict[str, Any]:
        """The content of a result file."""
        return content_of(self.about, self.measured, {FAMILIES: self.families})

    def write(self, path: Path) -> None:
        """Writes the report as JSON; NaN becomes null."""
        write_breakdown(path, self.content)


def check_suite(source: Mapping[str, Any]) -> None:
    """Looks whether a dataset has families, by its manifest's source.

    Raises:
        AuheatError: It has none.
    """
    if not dict(source).get("plan", {}).get("suite"):
        raise AuheatError("this dataset has no families: make one with `auheat synth --suite ood`")


def _measure(
    values: np.ndarray[Any, np.dtype[np.float64]],
    labels: np.ndarray[Any, np.dtype[np.float64]],
    aus: tuple[str, ...],
) -> Measures:
    """What is measured of values and labels, both (N, A)."""
    measures: Measures = {}
    rows, alarms = summary(Agreement.of(values, labels), aus), false_alarms(values, labels)
    for column, au in enumerate(aus):
        row = rows[au]
        coded = labels[~np.isnan(labels[:, column]), column]
        icc = row["icc"] if len(set(coded.tolist())) > 1 else math.nan
        measures[au] = {
            "icc": icc, "mae": row["mae"], "false_alarms": float(alarms[column]), "n": row["n"]
        }  # fmt: skip
    measures["mean"] = {
        name: nanmean([measures[au][name] for au in aus]) for name in ("icc", "mae", "false_alarms")
    }
    measures["mean"]["n"] = float(len(labels))
    return measures
