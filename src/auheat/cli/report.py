"""`auheat report`: one HTML file about a result table."""

from __future__ import annotations

from pathlib import Path

import click

from auheat.cli import console, options
from auheat.cli.progress_line import progress_bar


@click.command()
@click.argument("table", type=options.PATH)
@click.option(
    "--video",
    type=options.PATH,
    help="What TABLE was made from: a video, an image, or a folder of images.  "
    "[default: what has its name, beside it or one folder up]",
)
@options.out_file("HTML file to write.  [default: TABLE with the ending .html]")
@options.device()
@options.weights("The weights that made TABLE.")
def command(table: Path, video: Path | None, out: Path | None, device: str, weights: str) -> None:
    """Make one HTML file of TABLE, which `auheat predict`, OpenFace or py-feat wrote.

    It holds curves, a heat strip, which Action Units go together, events, peak frames with
    heatmaps, stretches without a face, and the model card, and needs no other file and no network.
    """
    from auheat.web.report.build import make_report

    written = make_report(
        table,
        out=out,
        source=video,
        weights=weights,
        device=device,
        progress=progress_bar,
    )
    console.echo(f"report: {written}")
