"""What happens around the steps of a training: checkpoints that survive, figures, stopping."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import click
import lightning
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from auheat import __version__
from auheat.data.sampling import VisitSampler
from auheat.errors import AuheatError
from auheat.models.checkpoint import save_checkpoint
from auheat.settings import to_dict
from auheat.training.module import HeatmapModule
from auheat.training.run_folder import BEST, LAST, PREVIOUS, read_history, write_history


class SafeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside the last one, which becomes the one before it when all is on disk.

    A process that is killed at any moment leaves one of the two whole; see `readable_checkpoint`.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        final = Path(path)
        temporary = final.with_name(f".{final.stem}.part{final.suffix}")
        try:
            with temporary.open("wb") as stream:
                torch.save(checkpoint, stream)
                stream.flush()
                os.fsync(stream.fileno())
            if final.exists():
                final.replace(final.with_name(PREVIOUS))
            temporary.replace(final)
            _sync_folder(final.parent)
        except (OSError, RuntimeError) as error:  # torch's writer hides a full disk in the second
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise AuheatError(
                f"cannot write {final}: {reason}; the checkpoint before it is kept, and the same "
                "command goes on from there"
            ) from None
        finally:
            with suppress(OSError):
                temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Makes the renaming in a folder last, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def readable_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint of a run's folder and its content; None if there is none at all.

    Raises:
        AuheatError: There are checkpoints, but none that can be read.
    """
    found = [folder / name for name in (LAST, PREVIOUS) if (folder / name).is_file()]
    for path in found:
        with suppress(Exception):  # what torch raises for damaged files has no common type
            content = dict(torch.load(path, map_location="cpu", weights_only=True))
            if Checkpoints.__qualname__ in content["callbacks"]:
                return path, content
    if found:
        names = " and ".join(str(path) for path in found)
        raise AuheatError(
            f"cannot go on from {names}, damaged or written by an older auheat: delete "
            f"{'them' if len(found) > 1 else 'it'}, and the training starts anew"
        )
    return None


class Checkpoints(lightning.Callback):
    """Saves all that resuming needs after every epoch, and after so many minutes within one.

    Within an epoch only where a step is complete, so that no gathered gradients are lost. Also
    tells the sampler of a resumed run where to go on: Lightning does not know the place within an
    epoch, and names the epoch only after it has asked the loader for an iterator, when the worker
    processes have begun.
    """

    def __init__(
        self,
        folder: Path,
        sampler: VisitSampler,
        *,
        batches: int,
        batch_size: int,
        minutes: float,
    ) -> None:
        """Saves after every epoch and every so often within one.

        Args:
            folder: of the run.
            sampler: what says which images come next.
            batches: of an epoch.
            batch_size: of this process.
            minutes: 0 for never in an epoch.
        """
        self._path, self._sampler = folder / LAST, sampler
        self._batches, self._batch_size = batches, batch_size
        self._pause = 60 * minutes if minutes else math.inf
        self._saved, self.done = time.monotonic(), 0

    def on_train_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        self._saved = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.done += 1
        within = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        last = batch_idx + 1 >= self._batches
        due = time.monotonic() - self._saved >= self._pause
        # Whether it is time is for the first process to say: all take part in saving.
        if within and not last and trainer.strategy.broadcast(due):
            self.save(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        self.save(trainer)

    def save(self, trainer: lightning.Trainer) -> None:
        """Saves now."""
        trainer.save_checkpoint(self._path)
        self._saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.done = int(state_dict["batches"])
        epoch, within = divmod(self.done, self._batches)
        self._sampler.resume(epoch, within * self._batch_size)


class KeepBest(lightning.Callback):
    """Saves the weights whenever the mean validation ICC is the highest so far."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / BEST
        self._best = -math.inf

    def on_validation_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        icc = float(trainer.callback_metrics.get("val/icc", math.nan))
        if not trainer.is_global_zero or not (icc > self._best):
            return
        assert isinstance(module, HeatmapModule)
        self._best = icc
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
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best = float(state_dict["best"])


class History(lightning.Callback):
    """Writes a line of figures after every validation, none twice, and the mean loss of the epoch.

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
        epoch, loss = trainer.current_epoch + 1, float(self._sum) / max(self._count, 1)
        self._sum, self._count = 0.0, 0
        if not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = {"epoch": epoch, "step": trainer.global_step, **values, "train/loss": loss}
        before = [one for one in read_history(self._folder) if one["epoch"] < epoch]
        write_history(self._folder, [*before, line])

    def state_dict(self) -> dict[str, Any]:
        return {"sum": float(self._sum), "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._sum, self._count = float(state_dict["sum"]), int(state_dict["count"])


class Stopped(Exception):  # noqa: N818  # no error: what was asked for was done
    """A training was asked to stop, by the signal of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.number = number


class StopOnSignal(lightning.Callback, AbstractContextManager["StopOnSignal"]):
    """Ends a training at Ctrl-C or SIGTERM after the step that runs, with a checkpoint.

    A context manager around the training, and a callback in it. A second Ctrl-C stops at once.

    Raises:
        Stopped: Out of the training, when it was asked to stop.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._asked = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in self._SIGNALS}
            for number in self._SIGNALS:
                signal.signal(number, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        self._asked = number

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        complete = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if self._asked and complete:
            if batch_idx + 1 < trainer.num_training_batches:
                self._checkpoints.save(trainer)
                raise Stopped(self._asked)
            click.echo("\nauheat: stopping after this epoch's validation", err=True)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        if self._asked:
            raise Stopped(self._asked)


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
