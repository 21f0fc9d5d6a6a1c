"""Settings of a run: which make no sense, which train the same, and whose a folder is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auheat.errors import AuheatError
from auheat.training.differences import differences
from auheat.training.experiment import (
    DataConfig,
    Experiment,
    LossConfig,
    OptimConfig,
    RunConfig,
)
from auheat.training.fit import fit
from auheat.training.run_folder import claim
from broken_runs import settings_of


def test_a_start_that_fails_leaves_the_folder_free(data: Path, tmp_path: Path) -> None:
    wrong = settings_of(data, start=str(tmp_path / "none.safetensors"))
    with pytest.raises(AuheatError, match=r"no file at .*none\.safetensors, which optim\.start"):
        fit(wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    claim(tmp_path / "run", settings_of(data, epochs=2))  # stopped before its first checkpoint
    fit(settings_of(data, epochs=1), tmp_path / "run")


def test_a_folder_keeps_to_its_settings(data: Path, tmp_path: Path) -> None:
    settings = settings_of(data, epochs=1)
    fit(settings, tmp_path / "run")
    with pytest.raises(AuheatError, match=r"other settings \(optim\.epochs 1, not 2\): give"):
        fit(settings_of(data, epochs=2), tmp_path / "run")
    fit(replace(settings, run=RunConfig(1.0, ())), tmp_path / "run")  # trains the same
    (tmp_path / "run" / "experiment.json").write_text('{"name": ')
    with pytest.raises(AuheatError, match=r"experiment\.json is damaged: delete"):
        fit(settings, tmp_path / "run")


def test_what_trains_the_same_is_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = Experiment(data=DataConfig("faces", workers=3, cache="c"))
    other = Experiment(data=DataConfig(str(tmp_path / "faces")), run=RunConfig(0))
    assert differences(one, other) == []
    assert differences(one, replace(other, seed=2)) == ["seed 1, not 2"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OptimConfig(epochs=-1), "epochs = -1: expected a number of at least 1"),
        (lambda: DataConfig(geometry_dropout=1.5), "geometry_dropout = 1.5: expected a fraction"),
        (lambda: DataConfig(image_dropout=2), "image_dropout = 2: expected a fraction, 0 to 1"),
        (lambda: OptimConfig(learning_rate=-1.0), "learning_rate = -1.0: expected"),
        (lambda: OptimConfig(learning_rate=float("nan")), "learning_rate = nan: expected"),
        (lambda: OptimConfig(learning_rate=0.0), "learning_rate = 0.0: expected more than 0"),
        (lambda: OptimConfig(epsilon=0.0), "epsilon = 0.0: expected more than 0"),
        (lambda: OptimConfig(epsilon=float("inf")), "epsilon = inf: expected more than 0"),
        (lambda: OptimConfig(milestone=7), "milestone = 7: expected a fraction, 0 to 1"),
        (lambda: OptimConfig(scc_rate=-1.0), "scc_rate = -1.0: expected a number of at least 0"),
        (lambda: OptimConfig(accumulate=0), "accumulate = 0"),
        (lambda: DataConfig(batch_size=0), "batch_size = 0"),
        (lambda: DataConfig(workers=-1), "workers is -1: give a whole number from 0 to 512"),
        (lambda: DataConfig(workers=513), "workers is 513: give a whole number from 0 to 512"),
        (lambda: DataConfig(fold=0), "fold = 0"),
        (lambda: DataConfig(protocol="disfa-jaa", fold=4), "fold 4 of 'disfa-jaa': it has folds 1"),
        (lambda: DataConfig(protocol="bp4d", fold=2), "fold 2 of 'bp4d': it has folds 1 to 1"),
        (lambda: DataConfig(protocol="k-fold", fold=6, folds=5), "it has folds 1 to 5"),
        (lambda: DataConfig(protocol="k-fold", folds=1), "cannot make 1 fold of 'k-fold': give 2"),
        (lambda: LossConfig(foreground=-1.0), r"foreground = -1\.0"),
        (lambda: Experiment(seed=-1), "seed = -1"),
        (lambda: Experiment(seed=2**32), "seed = 4294967296"),
        (lambda: Experiment("a/b"), "name = 'a/b': expected the name of a folder"),
    ],
)
def test_settings_that_make_no_sense(make: Callable[[], object], message: str) -> None:
    with pytest.raises(AuheatError, match=message):
        make()


def test_the_fold_is_in_the_name() -> None:
    assert Experiment("a", 2).folder_name == "a-seed2"
    assert Experiment("a", 2, data=DataConfig(protocol="k-fold", fold=3)).folder_name == (
        "a-seed2-fold3"
    )
