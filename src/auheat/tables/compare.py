"""Where two result tables differ, cell by cell."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from auheat.optional import require

_SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """What differs between a table and the one that is made now.

    Attributes:
        rows: How many rows each has.
        changed: Which rows differ, from 1, as far as both have them.
        columns: Names of columns that only one of them has.
        largest: The largest difference between numbers.
        where: Its column; "" if no numbers differ.
    """

    rows: tuple[int, int]
    changed: tuple[int, ...]
    columns: tuple[str, ...]
    largest: float
    where: str

    @property
    def is_none(self) -> bool:
        """Whether every cell is the same."""
        return self.rows[0] == self.rows[1] and not self.changed and not self.columns

    def __str__(self) -> str:
        parts = []
        if self.columns:
            parts.append(f"columns of one of them alone: {', '.join(self.columns[:_SHOWN])}")
        if self.rows[0] != self.rows[1]:
            parts.append(f"{self.rows[0]} rows, now {self.rows[1]}")
        if self.changed:
            first = ", ".join(map(str, self.changed[:_SHOWN]))
            more = ", ..." if len(self.changed) > _SHOWN else ""
            by = f", by up to {self.largest:.6g} in {self.where}" if self.where else ""
            parts.append(f"{len(self.changed)} of {self.rows[0]} rows (row {first}{more}){by}")
        return "; ".join(parts) or "in its bytes alone"


@dataclass
class Verdict:
    """What came of one file that was made again.

    Attributes:
        path: The file.
        same: Whether it is what is made now.
        reasons: What else is not as it was: version, weights, runtime, the input itself.
        difference: Where it differs, where the two can be compared.
        problem: Why nothing could be compared, or None.
    """

    path: Path
    same: bool = False
    reasons: list[str] = field(default_factory=list)
    difference: Difference | str | None = None
    problem: str | None = None

    @property
    def line(self) -> str:
        """One line for people."""
        if self.problem:
            return f"{self.path}: cannot be verified: {self.problem}"
        notes = f" ({'; '.join(self.reasons)})" if self.reasons else ""
        if self.same:
            return f"{self.path}: the same{notes}"
        return f"{self.path}: differs: {self.difference}{notes}"


def difference(before: Path, now: Path) -> Difference:
    """Compares two tables of one format, row by row."""
    return difference_of(_rows(before), _rows(now))


def difference_of(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Difference:
    """Compares rows of cells by their columns. old: those that were. new: those of now."""
    names = (list(old[0]) if old else [], list(new[0]) if new else [])
    changed, largest, where = list[int](), 0.0, ""
    for number, (a, b) in enumerate(zip_longest(old, new), 1):
        if a is None or b is None or a == b:
            continue
        cells = [name for name in a if name in b and not _is_equal(a[name], b[name])]
        if cells:
            changed.append(number)
        for name in cells:
            gap = _gap(a[name], b[name])
            if gap > largest:
                largest, where = gap, name
    alone = tuple(sorted(set(names[0]) ^ set(names[1]))) if old and new else ()
    return Difference((len(old), len(new)), tuple(changed), alone, largest, where)


def _rows(path: Path) -> Sequence[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = require("pyarrow.parquet").read_table(path).to_pylist()
        return rows
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _is_equal(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)


def _gap(a: Any, b: Any) -> float:
    try:
        return abs(float(a) - float(b))
    except (TypeError, ValueError):
        return 0.0
