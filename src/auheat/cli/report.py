"""`auheat report`: one HTML file about a result table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--video",
    type=click.Path(path_type=Path),
    help="What TABLE was made from: a video, a photo, or a folder of photos.  "
    "[default: what has its name, beside it or one folder up]",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="HTML file to write.  [default: TABLE with the ending .html]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option(
    "--weights", default="default", show_default=True, help="The weights that made TABLE."
)
def command(table: Path, video: Path | None, out: Path | None, device: str, weights: str) -> None:
    """Make one HTML file of TABLE, which `auheat predict` wrote.

    It holds curves, a heat strip, which Action Units go together, peak frames with heatmaps,
    stretches without a face, and the model card, and needs no other file and no network.
    """
    from auheat.web.report.build import make_report

    written = make_report(table, out, video, weights, device, _progress)
    click.echo(f"report: {written}")


def _progress(items: Iterable[Any], label: str, count: int | None) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(items, label, count, leave=False, disable=None, unit=" frames") as bar:
        yield from bar
