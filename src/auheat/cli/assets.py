"""`auheat assets`: makes the face assets from a checkout of ICT-FaceKit."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("checkout", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to make.")
def command(checkout: Path, out: Path) -> None:
    """Convert CHECKOUT, a clone of the ICT-FaceKit repository, for `auheat synth`."""
    from tqdm import tqdm

    from auheat.synthesis.convert import convert

    path = convert(checkout, out, lambda paths: tqdm(paths, "read", disable=None))
    click.echo(f"face assets: {path}")
