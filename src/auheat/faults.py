"""Errors that nobody foresaw: one line for the user, and the cause in a file.

The file is `auheat/faults.log` in the folder for states of programs (`XDG_STATE_HOME`, else
`~/.local/state`), or in the folder for temporary files where that cannot be written. It is begun
anew once it is larger than `MAX_LOG_BYTES`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path

from auheat.errors import AuheatError, one_line
from auheat.optional import explained

MAX_LOG_BYTES = 1_000_000
DEBUG = "AUHEAT_DEBUG"


def unexpected(error: BaseException, what: str = "") -> str:
    """One line on an error that is no AuheatError; its traceback goes to the log.

    Where a file or folder is at fault (a name too long, a place that may not be entered), the line
    names it instead.

    Args:
        error: What was raised.
        what: What was being read or done, with which the line begins, if anything.
    """
    log = record("".join(traceback.format_exception(error)), what or "auheat")
    lead = f"{what}: " if what else ""
    if os.environ.get(DEBUG):
        print(*traceback.format_exception(error), sep="", end="", file=sys.stderr)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        place = str(error.filename)
        lead = "" if what in place or Path(place).name in what else lead
        return one_line(f"{lead}cannot use {place}: {error.strerror}")
    reason = one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    where = f"the cause is in {log}" if log else "run it again with --debug to see the cause"
    return f"{lead}unexpected {reason[:200]} ({where})"


def message(error: BaseException, what: str) -> str:
    """The line of an AuheatError, of a package that cannot be loaded, or of what is unexpected."""
    known = error if isinstance(error, AuheatError) else explained(error)
    return str(known) if known else unexpected(error, what)


def record(text: str, what: str) -> Path | None:
    """Adds a text to the log; gives the log, or None if it cannot be written anywhere."""
    entry = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {one_line(what)}\n{text.rstrip()}\n\n"
    for folder in _folders():
        log = folder / "auheat" / "faults.log"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            whole = log.is_file() and log.stat().st_size > MAX_LOG_BYTES
            with log.open(
                "w" if whole else "a", encoding="utf-8", errors="backslashreplace"
            ) as file:
                file.write(entry)
        except OSError:
            continue
        return log
    return None


def _folders() -> list[Path]:
    state = os.environ.get("XDG_STATE_HOME", "")
    places = [Path(state)] if state else []
    if not state:
        with suppress(RuntimeError):  # nobody has no home
            places.append(Path.home() / ".local" / "state")
    return [*places, Path(tempfile.gettempdir())]
