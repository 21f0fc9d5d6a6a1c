"""Stages of work that run at the same time, joined by short queues."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from queue import Empty, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
Stage = Generator[T, None, None]


class _End:
    """What comes last through a queue: the error that ended the stage, if one did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterable[T], most: int) -> Stage[T]:
    """The same items in the same order, made by a thread that is up to `most` of them ahead.

    Nothing is made before the first item is asked for. An error comes out where it would have come
    out without the thread. When this iterator is closed, the thread ends, and closes `items`,
    before `close` returns.
    """
    worker = _Worker(items, most)
    try:
        while not isinstance(item := worker.queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        worker.end()


class _Worker(Generic[T]):
    """A thread that puts items into a queue until they or the interest in them end."""

    def __init__(self, items: Iterable[T], most: int) -> None:
        self.queue: Queue[T | _End] = Queue(most)
        self._items, self._unwanted = items, Event()
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        error: BaseException | None = None
        items = iter(self._items)
        try:
            for item in items:
                self.queue.put(item)
                del item  # the queue alone holds it
                if self._unwanted.is_set():
                    break
        except BaseException as raised:
            error = raised
        finally:
            if close := getattr(items, "close", None):
                close()
        self.queue.put(_End(error))

    def end(self) -> None:
        """Ends the thread and waits for it."""
        self._unwanted.set()
        while self._thread.is_alive():
            try:
                self.queue.get(timeout=0.01)  # room for what it is about to put
            except Empty:
                continue
        self._thread.join()
