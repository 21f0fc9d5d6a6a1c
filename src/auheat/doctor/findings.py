"""What a look at one part of the installation gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "FAILED"]


@dataclass(frozen=True)
class Finding:
    """One line of `auheat doctor`.

    state: "missing" is something that auheat does without; "FAILED" is something that it needs.
    subject: what was looked at. detail: what was seen. advice: what to do, where it is not ok.
    """

    state: State
    subject: str
    detail: str
    advice: str = ""

    def line(self) -> str:
        """`FAILED   weights: truncated; install auheat again`."""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.state:<8} {self.subject}: {self.detail}{advice}"


def guarded(look: Callable[[], Iterator[Finding]], advice: str) -> Iterator[Finding]:
    """The findings of a look, and one that says FAILED with `advice` if it ends with an error."""
    try:
        yield from look()
    except Exception as error:
        subject = look.__name__.strip("_").replace("_", " ")
        yield Finding("FAILED", subject, last_line(error), advice)


def last_line(error: BaseException) -> str:
    """What an error says, in one line: libraries tend to name the cause last."""
    said = str(error).strip().splitlines()
    return said[-1].strip().rstrip(".;") if said else type(error).__name__
