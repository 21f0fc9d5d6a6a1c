"""`auheat serve`: a local page that reads images, videos and the webcam."""

from __future__ import annotations

from dataclasses import replace

import click

from auheat.cli import console, options
from auheat.optional import require


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="0.0.0.0 lets other computers in, that know the token in the address.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page.")
@options.renamed(
    "--max-mb",
    "--most-mb",
    type=options.COUNT,
    default=2000,
    show_default=True,
    help="Size of a file at most.",
)
@options.value("--max-frames", options.COUNT, 500_000, "Frames to read of a video at most.")
@options.value(
    "--queue",
    options.COUNT,
    32,
    "Files that wait or are read at the same time at most; more are asked to come back.",
)
@options.max_faces("Faces at most.")
@options.device()
@options.weights("Weights to read with.")
def command(
    *,
    port: int,
    host: str,
    no_browser: bool,
    max_mb: int,
    max_frames: int,
    queue: int,
    faces: int,
    device: str,
    weights: str,
) -> None:
    """Open a page on this computer: drop an image or a video, or use the webcam.

    Files stay on this computer and are deleted when the server ends (Ctrl-C).
    """
    for name in ("fastapi", "uvicorn"):
        require(name)
    from auheat.inference.predictor import load
    from auheat.web.limits import DEFAULT_LIMITS
    from auheat.web.serving import serve

    serve(
        load(weights, device=device, max_faces=faces),
        weights=weights,
        host=host,
        port=port,
        open_browser=not no_browser,
        notify=_notify,
        limits=replace(
            DEFAULT_LIMITS,
            upload_bytes=max_mb * 1_000_000,
            frames=max_frames,
            pending=queue,
            sessions=max(DEFAULT_LIMITS.sessions, 2 * queue),
        ),
    )


def _notify(address: str) -> None:
    console.echo(f"auheat: {address}  (Ctrl-C ends it)")
