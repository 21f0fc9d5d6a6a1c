"""A result table as readings, whoever wrote it: see `auheat.tables.reading`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from auheat.errors import AuheatError
from auheat.facs import MAX_INTENSITY, PRESENCE_THRESHOLD
from auheat.folders import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from auheat.media.limits import DEFAULT_FPS
from auheat.tables.names import TableKind
from auheat.tables.programs import NOTES, PROGRAM, PROGRAMS
from auheat.tables.reading import read_table
from auheat.tables.scale import aus_in, off_scale
from auheat.tables.series import PersonSeries
from auheat.web.report.readings import Readings, longest_first

# From which probability on an AU counts as present, in tables of probabilities.
_PRESENT_PROBABILITY = 0.5


@dataclass(frozen=True, eq=False)
class StoredTable:
    """A table that was read back.

    Attributes:
        readings: What it holds.
        path: Where it lies.
        source: The path of the video or image that it names itself, if it does.
        has_times: Whether it says when its frames are.
        notes: What a reader should know about its numbers, with names.
    """

    readings: Readings
    path: Path
    source: Path | None
    has_times: bool
    notes: tuple[tuple[str, str], ...] = ()


def read_stored_table(path: Path) -> StoredTable:
    """Reads a result table with what a report says about it.

    Raises:
        AuheatError: If it is missing, nobody's table, damaged, off its scale, or has no rows.
    """
    table = read_table(path)
    if not len(table):
        raise AuheatError(f"{path} has no rows: nothing was read")
    if lines := off_scale(table, str(path)):
        raise AuheatError(lines[0])
    kind = _kind(table)
    if kind == "video" and table["input"].nunique() > 1:
        raise AuheatError(f"{path} is of several videos: give the rows of one")
    has_times = kind == "video" and not table["timestamp"].isna().any()
    times = table["timestamp"] if has_times else (table["frame"] - 1) / DEFAULT_FPS
    source = str(table["input"].iloc[0])
    notes = [("note", line) for line in table.attrs.get(NOTES, [])]
    if kind == "video" and not has_times:
        line = f"{DEFAULT_FPS:g} frames/s are assumed: the table does not say them"
        notes.append(("times", line))
    readings = _readings(table.assign(time=times if kind == "video" else 0.0), kind)
    largest = PROGRAMS[table.attrs[PROGRAM]].largest
    is_intensity = largest == MAX_INTENSITY
    threshold = PRESENCE_THRESHOLD if is_intensity else _PRESENT_PROBABILITY
    return StoredTable(
        readings.rescaled(largest, threshold),
        path,
        Path(source) if "/" in source else None,
        has_times,
        tuple(notes),
    )


def find_source(table: StoredTable) -> Path | None:
    """What a table was made from.

    What it says, or else the video, image or folder with its name, in its folder or the one above;
    None if it is at neither place.
    """
    if table.source and table.source.is_file():
        return table.source.parent if table.readings.kind == "folder" else table.source
    kinds = {"video": VIDEO_SUFFIXES, "image": IMAGE_SUFFIXES}.get(table.readings.kind)
    folder = table.path.resolve().parent
    for place in (folder, folder.parent):
        if kinds is None and (place / table.path.stem).is_dir():
            return place / table.path.stem
        for suffix in sorted(kinds or ()):
            if (found := place / (table.path.stem + suffix)).is_file():
                return found
    return None


def _kind(table: Any) -> TableKind:
    if (table["frame"] > 0).any():
        return "video"
    inputs = table["input"]
    # Tidy and Fex tables of a single image say its path; one of a folder's images only its name.
    is_image = not inputs.any() or (inputs.nunique() == 1 and inputs.str.contains("/").all())
    return "image" if is_image else "folder"


def _readings(table: Any, kind: TableKind) -> Readings:
    """A table of the schema, sorted, with `time`, as readings."""
    aus, names = aus_in(table), tuple[str, ...]()
    if kind != "video":  # images are numbered in their order
        order = table["input"].drop_duplicates()
        numbers = {name: number for number, name in enumerate(order, 1)}
        table = table.assign(frame=table["input"].map(numbers))
        names = tuple(PurePosixPath(name).name for name in order) if kind == "folder" else ()
    times = table.groupby("frame", sort=True)["time"].first()
    people = [
        PersonSeries(
            int(face_id),
            rows["frame"].to_numpy(np.int64),
            rows["time"].to_numpy(np.float64),
            rows["confidence"].to_numpy(np.float64),
            rows[list(aus)].to_numpy(np.float64),
        )
        for face_id, rows in _with_faces(table, aus).groupby("face_id")
    ]
    frames = times.index.to_numpy(np.int64)
    return Readings(
        kind,
        aus,
        frames=frames,
        times=times.to_numpy(np.float64),
        series=longest_first(people),
        names=names,
    )


def _with_faces(table: Any, aus: tuple[str, ...]) -> Any:
    return table[(table["success"] == 1) & table[list(aus)].notna().all(axis=1)]
