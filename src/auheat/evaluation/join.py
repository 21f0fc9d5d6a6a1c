"""Which row of a dataset a row of somebody's table is about.

An image is found by its name: the manifest's image whose path has the longest common end with
the table's, endings aside. Otherwise, and for every row of a video, the sequence whose name is
inside the path, and the number of the frame, decide: `LeftVideoSN001_comp` is of sequence SN001.
Only letters and digits count, in upper or lower case; the longest name wins; a name that begins or
ends with a digit must do so in the path as well, so that F001_T10 is not of F001_T1. Names are
looked for in the whole dataset, so that one that is not measured does not pass for one that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.foreign import ForeignTable
from auheat.evaluation.predictions import Predictions

Video = tuple[str, str]  # subject and sequence


def join_to_labels(
    table: ForeignTable, whole: Manifest, *, part: Manifest, about: Mapping[str, object]
) -> Predictions:
    """Somebody's predictions for a part of a whole dataset, of the AUs that the part codes.

    Rows of the dataset without a prediction are left out and counted in `about["coverage"]`; an AU
    that is not predicted is NaN and named in `about["not_offered"]`. Of several faces in a frame
    the one that is there in most frames counts, then the one with the highest confidence.

    Args:
        table: The predictions.
        whole: All rows of the dataset.
        part: Those that are measured.
        about: What to note beside the predictions.

    Raises:
        AuheatError: Nothing fits, or a name fits several.
    """
    rows = _one_face(table.rows)
    places = _places_in(part, whole, _places(rows, whole))
    rows, places = rows[places >= 0], places[places >= 0]
    _refuse_twice(rows, places, part)
    if not len(rows):
        raise AuheatError(
            f"no row of the {table.kind} tables fits {part.folder}: name each table after its "
            f"sequence ({_some_names(part)}) or give the images' paths in a column `input`"
        )
    order = np.argsort(places)
    places = places[order]
    coded = tuple(au for au in part.aus if part.table[au].notna().any())
    levels = rows.iloc[order].reindex(columns=list(coded))
    kept = replace(part, table=part.table.iloc[places].reset_index(drop=True))
    noted = {
        **about,
        "kind": table.kind,
        "coverage": {"images": len(places), "of": len(part.table)},
        "not_offered": [au for au in coded if au not in table.aus],
    }
    return Predictions.of(kept, coded, levels.to_numpy(np.float64), noted)


def _one_face(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for every frame: its most frequent face, then its surest one."""
    whole = [rows["source"], rows["face"]]
    ranked = rows.assign(
        seen=rows.groupby(whole)["frame"].transform("size"),
        sure=rows.groupby(whole)["confidence"].transform("mean"),
    ).sort_values(["seen", "sure", "confidence"], ascending=False, kind="stable")
    return ranked.drop_duplicates(["source", "frame"]).sort_index()


def _refuse_twice(rows: pd.DataFrame, places: NDArray[np.int64], part: Manifest) -> None:
    twice = pd.Series(places).duplicated()
    if twice.any():
        place = places[int(twice.argmax())]
        one, other, *_ = rows["source"][places == place]
        image = part.table["image"].iloc[place]
        raise AuheatError(f"both {one} and {other} are of {image}: give one prediction an image")


