"""Reads a result table back: which kind it is, and the levels of every person over time.

The kinds and columns are those of OpenFace's convention in `auheat.tables`; Fex and tidy tables are
brought into it first. Other columns are left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.tables.names import TableKind
from auheat.tables.reading import as_openface, read_any
from auheat.tables.series import PersonSeries

_LEVEL = re.compile(r"(AU\d\d)_r")
# What a table of each kind begins with, apart from `confidence` and `success`.
_HEADS: tuple[tuple[TableKind, frozenset[str]], ...] = (
    ("video", frozenset({"frame", "face_id", "timestamp"})),
    ("folder", frozenset({"input", "face"})),
    ("photo", frozenset({"face"})),
)


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
    rows = _rows(path)
    kind = next((kind for kind, head in _HEADS if head <= set(rows.columns)), None)
    aus = tuple(match[1] for name in rows.columns if (match := _LEVEL.fullmatch(str(name))))
    if kind is None or not aus or not {"confidence", "success"} <= set(rows.columns):
        raise AuheatError(
            f"{path} is no result table: expected columns as `auheat predict` writes them, "
            "such as frame, face_id, timestamp, confidence, success, AU01_r"
        )
    if not len(rows):
        raise AuheatError(f"{path} has no rows: nothing was read")
    try:
        return ResultTable(path, name or path.name, kind, aus, _with_places(rows, kind, aus))
    except (ValueError, TypeError):
        raise AuheatError(f"{path} is damaged: a column of numbers holds something else") from None


def _rows(path: Path) -> Any:
    try:
        stored = read_any(path)
        rows = as_openface(stored)
    except FileNotFoundError:
        raise AuheatError(f"no table at {path}: give a table that `auheat predict` wrote") from None
    except IsADirectoryError:
        raise AuheatError(f"{path} is a folder: give a table that `auheat predict` wrote") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, AttributeError, pd.errors.ParserError, pa.ArrowException):
        raise AuheatError(f"{path} cannot be read as a table") from None
    if rows is stored:
        return rows
    rows = rows.assign(source=rows["input"])
    if "face" not in rows:
        return rows
    if rows["input"].nunique() == 1:  # a single photo
        return rows.drop(columns="input")
    return rows.assign(input=[PurePosixPath(path).name for path in rows["input"]])


def _with_places(rows: Any, kind: TableKind, aus: tuple[str, ...]) -> Any:
    numbers = ["confidence", "success", *(f"{au}_r" for au in aus)]
    rows = rows.astype(dict.fromkeys(numbers, "float64"))
    if kind == "video":
        rows = rows.assign(
            place=rows["frame"].astype("int64"), time=rows["timestamp"].astype(float)
        )
        return rows.sort_values(["place", "face_id"], kind="stable")
    order = pd.factorize(rows["input"])[0] + 1 if kind == "folder" else 1
    return rows.assign(place=order, time=0.0)
