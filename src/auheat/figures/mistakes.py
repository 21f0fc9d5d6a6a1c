"""Where a network errs most: for each AU the faces that read too low, and those too high."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from auheat.data.crop_files import read_crop
from auheat.data.manifest import Manifest
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.evaluation.report import is_synthetic
from auheat.facs import TABLE
from auheat.figures import style
from auheat.figures.face_maps import level_text, show_face

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOW, HIGH = "too low", "too high"
ENDINGS = (".jpg", ".jpeg", ".png")
# Errors below this say nothing, in levels.
_LEAST = 0.5
# Sizes in inches: a face, what lies between faces, the words below one and the name of an AU.
_GAP, _WORDS, _NAME, _HEAD = 0.03, 0.12, 0.55, 0.16


def largest_errors(predictions: Predictions, au: str, count: int) -> dict[str, pd.DataFrame]:
    """The rows with the largest errors of an AU, one of each person at most.

    Args:
        predictions: Beside their labels.
        au: One of them.
        count: How many rows of either kind at most.

    Returns:
        Under "too low" those that read lower than their label, under "too high" those that read
        higher, the worst first.
    """
    error = (predictions.table[au] - predictions.table[au + LABEL]).astype(np.float64)
    found = {}
    for kind, size in ((LOW, -error), (HIGH, error)):
        worst = size[size >= _LEAST].sort_values(ascending=False, kind="stable")
        rows = predictions.table.loc[worst.index].drop_duplicates("subject")
        found[kind] = rows.head(count)
    return found


@style.styled
def mistakes(
    predictions: Predictions, manifest: Manifest, *, each: int = 3, halves: int = 2
) -> Figure:
    """The faces of `largest_errors` for every AU, with "label → reading" below each.

    Args:
        predictions: Of images of the dataset.
        manifest: The dataset.
        each: How many faces of either kind.
        halves: In how many columns of AUs.

    Raises:
        AuheatError: An image cannot be read.
    """
    aus = predictions.aus
    rows = -(-len(aus) // halves)
    column = style.PAGE_IN / halves
    face = (column - _NAME - 2 * _GAP * (each + 1)) / (2 * each)
    height = _HEAD + rows * (face + _WORDS + _GAP)
    name = str(predictions.about.get("name", ""))
    sheet = style.Sheet(
        style.PAGE_IN,
        height,
        f"Largest errors of {name}" if name else "Largest errors",
        f"{len(predictions.table)} images; below each face its label → its reading",
        is_synthetic(manifest.source),
    )
    for half in range(halves):
        left = half * column
        for place, words in enumerate((LOW, HIGH)):
            at = left + _NAME + place * each * (face + _GAP) + place * 2 * _GAP
            sheet.text(at, sheet.top, words, style.SMALL, color=style.GREY)
    for number, au in enumerate(aus):
        left, top = (number // rows) * column, _HEAD + (number % rows) * (face + _WORDS + _GAP)
        name = f"{au}\n" + "\n".join(TABLE[au].title.split()[:3])
        sheet.text(left + _GAP, sheet.top + top, name, style.SMALL)
        for place, found in enumerate(largest_errors(predictions, au, each).values()):
            for index, (_, row) in enumerate(found.iterrows()):
                at = left + _NAME + (place * each + index) * (face + _GAP) + place * 2 * _GAP
                axes = sheet.axes(at, top, face, face)
                show_face(axes, _shown(manifest, str(row["image"])))
                said = f"{level_text(row[au + LABEL])} → {row[au]:.1f}"
                below = {"ha": "center", "color": style.BLACK}
                sheet.text(at + face / 2, sheet.top + top + face + 0.01, said, style.SMALL, **below)
    return sheet.figure


def _shown(manifest: Manifest, image: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """What the network sees of a stored crop."""
    pad, whole = manifest.crop.pad, read_crop(manifest.folder / image)
    return np.ascontiguousarray(whole[pad : whole.shape[0] - pad, pad : whole.shape[1] - pad])
