"""`auheat table`: compares runs from their result files."""

from __future__ import annotations

from pathlib import Path

import click

from auheat.cli import options


@click.command()
@click.argument("results", nargs=-1, required=True, type=options.PATH)
@click.option(
    "--metric", type=click.Choice(["icc", "mae", "mse", "pcc"]), default="icc", show_default=True
)
def command(results: tuple[Path, ...], metric: str) -> None:
    """Print one table by Action Unit of RESULTS, the files that `auheat evaluate` wrote."""
    from auheat.evaluation.report import read_report
    from auheat.figures.tables import by_au

    click.echo(by_au([read_report(path) for path in results], metric))
