"""Work for a pool of processes, done at once and in this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Serial:
    """Takes the place of a pool of processes: does everything at once, in this one."""

    def __init__(self, workers: int, context: object, initializer: Any, initargs: Any) -> None:
        initializer(*initargs)

    def __enter__(self) -> Serial:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        pass
