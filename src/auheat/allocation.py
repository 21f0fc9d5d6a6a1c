"""Keeps freed memory in the process instead of giving it back to the system.

glibc maps blocks beyond 32 MB anew for every request and returns them when they are freed, and it
trims what is free at the top of its heap. Training and large batches ask for the same blocks step
after step, and each time the system must clear every page of them. Other systems and C libraries
are left as they are.
"""

from __future__ import annotations

import ctypes
import platform
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names that malloc.h gives to mallopt
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Lets this process, and those it forks, keep freed blocks for later use. Says if it could.

    The process then stays as large as it once was. Call it where long work starts, never on import.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, _NEVER) for name in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
