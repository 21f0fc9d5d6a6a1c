"""`auheat evaluate`: what is scored, what is said beside it, and whose result a file stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cli_calls
from auheat.data.manifest import Manifest, read_manifest
from auheat.evaluation.assess import evaluate
from auheat.evaluation.predictions import Predictions, read_predictions
from auheat.evaluation.protocols import fold_of
from auheat.evaluation.report import read_report
from auheat.evaluation.scoring import score
from auheat.metrics import icc31
from auheat.models.weights import default_network
from small_runs import AUS, write_dataset
from test_cli_tools import save_weights

call = partial(cli_calls.call, "evaluate")
shown = partial(cli_calls.done, "evaluate")
refused = partial(cli_calls.refused, "evaluate")


def table_of(manifest: Manifest, path: Path, change: Callable[[Any], Any]) -> Path:
    """Somebody's table of the test split: the labels, changed."""
    part = manifest.split("test")
    rows = pd.DataFrame({"input": part.table["image"], "face": 0, "success": 1})
    for a, au in enumerate(AUS):
        rows[f"{au}_r"] = change(part.labels(AUS)[:, a].astype(float))
    rows.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("change", "pcc", "low", "high"),
    [
        (lambda y: 2 * y, 1, 0, 10),
        (lambda y: -y, -1, -5, 0),
        (lambda y: 100 * y, 1, 0, 500),
    ],
)
def test_tables_are_scored_as_they_are(
    tmp_path: Path, change: Callable[[Any], Any], pcc: float, low: float, high: float
) -> None:
    """Clipped to 0..5, a doubled table had a PCC of .994 and a negated one none."""
    manifest = write_dataset(tmp_path / "data")
    path = table_of(manifest, tmp_path / "theirs.csv", change)
    text = shown(path, "--data", tmp_path / "data")
    found = json.loads((tmp_path / "theirs-test.json").read_text())["metrics"]
    labels = manifest.split("test").labels(AUS).astype(float)
    for a, au in enumerate(AUS):
        given = change(labels[:, a])
        assert found[au]["pcc"] == pytest.approx(pcc, abs=1e-6)
        assert found[au]["icc"] == pytest.approx(
            icc31(np.stack([given, labels[:, a]], 1)), abs=1e-6
        )
        assert found[au]["mae"] == pytest.approx(np.abs(given - labels[:, a]).mean(), rel=1e-5)
    values = change(labels)
    outside = int(((values < 0) | (values > 5)).sum())
    assert f"\n{outside} of 18 predictions lie outside 0 to 5 (" in text
    assert "): they are scored as they are\n" in text
    assert low <= values.min() and values.max() <= high


def test_what_lies_on_the_scale_is_not_remarked_on(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "data")
    path = table_of(manifest, tmp_path / "theirs.csv", lambda y: y)
    assert "outside" not in shown(path, "--data", tmp_path / "data")


