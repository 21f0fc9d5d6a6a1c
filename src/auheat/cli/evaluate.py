"""`auheat evaluate`: measures weights, or anyone's predictions, on a dataset's labels."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auheat.cli import console, options
from auheat.cli.console import warn
from auheat.cli.progress_line import progress_bar
from auheat.data.names import Suite
from auheat.tables.names import ProgramChoice, Split

if TYPE_CHECKING:
    import pandas as pd

    from auheat.data.manifest import Manifest
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
    from auheat.evaluation.assess import Choices, assess, folder_of
    from auheat.files import checked_ending, folder_for_results, refuse_input

    if suite and groups:
        raise click.UsageError("--suite and --groups are two reports: ask for one of them")
    if out:
        refuse_input(out, [path for path in (target, groups) if isinstance(path, Path)])
        checked_ending(out, "a result file", ".json")
    folders = [out.parent] if out else list(filter(Path.is_dir, [folder_of(target)]))
    if mistakes:
        from auheat.figures.mistakes import ENDINGS

        checked_ending(mistakes, "an image", *ENDINGS)
        folders.append(mistakes.parent)
    people = None if groups is None else _people(groups)
    if groups and not _belongs(groups, data):
        warn(f"note: {groups} lies in another dataset than {data}: are these the same people?")
    manifest = _checked(data, suite=suite, people=people, mistakes=mistakes)
    with ExitStack() as made:
        for folder in folders:
            made.enter_context(folder_for_results(folder))
        found = assess(target, data, Choices(**chosen, progress=progress_bar))
        for note in found.notes:
            warn(f"note: {note}")
        if suite:
            _by_family(found, suite, out)
        elif people is not None:
            _by_group(found, people, out)
        else:
            _whole(found, out or found.place)
        if mistakes and manifest:
            _draw(found, manifest, mistakes)


def _checked(
    data: Path, *, suite: Suite | None, people: pd.DataFrame | None, mistakes: Path | None
) -> Manifest | None:
    """The dataset, if more than results by AU is asked for; refuses what it cannot give."""
    from auheat.data.manifest import read_manifest
    from auheat.files import refuse_input
    from auheat.optional import needing

    if not (suite or people is not None or mistakes):
        return None
    with needing("evaluate"):
        from auheat.evaluation.groups import those_measured
        from auheat.evaluation.suite import check_suite

    manifest = read_manifest(data)
    if suite:
        check_suite(manifest.source)
    if people is not None:
        those_measured(people, manifest.table["subject"])
    if mistakes and mistakes.exists():
        refuse_input(mistakes, [manifest.folder / name for name in manifest.table["image"]])
    return manifest


def _draw(found: Assessment, manifest: Manifest, path: Path) -> None:
    from auheat.figures import style
    from auheat.figures.mistakes import mistakes

    style.write(mistakes(found.predictions, manifest), path)
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


def _by_family(found: Assessment, suite: Suite, out: Path | None) -> None:
    from auheat.evaluation.breakdown import free_breakdown_place
    from auheat.evaluation.suite import SuiteReport
    from auheat.figures.suite_table import suite_table

    _measured_on(found)
    report = SuiteReport.of(found.predictions)
    usual = found.usual.with_name(f"{suite}-{found.usual.name}")
    result = out or free_breakdown_place(usual, report.content)
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


def _by_group(found: Assessment, people: pd.DataFrame, out: Path | None) -> None:
    from auheat.evaluation.breakdown import free_breakdown_place
    from auheat.evaluation.groups import GroupReport
    from auheat.figures.group_table import group_table

    _measured_on(found)
    report = GroupReport.of(found.predictions, people)
    usual = found.usual.with_name(f"groups-{found.usual.name}")
    result = out or free_breakdown_place(usual, report.content)
    report.write(result)
    console.lines(group_table(report))
    if report.unknown:
        warn(f"note: {report.unknown} of the subjects are not in the table of people")
    for column, count in report.without.items():
        if count:
            warn(f"note: {count} of the subjects have no value in its column {column}")
    console.lines(f"\nresult file: {result}")
