"""`auheat synth`: makes a labelled dataset, clips, or a look-alike of a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from auheat.cli import console, options
from auheat.cli.progress_line import progress_bar
from auheat.data.names import Suite
from auheat.errors import AuheatError
from auheat.system import MAX_PROCESSES


@click.command()
@click.option(
    "--assets", required=True, type=click.Path(path_type=Path), help="Folder with the face assets."
)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to make.")
@click.option("--layout", type=options.DatasetName(lookalikes=True),
              help="Lay the files out as this dataset does.")  # fmt: skip
@click.option("--frames", type=click.IntRange(min=2),
              help="Frames of each sequence of a layout.  [default: the layout's own]")  # fmt: skip
@click.option("--subjects", type=click.IntRange(min=1),
              help="[default: 4000, or as many as the layout has]")  # fmt: skip
@click.option("--images", type=click.IntRange(min=1), default=20000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--size", type=click.IntRange(32, 1024),
              help="Side of the aligned region, or height of a layout's images, in pixels.  "
              "[default: 128, or the layout's own]")  # fmt: skip
@options.value("--pad", click.IntRange(0, 512), 8, "Pixels kept around it for augmentation.")
@options.value("--val", options.Finite(0, 0.5), 0.04, "Fraction of subjects for validation.")
@options.value(
    "--test",
    options.Finite(0, 0.5),
    0.06,
    "Fraction of subjects for testing, with skins of their own.",
)
@click.option("--pairs", is_flag=True, help="Two images each: resting and expressive.")
@click.option("--suite", type=options.choices(Suite), default=None,
              help="Draw the images in every family of a test suite.")  # fmt: skip
@click.option("--clips", type=click.IntRange(min=0), default=0,
              help="Make this many labelled videos instead of images.")  # fmt: skip
@options.value("--seconds", options.Finite(0.5, 600), 6.0, "Length of a clip.")
@click.option("--workers", type=click.IntRange(1, MAX_PROCESSES), help="[default: one a processor]")
def command(
    assets: Path,
    out: Path,
    layout: str | None,
    frames: int | None,
    subjects: int | None,
    images: int,
    seed: int,
    size: int | None,
    pad: int,
    val: float,
    test: float,
    pairs: bool,
    suite: Suite | None,
    clips: int,
    seconds: float,
    workers: int | None,
) -> None:
    """Make synthetic faces with exact labels.

    They are aligned images with a manifest, or videos, or files that lie on disk as those of a
    real dataset do.

    The same numbers give the same images. A run that was stopped continues when the same command
    is given again.
    """
    from auheat.data.lookalike import plan_of, write_lookalike
    from auheat.data.synthetic import SynthesisPlan, synthesise
    from auheat.data.synthetic_clips import write_clips
    from auheat.faces.crop import CropSpec
    from auheat.system import cpu_count

    _refuse_contradictions(layout, frames, clips, suite, pairs=pairs)
    count = workers or cpu_count()
    if layout:
        look = plan_of(
            layout, seed=seed, subjects=subjects or 0, frames=frames or 0, size=size or 0
        )
        write_lookalike(assets, out, look, workers=count, progress=progress_bar)
        console.echo(f"look-alike of {layout}: {out}")
        return
    if clips:
        write_clips(assets, out, count=clips, seed=seed, seconds=seconds, progress=progress_bar)
        console.echo(f"clips: {out}")
        return
    crop = CropSpec(size or 128, pad)
    plan = SynthesisPlan(
        subjects or 4000,
        images,
        seed=seed,
        crop=crop,
        val=val,
        test=test,
        pairs=pairs,
        suite=suite or "",
    )
    synthesise(assets, out, plan, count, progress_bar)
    console.echo(f"dataset: {out}")


def _refuse_contradictions(
    layout: str | None,
    frames: int | None,
    clips: int,
    suite: str | None,
    *,
    pairs: bool,
) -> None:
    """Refuses options of which one would be left out without a word."""
    kinds = {
        f"--layout {layout}": layout, f"--clips {clips}": clips, f"--suite {suite}": suite,
        "--pairs": pairs,
    }  # fmt: skip
    given = [name for name, value in kinds.items() if value]
    if len(given) > 1:
        raise AuheatError(f"{given[0]} and {given[1]} are different datasets: give one of them")
    if frames and not layout:
        raise AuheatError(f"--frames {frames} is for sequences of a --layout: give one, too")
