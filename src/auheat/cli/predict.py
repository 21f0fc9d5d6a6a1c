"""`auheat predict`: Action Units of videos, images and folders, as tables."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from auheat.cli import FAILED, options
from auheat.cli.console import echo, warn
from auheat.cli.progress_line import progress_bar
from auheat.media.limits import DEFAULT_FPS
from auheat.models.runtimes.names import MAX_BATCH, MAX_THREADS
from auheat.tables.names import TableFormat


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=options.PATH)
@options.out_path("out")
@click.option("--overlay", is_flag=True, help="Also write annotated videos and images.")
@options.max_faces()
@click.option("--sequence", is_flag=True, help="Read a folder as the frames of one video.")
@options.value("--fps", options.FPS, DEFAULT_FPS, "Frames per second with --sequence.")
@options.device()
@options.weights()
@options.runtime()
@options.precision()
@click.option(
    "--threads",
    type=click.IntRange(1, MAX_THREADS),
    help="CPU threads of the network.  [default: one less than there are]",
)
@click.option("--batch", type=click.IntRange(1, MAX_BATCH), help="Faces to read together at most.")
@click.option("--aus", help="Only these, like AU06,AU12.  [default: all that the weights read]")
@options.renamed(
    "--baseline",
    "--neutral",
    default="none",
    show_default=True,
    metavar="FRAME|IMAGE|FILE|auto|none",
    help="The face at rest, from which intensities count: a frame's number, an image, a file of "
    "--save-baseline, or auto to find it in each video.",
)
@options.renamed(
    "--save-baseline",
    "--save-neutral",
    type=options.PATH,
    help="Keep what was subtracted, for other files of this person.",
)
@click.option("--smooth", is_flag=True, help="Take the jitter out of the curves of a video.")
@click.option(
    "--format",
    "convention",
    type=options.choices(TableFormat),
    default="openface",
    show_default=True,
    help="Tables as OpenFace 2.2 or py-feat write them (CSV), or tidy: a row for each AU "
    "(Parquet).",
)
@click.option("--pose", is_flag=True, help="Also write where the head is and how it is turned.")
@click.option("--landmarks", is_flag=True, help="Also write the 68 landmarks.")
@options.renamed(
    "--std",
    "--sd",
    is_flag=True,
    help="Also write how far every intensity may be off (root mean square error).",
)
@click.option("--events", is_flag=True, help="Also write onset, apex and offset of every AU.")
@click.option("--report", is_flag=True, help="Also write a page with curves and peak frames.")
def command(
    *,
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
    baseline: str,
    save_baseline: Path | None,
    smooth: bool,
    convention: Any,
    pose: bool,
    landmarks: bool,
    std: bool,
    events: bool,
    report: bool,
) -> None:
    """Read the Action Units of every face in INPUTS.

    A video or image gives OUT/<name>.csv (.parquet with --format tidy). A folder gives one table of
    its images, and one of each of its videos. Existing results are replaced.
    """
    from auheat.files import folder_for_results
    from auheat.inference.baselines import resolve_baseline
    from auheat.inference.inputs import gather
    from auheat.inference.jobs import PredictionJob
    from auheat.inference.origin import is_of, origin_of
    from auheat.inference.pipeline import threads_beside
    from auheat.inference.postprocess import PostProcessing
    from auheat.inference.predictor import load
    from auheat.inference.writers import Outputs
    from auheat.tables.schema import Layout

    gathered = gather(inputs, out, sequence=sequence, is_of=is_of)
    predictor = load(
        weights,
        device=device,
        aus=options.names(aus),
        max_faces=faces,
        runtime=runtime,
        precision=precision,
        threads=threads or threads_beside(),
        batch=batch,
        exact_landmarks=landmarks,
    )
    outputs = Outputs(
        out,
        layout=Layout(convention, pose, landmarks),
        std=std,
        overlay=overlay,
        events=events,
        baseline=save_baseline,
        origin=origin_of(
            predictor,
            {
                "max_faces": faces,
                "sequence": sequence,
                "fps": fps if sequence else None,
                "baseline": _baseline_place(baseline),
                "smooth": smooth,
                "pose": pose,
                "landmarks": landmarks,
                "std": std,
                "format": convention,
            },
        ),
    )
    if report:
        from auheat.web.report.collector import report_writers

        outputs = replace(outputs, more=partial(report_writers, weights))
    job = PredictionJob(
        predictor,
        outputs,
        processing=PostProcessing(resolve_baseline(baseline, predictor), smooth),
        fps=fps,
        progress=progress_bar,
    )
    job.check(gathered)
    failed = []
    with folder_for_results(out):
        for outcome in job.run(gathered):
            if outcome.files:
                echo(outcome.summary)
            if outcome.note:
                warn(f"note: {outcome.path}: {outcome.note}")
            if outcome.problem:
                failed.append(outcome)
    for outcome in failed:
        warn(str(outcome.problem))
        for line in outcome.unread:
            warn(line)
    if failed and len(gathered) > 1:
        warn(f"{len(failed)} of {len(gathered)} inputs are not complete")
    click.get_current_context().exit(FAILED if failed else 0)


def _baseline_place(baseline: str) -> str | None:
    """A baseline as a later run finds it, from whatever folder it is started."""
    if baseline == "none":
        return None
    return str(Path(baseline).resolve()) if Path(baseline).is_file() else baseline
