"""The one error that a user can cause.

Everything a user may get wrong (a missing file, an unknown AU, a corrupt checkpoint) raises
`AuheatError` with one line that says what was wrong, where, and what to do. The command line
prints that line and exits with code 2; a traceback is always a defect of auheat.
"""

from __future__ import annotations

import re
import signal
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from pathlib import Path
from typing import Any

# Signs of a value, and of another library's error, that a message quotes.
MAX_SHOWN = 80
MAX_QUOTED = 300


class AuheatError(Exception):
    """Something the user can fix. The message is one complete line, whatever was put into it.

    Args:
        message: What was wrong, where, and what to do. What surrounds the line of an error that
            crossed processes, as the traceback of a worker does, is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message.strip().rpartition("AuheatError: ")[2]))


class Terminated(BaseException):
    """The process was asked to end; no error, as KeyboardInterrupt is none.

    Args:
        number: Of the signal: SIGTERM, or SIGHUP where the terminal was closed.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(f"terminated by signal {int(number)}")
        self.number = int(number)


def one_line(text: str) -> str:
    """A text without line breaks and without signs that a terminal obeys.

    Control characters, signs that turn the direction of writing, and what UTF-8 cannot hold become
    escapes.
    """
    plain = "".join(sign if _is_plain(sign) else ascii(sign)[1:-1] for sign in text)
    return plain.encode("utf-8", "backslashreplace").decode("utf-8")


def on_one_line(error: BaseException) -> str:
    """What another library's error says: some name the cause first, some last, in many lines."""
    text = " ".join(str(error).split()).rstrip(".;") or type(error).__name__
    half = MAX_QUOTED // 2
    return text if len(text) <= MAX_QUOTED else f"{text[:half]} ... {text[-half:]}"


def _is_plain(sign: str) -> bool:
    code = ord(sign)
    control = code < 32 or 127 <= code < 160
    turning = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or code in (0x2028, 0x2029)
    return not (control or turning)


def shown(value: Any) -> str:
    """A value as messages quote it: on one line, in `MAX_SHOWN` signs at most."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # its own fault, which must not hide what the message is about
        text = f"of type {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> AuheatError:
    """The error for a name that is not in a fixed list: names the nearest one, then all of them."""
    names = list(known)
    near = [known_name for known_name in names if _plain(known_name) == _plain(name)]
    near = near or get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    place = f" in {where}" if where else ""
    return AuheatError(f"unknown {kind} {shown(name)}{place}: {hint}known are {', '.join(names)}")


def check_choice(name: str, value: Any, known: Iterable[str]) -> None:
    """Checks an argument that takes one of a few words.

    Args:
        name: What the argument is called.
        value: What was given.
        known: The words, as `typing.get_args` of a `Literal` gives them.

    Raises:
        AuheatError: If it is none of them.
    """
    names = list(known)
    if not isinstance(value, str):
        raise AuheatError(f"{name} is {shown(value)}: give one of {', '.join(names)}")
    if value not in names:
        raise unknown_name(name, value, names)


def check_count(
    name: str, value: Any, *, minimum: int = 1, maximum: int | None = None, optional: bool = False
) -> None:
    """Checks an argument that takes a whole number.

    Args:
        name: What the argument is called.
        value: What was given.
        minimum: The smallest number that makes sense.
        maximum: The largest one, if there is any.
        optional: Whether None is taken, too.

    Raises:
        AuheatError: If it is no whole number, or one out of bounds.
    """
    if value is None and optional:
        return
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        bounds = f"from {minimum} up" if maximum is None else f"from {minimum} to {maximum}"
        more = ", or None" if optional else ""
        raise AuheatError(f"{name} is {shown(value)}: give a whole number {bounds}{more}")


def check_number(name: str, value: Any) -> None:
    """Checks that an argument is a number, or raises AuheatError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise AuheatError(f"{name} is {shown(value)}: give a number")


def check_text(name: str, value: Any) -> None:
    """Checks that an argument is a word, or raises AuheatError."""
    if not isinstance(value, str):
        raise AuheatError(f"{name} is {shown(value)}: give a word")


def listed(value: Any) -> list[Any] | None:
    """What is in a list or the like; None of a text, and of what has nothing in it."""
    try:
        return None if isinstance(value, str | bytes) else list(value)
    except TypeError:  # an array without axes calls itself iterable, too
        return None


def check_flag(name: str, value: Any) -> None:
    """Checks that an argument is True or False, or raises AuheatError; any text counts as True."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool_", "bool"):
        raise AuheatError(f"{name} is {shown(value)}: give True or False")


def check_callable(name: str, value: Any) -> None:
    """Checks that an argument can be called, or raises AuheatError."""
    if not callable(value):
        raise AuheatError(f"{name} is {shown(value)}: give a function, or leave it out")


def checked_path(name: str, value: Any) -> Path:
    """The path of a file or folder that is given as text or as a `Path`.

    Args:
        name: What the argument is called.
        value: What was given.

    Returns:
        The path; whether anything is there is not said.

    Raises:
        AuheatError: If it is none, is empty, or one at which nothing can be looked for: with a null
            character, a name that is too long, or in a folder that may not be entered.
    """
    if not isinstance(value, str | Path):
        raise AuheatError(f"{name} is {shown(value)}: give the path of a file or folder")
    if value == "" or "\0" in str(value):
        raise AuheatError(f"{name} is {shown(str(value))}: give the path of a file or folder")
    try:
        Path(value).stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise AuheatError(f"{name} cannot be {value}: {error.strerror}") from None
    return Path(value)


def warn_caller(message: str) -> None:
    """Warns, in the name of the line that called auheat, through however many of its functions."""
    frame, level = sys._getframe(), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == "auheat":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _plain(name: str) -> str:
    """Lower case and no leading zeros, so that `au1` is nearest to `AU01`."""
    return re.sub(r"0+(?=\d)", "", name.casefold())
