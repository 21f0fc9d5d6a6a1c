"""Ending a training when it is asked to by a signal, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager, suppress
from types import FrameType
from typing import Any

import click
import lightning

from auheat.system import ENDING_SIGNALS
from auheat.training.checkpointing import Checkpoints


class Stopped(Exception):  # noqa: N818  # no error: what was asked for was done
    """A training was asked to stop, by the signal of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.number = number


class StopOnSignal(lightning.Callback, AbstractContextManager["StopOnSignal"]):
    """Ends a training at Ctrl-C, SIGTERM or SIGHUP after the step that runs, with a checkpoint.

    A context manager around the training, and a callback in it. A second Ctrl-C stops at once.

    Raises:
        Stopped: Out of the training, when it was asked to stop.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._asked = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            found = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
            self._before = {n: how for n, how in found.items() if how is not signal.SIG_IGN}
            for number in self._before:
                signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
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
            with suppress(OSError):  # the terminal may be gone
                click.echo("\nauheat: stopping after this epoch's validation", err=True)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        if self._asked:
            raise Stopped(self._asked)
