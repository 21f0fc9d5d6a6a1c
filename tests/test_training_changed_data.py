"""Runs whose dataset was made anew since: neither gone on with nor put into a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.data.datasets.disfa import SPEC as DISFA
from auheat.data.manifest import read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.facs import DISFA_AUS
from auheat.training import ablations
from auheat.training.ablations import PLAIN, Sweep
from auheat.training.aggregate import aggregate
from auheat.training.experiment import Experiment
from auheat.training.fit import check_start, fit
from auheat.training.run_data import read_dataset
from auheat.training.run_folder import BEST, LAST, RECORD, TESTED, Record, claim
from broken_runs import Break, broken, power_cut, settings_of
from small_runs import experiment, noise_dataset, write_dataset


def change(folder: Path) -> None:
    """Every label becomes 5 less what it was."""
    manifest = read_manifest(folder)
    changed = {au: np.float32(5) - manifest.table[au] for au in manifest.aus}
    replace(manifest, table=manifest.table.assign(**changed)).write()


def begun(run: Path, settings: Experiment) -> None:
    """What a run leaves, without a training."""
    claim(run, settings)
    Record(run, "cpu", settings.data.folders).write("finished")
    (run / BEST).touch()


def test_a_stopped_run_does_not_go_on_with_other_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its best checkpoint was chosen by others, and what it has learnt is of others."""
    data, run = tmp_path / "data", tmp_path / "run"
    write_dataset(data)
    settings, before = settings_of(data, minutes=1e-9), (data / "manifest.parquet").read_bytes()
    with monkeypatch.context() as patched:
        broken(patched, Break(3, power_cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, run)
    kept, record = (run / LAST).read_bytes(), (run / RECORD).read_bytes()
    change(data)
    with pytest.raises(AuheatError) as refused:
        fit(settings, run)
    assert str(refused.value) == (
        f"{run} holds a run on another version of the dataset {data}, which has changed since: "
        "give this one another name or another --runs, or delete that run"
    )
    assert ((run / LAST).read_bytes(), (run / RECORD).read_bytes()) == (kept, record)
    (data / "manifest.parquet").write_bytes(before)
    said: list[str] = []
    fit(settings, run, notify=said.append)
    assert said[0].startswith("goes on after 0 of 3 epochs and 3 of 4 batches")


def test_all_datasets_of_a_run_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "more", "other"):
        write_dataset(tmp_path / name)
    made = experiment(tmp_path / "data")
    more = (str(tmp_path / "more"), str(tmp_path / "other"))
    settings = replace(made, data=replace(made.data, more=more))
    begun(tmp_path / "run", settings)
    check_start(tmp_path / "run", settings)
    monkeypatch.chdir(tmp_path)
    names = replace(settings.data, folder="data", more=("more", "other"))
    check_start(tmp_path / "run", replace(settings, data=names))  # as seen from another place
    change(tmp_path / "other")
    with pytest.raises(AuheatError, match=rf"version of the dataset {tmp_path / 'other'}, which"):
        check_start(tmp_path / "run", settings)


def test_a_project_that_was_moved_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With datasets that are named from where the commands are given."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_dataset(Path("data"))
    begun(Path("run"), experiment(Path("data")))
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    check_start(Path("run"), experiment(Path("data")))
    change(Path("data"))
    with pytest.raises(AuheatError, match="run holds a run on another version of the dataset data"):
        check_start(Path("run"), experiment(Path("data")))


@pytest.mark.parametrize("older", ["no sums", "no record", "damaged"])
def test_a_run_that_noted_no_sums_goes_on(tmp_path: Path, older: str) -> None:
    settings, run = experiment(write_dataset(tmp_path / "data").folder), tmp_path / "run"
    begun(run, settings)
    if older == "no record":
        (run / RECORD).unlink()
    else:
        text = json.dumps({"seconds": 1.0, "starts": [{"ended": "finished"}]})
        (run / RECORD).write_text(text if older == "no sums" else text[:20])
    change(tmp_path / "data")
    check_start(run, settings)


@pytest.mark.parametrize("kept", [(BEST, TESTED), (TESTED,)], ids=["whole", "predictions alone"])
def test_tables_take_no_runs_of_another_version(tmp_path: Path, kept: tuple[str, ...]) -> None:
    """The figures were of the old labels, and the naive baselines below them of the new."""
    data = noise_dataset(tmp_path / "data", "disfa", DISFA, DISFA_AUS, frames=2)
    sweep = Sweep(read_manifest(data), "tiny", tmp_path / "runs", device="cpu")
    for fold in (1, 2, 3):
        settings, run = sweep.experiment(PLAIN, 1, fold), sweep.folder(PLAIN, 1, fold)
        begun(run, settings)
        for split in ("val", "test"):
            part = read_dataset(settings.data).split(split)
            about = {"name": "x", "seed": 1, "fold": fold, "split": split}
            made = Predictions.of(part, DISFA_AUS, part.labels(DISFA_AUS), about)
            made.write(run / f"{split}.parquet")
        for name in {BEST, TESTED} - set(kept):
            (run / name).unlink()
    assert sweep.missing([PLAIN]) == []
    assert aggregate(sweep, PLAIN, tmp_path / "out").plain[0].images == 54
    change(data)
    sweep = replace(sweep, manifest=read_manifest(data))
    said = r"resnet-deconv-seed1-fold1 holds a run on another version of the dataset .*data, which"
    with pytest.raises(AuheatError, match=said):
        sweep.missing([PLAIN])
    with pytest.raises(AuheatError, match=said):
        aggregate(sweep, PLAIN, tmp_path / "out")
    words = ["table2", "--rows", "b", "--data", str(data), "--preset", "tiny", "--device", "cpu"]
    place = ["--runs", str(tmp_path / "runs"), "-o", str(tmp_path / "made")]
    done = CliRunner().invoke(main, ["reproduce", *words, *place])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "fold1 holds a run on another version of the dataset" in done.stderr
    assert not (tmp_path / "made").exists()


def test_a_dataset_that_changes_during_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is predicted for labels that it was not trained on."""
    data = noise_dataset(tmp_path / "data", "disfa", DISFA, DISFA_AUS, frames=1)
    sweep = Sweep(read_manifest(data), "tiny", tmp_path / "runs", device="cpu")

    def fit_meanwhile(settings: Experiment, run: Path, **_: object) -> Path:
        begun(run, settings)
        change(data)
        return run / BEST

    monkeypatch.setattr(ablations, "fit", fit_meanwhile)
    with pytest.raises(AuheatError, match="holds a run on another version of the dataset"):
        sweep.run(PLAIN, 1, 1)
    assert not (sweep.folder(PLAIN, 1, 1) / TESTED).exists()
