"""`auheat gallery`: pictures of the synthetic faces."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--assets", required=True, type=click.Path(path_type=Path), help="Folder with the face assets."
)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to fill.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--subject", type=int, default=3, show_default=True, help="Who shows the AUs.")
@click.option("--size", type=click.IntRange(64, 1024), default=144, show_default=True)
def command(assets: Path, out: Path, seed: int, subject: int, size: int) -> None:
    """Draw a contact sheet of random faces, and every AU at levels 0 to 5."""
    from auheat.figures import gallery
    from auheat.synthesis.assets import load_pack
    from auheat.synthesis.studio import Studio

    studio = Studio(load_pack(assets))
    gallery.save(gallery.contact_sheet(studio, seed, 6, 10, size), out / "contact-sheet.jpg")
    strips = gallery.level_strips(studio, seed, subject, size)
    gallery.save(gallery.level_sheet(strips), out / "au-levels.jpg")
    for au, strip in strips.items():
        gallery.save(strip, out / "levels" / f"{au}.jpg")
    click.echo(f"pictures: {out}")
