"""`auheat table`: compares runs from their result files, and pools the folds of one."""

from __future__ import annotations

from pathlib import Path

import click

from auheat.cli import console, options
from auheat.errors import AuheatError
from auheat.tables.names import Metric


@click.command()
@click.argument("results", nargs=-1, required=True, type=options.PATH)
@click.option(
    "--metric",
    type=options.choices(Metric, "false_alarms"),
    default="icc",
    show_default=True,
    help="False alarms are of families and groups alone.",
)
@click.option(
    "--pool",
    "pooled",
    type=click.Path(path_type=Path),
    help="RESULTS are predictions-*.parquet of the folds of one network: measure them together "
    "and write this result file.",
)
def command(results: tuple[Path, ...], metric: str, pooled: Path | None) -> None:
    """Print one table of RESULTS, the files that `auheat evaluate` wrote.

    It is by Action Unit; by family or group for the files of --suite and --groups.
    """
    from auheat.evaluation.breakdown import is_breakdown, read_breakdown
    from auheat.evaluation.report import read_report
    from auheat.figures.tables import by_au, by_part

    parts = [path for path in results if is_breakdown(path)]
    if parts and (pooled or len(parts) < len(results)):
        raise AuheatError(
            f"{parts[0]} is a report by family or group: it is compared with such reports alone"
        )
    if pooled:
        _pool(results, pooled)
    elif parts:
        console.lines(by_part([read_breakdown(path) for path in parts], metric))
    else:
        console.lines(by_au([read_report(path) for path in results], metric))


def _pool(paths: tuple[Path, ...], result: Path) -> None:
    from auheat.evaluation.controls import controls
    from auheat.evaluation.predictions import pool, read_predictions
    from auheat.evaluation.report import notes
    from auheat.evaluation.scoring import score
    from auheat.figures.tables import metrics_table
    from auheat.files import checked_ending

    checked_ending(result, "a result file", ".json")
    together = pool([read_predictions(path) for path in paths])
    report = score(together, controls(together))
    report.write(result)
    console.lines(metrics_table(report))
    console.lines("\n" + "\n".join(notes(report, together)))
    console.lines(f"\nresult file: {result}")
