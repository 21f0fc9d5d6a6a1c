"""How something public goes away: it warns through one minor version at least, then it is gone.

docs/stability.md says what is public. A name or an argument that is to go keeps working and raises
a `FutureWarning`, which Python shows to users; a test calls it and expects that warning.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def deprecated(
    *, since: str, until: str, instead: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Marks a function as one that will go.

    Args:
        since: The version that warns first.
        until: The version that no longer has it.
        instead: What to use, as code.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        message = _message(f"{function.__qualname__}()", since, until, instead)

        @functools.wraps(function)
        def warned(*args: P.args, **kwargs: P.kwargs) -> R:
            warnings.warn(message, FutureWarning, stacklevel=2)
            return function(*args, **kwargs)

        return warned

    return mark


def renamed_argument(
    former: str, name: str, *, since: str, until: str
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Lets a function take a keyword argument by its former name.

    Args:
        former: Its name until now.
        name: Its name from now on.
        since: The version that warns first.
        until: The version that no longer knows the former name.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        what = f"{function.__qualname__}({former}=...)"
        message = _message(what, since, until, f"{name}=...")

        @functools.wraps(function)
        def renamed(*args: P.args, **kwargs: P.kwargs) -> R:
            if former in kwargs:
                if name in kwargs:
                    raise TypeError(f"{function.__qualname__}() was given {former} and {name}")
                warnings.warn(message, FutureWarning, stacklevel=2)
                kwargs[name] = kwargs.pop(former)
            return function(*args, **kwargs)

        return renamed

    return mark


def _message(what: str, since: str, until: str, instead: str) -> str:
    return f"{what} is deprecated since auheat {since} and goes in {until}: use {instead}"
