"""Trainings that cannot come to anything: refused before they begin, or ended when it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.data.datasets.disfa import SPEC as DISFA
from auheat.errors import AuheatError
from auheat.facs import DISFA_AUS
from auheat.models.checkpoint import load_checkpoint
from auheat.training.fit import fit
from auheat.training.run_folder import BEST, LAST, read_history
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
