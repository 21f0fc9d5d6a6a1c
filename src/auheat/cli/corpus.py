"""`auheat corpus`: many videos into one dataset, on the processors of a machine or a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from auheat.cli import FAILED, options
from auheat.cli.console import echo, warn
from auheat.cli.progress_line import ProgressLine
from auheat.errors import AuheatError
from auheat.models.runtimes.names import MAX_THREADS
from auheat.system import MAX_PROCESSES

if TYPE_CHECKING:
    from auheat.corpus.records import Record
    from auheat.corpus.run import CorpusRun

_MAX_LISTED_PROBLEMS = 20
_PROGRESS_INTERVAL_S = 30.0  # between lines of progress where there is no terminal


class _Corpus(click.Group):
    """A group whose subcommand `read` need not be named."""

    def named(self, args: list[str]) -> list[str]:
        """The arguments with the subcommand that they are for."""
        return args if args[:1] and args[0] in self.commands else ["read", *args]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self.named(args))


@click.group("corpus", cls=_Corpus, add_help_option=False)
def command() -> None:
    """Read many videos into one dataset."""


@command.command("read", options_metavar="-o DATASET [OPTIONS]")
@click.argument("inputs", nargs=-1, required=True)
@click.option("-o", "--out", "dataset", required=True, metavar="DATASET",
              help="Folder or address of the dataset; one that is there is completed.")  # fmt: skip
@click.option("--workers", type=click.IntRange(0, MAX_PROCESSES),
              help="Processes; 0 reads in this one.  [default: one a processor]")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, MAX_THREADS),
              help="CPU threads of each.  [default: the processors are shared out]")  # fmt: skip
@click.option("--ray", metavar="auto|ADDRESS",
              help="Work on a Ray cluster: that of this machine (auto), or HOST:PORT.")  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Try again what failed before.")
@click.option("--limit-seconds", type=options.SECONDS,
              help="Seconds that one input may take; after that it failed.")  # fmt: skip
@options.max_faces()
@options.device()
@options.weights()
@options.runtime()
@options.precision()
@click.option("--aus", help="Only these, like AU06,AU12.  [default: all that the weights read]")
@click.option("--pose", is_flag=True, help="Also write where the head is and how it is turned.")
@click.option("--landmarks", is_flag=True, help="Also write the 68 landmarks.")
@click.option(
    "--std",
    is_flag=True,
    help="Also write how far every intensity may be off (root mean square error).",
)
def read(
    *,
    inputs: tuple[str, ...],
    dataset: str,
    workers: int | None,
    threads: int | None,
    ray: str | None,
    retry_failed: bool,
    limit_seconds: float | None,
    faces: int,
    device: str,
    weights: str,
    runtime: Any,
    precision: Any,
    aus: str | None,
    pose: bool,
    landmarks: bool,
    std: bool,
) -> None:
    """Read the Action Units of many videos into one Parquet dataset.

    INPUTS are folders (with all folders in them), patterns, videos, and lists: .txt with a line, or
    .parquet with a row, for each. They may be addresses such as s3://bucket/videos. A run that was
    stopped continues when the same command is given again; only what is missing, has changed, or
    was read by other weights or settings is read.

    `auheat corpus status DATASET` says what is there, and what failed and why.
    """
    from auheat.corpus.read_settings import ReadSettings
    from auheat.corpus.run import CorpusPlan, CorpusRun
    from auheat.models.weights import is_default

    settings = ReadSettings(
        weights if is_default(weights) else _absolute(weights),
        device,
        runtime=runtime,
        precision=precision,
        aus=tuple(chosen) if (chosen := options.names(aus)) is not None else None,
        max_faces=faces,
        std=std,
        pose=pose,
        landmarks=landmarks,
    )
    plan = CorpusPlan(
        settings, workers, threads=threads, ray=ray, retry_failed=retry_failed, limit=limit_seconds
    )
    run = CorpusRun(inputs, dataset, plan)
    problems = []
    try:
        for record in _shown(run.read(), run):
            if record.problem or record.kept:
                problems.append(record)
    except AuheatError:  # without a table of inputs `status` cannot say it
        _say(run, problems)
        raise
    _report(run, problems)


def _absolute(path: str) -> str:
    from pathlib import Path

    return str(Path(path).absolute())


def _shown(records: Iterable[Record], run: CorpusRun) -> Iterator[Record]:
    """The same records; meanwhile how far it is: a terminal's last line, or now and then one."""
    line, reported = ProgressLine(), monotonic()
    try:
        for record in records:
            yield record
            now = monotonic()
            if line.is_shown:
                line.show(run.tally.line(now))
            elif now - reported > _PROGRESS_INTERVAL_S:
                warn(run.tally.line(now))
                reported = now
    finally:
        line.clear()


def _report(run: CorpusRun, problems: list[Record]) -> None:
    tally, incomplete, unread = run.tally, run.incomplete, run.found.problems
    done = tally.line(monotonic()) if tally.total else "nothing to read"
    echo(f"{run.corpus.address}: {done}; {len(run.records):,} in the dataset")
    for note in run.notes():
        warn(f"note: {note}")
    _say(run, problems[:_MAX_LISTED_PROBLEMS])
    if incomplete:
        warn(
            f"{len(incomplete):,} of {len(run.sources):,} inputs are not complete: `auheat corpus "
            f"status {run.corpus.address}` lists them, --retry-failed tries them again"
        )
    click.get_current_context().exit(FAILED if incomplete or unread else 0)


def _say(run: CorpusRun, problems: list[Record]) -> None:
    from auheat.corpus.tally import problem_of

    for line in (*run.found.problems, *map(problem_of, problems)):
        warn(line)


@command.command("status")
@click.argument("dataset")
def status(dataset: str) -> None:
    """Say what is in a dataset, and what failed and why."""
    from auheat.corpus.dataset import Corpus
    from auheat.corpus.tally import describe

    corpus = Corpus(dataset)
    if not corpus.exists:
        raise AuheatError(f"no dataset at {dataset}: `auheat corpus INPUTS -o {dataset}` makes one")
    if progress := corpus.progress():
        echo(f"a run is at work: {progress}")
    for line in describe(corpus.records().values(), dataset):
        echo(line)
