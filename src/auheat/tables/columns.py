"""Columns of result tables: what each says about a frame, a face, an Action Unit.

Numbers are not rounded here; `decimals` is for CSV files. A confidence is: thresholds on it choose
frames, and have to choose the same ones in every format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from auheat.facs import PRINTED_DECIMALS, as_printed, is_present
from auheat.landmarks import COUNT
from auheat.tables.protocols import FaceLike, FrameLike

# A value from a frame, one of its faces (None if it has none) and, where a row is of one, the AU.
Value = Callable[[FrameLike, FaceLike | None, str], Any]
# What is said about an AU: its intensity, whether it is present, and on request the network's own
# reading where the intensity was calibrated or smoothed, and the standard deviation.
Extra = Literal["raw", "sd"]
Reading = Literal["intensity", "presence", "raw", "sd"]
PosePart = Literal["translation", "rotation", "degrees"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        type: "integer" is never empty; "flag" is 0, 1 or empty; "number" may be empty; "text".
        decimals: how many a number has in a CSV file.
    """

    name: str
    type: Literal["integer", "flag", "number", "text"]
    value: Value
    decimals: int = PRINTED_DECIMALS

    def text(self, value: Any) -> str:
        """A value as a CSV file has it."""
        if value is None:
            return ""
        if self.type == "number":
            return f"{value:.{self.decimals}f}"
        return quoted(value) if self.type == "text" else str(value)


# What a spreadsheet takes for a formula if a text begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def quoted(text: str) -> str:
    """A text that no spreadsheet takes for a formula: with a quote before what looks like one."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def unquoted(text: str) -> str:
    """The text that `quoted` was given."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def writable(text: str) -> str:
    """The text with escapes for what UTF-8 cannot hold, such as bytes of a name of a file."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


FRAME = Column("frame", "integer", lambda result, face, au: result.frame)
TIMESTAMP = Column("timestamp", "number", lambda result, face, au: result.timestamp, 3)
SUCCESS = Column("success", "integer", lambda result, face, au: int(face is not None))
CONFIDENCE = Column(
    "confidence",
    "number",
    lambda result, face, au: 0.0 if face is None else as_printed(face.confidence),
)


def face_number(name: str) -> Column:
    """The identity of a face, from 0; 0 where there is none."""
    return Column(name, "integer", lambda result, face, au: 0 if face is None else face.face_id)


def of_face(name: str, get: Callable[[FaceLike], float], *, decimals: int) -> Column:
    """A number that every face has."""
    return Column(
        name, "number", lambda result, face, au: None if face is None else get(face), decimals
    )


def of_pose(name: str, part: PosePart, *, index: int, decimals: int) -> Column:
    """A number of `HeadPose`, which every face has whose pose is known."""

    def value(result: FrameLike, face: FaceLike | None, au: str) -> float | None:
        return None if face is None or face.pose is None else getattr(face.pose, part)[index]

    return Column(name, "number", value, decimals)


def positions(names: tuple[str, str, str], decimals: int) -> Iterator[Column]:
    """Where the head is: x, y, z in millimetres."""
    for index, name in enumerate(names):
        yield of_pose(name, "translation", index=index, decimals=decimals)


def landmarks(decimals: int) -> Iterator[Column]:
    """x_0 to x_67, then y_0 to y_67, in pixels."""
    for axis, letter in enumerate("xy"):
        for index in range(COUNT):
            yield of_face(f"{letter}_{index}", partial(_coordinate, index, axis), decimals=decimals)


def _coordinate(index: int, axis: int, face: FaceLike) -> float:
    return float(face.landmarks[index, axis])


def of_au(
    name: str, reading: Reading, *, of: str | None = None, decimals: int = PRINTED_DECIMALS
) -> Column:
    """What was read of an AU: of one by name, or of that of the row."""
    get = _READINGS[reading]

    def value(result: FrameLike, face: FaceLike | None, au: str) -> Any:
        return None if face is None else get(face, of or au)

    return Column(name, "flag" if reading == "presence" else "number", value, decimals)


_READINGS: dict[Reading, Callable[[FaceLike, str], Any]] = {
    "intensity": lambda face, au: face.intensities[au],
    "presence": lambda face, au: is_present(face.intensities[au]),
    "raw": lambda face, au: (face.raw or face.intensities)[au],
    "sd": lambda face, au: (face.std or {}).get(au),
}
