"""Runs that survive: stopped at any moment, damaged, refused, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from auheat.cli import main
from auheat.data.datasets.disfa import SPEC as DISFA
from auheat.errors import AuheatError
from auheat.facs import DISFA_AUS
from auheat.training import checkpointing
from auheat.training.callbacks import History
from auheat.training.checkpointing import readable_checkpoint
from auheat.training.fit import fit
from auheat.training.run_folder import BEST, HISTORY, LAST, PREVIOUS, RECORD, read_history
from broken_runs import Break, broken, power_cut, same_end, settings_of
from small_runs import noise_dataset


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    fit(settings_of(data), folder)
    return folder


@pytest.mark.parametrize("batches", [3, 4, 5, 9])
def test_a_run_goes_on_within_an_epoch(
    data: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    """Stopped after any batch with a checkpoint after each of them."""
    settings = settings_of(data, minutes=1e-9)
    with monkeypatch.context() as patched:
        broken(patched, Break(batches, power_cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, tmp_path / "run")
    said: list[str] = []
    fit(settings, tmp_path / "run", notify=said.append)
    saved = batches - 1 if batches % 4 == 0 else batches  # an epoch's last waits for validation
    epoch, within = divmod(saved, 4)
    assert said[0].startswith(f"goes on after {epoch} of 3 epochs and {within} of 4 batches, step")
    same_end(unbroken, tmp_path / "run")


def test_an_average_of_weights_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(data, minutes=1e-9, average=0.8)
    fit(settings, tmp_path / "a")
    with monkeypatch.context() as patched:
        broken(patched, Break(5, power_cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, tmp_path / "b")
    fit(settings, tmp_path / "b")
    same_end(tmp_path / "a", tmp_path / "b")
    state = torch.load(tmp_path / "b" / LAST, weights_only=True)["state_dict"]
    assert state["average.updates"] == 12


@pytest.mark.slow
def test_a_run_with_a_reading_process_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process begins to read before Lightning names the epoch; gradients are gathered."""
    settings = settings_of(data, minutes=1e-9, precision="bf16-mixed", accumulate=2)
    settings = replace(settings, data=replace(settings.data, workers=1))
    fit(settings, tmp_path / "a")
    with monkeypatch.context() as patched:
        broken(patched, Break(7, power_cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, tmp_path / "b")
    fit(settings, tmp_path / "b")
    same_end(tmp_path / "a", tmp_path / "b")
    assert read_history(tmp_path / "a")[-1]["step"] == 6  # 12 batches, two a step


def test_an_epoch_validated_twice_has_one_line(
    data: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between validation and checkpoint."""
    settings = settings_of(data)
    with monkeypatch.context() as patched:
        patched.setattr(checkpointing.Checkpoints, "on_train_epoch_end", lambda *_: power_cut())
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, tmp_path / "run")
    assert [line["epoch"] for line in read_history(tmp_path / "run")] == [1]
    fit(settings, tmp_path / "run")
    same_end(unbroken, tmp_path / "run")


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half of a file"], ids=["empty", "half"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    data: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    settings, run = settings_of(data), tmp_path / "run"
    with monkeypatch.context() as patched:
        broken(patched, Break(9, power_cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, run)
    (run / LAST).write_bytes(damage)
    found = readable_checkpoint(run)
    assert found is not None and found[0] == run / PREVIOUS
    fit(settings, run)
    same_end(unbroken, run)
    for name in (LAST, PREVIOUS):
        (run / name).write_bytes(damage)
    with pytest.raises(AuheatError, match=r"cannot go on from .*last\.ckpt and .*: delete them"):
        fit(settings, run)


@pytest.mark.parametrize(
    ("number", "code", "ended"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "terminated"),
    ],
)
def test_a_signal_stops_after_the_step_with_a_checkpoint(
    data: Path,
    unbroken: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
    ended: str,
) -> None:
    run, settings = tmp_path / "tiny-seed5", tmp_path / "a.toml"
    with monkeypatch.context() as patched:
        if number == signal.SIGINT and signal.getsignal(number) is signal.SIG_IGN:  # behind an &
            signal.signal(number, signal.default_int_handler)
        broken(patched, Break(5, lambda: os.kill(os.getpid(), number)))
        patched.setattr("auheat.training.experiment.read_experiment", lambda *_: settings_of(data))
        done = CliRunner().invoke(main, ["train", str(settings), "--runs", str(tmp_path)])
    assert done.exit_code == code
    assert done.stderr.splitlines()[-1].startswith(f"auheat: {ended}")
    assert json.loads((run / RECORD).read_text())["starts"][0]["ended"] == ended
    found = readable_checkpoint(run)
    assert found is not None and found[1]["callbacks"]["Checkpoints"]["batches"] == 6
    fit(settings_of(data), run)
    same_end(unbroken, run)


def test_reproduce_ends_when_a_training_is_terminated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first step of the first of three folds; the others do not begin."""
    data = noise_dataset(tmp_path / "data", "disfa", DISFA, DISFA_AUS)
    command = [
        "reproduce", "table2", "--rows", "a", "--data", data, "--preset", "tiny", "--workers", "0",
        "--runs", tmp_path / "runs", "-o", tmp_path / "out", "model.width=0.125",
        "model.input_size=32", "model.deconv_widths=[8, 8, 8]", "model.scc_k=3",
        "optim.backbone_weights=", "data.epoch_images=16", "data.batch_size=8",
    ]  # fmt: skip
    with monkeypatch.context() as patched:
        broken(patched, Break(1, lambda: os.kill(os.getpid(), signal.SIGTERM)))
        done = CliRunner().invoke(main, [str(word) for word in command])
    assert done.exit_code == 143, done.output
    assert done.stderr.splitlines()[-1].startswith("auheat: terminated")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["scc-heatmap-seed1-fold1"]
    found = readable_checkpoint(tmp_path / "runs" / "scc-heatmap-seed1-fold1")
    assert found is not None and found[1]["callbacks"]["Checkpoints"]["batches"] == 2
    assert not list((tmp_path / "out").iterdir())


# Trains once to learn how long that takes, then again and again: killed at a random moment, and
# gone on with. Each training is a process of its own; none imports anything anew.
SCRIPT = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from broken_runs import settings_of
from auheat.training.fit import fit

def train(run):
    process = os.fork()
    if process:
        return process
    sys.stdout = sys.stderr = open(os.devnull, "w")
    fit(settings_of(Path({data!r}), minutes=1e-9), run)
    os._exit(0)

def end_of(process):
    return os.waitpid(process, 0)[1]

root, kills = Path({root!r}), {kills}
begin = time.monotonic()
assert end_of(train(root / "whole")) == 0
length, draw = time.monotonic() - begin, random.Random(0)
early = writing = 0
for number in range(kills):
    run = root / str(number)
    process = train(run)
    time.sleep(draw.uniform(0, length))
    os.kill(process, signal.SIGKILL)
    early += end_of(process) == signal.SIGKILL
    writing += any(run.glob(".*.part*"))
    assert end_of(train(run)) == 0, f"run {{number}} cannot go on"
print(early, writing)
"""


@pytest.mark.slow
def test_a_training_killed_at_any_moment_goes_on(
    data: Path, unbroken: Path, tmp_path: Path
) -> None:
    """kill -9 `AUHEAT_KILLED_RUNS` times, with a checkpoint after every step.

    `pytest --basetemp` says on which disk.
    """
    kills = int(os.environ.get("AUHEAT_KILLED_RUNS", "3"))
    text = SCRIPT.format(
        tests=str(Path(__file__).parent), data=str(data), root=str(tmp_path), kills=kills
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    early, writing = map(int, done.stdout.split())
    print(f"killed before the end: {early} of {kills}, of them in writing a checkpoint: {writing}")
    assert early, "every training had ended before it was killed"
    for number in range(kills):
        same_end(unbroken, tmp_path / str(number))


class Alone:
    """The strategy of one process."""

    root_device = torch.device("cpu")

    def reduce(self, tensor: torch.Tensor, *, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "mean"
        return tensor


class BesideAnother(Alone):
    """That of two, of which the other's sum of losses is 10."""

    def reduce(self, tensor: torch.Tensor, *, reduce_op: str) -> torch.Tensor:
        return (super().reduce(tensor, reduce_op=reduce_op) + 10) / 2


class FifthEpoch:
    """What `History` asks of a trainer."""

    is_global_zero, current_epoch, global_step, accumulate_grad_batches = True, 4, 70, 2
    callback_metrics = {"val/icc": torch.tensor(0.5)}  # noqa: RUF012
    strategy = Alone()


def test_the_loss_of_an_epoch_is_of_all_processes(tmp_path: Path) -> None:
    """Also where it goes on from a checkpoint, which the first process alone writes."""
    trainer = FifthEpoch()
    trainer.strategy = BesideAnother()
    for stopped in (False, True):
        history = History(tmp_path)
        for loss in (1.0, 2.0):
            history.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)}, None, 0)
        if stopped:
            kept: dict[str, Any] = {"callbacks": {}}
            history.on_save_checkpoint(trainer, None, kept)  # type: ignore[arg-type]
            assert kept["callbacks"] == {"History": {"sum": 8.0, "count": 2}}  # (6 + 10) / 2
            history = History(tmp_path)
            history.load_state_dict(kept["callbacks"][history.state_key])
            trainer.strategy = Alone()  # both have the mean now, and so has their mean
        history.on_validation_end(trainer, None)  # type: ignore[arg-type]
        assert read_history(tmp_path)[-1]["train/loss"] == 4.0


