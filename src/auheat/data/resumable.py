"""Long work on a dataset: in worker processes, piece by piece, and taken up again after a stop.

The plan is noted in the dataset's folder before anything is made, and every finished piece leaves
one shard. Who gives the same command again makes only the pieces that are missing. Worker processes
end when the process that they work for does, also when that is killed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import cv2

from auheat.errors import AuheatError, Terminated
from auheat.files import atomic_write
from auheat.system import TERMINAL_SIGNALS, hangups_ignored

_FOLDER = ".parts"

# What a worker process keeps between pieces: opening face assets or a face model takes a second.
_kept: Any = None

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")


def shard_path(out: Path, name: str) -> Path:
    """The file of a piece. It is there once the piece is finished."""
    return out / _FOLDER / f"{name}.parquet"


def begin(out: Path, plan: Mapping[str, Any], result: str) -> dict[str, Any]:
    """Makes the folder `out` and notes the plan in it.

    Args:
        out: The folder.
        plan: What will be made, as JSON can hold it.
        result: Name of the file that a finished dataset has.

    Returns:
        The plan as JSON gives it back.

    Raises:
        AuheatError: `out` holds another plan, a dataset that is finished, or other files.
    """
    settings: dict[str, Any] = json.loads(json.dumps(plan))
    noted, text = out / _FOLDER / "plan.json", json.dumps(settings)
    try:
        if noted.is_file():
            if noted.read_text() != text:
                raise AuheatError(
                    f"{out} holds a started dataset with other settings: "
                    "finish that one or delete it"
                )
            return settings
        if (out / result).exists():
            raise AuheatError(f"{out} already holds a dataset: choose another folder or delete it")
        if out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir()):
            raise AuheatError(f"{out} holds other files: choose a new or an empty folder")
        noted.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(noted) as temporary:
            temporary.write_text(text)
    except OSError as error:
        raise AuheatError(f"cannot write into {out}: {error.strerror}") from None
    return settings


def commit(out: Path) -> None:
    """Removes the shards, once what they were for is written."""
    shutil.rmtree(out / _FOLDER)


def in_processes(
    function: Callable[[K, T], R],
    items: Iterable[T],
    *,
    workers: int,
    opening: Callable[..., K],
    settings: tuple[Any, ...],
) -> Iterator[R]:
    """Yields `function(kept, item)` for every item as each is done.

    On a failure the rest are cancelled; where the caller stops, as at a signal, workers are not
    waited for, but end at once. They also end when this process does, even when it is killed.

    Args:
        function: What to do with an item.
        items: What is to be done.
        workers: How many processes.
        opening: Called with `settings` in every worker before its first item; what it gives is
            kept for all of them.
        settings: For `opening`.

    Raises:
        AuheatError: A worker died.
    """
    context = multiprocessing.get_context("spawn")
    working, work = context.Pipe(duplex=False)
    with hangups_ignored():
        resource_tracker.ensure_running()
    with ProcessPoolExecutor(
        max(1, workers), context, initializer=_start_worker, initargs=(working, opening, settings)
    ) as pool:
        futures = [pool.submit(_work, function, item) for item in items]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise AuheatError(
                "a worker process died, perhaps for want of memory: "
                "give the same command again with fewer workers"
            ) from None
        except (GeneratorExit, KeyboardInterrupt, Terminated):
            work.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def end_with_parent(*working: Connection) -> None:
    """Ends this worker process with its parent; without this it would go on, or wait for ever.

    Ctrl-C and the end of a terminal, which both hear of, are left to the parent.

    Args:
        working: The reading end of a pipe, at whose end the process ends as well.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        ends = [parent.sentinel, *working]
        Thread(target=_end_with, args=(ends,), daemon=True).start()
        for number in TERMINAL_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _end_with(ends: list[Any]) -> None:
    wait(ends)
    os._exit(1)


def _start_worker(
    working: Connection, opening: Callable[..., Any], settings: tuple[Any, ...]
) -> None:
    global _kept
    end_with_parent(working)
    cv2.setNumThreads(1)  # one process per core already
    _kept = opening(*settings)


def _work(function: Callable[[Any, T], R], item: T) -> R:
    return function(_kept, item)
