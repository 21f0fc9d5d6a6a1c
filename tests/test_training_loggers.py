"""Whom a training's figures are told to, and the time that it says is left."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch.callbacks import TQDMProgressBar
from tensorboard.backend.event_processing import (  # type: ignore[import-untyped]
    event_accumulator,
)

from auheat.errors import AuheatError
from auheat.training import callbacks
from auheat.training.callbacks import TimeLeft
from auheat.training.experiment import Experiment, RunConfig
from auheat.training.fit import fit
from auheat.training.run_folder import read_history
from small_runs import experiment, write_dataset


def settings(tmp_path: Path, *loggers: Any, name: str = "tiny") -> Experiment:
    """Two epochs of two batches."""
    write_dataset(tmp_path / "data")
    made = experiment(tmp_path / "data", epochs=2)
    return replace(made, name=name, run=RunConfig(loggers=loggers))


def test_tensorboard_is_told_what_the_history_says(tmp_path: Path) -> None:
    fit(settings(tmp_path, "tensorboard"), tmp_path / "run")
    events = event_accumulator.EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    told = [event.value for event in events.Scalars("val_AU12/icc")]
    assert told == pytest.approx([one["val_AU12/icc"] for one in read_history(tmp_path / "run")])


def test_a_logger_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("wandb")

    monkeypatch.setattr("lightning.pytorch.loggers.WandbLogger", missing)
    with pytest.raises(AuheatError, match=r"names wandb, which is not installed: `pip install w"):
        fit(settings(tmp_path, "wandb"), tmp_path / "run")
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_an_account_that_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = pytest.importorskip("wandb.errors")

    class Unknown:
        def __init__(self, *_: object, **__: object) -> None:
            self._wandb_init = {"anonymous": None}

        @property
        def experiment(self) -> None:
            assert not self._wandb_init  # today's Weights & Biases warns of this setting
            raise errors.UsageError("No API key configured. Use `wandb login` to log in.")

    monkeypatch.setattr("lightning.pytorch.loggers.WandbLogger", Unknown)
    with pytest.raises(
        AuheatError, match=r"^run\.loggers names wandb: No API key .* to log in\. Or"
    ):
        fit(settings(tmp_path, "wandb"), tmp_path / "run")


@pytest.mark.slow
def test_weights_and_biases_is_told_each_run_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two trainings of one process, without a network: what each wrote is in its own folder."""
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("one", "two"):
        fit(settings(tmp_path / name, "wandb", name=name), tmp_path / name / "run")
        (path,) = (tmp_path / name / "run").glob("wandb/offline-run-*/run-*.wandb")
        store: Any = DataStore()
        told, called = [], []
        store.open_for_scan(str(path))
        while (data := store.scan_data()) is not None:
            record: Any = wandb_internal_pb2.Record()  # type: ignore[attr-defined]
            record.ParseFromString(data)
            called += [record.run.display_name] if record.HasField("run") else []
            row = {
                item.key or "/".join(item.nested_key): item.value_json
                for item in record.history.item
            }
            told += [float(row["val/mae"])] if "val/mae" in row else []
        store.close()
        assert called[0] == f"{name}-seed5"
        expected = [line["val/mae"] for line in read_history(tmp_path / name / "run")]
        assert told == pytest.approx(expected, rel=1e-5)
    assert "wandb" in sys.modules


def test_the_time_left_is_that_of_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumed after 6 of 4 x 10 batches; 4 more took 20 s, so 150 s at that pace are left."""
    clock = [100.0]
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(TQDMProgressBar, "on_train_start", lambda *_: None)
    monkeypatch.setattr(TQDMProgressBar, "get_metrics", lambda *_: {"v_num": 3, "val/icc": 0.5})
    ready = SimpleNamespace(ready=6)
    progress = SimpleNamespace(batch_progress=SimpleNamespace(current=ready))
    trainer: Any = SimpleNamespace(current_epoch=0, fit_loop=SimpleNamespace(epoch_loop=progress))
    module: Any = None
    bar = TimeLeft(10, 4)
    bar.on_train_start(trainer)
    assert bar.get_metrics(trainer, module) == {"val/icc": 0.5}  # no pace yet
    clock[0], ready.ready, trainer.current_epoch = 120.0, 0, 1
    assert bar.get_metrics(trainer, module) == {"val/icc": 0.5, "left": "0:02:30"}
