"""Workers as Ray actors, on all nodes of a cluster.

Each actor holds one predictor and reads one input at a time. When a node dies its actors are gone;
their inputs are given to others, and new actors begin wherever Ray finds processors, also on nodes
that join later.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from time import sleep
from typing import Any

from auheat.corpus.dispatch import Event, Task
from auheat.corpus.reading import CorpusReader
from auheat.errors import AuheatError
from auheat.faults import message
from auheat.optional import require


class _Reader:
    """What an actor runs. What goes wrong at the start is in `ready`, not raised in Ray."""

    def __init__(self, reader: Callable[..., CorpusReader], arguments: tuple[Any, ...]) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._problem: str | None = None
        try:
            self._reads = reader(*arguments)
        except Exception as error:
            known = isinstance(error, AuheatError)
            self._problem = str(error) if known else message(error, "a worker")

    def ready(self) -> str | None:
        return self._problem

    def read(self, task: Task) -> Any:
        return self._reads.read(task)


class RayActors:
    """A `Team` of Ray actors.

    Args:
        address: Of the cluster: "auto" for the one that this machine is part of, HOST:PORT, or
            ray://HOST:PORT.
        count: How many at most; None for as many as the cluster has processors for.
        threads: Processors of each.
        reader: Makes the `CorpusReader` of each; it and its arguments are pickled.
        arguments: For `reader`.

    Raises:
        AuheatError: Ray is missing, or no cluster is there.
    """

    def __init__(
        self,
        address: str,
        count: int | None,
        threads: int,
        reader: Callable[..., CorpusReader],
        arguments: tuple[Any, ...],
    ) -> None:
        self._ray = require("ray")
        self._connect(address)
        self._count, self._threads = count, threads
        self._actor = self._ray.remote(num_cpus=threads, max_restarts=0)(_Reader)
        self._arguments = (reader, arguments)
        self._all: dict[Hashable, Any] = {}
        self._ready: set[Hashable] = set()
        self._calls: dict[Any, Hashable] = {}
        self._next = 0

    def _connect(self, address: str) -> None:
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                namespace="auheat",
            )
        except Exception as error:  # Ray has several for this
            reason = " ".join(str(error).split())[:200]
            raise AuheatError(
                f"no Ray cluster at {address}: start one with `ray start --head`, or name its "
                f"address ({reason})"
            ) from None
        if threading.current_thread() is threading.main_thread() and on_sigterm is not None:
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own would leave the table unwritten

    def _target(self) -> int:
        """How many actors there should be now."""
        processors = self._ray.cluster_resources().get("CPU", 0)
        there = int(processors // self._threads)
        return there if self._count is None else min(self._count, there)

    def free(self, wanted: int) -> list[Hashable]:
        busy = set(self._calls.values())
        starting = len(self._all) - len(self._ready)
        missing = min(wanted - len(self._ready - busy), self._target() - len(self._all))
        for _ in range(missing - starting):
            self._hire()
        return [worker for worker in self._all if worker in self._ready - busy][:wanted]

    def _hire(self) -> None:
        worker, self._next = self._next, self._next + 1
        self._all[worker] = self._actor.remote(*self._arguments)
        self._calls[self._all[worker].ready.remote()] = worker

    def give(self, worker: Hashable, task: Task) -> None:
        self._calls[self._all[worker].read.remote(task)] = worker

    def wait(self, seconds: float) -> list[Event]:
        if not self._calls:
            sleep(seconds)  # the cluster has no processors left, for now
            return []
        done, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=seconds)
        events = [self._event(call, self._calls.pop(call)) for call in done]
        return [event for event in events if event is not None]

    def _event(self, call: Any, worker: Hashable) -> Event | None:
        try:
            message = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            self.end(worker)
            return Event(worker, cause=_cause(error))
        if worker not in self._ready:
            self._ready.add(worker)
            return None if message is None else Event(worker, cause=message, is_fatal=True)
        return Event(worker, message)

    def end(self, worker: Hashable) -> None:
        self._ready.discard(worker)
        self._calls = {call: of for call, of in self._calls.items() if of != worker}
        if (actor := self._all.pop(worker, None)) is not None:
            with suppress(Exception):  # it may be gone already
                self._ray.kill(actor, no_restart=True)

    def close(self) -> None:
        for worker in list(self._all):
            self.end(worker)
        self._ray.shutdown()


def _cause(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
