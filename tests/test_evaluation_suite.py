"""Reports by family of a test suite, held against figures worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auheat.errors import AuheatError
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.evaluation.suite import SuiteReport
from auheat.figures.suite_table import suite_table
from auheat.metrics import icc31

AUS = ("AU01", "AU12")
# (family, AU01, its label, AU12, its label)
ROWS = [
    ("base", 1.0, 1.0, 0.4, 0.0), ("base", 2.5, 2.0, 1.2, 0.0), ("base", 0.1, 0.0, 3.0, 4.0),
    ("base", 3.5, 4.0, 0.2, 0.0),
    ("rest", 0.2, 0.0, 1.6, 0.0), ("rest", 1.0, 0.0, 0.4, 0.0),
]  # fmt: skip


def predictions(suite: str = "ood") -> Predictions:
    names = ["sequence", "AU01", "AU01" + LABEL, "AU12", "AU12" + LABEL]
    table = pd.DataFrame(ROWS, columns=names)
    table["subject"] = "S0"
    return Predictions(table, {"name": "run", "seed": 1, "data": {"plan": {"suite": suite}}})


def test_each_family_is_measured_alone() -> None:
    report = SuiteReport.of(predictions())
    assert list(report.families) == ["base", "rest"]
    base, rest = report.families["base"], report.families["rest"]
    assert base["AU01"]["icc"] == pytest.approx(
        icc31(np.array([[1, 1], [2.5, 2], [0.1, 0], [3.5, 4]]))
    )
    assert base["AU01"]["mae"] == pytest.approx((0 + 0.5 + 0.1 + 0.5) / 4)
    assert base["AU12"]["false_alarms"] == pytest.approx(1 / 3)  # 1.2 of 0.4, 1.2 and 0.2
    assert base["AU01"]["false_alarms"] == 0
    assert rest["AU01"]["false_alarms"] == 0  # 1.0 is not above 1
    assert rest["AU12"]["false_alarms"] == 0.5
    assert np.isnan(rest["AU01"]["icc"])  # at rest there is nothing to agree on
    assert np.isnan(rest["mean"]["icc"])
    assert rest["mean"]["false_alarms"] == 0.25
    assert base["mean"]["n"] == 4


def test_the_file_holds_the_figures(tmp_path: Path) -> None:
    report = SuiteReport.of(predictions())
    report.write(tmp_path / "ood.json")
    stored = json.loads((tmp_path / "ood.json").read_text())
    assert stored["about"] == {"name": "run", "seed": 1}
    assert stored["families"]["rest"]["AU12"]["false_alarms"] == 0.5
    found = stored["families"]["base"]["AU01"]["mae"]
    assert found == pytest.approx(report.families["base"]["AU01"]["mae"])


def test_the_table_names_the_worst() -> None:
    lines = suite_table(SuiteReport.of(predictions())).splitlines()
    assert lines[0].startswith("| family | images | ICC |")
    assert lines[2].startswith("| base | 4 | ")
    assert "AU12 33.3%" in lines[2]
    assert lines[3].startswith("| rest | 2 | ")
    assert lines[3].endswith("| 25.0% | AU12 50.0% |")


def test_a_dataset_without_families_is_refused() -> None:
    with pytest.raises(AuheatError, match="no families: make one with `auheat synth --suite ood`"):
        SuiteReport.of(predictions(suite=""))
