"""Agreement by family of a test suite, whose families differ in one thing each.

The dataset is one of `auheat synth --suite ood`: its column `sequence` names the family.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.files import atomic_write
from auheat.metrics import Agreement, nanmean, summary

FORMAT = 1
FALSE_ALARM = 1.0  # a reading above it where the label is 0

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
    """

    families: Mapping[str, Measures]
    about: Mapping[str, Any]

    @classmethod
    def of(cls, predictions: Predictions) -> SuiteReport:
        """Measures every family of the predictions.

        Raises:
            AuheatError: The dataset has no families.
        """
        names = predictions.table["sequence"].to_numpy()
        families = list(dict.fromkeys(str(name) for name in names))
        suite = dict(predictions.about.get("data", {})).get("plan", {}).get("suite")
        if not suite:
            raise AuheatError(
                "this dataset has no families: make one with `auheat synth --suite ood`"
            )
        values, labels = predictions.values(), predictions.labels()
        measured = {}
        for family in families:
            rows = names == family
            measured[family] = _measure(values[rows], labels[rows], predictions.aus)
        return cls(measured, predictions.about)

    def write(self, path: Path) -> None:
        """Writes the report as JSON; NaN becomes null."""
        families = {
            family: {
                au: {name: None if math.isnan(value) else value for name, value in row.items()}
                for au, row in measures.items()
            }
            for family, measures in self.families.items()
        }
        about = {
            name: self.about[name] for name in ("name", "seed", "weights") if name in self.about
        }
        text = json.dumps({"format": FORMAT, "about": about, "families": families}, indent=1)
        with atomic_write(path) as temporary:
            temporary.write_text(text + "\n")


def _measure(
    values: np.ndarray[Any, np.dtype[np.float64]],
    labels: np.ndarray[Any, np.dtype[np.float64]],
    aus: tuple[str, ...],
) -> Measures:
    """What is measured of values and labels, both (N, A)."""
    measures: Measures = {}
    rows = summary(Agreement.of(values, labels), aus)
    for column, au in enumerate(aus):
        absent = labels[:, column] == 0
        alarms = values[absent, column] > FALSE_ALARM
        rate = float(alarms.mean()) if len(alarms) else math.nan
        row = rows[au]
        coded = labels[~np.isnan(labels[:, column]), column]
        icc = row["icc"] if len(set(coded.tolist())) > 1 else math.nan
        measures[au] = {
            "icc": icc, "mae": row["mae"], "false_alarms": rate, "n": row["n"]
        }  # fmt: skip
    measures["mean"] = {
        name: nanmean([measures[au][name] for au in aus]) for name in ("icc", "mae", "false_alarms")
    }
    measures["mean"]["n"] = float(len(labels))
    return measures
