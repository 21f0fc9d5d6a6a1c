"""The most memory that a piece of work needs, measured where nothing else has ever run.

On a CPU the work runs once in a new process, and the growth of the largest resident set is what
the system saw: tensors, scratch space of the matrix library, and what the allocator kept. On CUDA
it is what torch's allocator had handed out at most.
"""

from __future__ import annotations

import multiprocessing
import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import torch

from auheat.bench.timing import Work

Case = TypeVar("Case")


def peak_bytes(
    prepare: Callable[[Case], Work], case: Case, warm_up: Case, device: torch.device
) -> int | None:
    """Bytes that the work `prepare(case)` needs beyond what was there when it began.

    warm_up: a tiny case that is worked on first, so that libraries are loaded. prepare must be a
    function of a module. None where the system does not tell.
    """
    if device.type == "cuda":
        return _on_cuda(prepare(case), device)
    if not sys.platform.startswith("linux"):
        return None
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_growth, prepare, case, warm_up, torch.get_num_threads()).result()


def _on_cuda(work: Work, device: torch.device) -> int:
    work()
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    work()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def _growth(prepare: Callable[[Any], Work], case: Any, warm_up: Any, threads: int) -> int:
    torch.set_num_threads(threads)
    prepare(warm_up)()
    work = prepare(case)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _resident("VmRSS")
    work()
    return _resident("VmHWM") - before


def _resident(entry: str) -> int:
    found = re.search(rf"{entry}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])
