"""The layouts of BP4D, BP4D+ and the release of BP4D for FERA 2015.

Pictures `F001/T1/95.jpg`, zero-padded differently from sequence to sequence. Intensities without a
header, `frame,level`, 9 where the AU could not be coded: `AUCoding/AU_INT/AU06/F001_T1_AU06.csv`,
for FERA 2015 `AU Intensity Codes3.0/AU06/F001_T1_AU06.csv`. Presence with a header of AU numbers in
`AUCoding/AU_OCC/F001_T1.csv`. 49 landmarks in `2DFeatures/F001_T1.mat`: a struct array `fit`, one
entry for each picture in order, with `isTracked` and `pred`, which is empty where tracking failed;
that part of the layout is inferred.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from auheat.data.lookalikes.filming import LookalikePlan, Take, film, level
from auheat.data.lookalikes.landmark_files import points_49, struct_array, write_mat
from auheat.data.lookalikes.plain_files import write_lines, write_picture
from auheat.facs import PAPER_AUS
from auheat.synthesis.studio import Studio

NOT_CODED = 9
_PADDING = (0, 4, 3, 0, 5)  # digits; one for each sequence in turn


def write_subject(studio: Studio, plan: LookalikePlan, subject: str, out: Path) -> Iterator[int]:
    """Writes one subject; yields 1 for each picture."""
    for position, task in enumerate(plan.cast.sequences):
        digits = 0 if plan.layout == "bp4d-plus" else _PADDING[_turn(plan, subject, position)]
        fits, rows = [], []
        for take in film(studio, plan, subject, task):
            write_picture(out / subject / task / f"{take.frame:0{digits}d}.jpg", take.image)
            fits.append(_fit(take))
            rows.append(_row(take))
            yield 1
        name = f"{subject}_{task}"
        write_mat(out / "2DFeatures" / f"{name}.mat", {"fit": struct_array(fits)})
        _write_codes(out, plan, name, rows)


def _turn(plan: LookalikePlan, subject: str, position: int) -> int:
    return (plan.cast.subjects.index(subject) + position) % len(_PADDING)


def _fit(take: Take) -> dict[str, Any]:
    found = points_49(take.landmarks) if take.tracked else np.empty((0, 0))
    return {"isTracked": float(take.tracked), "pred": found}


def _row(take: Take) -> tuple[int, dict[str, int], dict[str, int]]:
    """Frame, levels and presence; what was not coded has no entry among the levels."""
    present = {au: int(level(value) >= 1) for au, value in take.intensities.items()}
    return take.frame, take.levels, present


def _write_codes(
    out: Path,
    plan: LookalikePlan,
    name: str,
    rows: list[tuple[int, dict[str, int], dict[str, int]]],
) -> None:
    fera = plan.layout == "fera2015"
    folder = out / ("AU Intensity Codes3.0" if fera else "AUCoding/AU_INT")
    for au in plan.cast.aus:
        lines = [f"{frame},{levels.get(au, NOT_CODED)}" for frame, levels, _ in rows]
        write_lines(folder / au / f"{name}_{au}.csv", lines)
    header = ",".join(["0", *(str(int(au[2:])) for au in PAPER_AUS)])
    lines = [header]
    for frame, levels, present in rows:
        hidden = set(plan.cast.aus) - set(levels)
        codes = [NOT_CODED if au in hidden else present[au] for au in PAPER_AUS]
        lines.append(",".join(map(str, [frame, *codes])))
    write_lines(out / "AUCoding" / "AU_OCC" / f"{name}.csv", lines)
