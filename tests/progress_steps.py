"""A progress that remembers what it was told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from auheat.progress import Advance


class Steps:
    """The total, and how far every step went."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.steps: list[int] = []

    @contextmanager
    def __call__(
        self, label: str, total: int | None = None, unit: str = "frames"
    ) -> Iterator[Advance]:
        self.total = total
        yield self.steps.append
