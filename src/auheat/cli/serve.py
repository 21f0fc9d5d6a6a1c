"""`auheat serve`: a local page that reads photos, videos and the webcam."""

from __future__ import annotations

import click


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other computers in."
)
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@click.option(
    "--max-mb",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Size of a file at most.",
)
@click.option("--most-mb", type=click.IntRange(min=1), hidden=True)
@click.option(
    "--faces", type=click.IntRange(min=1), default=5, show_default=True, help="Faces at most."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--weights", default="default", show_default=True, help="Weights to read with.")
def command(
    port: int,
    host: str,
    no_browser: bool,
    max_mb: int,
    most_mb: int | None,
    faces: int,
    device: str,
    weights: str,
) -> None:
    """Open a page on this computer: drop a photo or a video, or use the webcam.

    Files stay on this computer and are deleted when the server ends (Ctrl-C).
    """
    from auheat.inference.predictor import load
    from auheat.web.serving import serve

    predictor = load(weights, device, max_faces=faces)
    serve(predictor, host, port, not no_browser, _tell, (most_mb or max_mb) * 1_000_000, weights)


def _tell(address: str) -> None:
    click.echo(f"auheat: {address}  (Ctrl-C ends it)")
