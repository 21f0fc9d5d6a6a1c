"""What the command line says: whole lines, whatever the terminal can show.

Control characters of file names become escapes, letters that the console lacks too. Warnings of
Python go to the log of `auheat.faults`.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

import click

from auheat.errors import AuheatError, Terminated, one_line
from auheat.faults import record
from auheat.system import ENDING_SIGNALS

_ENDLESS, _KEPT = re.compile(r"\S{1001,}"), 200
_STRUCK: list[int] = []


def echo(line: str) -> None:
    """A line of results, on standard output."""
    script(_shown(line))


def lines(text: str) -> None:
    """Lines of results, such as a table, on standard output."""
    script("\n".join(map(_shown, text.split("\n"))))


def script(text: str) -> None:
    """A text for another program, as it is, on standard output.

    Raises:
        AuheatError: It cannot be written there.
    """
    try:
        click.echo(text)
    except OSError as error:
        if error.errno == errno.EPIPE:  # who reads it has seen enough
            raise
        raise AuheatError(_cannot_write(error)) from None


def unwritten(error: Exception) -> str | None:
    """The line of a help text that standard output does not take; None for any other error.

    Click prints those itself, so what it raises is known by the function that raised it.
    """
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if isinstance(error, OSError) and frame.f_code is click.echo.__code__:
        return _cannot_write(error)
    return None


def _cannot_write(error: OSError) -> str:
    _let_go(sys.stdout)
    return f"cannot write to standard output: {error.strerror}"


def warn(line: str) -> None:
    """A line beside the results, on standard error, after the program's name."""
    try:
        click.echo(f"auheat: {_shown(line)}", err=True)
    except OSError:  # there is no other place to say it
        _let_go(sys.stderr)


def _shown(line: str) -> str:
    """A line as a terminal may show it; what no name of a file can be is cut in its middle."""
    return _ENDLESS.sub(lambda word: f"{word[0][:_KEPT]}...{word[0][-_KEPT:]}", one_line(line))


def _let_go(stream: TextIO) -> None:
    """What waits to be written goes nowhere: Python would try again when it ends, and say so."""
    with suppress(AttributeError, ValueError, OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


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


def _what_ends(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


@contextmanager
def terminable() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP end the work as Ctrl-C does: nothing half written is left.

    A job scheduler sends the first at its time limit, a terminal that is closed the second. What
    strikes while a module is imported may come out as an error of that module: an unexpected error
    after any of them is the signal.
    """

    def ended(number: int, frame: FrameType | None) -> None:
        if _STRUCK and number != signal.SIGINT:  # it ends already
            return
        _STRUCK.append(number)
        raise _what_ends(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _STRUCK.clear()
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    try:
        for number in ENDING_SIGNALS:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, ended)
        yield
    except Exception as error:
        if not _STRUCK:
            raise
        raise _what_ends(_STRUCK[0]) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
