"""What all benchmarks share: their options, what they print, and the JSON file they leave."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import click

from auheat.cli.options import choices
from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.tables.markdown import markdown_table

# See `measure.CLOCKS`.
ClockName = Literal["wall", "cpu"]
FAILED = 2


@dataclass(frozen=True)
class Benchmark:
    """A measured table. machine: who measured. columns: which entries of the rows are printed."""

    title: str
    machine: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The table in Markdown, with the machine above and the notes below it."""
        machine = ", ".join(f"{key} {_shown(value)}" for key, value in self.machine.items())
        rows = ([_shown(row.get(name)) for name in self.columns] for row in self.rows)
        lines = [self.title, machine, "", markdown_table(self.columns, rows)]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])

    def write(self, path: Path) -> None:
        """Writes everything as JSON.

        Raises:
            AuheatError: if that is not possible.
        """
        content = {
            "bench": self.title,
            "machine": dict(self.machine),
            "rows": self.rows,
            "notes": list(self.notes),
        }
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _shown(value: Any) -> str:
    """Three digits of a float, nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Numbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Whole numbers from 1 between commas."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) < 1:
            self.fail(f"{value!r} is not a list of whole numbers like 1,8,32", param, ctx)
        return numbers


def measuring(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every benchmark has."""
    options = (
        click.option("--threads", type=click.IntRange(min=1), help="[default: torch's own choice]"),
        click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda, ..."),
        click.option("--clock", type=choices(ClockName), default="wall",
                     show_default=True, help="cpu with --threads 1: if others use the machine."),
        click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def start(where: Mapping[str, Any]) -> Any:
    """The device that is asked for, with its threads and memory set as for real work."""
    import torch

    from auheat.models.devices import find_device
    from auheat.system import keep_freed_memory

    if where["threads"]:
        torch.set_num_threads(where["threads"])
    keep_freed_memory()
    return find_device(where["device"])


def finish(measured: Benchmark, where: Mapping[str, Any]) -> None:
    """Prints what was measured, and writes it if a file is asked for."""
    click.echo(measured.text())
    if where["out"]:
        measured.write(where["out"])


def run(command: click.Command) -> None:
    """Runs a benchmark's command; what its user can fix ends in one line."""
    try:
        command()
    except AuheatError as error:
        click.echo(f"{Path(sys.argv[0]).name}: {error}", err=True)
        sys.exit(FAILED)