def _places_in(part: Manifest, whole: Manifest, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of rows of `whole` as numbers of rows of `part`, -1 for those that it lacks."""
    row_of = {image: row for row, image in enumerate(part.table["image"])}
    moved = [row_of.get(image, -1) for image in whole.table["image"]]
    return np.asarray([*moved, -1], np.int64)[places]


def _places(rows: pd.DataFrame, whole: Manifest) -> NDArray[np.int64]:
    """Numbers of the rows of `whole` that `rows` are of, -1 where there is none."""
    videos, images = Videos(whole), Images(whole)
    found = np.full(len(rows), -1, np.int64)
    taken: dict[Video, str] = {}
    for source, group in rows.groupby("source").indices.items():
        if rows["is_image"].iloc[group[0]]:
            found[group] = images.find(str(source), videos)
            continue
        video = videos.of(str(source))
        if video is None:
            continue
        if video in taken:
            raise AuheatError(f"both {taken[video]} and {source} are of sequence {video[1]!r}")
        taken[video] = str(source)
        frames = rows["frame"].iloc[group]
        found[group] = [videos.rows.get((*video, int(frame)), -1) for frame in frames]
    return found


class Videos:
    """The sequences of a dataset, found by their names, and their frames.

    Attributes:
        rows: The place of (subject, sequence, frame).
        names: Length, pattern and (subject, sequence) of each name that a sequence may go by.
    """

    def __init__(self, part: Manifest) -> None:
        columns = (part.table[name] for name in ("subject", "sequence", "frame"))
        keys = zip(*(column.to_list() for column in columns), strict=True)
        self.rows = {(str(a), str(b), int(n)): row for row, (a, b, n) in enumerate(keys)}
        self.names: list[tuple[int, re.Pattern[str], Video]] = []
        for video in sorted({key[:2] for key in self.rows if key[1]}):
            subject, sequence = video
            for name in {sequence, sequence if subject in sequence else f"{subject} {sequence}"}:
                letters = re.sub(r"[^a-z0-9]", "", name.casefold())
                if letters:
                    self.names.append((len(letters), _inside(letters), video))
        self.of = lru_cache(maxsize=None)(self._of)

    def _of(self, path: str) -> Video | None:
        """The sequence whose name is inside a path, if any.

        Raises:
            AuheatError: for several.
        """
        hits = [(length, video) for length, name, video in self.names if name.search(path.lower())]
        longest = max((length for length, _ in hits), default=0)
        best = sorted({video for length, video in hits if length == longest})
        if len(best) > 1:
            raise AuheatError(
                f"{path} may be of {best[0]} or of {best[1]} (subject, sequence): "
                "name the table after its sequence"
            )
        return best[0] if best else None


class Images:
    """The images of a dataset, found by the ends of their paths."""

    def __init__(self, part: Manifest) -> None:
        self._by_name: dict[str, list[tuple[list[str], int]]] = {}
        for row, image in enumerate(part.table["image"]):
            steps = _steps(re.sub(r"\.[^./]+$", "", str(image)))
            self._by_name.setdefault(_name(steps[-1]), []).append((steps, row))

    def find(self, path: str, videos: Videos) -> int:
        """The row of an image, -1 if there is none.

        A number is a poor name: it counts only beside a folder, or where there are no sequences.

        Raises:
            AuheatError: if several fit.
        """
        steps = _steps(path)
        near = [(_shared(steps, own), row) for own, row in self._by_name.get(_name(steps[-1]), [])]
        most = max((shared for shared, _ in near), default=0)
        best = [row for shared, row in near if shared == most]
        number = steps[-1].isdecimal() and most < 2
        if len(best) == 1 and not (number and videos.names):
            return best[0]
        video = videos.of("/".join(steps[:-1])) if steps[-1].isdecimal() else None
        if video is not None:
            return videos.rows.get((*video, int(steps[-1])), -1)
        if len(best) > 1 and not (number and videos.names):
            raise AuheatError(
                f"{path} may be any of {len(best)} images of that name: give longer paths in the "
                "column `input`, with the folder of the sequence"
            )
        return -1


def _inside(letters: str) -> re.Pattern[str]:
    """Finds letters and digits in this order with anything else between them."""
    before = "(?<![0-9])" if letters[0].isdigit() else ""
    after = "(?![0-9])" if letters[-1].isdigit() else ""
    return re.compile(before + "[^a-z0-9]*".join(letters) + after)


def _steps(path: str) -> list[str]:
    return [step for step in path.casefold().split("/") if step and step != "."] or [""]


def _name(step: str) -> str:
    """A file's name; of a number only its value counts."""
    return str(int(step)) if step.isdecimal() else step


def _shared(first: list[str], second: list[str]) -> int:
    """How many steps two paths share at their ends."""
    count = 0
    for a, b in zip(reversed(first), reversed(second), strict=False):
        if _name(a) != _name(b):
            break
        count += 1
    return count


def _some_names(part: Manifest) -> str:
    names = sorted({str(name) for name in part.table["sequence"] if name})
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") if names else "none here"
