"""Trainings that cannot come to anything: refused before they begin, or ended when it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from auheat.cli import main
from auheat.data.datasets.disfa import SPEC as DISFA
from auheat.errors import AuheatError
from auheat.facs import DISFA_AUS
from auheat.models.checkpoint import load_checkpoint
from auheat.training.ablations import PLAIN, Sweep
from auheat.training.fit import fit
from auheat.training.run_folder import BEST, LAST, read_history
from broken_runs import Break, broken, power_cut, settings_of
from small_runs import AUS, experiment, noise_dataset, write_dataset


def test_all_folds_are_checked_before_the_first_is_trained(tmp_path: Path) -> None:
    faces = noise_dataset(tmp_path / "faces", "disfa", DISFA, DISFA_AUS, frames=1)

    def train(*words: str) -> tuple[int, str]:
        settings = ("optim.epochs=1", "data.epoch_images=8", "data.workers=0", "model.width=0.125")
        line = ["train", "--preset", "tiny", f"data.folder={faces}", "optim.backbone_weights="]
        place = ["--runs", str(tmp_path / "runs")]
        result = CliRunner().invoke(main, [*line, *settings, "model.input_size=32", *words, *place])
        return result.exit_code, result.stderr

    assert train("data.fold=3")[0] == 0
    code, said = train("--all-folds", "seed=1", "optim.head_rate=2")
    assert code == 2 and "seed1-fold3 holds a run with other settings (optim.head_rate" in said
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["scc-heatmap-seed1-fold3"]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of DISFA's people, an image of each."""
    folder = tmp_path_factory.mktemp("refused") / "faces"
    return noise_dataset(folder, "disfa", DISFA, DISFA_AUS, frames=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model=3",), "model = 3 in scc-heatmap.toml with preset tiny: expected a section"),
        (
            ("optim=3", "model.kind=hourglass", "model.scc=false"),
            "optim = 3 in scc-heatmap.toml with preset tiny: exp",
        ),
        (("model.kind=hourglass", "model.input_size=a"), "input_size = 'a' in .*: expected int"),
        (
            ("model.kind=hourglass", "model.input_size=true"),
            "input_size = True in .*: expected int",
        ),
        (("data.augment=0.5",), r"augment = 0\.5 in .*, section data: expected a section"),
        (("data=3",), r"preset tiny names no dataset: add data\.folder=DATASET"),
        (("data.fold=4",), "section data: fold 4 of 'disfa-jaa': it has folds 1 to 3"),
        (
            ("data.protocol=k-fold", "data.folds=1"),
            "cannot make 1 fold of 'k-fold': give 2 or more",
        ),
        (("data.protocol=k-fold", "data.folds=28"), "cannot make 28 folds of 27 subjects: give 2"),
        (("data.protocol=bp4d",), "not in the protocol 'bp4d': choose another one, or none"),
    ],
)
def test_no_run_begins_with_settings_that_make_no_sense(
    faces: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """One line, and no other before it that says that a run begins."""
    line = ["train", "--preset", "tiny", f"data.folder={faces}", "optim.backbone_weights="]
    done = CliRunner().invoke(main, [*line, *words, "--runs", str(tmp_path / "runs")])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert re.search(said, done.stderr), done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_file_with_a_dataset_that_is_not_there_begins_no_run(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f'[data]\nfolder = "{tmp_path / "none"}"\n')
    line = ["train", str(tmp_path / "a.toml"), "--runs", str(tmp_path / "runs")]
    done = CliRunner().invoke(main, line)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"auheat: no dataset in {tmp_path / 'none'}: expected")


def test_a_sweep_with_too_few_people_begins_no_run(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "data")
    few = replace(manifest, table=manifest.table[:4])  # of two people
    with pytest.raises(AuheatError, match="cannot make 3 folds of 2 subjects: give 2 to 2"):
        Sweep(few, "tiny", tmp_path / "runs", device="cpu").missing([PLAIN])


