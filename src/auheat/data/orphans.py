"""Worker processes end when the process that they work for does, also when that is killed."""

from __future__ import annotations

import multiprocessing
import os
from threading import Thread
from typing import Any


def end_with_parent() -> None:
    """Ends this worker process with its parent; without this it would go on, or wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
