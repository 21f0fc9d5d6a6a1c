"""Workers that die, hang or never begin, and what becomes of their inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import pytest

from auheat.corpus import dispatch as module
from auheat.corpus.addresses import Source
from auheat.corpus.dispatch import MAX_ATTEMPTS, Event, Lost, Task, dispatch
from auheat.corpus.records import Record
from auheat.corpus.run import CorpusPlan, tasks_for
from auheat.corpus.tally import Tally, describe, in_words, notes_on
from auheat.errors import AuheatError


class Scripted:
    """A team of two; what happens to an input is decided by a function of it and its attempt."""

    def __init__(self, script: Callable[[Task], Event | None]) -> None:
        self._script, self._next = script, 2
        self.workers: dict[Hashable, Task | None] = {0: None, 1: None}
        self.given: Counter[str] = Counter()
        self.ended: list[Hashable] = []
        self.closed = False

    def free(self, wanted: int) -> list[Hashable]:
        while len(self.workers) < 2:
            self.workers[self._next] = None
            self._next += 1
        return [worker for worker, task in self.workers.items() if task is None][:wanted]

    def give(self, worker: Hashable, task: Task) -> None:
        assert self.workers[worker] is None
        self.workers[worker] = task
        self.given[task.source.address] += 1

    def wait(self, seconds: float) -> list[Event]:
        events = []
        for worker, task in list(self.workers.items()):
            event = self._script(task) if task else None
            if event is not None:
                events.append(replace(event, worker=worker))
                self.workers[worker] = None
                if event.record is None:
                    del self.workers[worker]
        return events

    def end(self, worker: Hashable) -> None:
        self.ended.append(worker)
        del self.workers[worker]

    def close(self) -> None:
        self.closed = True


def tasks(*names: str, limit: float | None = None) -> list[Task]:
    return [Task(Source(name), limit=limit) for name in names]


def done(task: Task) -> Event:
    return Event(None, Record(task.source.address, "read", frames=task.attempt))


def test_every_input_once() -> None:
    team = Scripted(done)
    results = list(dispatch(tasks(*"abcde"), team))
    assert sorted(r.input for r in results if isinstance(r, Record)) == list("abcde")
    assert set(team.given.values()) == {1}


def test_an_input_whose_worker_dies_is_given_to_another() -> None:
    def script(task: Task) -> Event:
        dies = task.source.address == "b" and task.attempt < MAX_ATTEMPTS
        return Event(None, cause="signal SIGKILL") if dies else done(task)

    team = Scripted(script)
    results = {r.input: r for r in dispatch(tasks(*"abc"), team) if isinstance(r, Record)}
    assert {name: record.frames for name, record in results.items()} == {"a": 1, "b": 3, "c": 1}
    assert team.given == {"a": 1, "b": 3, "c": 1}


def test_an_input_that_kills_its_workers_is_given_up() -> None:
    def script(task: Task) -> Event:
        kills = task.source.address == "b"
        return Event(None, cause="signal SIGSEGV") if kills else done(task)

    team = Scripted(script)
    (lost,) = [r for r in dispatch(tasks(*"abc"), team) if isinstance(r, Lost)]
    assert lost.problem == "3 workers died over it (signal SIGSEGV)"
    assert lost.task.source.address == "b"
    assert team.given["b"] == MAX_ATTEMPTS


def test_an_input_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.0)
    team = Scripted(lambda task: None if task.source.address == "b" else done(task))
    results = list(dispatch(tasks(*"abc", limit=0.05), team))
    (lost,) = [result for result in results if isinstance(result, Lost)]
    assert (len(results), lost.task.source.address) == (3, "b")
    assert lost.problem == "it hangs: its worker was ended after 0.05 seconds"
    assert len(team.ended) == 1


def test_workers_that_never_begin_end_the_run() -> None:
    class Stillborn(Scripted):
        def free(self, wanted: int) -> list[Hashable]:
            return []

        def wait(self, seconds: float) -> list[Event]:
            return [Event(0, cause="signal SIGKILL")]

    with pytest.raises(AuheatError, match=r"before they begin \(signal SIGKILL\).*--workers"):
        list(dispatch(tasks("a"), Stillborn(done)))


def test_what_would_end_every_worker_ends_the_run() -> None:
    team = Scripted(lambda task: Event(None, cause="no file at w.onnx", is_fatal=True))
    with pytest.raises(AuheatError, match=r"^no file at w\.onnx$"):
        list(dispatch(tasks(*"ab"), team))


def test_which_inputs_are_tasks() -> None:
    sources = [
        *(Source("same", "10-1"), Source("changed", "30-2"), Source("other", "20-1")),
        *(Source("failed", "5-1"), Source("new", "40-1"), Source("partly", "6-1")),
    ]
    records = {
        "same": Record("same", "read", stamp="10-1", reading="r", file="f"),
        "changed": Record("changed", "read", stamp="30-1", reading="r", file="f"),
        "other": Record("other", "read", stamp="20-1", reading="q", file="f"),
        "failed": Record("failed", "failed", "why", stamp="5-1", reading="r", file="f"),
        "partly": Record("partly", "partly", "why", stamp="6-1", reading="r", file="f"),
    }

    def named(plan: CorpusPlan) -> list[str]:
        return [task.source.address for task in tasks_for(sources, records, "r", plan)]

    assert named(CorpusPlan()) == ["new", "changed", "other"]
    assert named(CorpusPlan(retry_failed=True)) == ["new", "changed", "other", "partly", "failed"]
    assert {t.known for t in tasks_for(sources, records, "r", CorpusPlan())} == {
        *(None, records["changed"], records["other"])
    }
    records["failed"] = replace(records["failed"], file="")  # it could not be written
    assert named(CorpusPlan()) == ["new", "changed", "other", "failed"]


def test_the_time_left_goes_by_bytes() -> None:
    tally = Tally(4, 1000, start=100.0)
    assert tally.seconds_left(110.0) is None
    tally.count(Record("a", "read", frames=600), 750)
    assert tally.seconds_left(130.0) == pytest.approx(10.0)
    tally.count(Record("b", "failed", "why"), 50)
    assert tally.line(140.0) == "2 of 4 inputs, 1 not complete, 15.0 frames/s, 10 s left"
    unknown = Tally(4, 0, start=0.0)
    unknown.count(Record("a", "read"), 0)
    assert unknown.seconds_left(5.0) == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (12_000, "3 h 20 min"), (90_000, "1 d 1 h")],
)
def test_spans_of_time(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_what_is_in_a_dataset() -> None:
    about: dict[str, Any] = {"reading": "r1", "weights": 64 * "a", "auheat": "9.9"}
    records = [
        Record("b.mp4", "failed", "b.mp4 is empty", **about),
        Record("a.mp4", "read", frames=1200, frames_with_face=1000, video_seconds=48.0, **about),
        Record("c.mp4", "partly", "it is truncated", cpu_seconds=61.0, seconds=70, **about),
    ]
    assert list(describe(records, "set")) == [
        "set: 3 inputs",
        "read: 1; only in part: 1; failed: 1",
        "frames: 1,200, 1,000 of them with a face",
        "video: 48 s; work: 1 min 10 s; processor time: 1 min 1 s",
        "read by auheat 9.9, weights aaaaaaaaaaaa, settings r1: 3",
        "b.mp4 is empty",
        "c.mp4: it is truncated",
    ]
    assert next(notes_on(records, {"a.mp4"}, "r2")).startswith("2 inputs of the dataset")
    assert list(notes_on(records, {"a.mp4"}, "r1")) == [
        "3 inputs were read by another version of auheat"
    ]
