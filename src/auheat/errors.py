"""The one error that a user can cause.

Everything a user may get wrong (a missing file, an unknown AU, a corrupt checkpoint) raises
`AuheatError` with one line that says what was wrong, where, and what to do. The command line
prints that line and exits with code 2; a traceback is always a defect of auheat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral, Real
from pathlib import Path
from typing import Any


class AuheatError(Exception):
    """Something the user can fix. The message is one complete line."""


class Terminated(BaseException):
    """The process was asked to end (SIGTERM); no error, as KeyboardInterrupt is none."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> AuheatError:
    """The error for a name that is not in a fixed list: names the nearest one, then all of them."""
    names = list(known)
    near = [known_name for known_name in names if _plain(known_name) == _plain(name)]
    near = near or get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    place = f" in {where}" if where else ""
    return AuheatError(f"unknown {kind} {name!r}{place}: {hint}known are {', '.join(names)}")


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
        raise AuheatError(f"{name} is {value!r}: give one of {', '.join(names)}")
    if value not in names:
        raise unknown_name(name, value, names)


def check_count(name: str, value: Any, *, least: int = 1, optional: bool = False) -> None:
    """Checks an argument that takes a whole number.

    Args:
        name: What the argument is called.
        value: What was given.
        least: The smallest number that makes sense.
        optional: Whether None is taken, too.

    Raises:
        AuheatError: If it is no whole number, or one below `least`.
    """
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        more = ", or None" if optional else ""
        raise AuheatError(f"{name} is {value!r}: give a whole number from {least} up{more}")


def check_number(name: str, value: Any) -> None:
    """Checks that an argument is a number, or raises AuheatError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise AuheatError(f"{name} is {value!r}: give a number")


def check_flag(name: str, value: Any) -> None:
    """Checks that an argument is True or False, or raises AuheatError; any text counts as True."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool_", "bool"):
        raise AuheatError(f"{name} is {value!r}: give True or False")


def check_callable(name: str, value: Any) -> None:
    """Checks that an argument can be called, or raises AuheatError."""
    if not callable(value):
        raise AuheatError(f"{name} is {value!r}: give a function, or leave it out")


def checked_path(name: str, value: Any) -> Path:
    """The path of a file or folder that is given as text or as a `Path`.

    Args:
        name: What the argument is called.
        value: What was given.

    Returns:
        The path; nobody has looked whether anything is there.

    Raises:
        AuheatError: If it is none, is empty, or holds a null character, which no name can.
    """
    if not isinstance(value, str | Path):
        raise AuheatError(f"{name} is {value!r}: give the path of a file or folder")
    if value == "" or "\0" in str(value):
        raise AuheatError(f"{name} is {str(value)!r}: give the path of a file or folder")
    return Path(value)


def _plain(name: str) -> str:
    """Lower case and no leading zeros, so that `au1` is nearest to `AU01`."""
    return re.sub(r"0+(?=\d)", "", name.casefold())
