"""One line at the foot of a terminal that says how far a piece of work is, and goes when it ends.

Where standard error is no terminal nothing is written.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from auheat.errors import one_line
from auheat.progress import Advance

_STEP_S = 0.1  # between two times that it is written
_SHOWN: list[ProgressLine] = []


class ProgressLine:
    """Written over and over in its place.

    Args:
        stream: The terminal; standard error if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self.is_shown = self._stream is not None and self._stream.isatty()
        self._length = 0

    def show(self, text: str) -> None:
        """Takes the place of what was there; cut where the terminal ends."""
        if self.is_shown:
            text = one_line(text)[: shutil.get_terminal_size().columns - 1]
            self._write(f"\r{text.ljust(self._length)}")
            self._length = len(text)
            if self not in _SHOWN:
                _SHOWN.append(self)

    def clear(self) -> None:
        """Leaves the place empty, and the cursor at its start."""
        if self in _SHOWN:
            self.show("")
            self._write("\r")
            _SHOWN.remove(self)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal was closed
            self.is_shown = False


def make_room() -> None:
    """Clears whatever line is shown, for a whole one to be written; it comes back by itself."""
    for line in list(_SHOWN):
        line.clear()


@contextmanager
def progress_bar(label: str, total: int | None = None, unit: str = "frames") -> Iterator[Advance]:
    """A `Progress` as such a line."""
    line, began = ProgressLine(), monotonic()
    done, shown = 0, began - _STEP_S

    def advance(count: int) -> None:
        nonlocal done, shown
        done += count
        if line.is_shown and (now := monotonic()) >= shown + _STEP_S:
            line.show(how_far(label, done, total, unit, now - began))
            shown = now

    try:
        advance(0)
        yield advance
    finally:
        line.clear()


def how_far(label: str, done: int, total: int | None, unit: str, seconds: float) -> str:
    """What a line says: "a.mp4: 50 of 200 frames (25%), 100 frames/s, 2 s left"."""
    if not total:
        counted = f"{done:,} {unit}"
    else:
        counted = f"{done:,} of {total:,} {unit} ({100 * done // total}%)"
    if not done or seconds <= 0:
        return f"{label}: {counted}"
    rate = done / seconds
    speed = f"{rate:.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"
    left = f", {(total - done) / rate:.0f} s left" if total and done < total else ""
    return f"{label}: {counted}, {speed}{left}"