def test_the_history_is_made_of_whole_lines(tmp_path: Path) -> None:
    (tmp_path / HISTORY).write_text('{"epoch": 4}\n{"epoch": 5, "old": 1}\n{"epo')
    history = History(tmp_path)
    for loss in (1.0, 2.0, 6.0):
        history.on_train_batch_end(FifthEpoch(), None, {"loss": torch.tensor(loss)}, None, 0)
    history.on_validation_end(FifthEpoch(), None)  # type: ignore[arg-type]
    assert read_history(tmp_path) == [
        {"epoch": 4},
        {"epoch": 5, "step": 70, "val/icc": 0.5, "train/loss": 6.0},  # mean of 3, times 2
    ]
    table = pd.read_csv(tmp_path / "history.csv")
    assert table["epoch"].to_list() == [4, 5] and table["train/loss"].to_list()[1] == 6
    assert (tmp_path / "history.png").stat().st_size > 1000


def test_what_the_folder_records(unbroken: Path) -> None:
    record = json.loads((unbroken / RECORD).read_text())
    (start,) = record["starts"]
    assert start["ended"] == "finished" and start["torch"] == torch.__version__
    assert record["seconds"] == start["seconds"] > 0
    assert start["peak_memory_mb"] > 100 and start["processor"]
    ordinary = unbroken / "ordinary"
    ordinary.touch()
    assert (unbroken / BEST).stat().st_mode == ordinary.stat().st_mode
