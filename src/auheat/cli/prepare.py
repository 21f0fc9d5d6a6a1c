"""`auheat prepare`: turns a real dataset as it lies on disk into crops with a manifest."""

from __future__ import annotations

from pathlib import Path

import click

from auheat.cli import console, options
from auheat.cli.progress_line import make_room, progress_bar
from auheat.data.names import Camera, LandmarkSource

_MAX_SHOWN_WARNINGS = 20


@click.command()
@click.argument("layout", type=options.DatasetName())
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option("--landmarks", type=options.choices(LandmarkSource),
              help="Whose landmarks.  [default: the dataset's own, else mediapipe]")  # fmt: skip
@click.option("--dlib-model", type=click.Path(path_type=Path),
              help="File of dlib's 68-point shape predictor, for --landmarks dlib.")  # fmt: skip
@options.value("--size", click.IntRange(32, 1024), 256, "Side of the aligned region in pixels.")
@options.value("--pad", click.IntRange(min=0), 16, "Pixels kept around it for augmentation.")
@click.option("--aus", help="Only these, like AU06,AU12.  [default: the dataset's usual ones]")
@options.value("--every", click.IntRange(min=1), 1, "Take every n-th coded frame.")
@options.value("--camera", options.choices(Camera), "left", "Which of DISFA's two.")
@click.option("--skip-tracking-failures", is_flag=True,
              help="Leave out DISFA's list of failed landmarks.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Stop at the first problem in the source.")
@options.workers()
def command(
    layout: str,
    source: Path,
    out: Path,
    landmarks: LandmarkSource | None,
    dlib_model: Path | None,
    size: int,
    pad: int,
    aus: str | None,
    every: int,
    camera: Camera,
    skip_tracking_failures: bool,
    strict: bool,
    workers: int | None,
) -> None:
    """Make a dataset of aligned crops from SOURCE, a copy of a real dataset.

    Beside the manifest it leaves report.md and report.json: what was found, dropped and why. A run
    that was stopped continues when the same command is given again.
    """
    from auheat.data.convert import ConversionPlan, convert
    from auheat.faces.crop import CropSpec
    from auheat.system import cpu_count

    names = tuple(name.strip() for name in aus.split(",")) if aus is not None else None
    plan = ConversionPlan(
        layout,
        landmarks,
        dlib_model=dlib_model,
        crop=CropSpec(size, pad),
        aus=names,
        every=every,
        camera=camera,
        skip_tracking_failures=skip_tracking_failures,
    )
    warnings: list[str] = []

    def warn(line: str) -> None:
        warnings.append(line)
        if len(warnings) <= _MAX_SHOWN_WARNINGS:
            make_room()
            console.warn(line)

    report = convert(
        source, out, plan, workers=workers or cpu_count(), strict=strict,
        progress=progress_bar, warn=warn,
    )  # fmt: skip
    if len(warnings) > _MAX_SHOWN_WARNINGS:
        more = len(warnings) - _MAX_SHOWN_WARNINGS
        console.warn(f"{more} more problems: see {out / 'report.md'}")
    for line in report.summary():
        console.echo(line)
    console.echo(f"dataset: {out}")
