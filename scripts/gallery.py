"""Draws images of the documents: random faces, every AU at every level, what augmentation does.

python scripts/gallery.py --assets ASSETS -o docs/images
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from auheat.data.transforms import NONE, PROBABILITIES, AugmentConfig, augment
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.facs import ALL_AUS, TABLE
from auheat.files import atomic_write
from auheat.settings import build
from auheat.synthesis.assets import load_pack
from auheat.synthesis.expression import Expression
from auheat.synthesis.identity import Person
from auheat.synthesis.repertoire import sample_expression
from auheat.synthesis.studio import Studio
from auheat.training.experiment import read_settings

Pixels = NDArray[np.uint8]
_QUALITY = 88
_RECIPE = Path(__file__).resolve().parents[1] / "configs" / "default.toml"


def contact_sheet(studio: Studio, seed: int, rows: int, columns: int, size: int) -> Pixels:
    """Random people with random expressions as training sees them: (H, W, 3)."""
    crop = CropSpec(size)
    images = []
    for subject in range(rows * columns):
        person = studio.person(seed, subject)
        sample = studio.random_image(person, (seed, subject, 0), crop.transform, crop.side)
        images.append(sample.image)
    return _grid(images, columns)


def levels_of(studio: Studio, person: Person, au: str, size: int) -> Pixels:
    """One AU at FACS levels 0 to 5, side by side: (H, W, 3). AU26 parts the lips with the jaw."""
    crop = CropSpec(size)
    images = []
    for level in range(6):
        shown = {au: float(level)} | ({"AU25": 0.7 * level} if au == "AU26" else {})
        expression = Expression(shown)
        sample = studio.portrait(person, expression, crop.transform, crop.side, 8.0)
        images.append(sample.image)
    return _grid(images, 6)


def level_strips(studio: Studio, seed: int, subject: int, size: int) -> dict[str, Pixels]:
    """By AU name, that AU at levels 0 to 5 on one person: (H, W, 3)."""
    person = studio.person(seed, subject, plain=True)
    return {au: levels_of(studio, person, au, size) for au in ALL_AUS}


def level_sheet(strips: Mapping[str, Pixels]) -> Pixels:
    """The strips of `level_strips` with their names, in two columns."""
    titled = []
    for au, strip in strips.items():
        title = f"{au} {TABLE[au].title}" + (" (with AU25)" if au == "AU26" else "")
        titled.append(np.concatenate([_banner(title, strip.shape[1]), strip]))
    half = (len(titled) + 1) // 2
    gap = np.full((titled[0].shape[0] * half, 12, 3), 255, np.uint8)
    return np.concatenate(
        [np.concatenate(titled[:half]), gap, np.concatenate(titled[half:])], axis=1
    )


def augmentation_sheet(studio: Studio, seed: int, columns: int, size: int) -> Pixels:
    """A face changed in each of the ways of training alone, and in all together: (H, W, 3).

    Every row has a person of its own, who is unchanged in its first image. Alone, what comes with a
    probability always comes.
    """
    together = build(AugmentConfig, read_settings(_RECIPE)["data"]["augment"], "augment")
    ways, crop, rows = {}, CropSpec(size, round(0.19 * size)), []
    for setting in fields(AugmentConfig):
        value, often = getattr(together, setting.name), setting.name in PROBABILITIES
        title = (
            f"{setting.name}, {value:.0%} of the visits" if often else f"{setting.name} = {value:g}"
        )
        ways[title] = replace(NONE, **{setting.name: 1.0 if often else value})
    for subject, (title, way) in enumerate({**ways, "all together": together}.items()):
        person = studio.person(seed, 100 + subject)
        expression = sample_expression(np.random.default_rng([seed, subject]))
        sample = studio.portrait(person, expression, crop.transform, crop.side)
        images = []
        for n in range(columns):
            rng, drawn = np.random.default_rng([seed, n]), way if n else NONE
            view = augment(rng, sample.image, sample.landmarks, size, crop.pad, drawn)
            images.append(view.image)
        row = np.concatenate(images, axis=1)
        rows.append(np.concatenate([_banner(title, row.shape[1]), row]))
    return np.concatenate(rows)


def save(image: Pixels, path: Path) -> None:
    """Writes a JPEG under a temporary name, then renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        Image.fromarray(image).save(temporary, "JPEG", quality=_QUALITY)


def _grid(images: Sequence[Pixels], columns: int) -> Pixels:
    rows = [
        np.concatenate(images[start : start + columns], axis=1)
        for start in range(0, len(images), columns)
    ]
    return np.concatenate(rows)


def _banner(text: str, width: int) -> Pixels:
    image = Image.new("RGB", (width, 24), "white")
    ImageDraw.Draw(image).text((4, 4), text, "black", font=ImageFont.load_default(14))
    return np.asarray(image)


def draw(assets: Path, out: Path, seed: int, subject: int, size: int) -> None:
    """Fills the folder `out`.

    Raises:
        AuheatError: if the face assets cannot be read.
    """
    studio = Studio(load_pack(assets))
    save(contact_sheet(studio, seed, 6, 10, size), out / "contact-sheet.jpg")
    save(augmentation_sheet(studio, seed, 8, size * 2 // 3), out / "augmentations.jpg")
    strips = level_strips(studio, seed, subject, size)
    save(level_sheet(strips), out / "au-levels.jpg")
    for au, strip in strips.items():
        save(strip, out / "levels" / f"{au}.jpg")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="folder with the face assets")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to fill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subject", type=int, default=10, help="who shows the AUs")
    parser.add_argument("--size", type=int, default=144, help="side of a face in pixels")
    options = parser.parse_args()
    try:
        draw(options.assets, options.out, options.seed, options.subject, options.size)
    except AuheatError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"images: {options.out}")


if __name__ == "__main__":
    main()
