from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from auheat.inference.pipeline import prefetch


def counted(count: int, made: list[int], ended: list[bool]) -> Iterator[int]:
    """0, 1, 2, ...; notes what was made, and that it was closed."""
    try:
        for number in range(count):
            made.append(number)
            yield number
    finally:
        ended.append(True)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_items_come_in_order_through_several_stages() -> None:
    doubled = (2 * x for x in prefetch(range(500), 3))
    assert list(prefetch((x + 1 for x in prefetch(doubled, 1)), 7)) == [
        2 * x + 1 for x in range(500)
    ]


def test_nothing_is_made_before_it_is_asked_for_and_no_more_than_the_queue_holds() -> None:
    made, ended = list[int](), list[bool]()
    stage = prefetch(counted(100, made, ended), 4)
    assert made == []
    assert next(stage) == 0
    until(lambda: len(made) == 6)  # one is out, four wait, one is in the thread's hand
    time.sleep(0.05)
    assert len(made) == 6
    stage.close()
    assert ended == [True]


def test_stages_work_at_the_same_time() -> None:
    """The inner stage makes its second item while the outer one is busy with the first."""
    second = threading.Event()

    def inner() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    def outer() -> Iterator[int]:
        for item in prefetch(inner(), 1):
            assert second.wait(10)
            yield item

    assert list(prefetch(outer(), 1)) == [1, 2]


def test_an_error_comes_out_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("two")

    stage = prefetch(prefetch(failing(), 5), 5)
    assert next(stage) == 1
    with pytest.raises(KeyError, match="two"):
        next(stage)
    assert list(stage) == []


@pytest.mark.parametrize("taken", [0, 1, 50])
def test_closing_ends_all_threads(taken: int) -> None:
    before = threading.active_count()
    made, ended = list[int](), list[bool]()

    def outer() -> Iterator[int]:
        with closing(prefetch(counted(10_000, made, ended), 2)) as inner:
            yield from inner

    stage = prefetch(outer(), 2)
    for _ in range(taken):
        next(stage)
    stage.close()
    assert threading.active_count() == before
    assert ended == ([True] if taken else [])
    assert len(made) <= taken + 8


def test_forgetting_an_iterator_ends_its_thread() -> None:
    before = threading.active_count()
    stage = prefetch(iter(range(10_000)), 2)
    next(stage)
    del stage
    until(lambda: threading.active_count() == before)
