"""What a bench prints, and the JSON file it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auheat.files import atomic_write

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bench:
    """A measured table. machine: who measured. columns: which entries of the rows are printed."""

    title: str
    machine: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The table in Markdown, with the machine above and the notes below it."""
        machine = ", ".join(f"{key} {_shown(value)}" for key, value in self.machine.items())
        lines = [self.title, machine, "", *_markdown(self.columns, self.rows)]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])

    def write(self, path: Path) -> None:
        """Writes everything as JSON. Raises AuheatError if that is not possible."""
        content = {
            "bench": self.title,
            "machine": dict(self.machine),
            "rows": self.rows,
            "notes": list(self.notes),
        }
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _markdown(columns: Sequence[str], rows: Sequence[Row]) -> list[str]:
    cells = [list(columns), *([_shown(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    padded = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [padded[0], rule, *padded[1:]]


def _shown(value: Any) -> str:
    """Three digits of a float, nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
