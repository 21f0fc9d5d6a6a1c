"""What the operating system is asked: its processor and CPUs, and to keep freed memory.

glibc maps blocks beyond 32 MB anew for every request and returns them when they are freed, and it
trims what is free at the top of its heap. Training and large batches ask for the same blocks step
after step, and each time the system must clear every page of them. Other systems and C libraries
are left as they are.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Processes that a user may ask for; ten thousands of them would take a machine down.
MAX_PROCESSES = 512
# What tells that a terminal was closed; Windows has none.
HANGUP: int | None = getattr(signal, "SIGHUP", None)
# What a terminal tells every process in it, by Ctrl-C and when it is closed.
TERMINAL_SIGNALS: tuple[int, ...] = (signal.SIGINT, *(() if HANGUP is None else (HANGUP,)))
# What asks a process to end.
ENDING_SIGNALS: tuple[int, ...] = (*TERMINAL_SIGNALS, signal.SIGTERM)
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names that malloc.h gives to mallopt
_NEVER = 2**31 - 1


def cpu_count() -> int:
    """CPUs that this process may use; a container or `taskset` may allow fewer than there are."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def hangups_ignored() -> Iterator[None]:
    """Processes that begin within it do not hear that the terminal is closed; this one does after.

    Helpers that Python keeps for its worker processes would end, and the workers with them.
    """
    if HANGUP is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(HANGUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(HANGUP, before)


def processor_name() -> str:
    """What the processor is called."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def return_freed_memory() -> None:
    """Gives freed memory back to the system, where its C library keeps it."""
    if sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def keep_freed_memory() -> bool:
    """Lets this process, and those it forks, keep freed blocks for later use.

    The process then stays as large as it once was. Call it where long work starts, never on import.

    Returns:
        Whether this system could.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, _NEVER) for name in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
