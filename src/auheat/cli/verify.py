"""`auheat verify`: makes what is in a folder again and compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auheat.cli import DIFFERS, FAILED, options
from auheat.cli.console import echo, warn
from auheat.cli.progress_line import progress_bar
from auheat.errors import AuheatError

if TYPE_CHECKING:
    from auheat.tables.compare import Verdict


@click.command()
@click.argument("folder", metavar="DIR", type=options.PATH)
@options.weights("The weights that made the tables; runs have their own.")
def command(folder: Path, weights: str) -> None:
    """Read the inputs of all tables in DIR again, and compare.

    DIR is a folder that `auheat predict` wrote to, a dataset of `auheat corpus`, the folder of a
    training run, or one that holds any of these. What a table was read from, with which weights and
    settings, stands in <name>.origin.json beside it. Of a run the sums of weights and checkpoints
    are checked, settings and figures are compared, and predictions are made again. Exits with 0 if
    everything is the same, with 1 if something differs, with 2 if something cannot be verified.
    Nothing in DIR is changed.
    """
    same = differ = failed = 0
    for verdict in _verdicts(folder, weights):
        same += verdict.same
        failed += verdict.problem is not None
        differ += not verdict.same and verdict.problem is None
        (echo if verdict.same else warn)(verdict.line)
    total = same + differ + failed
    if not total:
        raise AuheatError(
            f"{folder} holds no tables whose origin is known, no run and no dataset of `auheat "
            "corpus`: give a folder that auheat wrote to"
        )
    echo(f"{same} of {total} are the same, {differ} differ, {failed} not verified")
    click.get_current_context().exit(FAILED if failed else DIFFERS if differ else 0)


def _verdicts(folder: Path, weights: str) -> Iterator[Verdict]:
    from auheat.corpus.dataset import ABOUT
    from auheat.folders import RUN_SETTINGS
    from auheat.inference.verification import origins_in, verify

    if not folder.is_dir():
        raise AuheatError(f"no folder at {folder}: give one that auheat wrote to")
    yield from verify(origins_in(folder), weights=weights, progress=progress_bar)
    for about in sorted(folder.rglob(ABOUT)):
        from auheat.corpus.verification import verify_corpus

        yield from verify_corpus(about.parent, weights)
    if any(folder.rglob(RUN_SETTINGS)):  # what follows needs torch
        from auheat.training.verification import runs_in, verify_run

        for run in runs_in(folder):
            yield from verify_run(run, progress=progress_bar)
