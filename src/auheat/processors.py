"""The processors that this process may use."""

from __future__ import annotations

import os
import sys


def processors() -> int:
    """How many there are: fewer than the machine has where a container or `taskset` says so."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
