"""Reads crops in batches, in worker processes if asked to."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from multiprocessing import forkserver, resource_tracker
from typing import Any

import cv2
from torch.utils.data import DataLoader, Dataset, Sampler

from auheat.data.dataset import Sample
from auheat.data.resumable import end_with_parent
from auheat.errors import AuheatError
from auheat.system import hangups_ignored, keep_freed_memory


class _CropLoader(DataLoader[Sample]):
    """A loader whose processes may die, for want of memory or by someone's hand.

    They start when the first batch is asked for, not with the iterator: Lightning hides what goes
    wrong there behind an error of its own.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        try:
            yield from super().__iter__()
        except (EOFError, ConnectionError, RuntimeError) as error:
            died = not isinstance(error, RuntimeError) or str(error).startswith("DataLoader worker")
            if not (self.num_workers and died):
                raise
            raise AuheatError(
                "a process that reads images died, perhaps for want of memory: give the same "
                "command again with fewer workers"
            ) from None


def crop_loader(
    dataset: Dataset[Sample],
    batch_size: int,
    workers: int,
    sampler: Sampler[Any] | None = None,
) -> DataLoader[Sample]:
    """Batches of a dataset, in its order or in that of a sampler.

    Workers are kept from one epoch to the next. They are never copies of the caller's process: one
    that runs threads (a face finder, a runtime, a server) may leave a lock held for ever in its
    copy.

    Args:
        dataset: What to read.
        batch_size: Samples in a batch.
        workers: Processes that read; with 0 the caller's process does.
        sampler: The order.

    Returns:
        The loader; its iterators raise AuheatError where a worker dies.
    """
    return _CropLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        worker_init_fn=_start_worker,
        multiprocessing_context=_clean_processes() if workers else None,
        persistent_workers=workers > 0,
    )


def _clean_processes() -> multiprocessing.context.BaseContext:
    """New processes: from a server that loads torch once where there is one, else from nothing."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with hangups_ignored():
        resource_tracker.ensure_running()
        forkserver.ensure_running()
    return context


def _start_worker(worker: int) -> None:
    end_with_parent()
    keep_freed_memory()
    cv2.setNumThreads(1)