@pytest.mark.parametrize("before", [1, 2, 4])
def test_other_processes_do_not_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """The checkpoint counts the batches of a process: others would skip or repeat images."""
    settings, run = settings_of(data, minutes=1e-9), tmp_path / "run"
    with monkeypatch.context() as patched:
        broken(patched, Break(5, power_cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, run)
    stored = torch.load(run / LAST, weights_only=True)
    state = stored["callbacks"]["Checkpoints"]
    assert state == {"batches": 5, "of_an_epoch": 4, "processes": 1}
    state["processes"] = before
    torch.save(stored, run / LAST)
    kept = (run / LAST).read_bytes()
    if before != 1:
        with pytest.raises(AuheatError) as refused:
            fit(settings, run)
        assert str(refused.value) == (
            f"{run / LAST} is of {before} processes, not of 1: go on with {before}, give this run "
            f"another name, or delete {run}, and it is trained anew"
        )
        assert (run / LAST).read_bytes() == kept
        del state["processes"], state["of_an_epoch"]  # as an older version wrote it
        torch.save(stored, run / LAST)
    said: list[str] = []
    fit(settings, run, notify=said.append)
    assert said[0].startswith("goes on after 1 of 3 epochs and 1 of 4 batches, step 5;")


def test_what_other_processes_have_finished_is_taken(data: Path, tmp_path: Path) -> None:
    """Three epochs of 2 batches, as two processes have where one has 4."""
    settings, run = settings_of(data), tmp_path / "run"
    best = fit(settings, run).read_bytes()
    stored = torch.load(run / LAST, weights_only=True)
    stored["callbacks"]["Checkpoints"] = {"batches": 6, "of_an_epoch": 2, "processes": 2}
    torch.save(stored, run / LAST)
    said: list[str] = []
    assert fit(settings, run, notify=said.append).read_bytes() == best
    assert said[0].startswith("goes on after 3 of 3 epochs, step 12;")


def test_people_who_test_are_not_trained_on_by_a_second_name(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data)
    made = experiment(data)
    twice = replace(made, data=replace(made.data, more=(str(tmp_path / "link"),)))
    with pytest.raises(
        AuheatError, match=r"^data\.more names .*link, which data\.folder is: people"
    ):
        fit(twice, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_aus_that_nobody_coded_are_not_trained(data: Path, tmp_path: Path) -> None:
    made = experiment(data)
    other = replace(made, model=replace(made.model, aus=("AU01", "AU07")))
    with pytest.raises(AuheatError, match="none of AU01, AU07 is coded in the train split of"):
        fit(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_any_icc_the_last_weights_are_kept(tmp_path: Path) -> None:
    """Nothing varies among the people who validate: hours of training are kept all the same."""
    manifest = write_dataset(tmp_path / "data")
    manifest.table.loc[manifest.table["split"] == "val", list(AUS)] = np.float32(0)
    manifest.write()
    said: list[str] = []
    settings = experiment(tmp_path / "data", epochs=2, average=0.5)
    best = fit(settings, tmp_path / "run", notify=said.append)
    assert [np.isnan(line["val/icc"]) for line in read_history(tmp_path / "run")] == [True, True]
    kept = load_checkpoint(best)
    assert kept.card["epoch"] == 2
    assert said[-1].startswith("no validation ICC was defined, as no AU varies among the images")
    assert fit(settings, tmp_path / "run", notify=said.append) == best
    assert said[-2].endswith("step 4; no validation ICC was defined")


@pytest.mark.parametrize("minutes", [0.0, 1e-9], ids=["at the end of an epoch", "within an epoch"])
def test_a_training_that_diverges_ends_and_keeps_nothing_of_it(
    data: Path, tmp_path: Path, minutes: float
) -> None:
    made = experiment(data, learning_rate=1e30, clip_gradients=0.0)
    made = replace(made, run=replace(made.run, checkpoint_minutes=minutes))
    with pytest.raises(AuheatError, match=r"^the loss is no number any more at step 2: lower opt"):
        fit(made, tmp_path / "run")
    assert not (tmp_path / "run" / BEST).exists()
    kept = tmp_path / "run" / LAST
    assert kept.exists() == bool(minutes)  # of the step before, whose loss was a number


def test_best_weights_that_are_gone_are_said_to_be(data: Path, tmp_path: Path) -> None:
    settings = experiment(data, epochs=1)
    best = fit(settings, tmp_path / "run")
    best.unlink()
    with pytest.raises(AuheatError, match=rf"^{best} is gone: delete {tmp_path / 'run'}, and it"):
        fit(settings, tmp_path / "run")
