"""`auheat verify`: reads the inputs of tables again and compares."""

from __future__ import annotations

from pathlib import Path

import click

from auheat.cli import DIFFERS, FAILED, options
from auheat.cli.console import echo, terminable, warn
from auheat.cli.progress_line import progress_bar


@click.command()
@click.argument("folder", metavar="DIR", type=options.PATH)
@options.weights("The weights that made the tables.")
def command(folder: Path, weights: str) -> None:
    """Read the inputs of all tables in DIR again, and compare.

    DIR is a folder that `auheat predict` wrote to. What a table was read from, with which weights
    and settings, stands in <name>.origin.json beside it. Exits with 0 if every table is the same,
    with 1 if one differs, with 2 if one cannot be verified. Nothing in DIR is changed.
    """
    from auheat.inference.verification import origins_in, verify

    origins = origins_in(folder)
    same = differ = failed = 0
    with terminable():
        for verdict in verify(origins, weights=weights, progress=progress_bar):
            same += verdict.same
            failed += verdict.problem is not None
            differ += not verdict.same and verdict.problem is None
            (echo if verdict.same else warn)(verdict.line)
    echo(f"{same} of {len(origins)} tables are the same, {differ} differ, {failed} not verified")
    click.get_current_context().exit(FAILED if failed else DIFFERS if differ else 0)
