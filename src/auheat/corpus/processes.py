"""Workers as processes of this machine.

They are spawned, not forked: a fork of a process in which libraries run threads may hang.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Hashable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, cast

from auheat.corpus.dispatch import Event, Task
from auheat.corpus.reading import CorpusReader
from auheat.data.resumable import end_with_parent
from auheat.errors import AuheatError
from auheat.faults import message
from auheat.system import hangups_ignored

_END_TIMEOUT_S = 5.0


class ThisProcess:
    """A `Team` of one: this process itself, which an input may take down with it.

    Args:
        reader: Reads the inputs.
    """

    def __init__(self, reader: CorpusReader) -> None:
        self._reader, self._done = reader, list[Event]()

    def free(self, wanted: int) -> list[Hashable]:
        return [0] if wanted and not self._done else []

    def give(self, worker: Hashable, task: Task) -> None:
        self._done.append(Event(worker, self._reader.read(task)))

    def wait(self, seconds: float) -> list[Event]:  # noqa: ARG002
        done, self._done = self._done, []
        return done

    def end(self, worker: Hashable) -> None:
        """It cannot."""

    def close(self) -> None:
        """There is nothing to end."""


class Processes:
    """A `Team` of processes.

    Args:
        count: How many at most.
        reader: Makes the `CorpusReader` of each; it and its arguments are pickled.
        arguments: For `reader`.
    """

    def __init__(
        self, count: int, reader: Callable[..., CorpusReader], arguments: tuple[Any, ...]
    ) -> None:
        self._count, self._reader, self._arguments = count, reader, arguments
        self._context = multiprocessing.get_context("spawn")
        with hangups_ignored():
            resource_tracker.ensure_running()
        self._all: dict[Hashable, tuple[SpawnProcess, Connection]] = {}
        self._busy: set[Hashable] = set()

    def free(self, wanted: int) -> list[Hashable]:
        while len(self._all) < min(self._count, wanted + len(self._busy)):
            self._hire()
        return [worker for worker in self._all if worker not in self._busy][:wanted]

    def _hire(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, self._reader, self._arguments), daemon=True
        )
        process.start()
        theirs.close()
        self._all[process.pid] = process, ours

    def give(self, worker: Hashable, task: Task) -> None:
        self._busy.add(worker)
        with suppress(OSError):  # if it is dead, `wait` finds it out
            self._all[worker][1].send(task)

    def wait(self, seconds: float) -> list[Event]:
        by_pipe = {pipe: worker for worker, (_, pipe) in self._all.items()}
        return [self._event(by_pipe[cast(Connection, pipe)]) for pipe in wait(by_pipe, seconds)]

    def _event(self, worker: Hashable) -> Event:
        process, pipe = self._all[worker]
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            process.join(_END_TIMEOUT_S)
            code = process.exitcode
            self.end(worker)
            return Event(worker, cause=_ended(code))
        self._busy.discard(worker)
        if isinstance(message, str):
            self.end(worker)
            return Event(worker, cause=message, is_fatal=True)
        return Event(worker, message)

    def end(self, worker: Hashable) -> None:
        process, pipe = self._all.pop(worker)
        self._busy.discard(worker)
        pipe.close()
        process.kill()
        process.join()

    def close(self) -> None:
        for process, _ in self._all.values():
            process.kill()
        for worker in list(self._all):
            self.end(worker)


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _work(
    pipe: Connection, reader: Callable[..., CorpusReader], arguments: tuple[Any, ...]
) -> None:
    """What a worker process runs."""
    import cv2

    end_with_parent()
    cv2.setNumThreads(1)  # one worker per core already
    try:
        reads = reader(*arguments)
    except Exception as error:
        pipe.send(str(error) if isinstance(error, AuheatError) else message(error, "a worker"))
        return
    with suppress(EOFError):  # nobody waits any more
        while True:
            pipe.send(reads.read(pipe.recv()))
