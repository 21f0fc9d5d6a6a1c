"""How far a piece of work is: one protocol for every loop, worker pool and job.

Whatever takes long takes a `Progress` and never draws a bar itself; the command line passes
`auheat.cli.progress_line.progress_bar`, the server and Python users pass nothing or their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
# Says that so many more items are done.
Advance = Callable[[int], object]


class Progress(Protocol):
    """Shows one piece of work from its start to its end.

    A context manager that gives an `Advance`:

        with progress("frames", 300) as advance:
            advance(1)
    """

    def __call__(
        self, label: str, total: int | None = None, unit: str = "frames"
    ) -> AbstractContextManager[Advance]:
        """Begins a piece of work.

        Args:
            label: What is done, or to what.
            total: How many items there are; None where that is not known.
            unit: What an item is, in the plural.
        """


@contextmanager
def silent(label: str, total: int | None = None, unit: str = "frames") -> Iterator[Advance]:
    """A `Progress` that shows nothing."""
    yield lambda count: None


def track(
    items: Iterable[T],
    progress: Progress,
    label: str,
    total: int | None = None,
    unit: str = "frames",
) -> Iterator[T]:
    """The same items, each counted once the next one is asked for."""
    with progress(label, total, unit) as advance:
        for item in items:
            yield item
            advance(1)
