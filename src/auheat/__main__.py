"""`python -m auheat` and `auheat` are the command line.

Until its modules are imported nothing is begun, so that Ctrl-C and SIGTERM end the process at once,
with the words and exit codes that they have later on.
"""

from __future__ import annotations

import os
import signal
from types import FrameType


def main() -> None:
    """Runs the command line and exits."""
    for number, at_once in ((signal.SIGINT, _interrupted), (signal.SIGTERM, _terminated)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as of a job in the background
            signal.signal(number, at_once)
    from auheat.cli import main as command

    command()


def _interrupted(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    _end(b"auheat: interrupted\n", 130)


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    _end(b"auheat: terminated\n", 143)


def _end(line: bytes, code: int) -> None:
    try:
        os.write(2, line)
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
