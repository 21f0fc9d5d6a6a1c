"""What is kept and shown of a training: the best weights, the figures of its epochs, time left."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from torch import Tensor

from auheat import __version__
from auheat.models.checkpoint import save_checkpoint
from auheat.settings import to_dict
from auheat.training.module import HeatmapModule
from auheat.training.run_folder import BEST, read_history, write_history


class KeepBest(lightning.Callback):
    """Saves the weights whenever the mean validation ICC is the highest so far.

    Until it is defined, which takes an AU that varies, the last weights are kept.

    Attributes:
        best: the highest so far, -inf as long as none was defined.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BEST
        self.best = -math.inf

    def on_validation_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        icc = float(trainer.callback_metrics.get("val/icc", math.nan))
        undefined = math.isnan(icc) and self.best == -math.inf
        if not (icc > self.best or undefined):
            return
        self.best = self.best if undefined else icc
        if not trainer.is_global_zero:
            return
        assert isinstance(module, HeatmapModule)
        experiment = module.experiment
        card = {
            "auheat": __version__,
            "experiment": to_dict(experiment),
            "epoch": trainer.current_epoch + 1,
            "validation": {
                "icc": icc,
                "mae": float(trainer.callback_metrics["val/mae"]),
            },
        }
        save_checkpoint(self._path, module.measured, experiment.model, card=card)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = float(state_dict["best"])


class History(lightning.Callback):
    """Writes a line of figures after every validation, none twice, and the mean loss of the epoch.

    That mean is over the images of all processes, which have equally many batches of equal sizes.
    An epoch that is gone through again, because the run was stopped before its checkpoint, takes
    the place of its former line.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sum: Tensor | float = 0.0
        self._count = 0

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss: Tensor = outputs["loss"].detach().double() * trainer.accumulate_grad_batches
        self._sum, self._count = self._sum + loss, self._count + 1

    def on_validation_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        epoch, loss = trainer.current_epoch + 1, self._mean_sum(trainer) / max(self._count, 1)
        self._sum, self._count = 0.0, 0
        if not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = {"epoch": epoch, "step": trainer.global_step, **values, "train/loss": loss}
        before = [one for one in read_history(self._folder) if one["epoch"] < epoch]
        write_history(self._folder, [*before, line])

    def _mean_sum(self, trainer: lightning.Trainer) -> float:
        """The sum of losses so far, averaged over the processes; all of them must call this."""
        device = trainer.strategy.root_device
        own = torch.tensor(float(self._sum), dtype=torch.float64, device=device)
        return float(trainer.strategy.reduce(own, reduce_op="mean"))

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, module: Any, checkpoint: dict[str, Any]
    ) -> None:
        # Every process goes on with the mean: the mean over processes stays what it was.
        state = {"sum": self._mean_sum(trainer), "count": self._count}
        checkpoint["callbacks"][self.state_key] = state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._sum, self._count = float(state_dict["sum"]), int(state_dict["count"])


class TimeLeft(TQDMProgressBar):
    """Lightning's bar of the epoch, with the time left over the whole run.

    Args:
        batches: of an epoch.
    """

    def __init__(self, batches: int, epochs: int) -> None:
        super().__init__(refresh_rate=10)
        self._total, self._batches = batches * epochs, batches
        self._began, self._first = 0.0, 0

    def on_train_start(self, trainer: lightning.Trainer, *rest: Any) -> None:
        super().on_train_start(trainer, *rest)
        self._began, self._first = time.monotonic(), self._done(trainer)

    def get_metrics(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> dict[str, Any]:
        found = dict(super().get_metrics(trainer, module))
        found.pop("v_num", None)
        done = self._done(trainer)
        if done > self._first:
            pace = (time.monotonic() - self._began) / (done - self._first)
            found["left"] = str(timedelta(seconds=round(pace * (self._total - done))))
        return found

    def _done(self, trainer: lightning.Trainer) -> int:
        progress = trainer.fit_loop.epoch_loop.batch_progress.current
        return trainer.current_epoch * self._batches + int(progress.ready)
