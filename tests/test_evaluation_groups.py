"""Reports by group of people, held against the metrics of each group taken alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.errors import AuheatError
from auheat.evaluation.groups import GroupReport, read_people
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.figures.group_table import group_table
from auheat.metrics import icc31

AUS = ("AU01", "AU12")


def predictions(people: int = 9, images: int = 12) -> Predictions:
    """Those of the second half are read half as strongly."""
    rng = np.random.default_rng(7)
    rows = []
    for person in range(people):
        for _ in range(images):
            labels = rng.integers(0, 6, 2).astype(float)
            factor = 1.0 if person < people // 2 else 0.5
            values = np.clip(labels * factor + rng.normal(0, 0.3, 2), 0, 5)
            rows.append((f"S{person}", values[0], labels[0], values[1], labels[1]))
    table = pd.DataFrame(rows, columns=["subject", "AU01", "AU01_label", "AU12", "AU12_label"])
    return Predictions(table, {"name": "run", "seed": 1})


def people_file(folder: Path, text: str) -> Path:
    (folder / "people.csv").write_text(text)
    return folder / "people.csv"


def test_each_group_is_measured_alone(tmp_path: Path) -> None:
    rows = "".join(f"S{n},{'near' if n < 4 else 'far'},{20 + 5 * n}\n" for n in range(9))
    people = read_people(people_file(tmp_path, "subject,place,age\n" + rows))
    measured = predictions()
    report = GroupReport.of(measured, people)
    assert {column: [group.name for group in found] for column, found in report.groups.items()} == {
        "place": ["far", "near"],
        "age": ["20 to 30", "35 to 45", "50 to 60"],
    }
    far, near = report.groups["place"]
    assert (far.subjects, far.images, near.subjects, near.images) == (5, 60, 4, 48)
    for group, rows_of in ((near, slice(0, 48)), (far, slice(48, None))):
        part = measured.table.iloc[rows_of]
        iccs = [icc31(part[[au, au + LABEL]].to_numpy()) for au in AUS]
        assert group.icc == pytest.approx(np.mean(iccs))
        errors = [abs(part[au] - part[au + LABEL]).mean() for au in AUS]
        assert group.mae == pytest.approx(np.mean(errors))
        alarms = [(part[au][part[au + LABEL] == 0] > 1).mean() for au in AUS]
        assert group.false_alarms == pytest.approx(np.mean(alarms))
        assert group.icc_interval[0] < group.icc < group.icc_interval[1]
    assert near.icc > far.icc_interval[1]
    assert far.mae > near.mae_interval[1]
    assert report.unknown == 0


def test_who_is_not_in_the_table_is_counted_and_left_out(tmp_path: Path) -> None:
    text = "subject;sex;split\nS0;f;test\nS1;f;test\nS2;;test\nS3;m;test\nS77;m;test\n"
    report = GroupReport.of(predictions(), read_people(people_file(tmp_path, text)))
    assert list(report.groups) == ["sex"]  # the split says nothing of people
    women, men = report.groups["sex"]
    assert (women.name, women.subjects, men.name, men.subjects) == ("f", 2, "m", 1)
    assert np.isnan(men.icc_interval).all()  # one person tells nothing of others
    assert report.unknown == 5
    assert group_table(report).splitlines()[3].startswith("|  | m | 1 | 12 | 0.")


def test_subjects_that_look_like_numbers_are_names(tmp_path: Path) -> None:
    measured = predictions()
    measured.table["subject"] = [name[1:] for name in measured.table["subject"]]
    text = "subject,trial\n" + "".join(f"{n},{n % 2}\n" for n in range(9))
    report = GroupReport.of(measured, read_people(people_file(tmp_path, text)))
    assert [(group.name, group.subjects) for group in report.groups["trial"]] == [
        ("0", 5),
        ("1", 4),
    ]


def test_the_file_holds_the_figures(tmp_path: Path) -> None:
    people = read_people(people_file(tmp_path, "subject,sex\nS0,f\nS1,m\nS2,m\n"))
    report = GroupReport.of(predictions(), people)
    report.write(tmp_path / "groups.json")
    stored = json.loads((tmp_path / "groups.json").read_text())
    assert stored["unknown"] == 6
    women, men = stored["groups"]["sex"]
    assert women["icc_interval"] == [None, None]
    assert men["icc"] == report.groups["sex"][1].icc
    assert men["mae_interval"] == list(report.groups["sex"][1].mae_interval)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,sex\nS0,f\n", "has no column `subject`, but name, sex"),
        ("subject,split\nS0,test\n", "no column beside `subject`"),
        ("subject,sex\nS0,f\nS0,m\n", "names the subject S0 more than once"),
        ("subject,sex\nS0\n", "line 2"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AuheatError, match=message):
        read_people(people_file(tmp_path, text))


def test_a_table_of_other_people_is_refused(tmp_path: Path) -> None:
    people = read_people(people_file(tmp_path, "subject,sex\nP1,f\n"))
    with pytest.raises(
        AuheatError, match=r"names none of the subjects that were measured, such as S0:"
    ):
        GroupReport.of(predictions(), people)


def test_the_command_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    words = ["evaluate", "default", "--data", str(tmp_path), "--groups", str(tmp_path / "no.csv")]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 2
    assert "no file at" in found.output
    found = CliRunner().invoke(main, [*words, "--suite", "ood"])
    assert found.exit_code == 2
    assert "ask for one of them" in found.output


def test_an_au_that_nobody_in_a_group_shows_says_nothing_of_its_icc(tmp_path: Path) -> None:
    measured = predictions()
    first = measured.subjects == "S0"
    measured.table.loc[first, "AU12" + LABEL] = 0.0  # of which the ICC formula makes 0
    people = read_people(people_file(tmp_path, "subject,sex\nS0,f\nS1,m\nS2,m\n"))
    women, men = GroupReport.of(measured, people).groups["sex"]
    shown = measured.table.loc[first, ["AU01", "AU01" + LABEL]].to_numpy()
    assert women.icc == pytest.approx(icc31(shown))
    errors = [
        abs(measured.table.loc[first, au] - measured.table.loc[first, au + LABEL]) for au in AUS
    ]
    assert women.mae == pytest.approx(np.mean(errors))  # it errs there all the same
    assert not np.isnan(men.icc_interval).any()
    measured.table.loc[first, "AU01" + LABEL] = 2.0
    assert np.isnan(GroupReport.of(measured, people).groups["sex"][0].icc)


def test_who_has_no_value_is_counted_by_column(tmp_path: Path) -> None:
    text = "subject,sex,age\nS0,f,20\nS1,,30\nS2,,\nS3,m,40\n"
    report = GroupReport.of(predictions(), read_people(people_file(tmp_path, text)))
    assert (report.without, report.unknown) == ({"sex": 2, "age": 1}, 5)
    text = "subject,sex,age\nS0,f,\nS1,m,\nS77,,30\n"
    people = read_people(people_file(tmp_path, text))
    with pytest.raises(AuheatError, match="no value in its column age for anybody who was"):
        GroupReport.of(predictions(), people)
