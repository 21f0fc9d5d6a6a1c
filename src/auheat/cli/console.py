"""What the command line says: whole lines, whatever the terminal can show.

Control characters of file names become escapes, letters that the console lacks too. Warnings of
Python go to the log of `auheat.faults`.
"""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

import click

from auheat.errors import Terminated, one_line
from auheat.faults import record


def echo(line: str) -> None:
    """A line of results, on standard output."""
    click.echo(one_line(line))


def warn(line: str) -> None:
    """A line beside the results, on standard error, after the program's name."""
    click.echo(f"auheat: {one_line(line)}", err=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Within it no letter stops the output, and Python's warnings go to the log."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # there may be none
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with warnings.catch_warnings():
        warnings.showwarning = _keep
        yield


def _keep(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    record(f"{filename}:{lineno}: {category.__name__}: {message}", "warning")


@contextmanager
def terminable() -> Iterator[None]:
    """Within it SIGTERM ends the work as Ctrl-C does, so that nothing half written is left.

    A job scheduler sends it at its time limit.
    """

    def ended(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
