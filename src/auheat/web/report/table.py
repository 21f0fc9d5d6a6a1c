"""Reads a result table back: which kind it is, and the levels of every person over time.

The kinds and columns are those of OpenFace's convention in `auheat.tables`; Fex and tidy tables are
brought into it first. Other columns are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.tables import reading
from auheat.tables.names import TableKind
from auheat.tables.scale import aus_in, check_scale
from auheat.tables.series import PersonSeries, people_in


class Gap(NamedTuple):
    """A stretch without any face. start, end: seconds, end is when a face is back."""

    first: int
    last: int
    start: float
    end: float


@dataclass(frozen=True)
class ResultTable:
    """A result table in memory.

    path: where it lies. name: what it is called.
    rows: the table as it was read, with `place` (frame or picture, from 1) and `time` added, and
    `source`, the path of the photo or video, if the table tells it.
    """

    path: Path
    name: str
    kind: TableKind
    aus: tuple[str, ...]
    rows: Any

    @cached_property
    def series(self) -> tuple[PersonSeries, ...]:
        """One for each person, who was seen longest first. A folder is a single series."""
        if self.kind == "folder":
            return (self.all_faces,) if len(self.all_faces.frames) else ()
        found = self.rows[self.rows["success"] == 1]
        name = "face_id" if self.kind == "video" else "face"
        groups = [self._series(int(person), part) for person, part in found.groupby(name)]
        return tuple(sorted(groups, key=lambda series: (-len(series.frames), series.face_id)))

    @cached_property
    def all_faces(self) -> PersonSeries:
        """Every face as if of one person, in the order of the rows."""
        return self._series(0, self.rows[self.rows["success"] == 1])

    @cached_property
    def places(self) -> int:
        """How many frames or pictures were read."""
        return int(self.rows["place"].nunique())

    @cached_property
    def with_face(self) -> int:
        """How many of them show a face."""
        return int(self.rows.loc[self.rows["success"] == 1, "place"].nunique())

    @cached_property
    def step(self) -> float:
        """Seconds from one frame to the next, by the median."""
        times = self.frame_times
        return float(np.median(np.diff(times))) if len(times) > 1 else 0.0

    @cached_property
    def frame_times(self) -> NDArray[np.float64]:
        """Seconds at which each frame begins, once per frame."""
        return np.asarray(self.rows.groupby("place")["time"].first(), np.float64)

    @property
    def duration(self) -> float:
        """Seconds, the last frame included."""
        return float(self.frame_times[-1]) + self.step

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Stretches of consecutive frames (or pictures) without a face, in order."""
        seen = self.rows.groupby("place")["success"].max()
        places, empty = np.asarray(seen.index), np.asarray(seen) == 0
        edges = np.flatnonzero(np.diff(np.r_[False, empty, False].astype(int)))
        times = np.r_[self.frame_times, self.duration]
        return tuple(
            Gap(int(places[a]), int(places[b - 1]), float(times[a]), float(times[b]))
            for a, b in zip(edges[::2], edges[1::2], strict=True)
        )

    def name_of(self, place: int) -> str:
        """What a frame or picture is called."""
        if self.kind == "folder":
            return str(self.rows.loc[self.rows["place"] == place, "input"].iloc[0])
        return f"frame {place}" if self.kind == "video" else Path(self.name).stem

    def _series(self, person: int, part: Any) -> PersonSeries:
        return PersonSeries(
            person,
            part["place"].to_numpy(np.int64),
            part["time"].to_numpy(np.float64),
            part["confidence"].to_numpy(np.float64),
            part[[f"{au}_r" for au in self.aus]].to_numpy(np.float64),
        )


def read_table(path: Path, name: str = "") -> ResultTable:
    """Reads a table that `auheat predict` wrote. name: what to call it, its own by default.

    Raises AuheatError if the file is missing, is no such table, or has no rows.
    """
    table = reading.read_table(path)
    check_scale(table, str(path))
    if not len(table):
        raise AuheatError(f"{path} has no rows: nothing was read")
    aus = aus_in(table)
    kind: TableKind = "video" if (table["frame"] > 0).any() else "photo"
    if kind == "video":
        people_in(table, str(path))
    elif table["input"].any() and (table["input"].nunique() > 1 or not _whole(table["input"])):
        kind = "folder"
    return ResultTable(path, name or path.name, kind, aus, _with_places(table, kind, aus))


def _whole(inputs: Any) -> bool:
    """Whether a table says the path of its one photo, as tidy and Fex tables do."""
    return bool(inputs.str.contains("/").all())


def _with_places(table: Any, kind: TableKind, aus: tuple[str, ...]) -> Any:
    rows = table.rename(columns={au: f"{au}_r" for au in aus})
    if kind == "video":
        return rows.assign(place=rows["frame"], time=rows["timestamp"], source=_paths(rows))
    order = pd.factorize(rows["input"])[0] + 1 if kind == "folder" else 1
    names = [PurePosixPath(name).name for name in rows["input"]]
    rows = rows.rename(columns={"face_id": "face"}).assign(source=_paths(rows), input=names)
    return rows.assign(place=order, time=0.0)


def _paths(rows: Any) -> Any:
    """The paths of the inputs, "" where only a name is known."""
    return rows["input"].where(rows["input"].str.contains("/"), "")
