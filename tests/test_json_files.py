"""JSON that is damaged or hostile, in every place that reads any: one line, never a traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import auheat
from auheat.data.datasets.authors_json import _read_list
from auheat.errors import AuheatError
from auheat.evaluation.breakdown import is_breakdown, read_breakdown
from auheat.evaluation.report import read_report
from auheat.figures.reliability import read_bins
from auheat.inference.calibration import read_baseline
from auheat.inference.origin import is_of, read_origin
from auheat.inference.uncertainty import read_uncertainty
from auheat.json_files import parse_json
from auheat.training.experiment import read_experiment
from auheat.training.run_folder import Record, changed_datasets, read_history, stored_experiment
from auheat.web.report.provenance import baseline_beside

DEEP = "[" * 200_000
SOURCE = Path(auheat.__file__).parent
# They read back what they have just written, or what comes with auheat.
OWN = {"settings.py", "resumable.py", "face_shape.py", "json_files.py"}


def test_what_json_holds() -> None:
    assert parse_json('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert parse_json(b"true") is True
    assert parse_json("1" + "0" * 300) == 10**300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DEEP, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("[1" + "0" * 400 + "]", "too large"),  # a float of it is an OverflowError
        ("[1" + "0" * 5000 + "]", "digits"),
        ("", "Expecting value"),
        (b"\xff", "utf-8"),
    ],
    ids=["lists", "objects", "large", "longer than Python reads", "empty", "bytes"],
)
def test_what_no_json_is(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_json(text)


def test_no_place_reads_json_of_users_by_itself() -> None:
    places = {path.name for path in SOURCE.rglob("*.py") if "json.load" in path.read_text("utf-8")}
    assert places == OWN


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (read_report, "a.json"),
        (read_breakdown, "a.json"),
        (read_baseline, "a.json"),
        (lambda path: read_uncertainty(path, ["AU01"]), "a.json"),
        (read_bins, "a.json"),
        (read_origin, "a.origin.json"),
        (lambda path: baseline_beside(path.with_name("a.csv")), "a.baseline.json"),
        (lambda path: _read_list(path, []).__iter__().__next__(), "a.json"),
        (lambda path: stored_experiment(path.parent), "experiment.json"),
    ],
)
def test_brackets_that_never_close_are_one_line(
    tmp_path: Path, read: Callable[[Path], object], name: str
) -> None:
    (tmp_path / name).write_text(DEEP)
    with pytest.raises(AuheatError, match=re.escape(name)) as refused:
        read(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_where_a_damaged_file_counts_for_nothing(tmp_path: Path) -> None:
    for name in ("a.json", "a.origin.json", "run.json"):
        (tmp_path / name).write_text(DEEP)
    (tmp_path / "history.jsonl").write_text('{"epoch": 1}\n' + DEEP)
    assert not is_breakdown(tmp_path / "a.json")
    assert is_of(tmp_path / "a", tmp_path / "a.mp4")
    assert changed_datasets(tmp_path) == []
    assert read_history(tmp_path) == [{"epoch": 1}]


@pytest.mark.parametrize(
    "starts", ["[]", "[1]", "{}", "null", '[{"datasets": []}]', '[{"datasets": {}, "seconds": ""}]']
)
def test_a_record_of_starts_that_makes_no_sense_counts_for_nothing(
    tmp_path: Path, starts: str
) -> None:
    (tmp_path / "run.json").write_text(f'{{"starts": {starts}}}')
    assert changed_datasets(tmp_path) == []
    Record(tmp_path, "cpu", []).write("finished")  # a training that ends must not fail by it
    record = parse_json((tmp_path / "run.json").read_text())
    assert [start["ended"] for start in record["starts"]] == ["finished"]
    assert record["seconds"] == record["starts"][0]["seconds"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("value = " + DEEP, "nested too deeply"),
        ("[optim]\nlearning_rate = 1" + "0" * 400, "learning_rate = .* expected float"),
        ("seed = 1" + "0" * 5000, "not valid TOML"),
    ],
    ids=["deep", "large", "longer than Python reads"],
)
def test_settings_that_python_cannot_follow(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(AuheatError, match=said) as refused:
        read_experiment(path, ["data.folder=faces"])
    assert "\n" not in str(refused.value)


def test_an_assignment_that_python_cannot_follow_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("")
    for text in (DEEP, "1" + "0" * 5000):
        with pytest.raises(AuheatError, match=r"^epochs = .*: expected int"):
            read_experiment(path, ["data.folder=faces", f"optim.epochs={text}"])
