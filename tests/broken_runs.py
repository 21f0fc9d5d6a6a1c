"""Short trainings that are broken off and gone on with, and whether they end alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from safetensors.torch import load_file

from auheat.training.experiment import Experiment, RunConfig
from auheat.training.run_folder import BEST, LAST, read_history
from small_runs import experiment


def settings_of(data: Path, minutes: float = 10.0, **optim: Any) -> Experiment:
    """Three epochs of four batches."""
    made = experiment(data, **{"learning_rate": 1e-2, **optim})
    return replace(
        made, data=replace(made.data, epoch_images=32, batch_size=8), run=RunConfig(minutes)
    )


class Break(lightning.Callback):
    """Does something after so many batches of the whole training."""

    def __init__(self, batches: int, act: Callable[[], object]) -> None:
        self._left, self._act = batches, act

    def on_train_batch_end(self, *_: object) -> None:
        self._left -= 1
        if not self._left:
            self._act()


def broken(monkeypatch: pytest.MonkeyPatch, callback: lightning.Callback) -> None:
    """Every training from now on has one more callback, after the others."""
    setup = lightning.Trainer.__init__

    def with_callback(self: lightning.Trainer, **options: Any) -> None:
        options["callbacks"] = [*options["callbacks"], callback]
        setup(self, **options)

    monkeypatch.setattr(lightning.Trainer, "__init__", with_callback)


def power_cut() -> None:
    raise RuntimeError("power cut")


def same_end(one: Path, other: Path) -> None:
    """Weights, the state that resuming needs, and the figures of all epochs are equal."""
    first, second = (torch.load(run / LAST, weights_only=True) for run in (one, other))
    assert all(torch.equal(first["state_dict"][k], second["state_dict"][k])
               for k in first["state_dict"])  # fmt: skip
    assert str(first["optimizer_states"]) == str(second["optimizer_states"])
    weights, again = (load_file(run / BEST) for run in (one, other))
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    lines, after = read_history(one), read_history(other)
    assert [line["epoch"] for line in after] == [1, 2, 3]
    for line, resumed in zip(lines, after, strict=True):
        assert line == pytest.approx(resumed, rel=1e-6, nan_ok=True)
