"""Long work on a dataset: in worker processes, piece by piece, and taken up again after a stop.

The plan is noted in the dataset's folder before anything is made, and every finished piece leaves
one part file. Who gives the same command again makes only the pieces that are missing.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

import cv2

from auheat.data.orphans import end_with_parent
from auheat.errors import AuheatError
from auheat.files import atomic_write

_FOLDER = ".parts"

# What a worker process keeps between pieces: opening face assets or a face model takes a second.
_kept: Any = None

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")


def part(out: Path, name: str) -> Path:
    """The part file of a piece. It is there once the piece is finished."""
    return out / _FOLDER / f"{name}.parquet"


def start(out: Path, plan: Mapping[str, Any], result: str) -> dict[str, Any]:
    """Makes the folder `out` and notes the plan in it. Returns the plan as JSON gives it back.

    result: name of the file that a finished dataset has. Raises AuheatError if `out` holds another
    plan, a dataset that is finished, or other files.
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


def finish(out: Path) -> None:
    """Removes the parts, once what they were for is written."""
    shutil.rmtree(out / _FOLDER)


def in_processes(
    function: Callable[[K, T], R],
    items: Iterable[T],
    workers: int,
    opening: Callable[..., K],
    settings: tuple[Any, ...],
) -> Iterator[R]:
    """Yields `function(kept, item)` for every item as each is done; on a failure the rest are
    cancelled.

    opening: called with `settings` in every worker before its first item; what it gives is kept
    for all of them. Workers end when this process does, also when it is killed. Raises AuheatError
    if a worker dies.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        max(1, workers), context, initializer=_begin, initargs=(opening, settings)
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
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(opening: Callable[..., Any], settings: tuple[Any, ...]) -> None:
    global _kept
    end_with_parent()
    cv2.setNumThreads(1)  # one process per core already
    _kept = opening(*settings)


def _work(function: Callable[[Any, T], R], item: T) -> R:
    return function(_kept, item)
