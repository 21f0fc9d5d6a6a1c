"""`auheat reproduce`: the paper's tables and figures, from a dataset to files to print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auheat.cli import console
from auheat.system import MAX_PROCESSES


def _numbers(ctx: click.Context, option: click.Parameter, text: str) -> tuple[int, ...]:
    """`1,3,5-7` as numbers."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise click.BadParameter(f"{text!r} is not a list of numbers like 1,3,5-7")
        found += range(int(first), int(last or first) + 1)
    return tuple(dict.fromkeys(found))


@click.command()
@click.argument("target")
@click.argument("overrides", nargs=-1)
@click.option("--data", required=True, multiple=True, type=click.Path(path_type=Path),
              help="Dataset of `auheat prepare`; BP4D and DISFA for table1, figure4 and figure5 as "
              "the paper prints them, in any order.")  # fmt: skip
@click.option("--preset", default="paper", show_default=True, help="Size of the networks.")
@click.option("--runs", multiple=True, type=click.Path(path_type=Path),
              help="Folder that holds a folder for each run; of two --data the folders bp4d and "
              "disfa below it, or give one for each.  [default: runs/PRESET]")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("reproduced"),
              show_default=True, help="Folder for tables and figures.")  # fmt: skip
@click.option("--seeds", default="1", show_default=True, callback=_numbers,
              help="Every network is trained with each.")  # fmt: skip
@click.option("--k", default="1-15", show_default=True, callback=_numbers,
              help="Neighbours tried for figure6.")  # fmt: skip
@click.option("--rows", default="", help="Only these settings of a table, like a,b.")
@click.option("--protocol", default="", help="Other folds than the dataset's own.")
@click.option("--workers", type=click.IntRange(0, MAX_PROCESSES), default=1, show_default=True)
@click.option("--device", default="auto", show_default=True, help="For predictions.")
def command(target: str, overrides: tuple[str, ...], **options: Any) -> None:
    """Make TARGET: table1, table2, table3, figure4, figure5, figure6, figure7 or figure8.

    Trains what is missing, one run for each network, seed and fold; measures; writes tables as
    Markdown, CSV and LaTeX, and figures as PNG and SVG. When it was stopped, the same command goes
    on. OVERRIDES change settings of all networks, like optim.epochs=20.

    With two --data, table1 and figure4 show BP4D beside DISFA, and figure5 faces of BP4D above
    curves of DISFA. The other targets are of one dataset: give them one --data.
    """
    from auheat.data.manifest import read_manifest
    from auheat.errors import check_choice
    from auheat.figures.reproduce import TARGETS, Target, side_by_side
    from auheat.training.ablations import Sweep, read_preset

    preset = options["preset"]
    check_choice("target", target, TARGETS)  # before the dataset is read
    read_preset(preset)
    runs = options["runs"] or (Path("runs") / preset,)
    sweeps = [
        Sweep(
            read_manifest(data),
            preset,
            runs[0],
            options["seeds"],
            overrides,
            options["protocol"],
            options["workers"],
            options["device"],
        )
        for data in options["data"]
    ]
    rows = tuple(part.strip() for part in options["rows"].split(",") if part.strip())
    wanted = Target(target, side_by_side(sweeps, runs), options["out"], options["k"], rows)
    missing = wanted.missing()
    for number, (sweep, (variant, seed, fold)) in enumerate(missing, 1):
        data = f"{sweep.manifest.folder}, " if len(sweeps) > 1 else ""
        console.echo(
            f"run {number} of {len(missing)}: {data}{variant.name}, seed {seed}, fold {fold}"
        )
        sweep.run(variant, seed, fold, notify=console.echo)
    for path in wanted.make():
        console.echo(f"written: {path}")
