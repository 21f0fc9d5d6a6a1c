"""Reads crops in batches, in worker processes if asked to."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import cv2
from torch.utils.data import DataLoader, Dataset, Sampler

from auheat.data.dataset import Sample
from auheat.data.resumable import end_with_parent
from auheat.system import keep_freed_memory


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
    """
    return DataLoader(
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
    return context


def _start_worker(worker: int) -> None:
    end_with_parent()
    keep_freed_memory()
    cv2.setNumThreads(1)
