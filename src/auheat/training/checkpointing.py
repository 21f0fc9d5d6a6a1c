"""Checkpoints of a training that survive: how they are written, when, and which one is read."""

from __future__ import annotations

import io
import math
import os
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from auheat.data.sampling import VisitSampler
from auheat.errors import AuheatError
from auheat.training.run_folder import LAST, PREVIOUS


class SafeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside the last one, which becomes the one before it when all is on disk.

    A process that is killed at any moment leaves one of the two whole; see `readable_checkpoint`.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        final = Path(path)
        temporary = final.with_name(f".{final.stem}.part{final.suffix}")
        stream: _NotingWriter | None = None
        try:
            with _NotingWriter(io.FileIO(temporary, "wb")) as stream:
                torch.save(checkpoint, stream)
                stream.flush()
                os.fsync(stream.fileno())
            if final.exists():
                final.replace(final.with_name(PREVIOUS))
            temporary.replace(final)
            _sync_folder(final.parent)
        except (OSError, RuntimeError) as error:  # torch's writer hides the first in the second
            failed = error if stream is None else stream.failed or error
            reason = getattr(failed, "strerror", None) or str(error).splitlines()[0]
            kept = any((final.parent / name).is_file() for name in (LAST, PREVIOUS))
            rest = "the checkpoint before it is kept, and the same command goes on from there"
            raise AuheatError(
                f"cannot write {final}: {reason}; {rest if kept else 'there is none before it'}"
            ) from None
        finally:
            with suppress(OSError):
                temporary.unlink()


class _NotingWriter(io.BufferedWriter):
    """A file that notes why it cannot be written, which torch's writer does not say."""

    failed: OSError | None = None

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.failed = error
            raise


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
        if (content := read_state(path)) is not None:
            return path, content
    if found:
        names = " and ".join(str(path) for path in found)
        raise AuheatError(
            f"cannot go on from {names}, damaged or written by an older auheat: delete "
            f"{'them' if len(found) > 1 else 'it'}, and the training starts anew"
        )
    return None


def read_state(path: Path) -> dict[str, Any] | None:
    """The content of one checkpoint of `Checkpoints`, None if any of its bytes is damaged.

    torch does not look at the sums inside the file, and would take flipped bits for weights.
    """
    with suppress(Exception):  # what torch raises for damaged files has no common type
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
        content = dict(torch.load(path, map_location="cpu", weights_only=True))
        if Checkpoints.__qualname__ in content["callbacks"]:
            return content
    return None


def refuse_other_processes(found: tuple[Path, dict[str, Any]], epochs: int, processes: int) -> None:
    """Looks whether as many processes go on with a training as began it.

    A checkpoint counts the batches of one process. Others would have other portions of the images,
    and another number of steps.

    Args:
        found: What `readable_checkpoint` gives.
        epochs: Of the whole training; one that has ended is never refused.
        processes: How many there are now.

    Raises:
        AuheatError: They are more or fewer.
    """
    path, state = found[0], found[1]["callbacks"][Checkpoints.__qualname__]
    before = int(state.get("processes", processes))  # not in checkpoints of older versions
    if before == processes or state["batches"] >= epochs * state["of_an_epoch"]:
        return
    noun = "process" if before == 1 else "processes"
    raise AuheatError(
        f"{path} is of {before} {noun}, not of {processes}: go on with {before}, give this run "
        f"another name, or delete {path.parent}, and it is trained anew"
    )


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
        processes: int,
        minutes: float,
    ) -> None:
        """Saves after every epoch and every so often within one.

        Args:
            folder: of the run.
            sampler: what says which images come next.
            batches: of an epoch.
            batch_size: of this process.
            processes: that train together.
            minutes: 0 for never in an epoch.
        """
        self._path, self._sampler = folder / LAST, sampler
        self._batches, self._batch_size, self._processes = batches, batch_size, processes
        self._pause = 60 * minutes if minutes else math.inf
        self._saved, self.done = time.monotonic(), 0
        self._loss: Tensor | None = None

    def on_train_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        self._saved = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.done += 1
        self._loss = outputs["loss"]
        within = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        last = batch_idx + 1 >= self._batches
        due = time.monotonic() - self._saved >= self._pause
        # Whether it is time is for the first process to say: all take part in saving.
        if within and not last and trainer.strategy.broadcast(due):
            self.save(trainer)

    def on_validation_start(self, trainer: lightning.Trainer, module: Any) -> None:
        self._refuse_divergence(trainer)  # before these weights are kept as the best

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        self.save(trainer)

    def save(self, trainer: lightning.Trainer) -> None:
        """Saves now.

        Raises:
            AuheatError: What was learnt is no number any more, or nothing can be written.
        """
        self._refuse_divergence(trainer)
        trainer.save_checkpoint(self._path)
        self._saved = time.monotonic()

    def _refuse_divergence(self, trainer: lightning.Trainer) -> None:
        """Once the loss is no number it stays so: weights that gave it are of no use."""
        fine = self._loss is None or bool(self._loss.isfinite())
        if not trainer.strategy.reduce_boolean_decision(fine, all=True):
            raise AuheatError(
                f"the loss is no number any more at step {trainer.global_step}: lower "
                "optim.learning_rate or raise optim.epsilon, under another name; what was kept "
                "before stays"
            )

    def state_dict(self) -> dict[str, Any]:
        portions = {"of_an_epoch": self._batches, "processes": self._processes}
        return {"batches": self.done, **portions}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.done = int(state_dict["batches"])
        epoch, within = divmod(self.done, self._batches)
        self._sampler.resume(epoch, within * self._batch_size)
