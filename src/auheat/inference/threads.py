"""Threads that end before the interpreter does.

A daemon thread that returns from native code while Python ends is unwound through that code, and
C++ ends the process for it ("FATAL: exception not rethrown"). A signal may leave a thread behind
wherever it struck, so whatever has one says so here.
"""

from __future__ import annotations

import atexit
import time
from typing import Protocol
from weakref import WeakSet

# A thread that waits for a pipe or a camera may never end: Python then ends without it.
_PATIENCE_S = 5.0


class HasThread(Protocol):
    """What has a thread that can be told to end."""

    def end_by(self, deadline: float) -> None:
        """Tells the thread to end, and waits for it until the monotonic clock shows `deadline`."""


_LIVE: WeakSet[HasThread] = WeakSet()


def end_before_exit(owner: HasThread) -> None:
    """Makes sure that the owner's thread has ended when Python does."""
    _LIVE.add(owner)


@atexit.register
def _end_all() -> None:
    deadline = time.monotonic() + _PATIENCE_S
    for owner in list(_LIVE):
        owner.end_by(deadline)
