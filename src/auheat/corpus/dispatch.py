"""Gives inputs to workers, one at a time, and outlives whatever happens to a worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Hashable, Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol

from auheat.corpus.addresses import Source
from auheat.corpus.records import Record
from auheat.errors import AuheatError

# How often an input is tried whose worker dies.
MAX_ATTEMPTS = 3
# Deaths of workers in a row that have not begun to work, after which it is of no use to go on.
_MAX_STILLBORN = 4
# Beyond its limit, an input has this factor and these seconds until its worker is ended.
_GRACE, _GRACE_SECONDS = 1.5, 30.0
_POLL_S = 1.0


@dataclass(frozen=True)
class Task:
    """One input to be read.

    Attributes:
        source: The input.
        known: What became of it in an earlier run, or None.
        limit: Seconds that it may take, or None.
        attempt: From 1; more if workers died over it.
    """

    source: Source
    known: Record | None = None
    limit: float | None = None
    attempt: int = 1


@dataclass(frozen=True)
class Event:
    """What a worker has to say.

    Attributes:
        worker: Which one.
        record: What became of its input; None if the worker is gone.
        cause: Why it is gone.
        is_fatal: Whether every other worker would end the same way.
    """

    worker: Hashable
    record: Record | None = None
    cause: str = ""
    is_fatal: bool = False


class Team(Protocol):
    """Workers, wherever they are."""

    def free(self, wanted: int) -> list[Hashable]:
        """Workers without an input, `wanted` at most; hires more if there are too few."""
        ...

    def give(self, worker: Hashable, task: Task) -> None:
        """Has a free worker read an input."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """What workers have to say, after `seconds` at most."""
        ...

    def end(self, worker: Hashable) -> None:
        """Ends a worker at once, whatever it does; `wait` does not mention it any more."""
        ...

    def close(self) -> None:
        """Ends all workers."""
        ...


@dataclass(frozen=True)
class Lost:
    """An input that no worker could read.

    Attributes:
        task: The input.
        problem: Why, in one line.
    """

    task: Task
    problem: str


def dispatch(tasks: Iterable[Task], team: Team) -> Generator[Record | Lost]:
    """Yields what became of every input, as each is done.

    Raises:
        AuheatError: No worker can be started.
    """
    waiting, busy = deque(tasks), dict[Hashable, tuple[Task, float]]()
    stillborn = 0
    while waiting or busy:
        for worker in team.free(len(waiting)):
            task = waiting.popleft()
            team.give(worker, task)
            busy[worker] = task, _latest(task)
        for event in team.wait(_POLL_S):
            given = busy.pop(event.worker, None)
            if event.record is not None:
                stillborn = 0
                yield event.record
            elif event.is_fatal:
                raise AuheatError(event.cause)
            elif given is None:
                stillborn += 1
                if stillborn >= _MAX_STILLBORN:
                    raise AuheatError(
                        f"workers end before they begin ({event.cause}), perhaps for want of "
                        "memory: give fewer with --workers"
                    )
            elif given[0].attempt < MAX_ATTEMPTS:
                waiting.append(replace(given[0], attempt=given[0].attempt + 1))
            else:
                yield Lost(given[0], f"{MAX_ATTEMPTS} workers died over it ({event.cause})")
        for worker, (task, latest) in list(busy.items()):
            if monotonic() > latest:
                team.end(worker)
                del busy[worker]
                yield Lost(task, f"it hangs: its worker was ended after {task.limit:g} seconds")


def _latest(task: Task) -> float:
    if task.limit is None:
        return float("inf")
    return monotonic() + task.limit * _GRACE + _GRACE_SECONDS