def test_infinite_predictions_are_refused(tmp_path: Path) -> None:
    """They counted as 5."""
    manifest = write_dataset(tmp_path / "data")
    path = table_of(manifest, tmp_path / "theirs.csv", lambda y: np.where(y == y[1], np.inf, y))
    assert "AU04_r is inf, which is no number" in refused(path, "--data", tmp_path / "data")
    values = np.zeros((6, 3))
    values[3, 1] = -np.inf
    with pytest.raises(Exception, match=r"the prediction for 35\.png is infinite"):
        Predictions.of(manifest.split("test"), AUS, values, {})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Untrained weights of fold 2 of 3 in a folder of their own, measured once."""
    write_dataset(tmp_path / "data")
    folder = tmp_path / "run"
    folder.mkdir()
    save_weights(folder / "best.safetensors", tmp_path / "data", protocol="k-fold", fold=2, folds=3)
    shown(folder, "--data", tmp_path / "data", "--workers", 0)
    assert {path.name for path in folder.iterdir()} == {
        "best.safetensors", "result-test.json", "predictions-test.parquet"
    }  # fmt: skip
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_other_data_leave_the_result_of_a_run_as_it_is(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    write_dataset(tmp_path / "other", seed=1)
    text = shown(run, "--data", tmp_path / "other", "--workers", 0)
    assert f"result file: {run / 'result-other-k-fold-2-of-3-test.json'}\n" in text
    write_dataset(tmp_path / "elsewhere" / "other", seed=2)
    text = shown(run, "--data", tmp_path / "elsewhere" / "other", "--workers", 0)
    assert "result-other-k-fold-2-of-3-test-2.json" in text
    after = contents(run)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 4


def test_measuring_again_replaces_the_own_result(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    shown(run, "--data", tmp_path / "data", "--workers", 0)
    assert contents(run) == before


def test_without_a_protocol_none_is_named(run: Path, tmp_path: Path) -> None:
    """It said the run's protocol, with an empty fold."""
    text = shown(run, "--data", tmp_path / "data", "--protocol", "none", "--workers", 0)
    assert "3 subjects, split test\n" in text
    assert f"result file: {run / 'result-data-test.json'}\n" in text
    content = json.loads((run / "result-data-test.json").read_text())
    assert (content["protocol"], content["fold"]) == ("", "")


def test_people_of_the_training_are_counted(run: Path, tmp_path: Path) -> None:
    whole = write_dataset(tmp_path / "data")
    people = set(whole.table["subject"])
    fold = fold_of("k-fold", people, number=2)
    said = "people measured were trained on or chose the checkpoint: these figures do not hold"
    everybody = shown(run, "--data", tmp_path / "data", "--split", "all", "--workers", 0)
    assert f"{len(fold.train) + len(fold.val)} of the {len(people)} {said}" in everybody
    own = shown(
        *(run, "--data", tmp_path / "data", "--protocol", "none"), "--split", "test", "--workers", 0
    )
    known = {"S16", "S17", "S18"} & {*fold.train, *fold.val}
    assert f"{len(known)} of the 3 {said}" in own
    assert said not in shown(run, "--data", tmp_path / "data", "--workers", 0)
    shutil.move(tmp_path / "data", tmp_path / "moved")
    moved = shown(run, "--data", tmp_path / "moved", "--split", "all", "--workers", 0)
    assert "the split all holds the train split's people: if these weights were trained" in moved


def test_the_mean_says_over_how_many_aus(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "data")
    path = table_of(manifest, tmp_path / "theirs.csv", lambda y: y / 2)
    assert "\nmean over 3 AUs with 95% interval" in shown(path, "--data", tmp_path / "data")
    pd.read_csv(path).drop(columns="AU04_r").to_csv(path, index=False)
    assert "\nmean over 2 of 3 AUs with 95% interval" in shown(path, "--data", tmp_path / "data")


def test_a_folder_of_runs_is_named_as_what_it_is(run: Path, tmp_path: Path) -> None:
    """It was read as tables, and the test split was blamed."""
    runs = tmp_path / "runs"
    shutil.move(run, runs / "scc-seed1-fold1")
    shutil.copytree(runs / "scc-seed1-fold1", runs / "scc-seed1-fold2")
    assert refused(runs, "--data", tmp_path / "data") == (
        f"auheat: {runs} holds 2 runs: give one of them (scc-seed1-fold1, scc-seed1-fold2)\n"
    )


def test_stored_predictions_are_measured_as_they_were_given(tmp_path: Path) -> None:
    part = write_dataset(tmp_path / "data").split("test")
    values = part.labels(AUS).astype(float) * 3 - 2
    given = Predictions.of(part, AUS, values, {"name": "x"})
    given.write(tmp_path / "x.parquet")
    again = read_predictions(tmp_path / "x.parquet")
    np.testing.assert_allclose(again.values(), values, atol=1e-6)
    assert score(again, resamples=0).metrics["mean"]["pcc"] == pytest.approx(1)


