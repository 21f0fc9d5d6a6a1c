"""What the tables of each program look like, and what has to be done to read them as ours.

auheat     AU12_r from 0 to 5, `frame` from 1, or `input`, or neither for a single image; its tidy
           and Fex tables; the Parquet file of `auheat evaluate` (AU12 beside AU12_label); what
           `read_table` gives
openface   OpenFace 2.2: AU12_r from 0 to 5, `frame` from 1 or none for an image, blanks in names
py-feat    Fex: AU12 from 0 to 1, `frame` from 0, `input`, FaceScore
libreface  au_12_intensity from 0 to 5, `frame_idx` from 0, or `input_image_path`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auheat.facs import au_name
from auheat.tables.names import BLINK, CLOSURE, TableProgram

_BARE = re.compile(r"AU(\d+)")
_R = re.compile(r"AU(\d+)_r")

TIDY = frozenset({"input", "frame", "timestamp", "face_id", "success", "au", "intensity"})
# Ours among the Fex tables: py-feat has no column `confidence`.
OUR_FEX = frozenset({"frame", "FaceRectX", "FaceScore", "input", "Identity", "confidence"})
# What `read_table` gives, whatever it has read.
SCHEMA = ("input", "frame", "timestamp", "face_id", "success", "confidence")
LABEL = "_label"
# In the `attrs` of what `read_table` gives: who wrote it, and lines that the user should know.
PROGRAM, NOTES = "auheat_program", "auheat_notes"


@dataclass(frozen=True)
class Program:
    """How one program names its columns.

    Attributes:
        name: The program.
        intensity: What names an AU's intensity; its group is the AU's number.
        looked_for: The same for a message.
        frame: Names of the column of frames, each with what makes its first frame 1.
        timestamp: Names of the column of times, each with how many of its units are a second.
        largest: The highest intensity of its scale.
    """

    name: TableProgram
    intensity: re.Pattern[str]
    looked_for: str
    frame: Mapping[str, int]
    timestamp: Mapping[str, float] = field(default_factory=dict)
    largest: float = 5.0


PROGRAMS: Mapping[TableProgram, Program] = {
    program.name: program
    for program in (
        Program(
            "auheat", _R, "AU12_r, or AU12 beside AU12_label", {"frame": 0}, {"timestamp": 1.0}
        ),
        Program(
            "openface", _R, "AU12_r beside AU45_r or gaze_0_x", {"frame": 0}, {"timestamp": 1.0}
        ),
        Program("py-feat", _BARE, "AU12 beside FaceScore or input", {"frame": 1}, largest=1.0),
        Program(
            "libreface",
            re.compile(r"au_?(\d+)_intensity", re.IGNORECASE),
            "au_12_intensity",
            {"frame_idx": 1},
            {"frame_time_in_ms": 1000.0},
        ),
    )
}

INPUTS = ("image", "input", "input_image_path")
FACES = ("face_id", "face", "Identity")
CONFIDENCES = ("confidence", "FaceScore", "face_detection_score")
# Ours have AU45_r only beside AU43_r, and AU28_c only beside AU28_r.
_ONLY_OPENFACE = re.compile(
    r"AU45_r|AU28_c|(gaze|eye_lmk)_\w+|[XYZ]_\d+|p_(scale|r[xyz]|t[xy]|\d+)"
)
_NEVER_OPENFACE = re.compile(r"AU(18|24|28|43)_r|AU\d+_(raw|sd)")
_ONLY_PY_FEAT = frozenset({"FaceScore", "FaceRectX", "input"})


def program_of(columns: Iterable[str]) -> TableProgram | None:
    """Which program wrote a table with these columns; None if it is none of them."""
    names = set(columns)
    if any(PROGRAMS["libreface"].intensity.fullmatch(name) for name in names):
        return "libreface"
    if any(_R.fullmatch(name) for name in names):
        theirs, ours = (
            any(mark.fullmatch(name) for name in names)
            for mark in (_ONLY_OPENFACE, _NEVER_OPENFACE)
        )
        return "openface" if theirs and not ours else "auheat"
    bare = any(_BARE.fullmatch(name) for name in names)
    if bare and (names >= set(SCHEMA) or any(name + LABEL in names for name in names)):
        return "auheat"
    return "py-feat" if bare and names & _ONLY_PY_FEAT else None


def intensities_in(columns: Iterable[str], program: TableProgram) -> dict[str, str]:
    """The AU of every column of intensities, by the column's name, in the table's order.

    Where AU43 is, a column of AU45 repeats it for scripts written for OpenFace, and is no AU.
    """
    names = [str(name) for name in columns]
    pattern = PROGRAMS[program].intensity
    if program == "auheat" and not any(pattern.fullmatch(name) for name in names):
        pattern = _BARE
    found = {name: au_name(int(match[1])) for name in names if (match := pattern.fullmatch(name))}
    if program == "auheat" and CLOSURE in found.values():
        return {name: au for name, au in found.items() if au != BLINK}
    return found
