"""The layout of the UNBC-McMaster shoulder pain archive.

Pictures `Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png`; beside them, in the same folders,
`Frame_Labels/FACS/.../ll042t1aaaff001_facs.txt` with rows `AU intensity onset offset` (empty where
there is no AU; a row of AU 43 has no intensity to speak of) and
`AAM_landmarks/.../ll042t1aaaff001_aam.txt` with 66 rows x y. AU7, which the archive codes, is not
rendered as an AU and has no rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from auheat.data.lookalikes.filming import LookalikePlan, film
from auheat.data.lookalikes.landmark_files import points_66
from auheat.data.lookalikes.plain_files import write_lines, write_picture
from auheat.synthesis.studio import Studio

_EYES_SHUT = 43


def write_subject(studio: Studio, plan: LookalikePlan, subject: str, out: Path) -> Iterator[int]:
    """Writes one subject; yields 1 for each picture."""
    for part in plan.cast.sequences:
        sequence = subject.split("-")[1] + part
        folder = Path(subject) / sequence
        coded: list[dict[int, int]] = []
        for take in film(studio, plan, subject, part):
            name = f"{sequence}{take.frame:03d}"
            write_picture(out / "Images" / folder / f"{name}.png", take.image)
            points = [_row(point) for point in points_66(take.landmarks).tolist()]
            write_lines(out / "AAM_landmarks" / folder / f"{name}_aam.txt", points)
            present = {int(au[2:]): level for au, level in take.levels.items() if level}
            coded.append(present | ({_EYES_SHUT: 0} if take.shut else {}))
            yield 1
        for index, present in enumerate(coded):
            rows = [_row((au, level, *_span(coded, au, index))) for au, level in present.items()]
            name = f"{sequence}{plan.cast.first + index:03d}_facs.txt"
            write_lines(out / "Frame_Labels" / "FACS" / folder / name, rows)


def _span(coded: Sequence[dict[int, int]], au: int, index: int) -> tuple[int, int]:
    """First and last frame, from 1, of the run of frames that show the AU."""
    first = last = index
    while first > 0 and au in coded[first - 1]:
        first -= 1
    while last + 1 < len(coded) and au in coded[last + 1]:
        last += 1
    return first + 1, last + 1


def _row(numbers: Sequence[float]) -> str:
    """As MATLAB saves numbers in plain text."""
    return "".join(f"{number:16.7e}" for number in numbers)
