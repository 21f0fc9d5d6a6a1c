"""Teams of workers: real processes with a reader that reads nothing, and a stand-in of Ray."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import pytest

from auheat.corpus import ray_actors
from auheat.corpus.addresses import Source
from auheat.corpus.dispatch import MAX_ATTEMPTS, Event, Lost, Task, Team, dispatch
from auheat.corpus.processes import Processes
from auheat.corpus.ray_actors import RayActors
from auheat.corpus.reading import CorpusReader
from auheat.corpus.records import Record
from auheat.errors import AuheatError
from echo_reader import EchoReader

MAKE = cast(Callable[..., CorpusReader], EchoReader)


def tasks(names: Sequence[str]) -> list[Task]:
    return [Task(Source(name)) for name in names]


def done(names: Sequence[str], team: Team) -> dict[str, int]:
    """In which attempt each input was read."""
    with closing(team):
        results = list(dispatch(tasks(names), team))
    assert len(results) == len(names)
    return {r.input: r.frames for r in results if isinstance(r, Record)}


def test_processes_read_everything_and_outlive_one_that_dies() -> None:
    team = Processes(2, MAKE, ())
    assert done(["a", "die", "b"], team) == {"a": 1, "die": 2, "b": 1}
    assert team.free(0) == []


def test_a_process_that_is_ended_is_replaced() -> None:
    with closing(Processes(1, MAKE, ())) as team:
        (worker,) = team.free(5)
        team.give(worker, Task(Source("a")))
        team.end(worker)
        (other,) = team.free(5)
        assert other != worker
        team.give(other, Task(Source("b")))
        events: list[Event] = []
        while not events:
            events = team.wait(1.0)
        assert [event.record.input for event in events if event.record] == ["b"]


@pytest.mark.parametrize(
    ("broken", "line"),
    [("known", r"^no file at w\.onnx$"), ("unknown", "a worker: unexpected ValueError: no such")],
)
def test_readers_that_cannot_be_made_end_the_run(
    broken: str, line: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with closing(Processes(1, MAKE, (broken,))) as team, pytest.raises(AuheatError, match=line):
        list(dispatch(tasks(["a"]), team))


class StandInRay:
    """What `RayActors` uses of Ray, in this thread. lost: inputs whose actor's node dies, once."""

    class exceptions:  # noqa: N801
        class RayError(Exception):
            """Of an actor that is gone."""

    def __init__(self, processors: int, lost: Sequence[str] = (), broken: bool = False) -> None:
        self.processors, self._lost, self._broken = processors, list(lost), broken
        self.made = 0
        self.killed: list[object] = []
        self.options: dict[str, Any] = {}
        self.is_up = False

    def init(self, **options: Any) -> None:
        if self._broken:
            raise ConnectionError("nobody\nanswers")
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Ray does in its way
        self.is_up = True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": float(self.processors)}

    def remote(self, **options: Any) -> Callable[[type], Any]:
        self.options = options
        return lambda kind: SimpleNamespace(remote=lambda *given: self._actor(kind(*given)))

    def _actor(self, actor: Any) -> Any:
        self.made += 1

        def call(name: str) -> SimpleNamespace:
            return SimpleNamespace(remote=lambda *given: (object(), actor, name, given))

        return SimpleNamespace(ready=call("ready"), read=call("read"))

    def wait(self, calls: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], Any]:
        return calls[:1], calls[1:]

    def get(self, call: Any) -> Any:
        _, actor, name, given = call
        if given and given[0].source.address in self._lost:
            self._lost.remove(given[0].source.address)
            raise self.exceptions.RayError("The actor died\nmore")
        return getattr(actor, name)(*given)

    def kill(self, actor: object, no_restart: bool) -> None:
        self.killed.append(actor)

    def shutdown(self) -> None:
        self.is_up = False


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Callable[..., StandInRay]:
    def stand_in(*given: Any, **named: Any) -> StandInRay:
        found = StandInRay(*given, **named)
        monkeypatch.setattr(ray_actors, "require", lambda name: found)
        return found

    return stand_in


def test_actors_are_as_many_as_there_are_processors_for(ray: Callable[..., StandInRay]) -> None:
    there = ray(7)
    team = RayActors("auto", None, 2, MAKE, ())
    assert done(list("abcdefgh"), team) == dict.fromkeys("abcdefgh", 1)
    assert there.options == {"num_cpus": 2, "max_restarts": 0}
    assert (there.made, len(there.killed), there.is_up) == (3, 3, False)


def test_no_more_actors_than_asked_for_or_than_inputs(ray: Callable[..., StandInRay]) -> None:
    there = ray(9)
    done(list("abcdef"), RayActors("auto", 2, 1, MAKE, ()))
    assert there.made == 2
    there = ray(9)
    done(["a"], RayActors("auto", None, 1, MAKE, ()))
    assert there.made == 1


def test_what_an_actor_lost_is_given_to_another(ray: Callable[..., StandInRay]) -> None:
    there = ray(2, lost=["b", "b", "c"])
    assert done(list("abcd"), RayActors("auto", None, 1, MAKE, ())) == {
        **{"a": 1, "b": 3, "c": 2, "d": 1}
    }
    assert there.made > 2
    ray(2, lost=["b"] * MAX_ATTEMPTS)
    with closing(RayActors("auto", None, 1, MAKE, ())) as team:
        (lost,) = [r for r in dispatch(tasks("ab"), team) if isinstance(r, Lost)]
    assert lost.problem == "3 workers died over it (The actor died)"


def test_a_cluster_without_processors_is_waited_for(
    ray: Callable[..., StandInRay], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ray(0)
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        there.processors = 1  # a node joins

    monkeypatch.setattr(ray_actors, "sleep", sleep)
    assert done(["a"], RayActors("auto", None, 1, MAKE, ())) == {"a": 1}
    assert slept == [1.0]


def test_actors_that_cannot_read_end_the_run(ray: Callable[..., StandInRay]) -> None:
    ray(2)
    said = pytest.raises(AuheatError, match=r"^no file at w\.onnx$")
    with closing(RayActors("auto", None, 1, MAKE, ("known",))) as team, said:
        list(dispatch(tasks(["a"]), team))


def test_no_cluster(ray: Callable[..., StandInRay]) -> None:
    ray(2, broken=True)
    with pytest.raises(AuheatError, match=r"^no Ray cluster at h:1: .*\(nobody answers\)$"):
        RayActors("h:1", None, 1, MAKE, ())


def test_sigterm_is_still_ours(ray: Callable[..., StandInRay]) -> None:
    assert threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    mine = lambda number, frame: None  # noqa: E731
    signal.signal(signal.SIGTERM, mine)
    try:
        ray(1)
        RayActors("auto", None, 1, MAKE, ()).close()
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
