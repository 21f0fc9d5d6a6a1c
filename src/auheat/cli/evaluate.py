"""`auheat evaluate`: measures weights, or anyone's predictions, on a dataset's labels."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auheat.cli import console, options
from auheat.cli.console import warn
from auheat.cli.progress_line import progress_bar
from auheat.data.names import Suite
from auheat.errors import AuheatError
from auheat.tables.names import ProgramChoice, Split

if TYPE_CHECKING:
    import pandas as pd

    from auheat.evaluation.assess import Assessment


@click.command()
@click.argument("target", type=options.TARGET)
@click.option("--data", required=True, type=options.PATH, help="Dataset with a manifest.")
@click.option("--split", type=options.choices(Split), default="test", show_default=True)
@click.option(
    "--protocol",
    default="",
    help="disfa-jaa, disfa-ntinou, bp4d, k-fold or none.  [default: as RUN was trained, else none]",
)
@click.option("--fold", type=options.COUNT, help="Fold to test, from 1.")
@click.option("--folds", type=click.IntRange(min=2), help="Number of folds of k-fold.")
@options.choice("--format", ProgramChoice, "auto", "Who wrote the tables.")
@click.option(
    "--suite",
    type=options.choices(Suite),
    help="Report by family of a dataset of `auheat synth --suite`.",
)
@click.option(
    "--groups",
    type=options.PATH,
    help="Report by group of people: CSV with the column subject and one for each thing that they "
    "differ in, such as people.csv of `auheat synth`.",
)
@click.option(
    "--mistakes",
    type=options.PATH,
    metavar="IMAGE",
    help="Also draw the faces with the largest errors of every AU (.jpg or .png).",
)
@options.out_file('Result file.  [default: beside TARGET; of "default" in this folder]')
@options.device()
@options.runtime()
@options.precision()
@options.workers(default=1, min=0)
def command(
    target: str | Path,
    data: Path,
    out: Path | None,
    suite: Suite | None,
    groups: Path | None,
    mistakes: Path | None,
    **chosen: Any,
) -> None:
    """Measure TARGET on a dataset: ICC(3,1), MAE, MSE and PCC by AU.

    TARGET is "default" for the weights that come with auheat, a run's folder, a .safetensors file,
    an .onnx file of `auheat export`, or a table of anyone's predictions (CSV, Parquet, or a folder
    of them), such as OpenFace, py-feat or LibreFace write. A network runs as `auheat predict` runs
    it.
    """
    from auheat.evaluation.assess import Choices, assess
    from auheat.files import checked_ending, folder_for_results, output_path, refuse_input

    if suite and groups:
        raise click.UsageError("--suite and --groups are two reports: ask for one of them")
    if out:
        refuse_input(out, [path for path in (target, groups) if isinstance(path, Path)])
        checked_ending(out, "a result file", ".json")
    if mistakes:
        from auheat.figures.mistakes import ENDINGS

        output_path(mistakes, "an image", *ENDINGS)
        if data.resolve() in mistakes.resolve().parents:
            raise AuheatError(f"{mistakes} lies in the dataset: name a place outside it")
    people = None if groups is None else _people(groups)
    if groups and not _belongs(groups, data):
        warn(f"note: {groups} lies in another dataset than {data}: are these the same people?")
    with folder_for_results(out.parent) if out else nullcontext():
        found = assess(target, data, Choices(**chosen, progress=progress_bar))
        for note in found.notes:
            warn(f"note: {note}")
        if suite:
            place = found.place.with_name(f"{suite}-{found.place.name}")
            _by_family(found, out or place)
        elif people is not None:
            _by_group(found, people, out or found.place.with_name(f"groups-{found.place.name}"))
        else:
            _whole(found, out or found.place)
    if mistakes:
        _draw(found, data, mistakes)


def _draw(found: Assessment, data: Path, path: Path) -> None:
    from auheat.data.manifest import read_manifest
    from auheat.figures.mistakes import mistakes, save

    save(mistakes(found.predictions, read_manifest(data)), path)
    console.echo(f"largest errors: {path}")


def _whole(found: Assessment, result: Path) -> None:
    from auheat.evaluation.report import notes
    from auheat.figures.tables import metrics_table

    found.report.write(result)
    console.lines(metrics_table(found.report))
    console.lines("\n" + "\n".join(notes(found.report, found.predictions, seen=found.seen)))
    console.lines(f"\nresult file: {result}")
    if found.is_network:
        table = result.with_name(result.name.replace("result", "predictions"))
        found.predictions.write(table.with_suffix(".parquet"))
        console.echo(f"predictions: {table.with_suffix('.parquet')}")


def _measured_on(found: Assessment) -> None:
    faces = " of synthetic faces" if found.report.synthetic else ""
    console.lines(f"{found.report.images} images{faces}, {found.report.subjects} subjects\n")


def _by_family(found: Assessment, result: Path) -> None:
    from auheat.evaluation.suite import SuiteReport
    from auheat.figures.suite_table import suite_table

    _measured_on(found)
    report = SuiteReport.of(found.predictions)
    report.write(result)
    console.lines(suite_table(report))
    console.lines(f"\nresult file: {result}")


def _belongs(people: Path, data: Path) -> bool:
    """Whether a table of people can be a dataset's, by the folder that it lies in."""
    from auheat.data.manifest import FILE

    folder = people.resolve().parent
    return folder == data.resolve() or not (folder / FILE).exists()


def _people(path: Path) -> pd.DataFrame:
    from auheat.optional import needing

    with needing("evaluate"):
        from auheat.evaluation.groups import read_people

        return read_people(path)


def _by_group(found: Assessment, people: pd.DataFrame, result: Path) -> None:
    from auheat.evaluation.groups import GroupReport
    from auheat.figures.group_table import group_table

    _measured_on(found)
    report = GroupReport.of(found.predictions, people)
    report.write(result)
    console.lines(group_table(report))
    if report.unknown:
        warn(f"note: {report.unknown} of the subjects are not in the table of people")
    console.lines(f"\nresult file: {result}")
