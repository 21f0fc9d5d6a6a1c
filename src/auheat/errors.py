"""The one error that a user can cause.

Everything a user may get wrong (a missing file, an unknown AU, a corrupt checkpoint) raises
`AuheatError` with one line that says what was wrong, where, and what to do. The command line
prints that line and exits with code 2; a traceback is always a defect of auheat.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AuheatError(Exception):
    """Something the user can mend. The message is one complete line."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> AuheatError:
    """The error for a name that is not in a fixed list: names the nearest one, then all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    place = f" in {where}" if where else ""
    return AuheatError(f"unknown {kind} {name!r}{place}: {hint}known are {', '.join(names)}")