def test_the_default_weights_are_measured_by_their_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their results go to the working folder, none to where auheat is installed; a path of that
    name is another file."""
    write_dataset(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    shipped = contents(default_network().parent)
    text = shown("default", "--data", "data", "--workers", 0)
    assert contents(default_network().parent) == shipped
    there = {path.name for path in tmp_path.iterdir()} - {"data"}
    assert there == {"result-data-test.json", "predictions-data-test.parquet"}
    assert "result file: result-data-test.json\n" in text
    report, stored = evaluate("default", tmp_path / "data"), read_report("result-data-test.json")
    assert (report.name, stored.name) == ("default", "default")
    assert (report.weights, stored.weights, stored.images) == (*["default.onnx"] * 2, 6)
    assert stored.metrics["AU04"] == report.metrics["AU04"]
    named = evaluate(default_network(), "data", runtime="onnx")
    assert named.metrics["AU04"] == report.metrics["AU04"]
    assert evaluate("default", "data", runtime="torch").weights == "default.safetensors"
    shown("default", "--data", "data", "--workers", 0, "-o", "mine.json")
    assert read_report("mine.json").metrics["AU04"] == report.metrics["AU04"]
    assert "default" in refused(Path("./default").resolve(), "--data", "data")


def test_people_of_another_dataset_are_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Subjects of two rendered datasets go by the same names."""
    subjects = write_dataset(tmp_path / "data").table["subject"].unique()
    write_dataset(tmp_path / "other", seed=1)
    for folder in ("data", "other"):
        text = "subject,sex\n" + "".join(f"{name},f\n" for name in subjects)
        (tmp_path / folder / "people.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    table_of(read_manifest("data"), tmp_path / "theirs.csv", lambda y: y)
    words = ("theirs.csv", "--data", "data", "--groups")
    odd, own = (call(*words, f"{folder}/people.csv") for folder in ("other", "data"))
    assert (odd.exit_code, own.exit_code) == (0, 0)
    assert "note: other/people.csv lies in another dataset than data" in odd.output
    assert "another dataset" not in own.output
    assert own.output.startswith("6 images of synthetic faces, 3 subjects\n")


def test_narrow_images_are_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mesh needs .15 of the crop's 32 pixels around it: 5, where there are 2."""
    write_dataset(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    text = call("default", "--data", "data", "--workers", 0).output
    assert "note: the images of data have 2 pixels around the face and the mesh needs 5" in text


def never(*arguments: object, **options: object) -> None:
    raise AssertionError("it was measured")


def test_what_cannot_be_reported_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused after the whole dataset had been read."""
    write_dataset(tmp_path / "data")
    (tmp_path / "people.csv").write_text("subject,sex\nP1,f\n")
    monkeypatch.setattr("auheat.evaluation.assess.assess", never)
    words = ("default", "--data", tmp_path / "data")
    assert "this dataset has no families" in refused(*words, "--suite", "ood")
    assert "names none of the subjects" in refused(*words, "--groups", tmp_path / "people.csv")


def test_reports_by_group_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second report was written over the first, which is of other groups."""
    subjects = write_dataset(tmp_path / "data").table["subject"].unique()
    table_of(read_manifest(tmp_path / "data"), tmp_path / "theirs.csv", lambda y: y)
    monkeypatch.chdir(tmp_path)
    for column in ("sex", "site", "sex"):
        text = f"subject,{column}\n" + "".join(f"{name},a\n" for name in subjects)
        (tmp_path / "people.csv").write_text(text)
        shown("theirs.csv", "--data", "data", "--groups", "people.csv")
    assert sorted(path.name for path in tmp_path.glob("groups-*")) == [
        "groups-theirs-test-2.json",
        "groups-theirs-test.json",
    ]
    assert "sex" in json.loads((tmp_path / "groups-theirs-test.json").read_text())["groups"]
