"""The columns of each convention, in order.

openface  OpenFace 2.2's names, order, units and decimals (its `RecorderCSV.cpp` and the page
          "Output Format" of its wiki)
fex       those of py-feat's class `Fex`, 0.6 to 2.1 (its modules `feat.utils`, `feat.pretrained`
          and `feat.detector`), without emotions and gaze
tidy      ours: one row for each frame, face and Action Unit

`docs/outputs.md` describes every column for users.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath

from auheat.tables.columns import (
    CONFIDENCE,
    FRAME,
    SUCCESS,
    TIMESTAMP,
    Column,
    Extra,
    Value,
    face_number,
    landmarks,
    of_au,
    of_face,
    of_pose,
    positions,
)
from auheat.tables.names import BLINK, CLOSURE, TableKind
from auheat.tables.protocols import FaceLike, FrameLike

# A person in py-feat's column Identity is called that and the number.
PERSON = "Person_"


def openface(
    kind: TableKind,
    aus: Sequence[str],
    extras: Sequence[Extra],
    pose: bool,
    points: bool,
    *,
    path: str | None = None,
) -> Iterator[Column]:
    """One row for each frame and face; after OpenFace's columns AUxx_raw and AUxx_sd.

    What is read of AU43 stands in OpenFace's columns of AU45 as well.

    Given a path, the first column has it; else only in a folder's table, with the image's name.
    """
    if path is not None:
        yield Column("input", "text", _path(kind, path))
    elif kind == "folder":
        yield Column("input", "text", lambda result, face, au: result.input or "")
    if kind == "video":
        yield from (FRAME, face_number("face_id"), TIMESTAMP)
    else:
        yield face_number("face")
    yield from (CONFIDENCE, SUCCESS)
    if pose:
        yield from positions(("pose_Tx", "pose_Ty", "pose_Tz"), 1)
        for index, axis in enumerate("xyz"):
            yield of_pose(f"pose_R{axis}", "rotation", index=index, decimals=3)
    if points:
        yield from landmarks(1)
    read_at = dict(zip(aus, aus, strict=True)) | ({BLINK: CLOSURE} if CLOSURE in aus else {})
    yield from (of_au(f"{name}_r", "intensity", of=au) for name, au in read_at.items())
    yield from (of_au(f"{name}_c", "presence", of=au) for name, au in read_at.items())
    for extra in extras:
        yield from (of_au(f"{au}_{extra}", extra, of=au) for au in aus)


def fex(kind: TableKind, aus: Sequence[str], path: str) -> Iterator[Column]:
    """One row for each frame and face, frames from 0. `timestamp` and `confidence` are ours."""
    yield Column("frame", "integer", lambda result, face, au: max(result.frame - 1, 0))
    for index, name in enumerate(("X", "Y", "Width", "Height")):
        yield of_face(f"FaceRect{name}", partial(_rectangle, index), decimals=2)
    yield of_face("FaceScore", lambda face: face.score, decimals=4)
    yield from landmarks(2)
    for name, index in (("Pitch", 0), ("Roll", 2), ("Yaw", 1)):
        yield of_pose(name, "degrees", index=index, decimals=3)
    yield from positions(("X", "Y", "Z"), 2)
    yield from (of_au(au, "intensity", of=au, decimals=4) for au in aus)
    yield Column("input", "text", _path(kind, path))
    yield Column("Identity", "text", _person)
    if kind == "video":
        yield from (Column("approx_time", "text", _minutes), TIMESTAMP)
    yield CONFIDENCE


def tidy(
    kind: TableKind,
    aus: Sequence[str],
    extras: Sequence[Extra],
    pose: bool,
    points: bool,
    path: str,
) -> Iterator[Column]:
    """One row for each frame, face and AU. An image that is no frame of a video has frame 0."""
    yield Column("input", "text", _path(kind, path))
    yield FRAME if kind == "video" else Column("frame", "integer", lambda result, face, au: 0)
    yield from (TIMESTAMP, face_number("face_id"), SUCCESS, CONFIDENCE)
    if pose:
        for index, name in enumerate(("pitch", "yaw", "roll")):
            yield of_pose(name, "degrees", index=index, decimals=3)
        yield from positions(("head_x", "head_y", "head_z"), 1)
    if points:
        yield from landmarks(1)
    yield Column("au", "text", lambda result, face, au: au)
    yield from (of_au("intensity", "intensity"), of_au("presence", "presence"))
    yield from (of_au(extra, extra) for extra in extras)


def _path(kind: TableKind, path: str) -> Value:
    """The path of the video or image that a row is of."""
    if kind == "folder":
        folder = PurePosixPath(path)
        return lambda result, face, au: (folder / (result.input or "")).as_posix()
    return lambda result, face, au: path or result.input or ""


def _rectangle(index: int, face: FaceLike) -> float:
    """Left, top, width or height of the face's box."""
    left, top, right, bottom = face.box.tolist()
    return float((left, top, right - left, bottom - top)[index])


def _person(result: FrameLike, face: FaceLike | None, au: str) -> str | None:
    return None if face is None else f"{PERSON}{face.face_id}"


def _minutes(result: FrameLike, face: FaceLike | None, au: str) -> str:
    minutes, seconds = divmod(int(result.timestamp), 60)
    return f"{minutes:02d}:{seconds:02d}"
