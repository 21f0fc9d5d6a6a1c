"""The layout of the JSON files that the paper's authors train from.

`train.json` and `test.json` are lists of `{"imgpath": ..., "AUs": [x1, y1, I1, x2, y2, I2, ...]}`:
points in a 256 x 256 crop, AU after AU, each with the AU's level. The points are those of
`facs.PointLayout` and the crop that of `faces.crop`, not the authors' own. Every third subject is
in the test file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auheat import geometry
from auheat.data.lookalikes.filming import LookalikePlan, Take, film
from auheat.data.lookalikes.plain_files import write_lines, write_picture
from auheat.faces.crop import CropSpec
from auheat.facs import PointLayout
from auheat.files import atomic_write
from auheat.synthesis.studio import Studio

CROP = CropSpec(256)
_ROWS = ".rows"  # hidden: not part of the layout


def write_subject(studio: Studio, plan: LookalikePlan, subject: str, out: Path) -> Iterator[int]:
    """Writes one subject's pictures and rows; yields 1 for each picture."""
    layout, rows = PointLayout.of(plan.cast.aus), []
    for sequence in plan.cast.sequences:
        for take in film(studio, plan, subject, sequence):
            path = f"images/{subject}_{sequence}_{take.frame:04d}.jpg"
            transform = CROP.transform(take.landmarks)
            write_picture(out / path, CROP.extract(take.image, transform))
            rows.append(json.dumps({"imgpath": path, "AUs": _points(layout, take, transform)}))
            yield 1
    write_lines(out / _ROWS / f"{subject}.txt", rows)


def _points(layout: PointLayout, take: Take, transform: geometry.Transform) -> list[float]:
    points = layout.locate(geometry.apply(transform, take.landmarks))
    flat: list[float] = []
    for (x, y), a in zip(points.tolist(), layout.au_of_point, strict=True):
        flat += [round(x, 2), round(y, 2), take.levels[layout.aus[a]]]
    return flat


def join(plan: LookalikePlan, out: Path) -> None:
    """Puts the rows of all subjects into `train.json` and `test.json`."""
    split: dict[str, list[Any]] = {"train": [], "test": []}
    for position, subject in enumerate(plan.names):
        lines = (out / _ROWS / f"{subject}.txt").read_text().splitlines()
        split["test" if position % 3 == 2 else "train"] += [json.loads(line) for line in lines]
    for name, rows in split.items():
        with atomic_write(out / f"{name}.json") as temporary:
            temporary.write_text(json.dumps(rows))
