"""`auheat predict`: Action Units of videos, photos and folders, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from auheat.cli import FAILED


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for the results.",
)
@click.option("--overlay", is_flag=True, help="Also write annotated videos and pictures.")
@click.option(
    "--faces",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Faces to read at most, the largest first.",
)
@click.option("--sequence", is_flag=True, help="Read a folder as the frames of one video.")
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Frames per second with --sequence.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option(
    "--weights",
    default="default",
    show_default=True,
    help="A .safetensors file of auheat, or an .onnx file of `auheat export`.",
)
@click.option(
    "--runtime",
    type=click.Choice(["auto", "torch", "onnx", "openvino"]),
    default="auto",
    show_default=True,
    help="What the network runs on.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="What the network computes in; auto is bf16 where the processor has it.",
)
@click.option("--threads", type=click.IntRange(min=1),
              help="CPU threads of the network.  [default: one less than there are]")  # fmt: skip
@click.option("--batch", type=click.IntRange(min=1), help="Frames to read together.")
@click.option("--aus", help="Only these, like AU06,AU12.  [default: all that the weights read]")
@click.option("--neutral", default="none", show_default=True, metavar="FRAME|IMAGE|FILE|auto|none",
              help="The face at rest, from which intensities count: a frame's number, a photo, a "
              "file of --save-neutral, or auto to find it in each video.")  # fmt: skip
@click.option("--save-neutral", type=click.Path(path_type=Path),
              help="Keep what was subtracted, for other files of this person.")  # fmt: skip
@click.option("--smooth", is_flag=True, help="Take the jitter out of the curves of a video.")
@click.option("--format", "convention", type=click.Choice(["openface", "fex", "tidy"]),
              default="openface", show_default=True,
              help="Tables as OpenFace 2.2 or py-feat write them (CSV), or tidy: a row for each AU "
              "(Parquet).")  # fmt: skip
@click.option("--pose", is_flag=True, help="Also write where the head is and how it is turned.")
@click.option("--landmarks", is_flag=True, help="Also write the 68 landmarks.")
@click.option("--sd", is_flag=True, help="Also write the standard deviation of every intensity.")
@click.option("--events", is_flag=True, help="Also write onset, apex and offset of every AU.")
@click.option("--report", is_flag=True, help="Also write a page with curves and peak frames.")
def command(
    inputs: tuple[Path, ...],
    out: Path,
    overlay: bool,
    faces: int,
    sequence: bool,
    fps: float,
    device: str,
    weights: str,
    runtime: Any,
    precision: Any,
    threads: int | None,
    batch: int | None,
    aus: str | None,
    neutral: str,
    save_neutral: Path | None,
    smooth: bool,
    convention: Any,
    pose: bool,
    landmarks: bool,
    sd: bool,
    events: bool,
    report: bool,
) -> None:
    """Read the Action Units of every face in INPUTS.

    A video or photo gives OUT/<name>.csv (.parquet with --format tidy). A folder gives one table of
    its photos, and one of each of its videos. Existing results are replaced.
    """
    from auheat.inference.calibration import neutral_of
    from auheat.inference.inputs import gather
    from auheat.inference.predictor import load
    from auheat.inference.reading import threads_beside
    from auheat.inference.refining import Refinement
    from auheat.inference.run import Batch, make_folder
    from auheat.tables.schema import Layout

    chosen = None if aus is None else [name.strip() for name in aus.split(",") if name.strip()]
    gathered = gather(inputs, out, sequence)
    threads = threads or threads_beside()
    predictor = load(weights, device, chosen, faces, runtime, precision, threads, batch)
    refinement = Refinement(neutral_of(neutral, predictor), smooth)
    layout = Layout(convention, pose, landmarks)
    job = Batch(
        predictor, out, overlay, fps, _progress, refinement, save_neutral, sd, events, layout
    )
    job.check(gathered)
    make_folder(out)
    failed = []
    for outcome in job.run(gathered):
        if report and outcome.files:
            _add_report(outcome, predictor, weights)
        if outcome.files:
            click.echo(outcome.summary)
        if outcome.note:
            click.echo(f"auheat: note: {outcome.path}: {outcome.note}", err=True)
        if outcome.problem:
            failed.append(outcome.problem)
    for problem in failed:
        click.echo(f"auheat: {problem}", err=True)
    if failed and len(gathered) > 1:
        click.echo(f"auheat: {len(failed)} of {len(gathered)} inputs are not complete", err=True)
    click.get_current_context().exit(FAILED if failed else 0)


def _add_report(outcome: Any, predictor: Any, weights: str) -> None:
    from auheat.errors import AuheatError
    from auheat.web.report.build import report_on

    try:
        outcome.files.append(report_on(outcome, predictor, weights))
    except AuheatError as error:
        outcome.problem = outcome.problem or str(error)


def _progress(items: Iterable[Any], label: str, count: int | None) -> Iterator[Any]:
    """Passes items on and shows how far they are, if standard error is a terminal."""
    from tqdm import tqdm

    with tqdm(items, label, count, leave=False, disable=None, unit=" frames") as bar:
        yield from bar
