"""Result files: what is written is read back, and the tables and lines made of it."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from auheat.errors import AuheatError
from auheat.evaluation.breakdown import read_breakdown
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.report import Report, notes, read_report
from auheat.evaluation.scoring import score
from auheat.figures.tables import by_au, metrics_table
from small_runs import AUS, write_dataset


def report(name: str, seed: int, icc: tuple[float, float], images: int = 10) -> Report:
    rows = [{"icc": x, "pcc": x, "mae": 0.5, "mse": 0.4, "n": 10.0} for x in icc]
    mean = {"icc": sum(icc) / 2, "pcc": 0.0, "mae": 0.5, "mse": 0.4, "n": 10.0}
    metrics = {"AU04": rows[0], "AU12": rows[1], "mean": mean}
    return Report(
        name,
        seed,
        weights="w",
        split="test",
        subjects=5,
        images=images,
        data={"kind": "synthetic"},
        experiment={},
        metrics=metrics,
    )


def test_reports_survive_the_file(tmp_path: Path) -> None:
    undefined = report("a", 1, (0.25, math.nan))
    undefined.write(tmp_path / "deep" / "a.json")
    assert json.loads((tmp_path / "deep" / "a.json").read_text())["metrics"]["AU12"]["icc"] is None
    read = read_report(tmp_path / "deep" / "a.json")
    assert math.isnan(read.metrics["AU12"]["icc"])
    assert read.metrics["AU04"] == undefined.metrics["AU04"]


def full(name: str = "a") -> Report:
    """A report with everything that files of format 1 lack."""
    interval = {"icc": (0.1, 0.4), "mae": (0.3, math.nan)}
    return dataclasses.replace(
        report(name, 1, (0.2, 0.5)),
        data={"kind": "disfa"},
        protocol="disfa-jaa",
        fold="1 of 3",
        intervals={"AU04": interval, "mean": interval},
        fold_means={"mean": {"icc": 0.3, "mae": math.nan}},
        controls={"all zero": {"icc": 0.0, "mae": 0.25, "mse": 0.5, "pcc": math.nan}},
        coverage={"images": 10, "of": 16},
    )


def test_intervals_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    part = write_dataset(tmp_path).split("test")
    given = Predictions.of(part, AUS, np.zeros((6, 3)), {})
    one = dataclasses.replace(
        full(), intervals={"mean": dict.fromkeys(("icc", "mae"), (math.nan, math.nan))}
    )
    line = "mean over 2 AUs (too few subjects for an interval): ICC 0.350, MAE 0.500"
    assert line in notes(one, given)


def test_everything_new_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    full().write(path)
    content = json.loads(path.read_text())
    assert (content["format"], content["synthetic"]) == (2, False)
    assert content["intervals"]["AU04"] == {"icc": [0.1, 0.4], "mae": [0.3, None]}
    read = read_report(path)
    assert read.intervals["mean"]["icc"] == (0.1, 0.4)
    assert math.isnan(read.intervals["mean"]["mae"][1])
    assert math.isnan(read.fold_means["mean"]["mae"])
    assert math.isnan(read.controls["all zero"]["pcc"])
    for name in ("protocol", "fold", "coverage", "metrics"):
        assert getattr(read, name) == getattr(full(), name)
    assert not read.synthetic


def test_the_files_of_the_documents_stay_readable() -> None:
    paths = sorted((Path(__file__).resolve().parents[1] / "docs" / "results").rglob("*.json"))
    formats, suites = set(), set()
    for path in paths:
        stored = json.loads(path.read_text())
        if "families" in stored:
            suites.add(path.name)
            assert 0 < read_breakdown(path).parts["base"]["icc"] < 1
            continue
        if "groups" in stored:
            assert 0 < read_breakdown(path).parts["sex: male"]["icc"] < 1
            assert [group["subjects"] for group in stored["groups"]["sex"]] == [55, 70]
            continue
        read = read_report(path)
        assert read.metrics["AU12"]["icc"] == stored["metrics"]["AU12"]["icc"]
        formats.add(stored["format"])
        if stored["format"] == 1:
            assert not (read.intervals or read.controls or read.fold_means)
    assert formats == {1, 2}
    before = {"ood-before.json", "older-ood-before.json"}
    assert suites == {"ood.json", "older-ood.json", "newer-ood.json"} | before


def test_the_lines_beside_a_table(tmp_path: Path) -> None:
    part = write_dataset(tmp_path).split("test")
    about = {"not_offered": ["AU25"], "kind": "py-feat"}
    given = Predictions.of(part, AUS, np.zeros((6, 3)), about)
    assert notes(full(), given) == [
        "measured on 10 images, 5 subjects, split test, protocol disfa-jaa, fold 1 of 3",
        "mean over 2 AUs with 95% interval over subjects: ICC 0.350 (0.100 to 0.400), MAE 0.500",
        "all zero predictor: ICC 0.000, MAE 0.250, MSE 0.500",
        "coverage: predictions for 10 of 16 images (62.5%)",
        "not offered, so not measured: AU25",
        "py-feat's values run from 0 to 1 and are scored as they are: "
        "the scale affects ICC, MAE and MSE but not PCC",
    ]
    plain = dataclasses.replace(given, about={})
    assert notes(report("a", 1, (0.2, 0.5)), plain) == [
        "measured on 10 images of synthetic faces, 5 subjects, split test"
    ]
    with pytest.raises(AuheatError, match="nothing to measure"):
        score(dataclasses.replace(given, table=given.table.iloc[:0]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a result file"),
        ("[1]", "is not a result file"),
        ('{"format": 1}', "is not a result file"),
        ('{"format": 2, "metrics": {"AU12": {"icc": "x"}}}', "is not a result file"),
        (None, "no result file at"),
    ],
)
def test_files_that_are_no_reports(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AuheatError, match=said):
        read_report(path)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("metrics", "AU12", "icc"), {"a": 1}),
        (("metrics", "AU12", "icc"), [0.5]),
        (("intervals", "AU12"), {"icc": [0.1]}),
        (("name",), 3),
        (("seed",), "x"),
        (("images",), None),
        (("data",), "disfa"),
        (("experiment",), []),
        (("coverage",), {"AU12": None}),
    ],
)
def test_a_field_of_another_kind_makes_it_none(
    tmp_path: Path, where: tuple[str, ...], value: object
) -> None:
    """Before it is shown in a table, where it would be an unexpected error."""
    report("a", 1, (0.1, 0.2)).write(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    part = content
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(AuheatError, match="is not a result file"):
        read_report(tmp_path / "a.json")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    report("a", 1, (0.1, 0.2)).write(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text()) | {"format": 3}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(AuheatError, match="has format 3, this auheat reads 2"):
        read_report(tmp_path / "a.json")


def test_the_table_averages_over_seeds() -> None:
    """Means .35 and .55 differ by .2: their standard deviation (n - 1) is .2 / sqrt(2) = .141."""
    table = by_au(
        [report("scc", 2, (0.2, 0.5)), report("plain", 1, (0.1, 0.3)), report("scc", 1, (0.4, 0.7))]
    )
    lines = table.splitlines()
    assert lines[0].startswith("ICC on the test split: 10 images of 5 held-out subjects, synthetic")
    assert lines[2] == "| run | seeds | AU04 | AU12 | mean ICC |"
    assert lines[4] == "| scc | 1, 2 | 0.300 | 0.600 | 0.450 ± 0.141 |"
    assert lines[5] == "| plain | 1 | 0.100 | 0.300 | 0.200 |"


def test_a_table_compares_like_with_like() -> None:
    with pytest.raises(AuheatError, match="measured on other images"):
        by_au([report("a", 1, (0.1, 0.2)), report("b", 1, (0.1, 0.2), images=11)])


def test_one_report_as_a_table() -> None:
    lines = metrics_table(report("a", 1, (0.25, 0.75))).splitlines()
    assert lines[0] == "| AU | ICC | PCC | MAE | MSE |"
    assert lines[2] == "| AU04 | 0.250 | 0.250 | 0.500 | 0.400 |"
    assert lines[4] == "| mean | 0.500 | 0.000 | 0.500 | 0.400 |"
