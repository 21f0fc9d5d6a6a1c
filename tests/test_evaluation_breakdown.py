"""Result files by family and by group: what is read back, and the table that compares them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cli_calls
from auheat.errors import AuheatError
from auheat.evaluation.breakdown import free_breakdown_place, is_breakdown, read_breakdown
from auheat.evaluation.groups import GroupReport, read_people
from auheat.evaluation.predictions import LABEL
from auheat.evaluation.suite import SuiteReport
from auheat.figures.tables import by_part
from test_evaluation_groups import people_file
from test_evaluation_groups import predictions as of_people
from test_evaluation_suite import predictions as of_families

FILE = """{"about": {"seed": %s}, "format": 1, "synthetic": %s,
"families": {"base": {"mean": {"icc": %s, "mae": 0.1, "false_alarms": 0}}}}"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    SuiteReport.of(of_families()).write(tmp_path / "ood.json")
    return tmp_path / "ood.json"


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    people = read_people(people_file(tmp_path, "subject,sex\nS0,f\nS1,m\nS2,m\n"))
    GroupReport.of(of_people(), people).write(tmp_path / "groups.json")
    return tmp_path / "groups.json"


def test_families_are_read_back(suite: Path) -> None:
    report, found = SuiteReport.of(of_families()), read_breakdown(suite)
    assert (found.name, found.seed, list(found.parts)) == ("run", 1, ["base", "rest"])
    assert found.parts["base"]["icc"] == report.families["base"]["mean"]["icc"]
    assert np.isnan(found.parts["rest"]["icc"])
    assert found.parts["rest"]["false_alarms"] == 0.25
    assert found.synthetic is False  # the dataset does not say so


def test_groups_are_read_back(groups: Path) -> None:
    found = read_breakdown(groups)
    assert list(found.parts) == ["sex: f", "sex: m"]
    assert found.parts["sex: m"]["mae"] == json.loads(groups.read_text())["groups"]["sex"][1]["mae"]


def test_older_families_are_of_synthetic_faces(suite: Path) -> None:
    stored = json.loads(suite.read_text())
    del stored["synthetic"]
    suite.write_text(json.dumps(stored))
    assert read_breakdown(suite).synthetic is True


def test_a_table_has_a_column_for_each_run(suite: Path) -> None:
    stored = json.loads(suite.read_text())
    stored["about"]["name"], stored["families"]["base"]["mean"]["icc"] = "later", 0.5
    later = suite.with_name("later.json")
    later.write_text(json.dumps(stored))
    first = read_breakdown(suite).parts["base"]["icc"]
    text = cli_calls.done("table", suite, later)
    assert "| part | run (seed 1) | later (seed 1) |" in text
    assert f"| base | {first:.3f} | 0.500 |" in text
    assert "| rest |  |  |" in text
    assert "| rest | 0.800 | 0.800 |" in cli_calls.done("table", suite, later, "--metric", "mae")


def test_a_table_compares_like_with_like(suite: Path, groups: Path) -> None:
    with pytest.raises(AuheatError, match=r"groups\.json is of other families or groups than"):
        by_part([read_breakdown(suite), read_breakdown(groups)])
    line = cli_calls.refused("table", suite, "--metric", "pcc")
    assert line == "auheat: families and groups have no pcc: choose from icc, mae, false_alarms\n"
    other = of_families()
    other.table.loc[0, "AU01" + LABEL] = 1.5
    SuiteReport.of(other).write(suite.with_name("other.json"))
    line = cli_calls.refused("table", suite, suite.with_name("other.json"))
    assert f"{suite.with_name('other.json')} is of other images than {suite}" in line


def test_families_in_another_order_are_the_same(suite: Path) -> None:
    stored = json.loads(suite.read_text())
    stored["families"] = dict(reversed(stored["families"].items()))
    turned = suite.with_name("turned.json")
    turned.write_text(json.dumps(stored))
    rows = cli_calls.done("table", suite, turned, "--metric", "false_alarms").splitlines()
    assert rows[0] == "False alarms, mean over AUs."
    assert rows[-1] == "| rest | 0.250 | 0.250 |"


def test_kinds_of_reports_are_not_mixed(suite: Path) -> None:
    whole = next((Path(__file__).parents[1] / "docs" / "results" / "faces-1").glob("*.json"))
    for words in ((suite, whole), (whole, suite), (suite, "--pool", "all.json")):
        line = cli_calls.refused("table", *words)
        assert line.startswith(f"auheat: {suite} is a report by family or group: it is compared")
    line = cli_calls.refused("table", whole, "--metric", "false_alarms")
    assert "result files have no false_alarms by AU: choose from icc, mae, mse, pcc" in line


def test_reports_of_something_else_are_never_replaced(suite: Path) -> None:
    """Older ones of the same rows and families are; so neither grows a pile of files."""
    report = SuiteReport.of(of_families())
    assert free_breakdown_place(suite, report.content) == suite
    again = of_families()
    again.table["AU01"] += 0.1  # another reading of the same rows
    assert free_breakdown_place(suite, SuiteReport.of(again).content) == suite
    other = of_families()
    other.table.loc[0, "AU01" + LABEL] = 1.5
    content = SuiteReport.of(other).content
    assert free_breakdown_place(suite, content) == suite.with_name("ood-2.json")
    suite.with_name("ood-2.json").write_text("mine")
    assert free_breakdown_place(suite, content) == suite.with_name("ood-3.json")


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"families": 3}', '{"families": {"base": {}}, "format": 1, "about": {}}'),
        FILE % ("Infinity", "true", "0.5"),
        FILE % ("1", '"yes"', "0.5"),
        FILE % ("1", "[1]", "0.5"),
        FILE % ("1", "true", "Infinity"),
        FILE % ("1", "true", "true"),
        FILE % ("1", "true", '"0.5"'),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert is_breakdown(tmp_path / "a.json") == ("families" in text)
    with pytest.raises(AuheatError, match=r"a\.json is not a result file of `auheat evaluate --su"):
        read_breakdown(tmp_path / "a.json")
