"""The one error that a user can cause.

Everything a user may get wrong (a missing file, an unknown AU, a corrupt checkpoint) raises
`AuheatError` with one line that says what was wrong, where, and what to do. The command line
prints that line and exits with code 2; a traceback is always a defect of auheat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches


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


def _plain(name: str) -> str:
    """Lower case and no leading zeros, so that `au1` is nearest to `AU01`."""
    return re.sub(r"0+(?=\d)", "", name.casefold())
