"""`python -m auheat` and `auheat` are the command line.

Until its modules are imported nothing is begun, so that Ctrl-C, SIGTERM and SIGHUP end it at once,
with the words and exit codes that they have later on.
"""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Runs the command line and exits."""
    for name, at_once in _AT_ONCE.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # A job in the background ignores the first, one under nohup the last.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, at_once)
    from auheat.cli import main as command

    command()


def _interrupted(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    _end(b"auheat: interrupted\n", 130)


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    _end(b"auheat: terminated\n", 128 + number)


def _end(line: bytes, code: int) -> None:
    try:
        os.write(2, line)
    finally:
        os._exit(code)


_AT_ONCE = {"SIGINT": _interrupted, "SIGTERM": _terminated, "SIGHUP": _terminated}


if __name__ == "__main__":
    main()
