"""Label files with a row `frame,level` for each frame, one file for each AU.

Letters: N labelled frames, A Action Units.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auheat.data.recording import NOT_CODABLE, NOT_CODED, spans
from auheat.errors import AuheatError
from auheat.facs import MAX_INTENSITY
from auheat.files import atomic_write


@dataclass(frozen=True)
class IntensityScale:
    """What the coders of a dataset wrote for an intensity.

    Attributes:
        max: The code of the strongest expression, FACS level E; 0 is the code of its absence, and
            what lies between is in proportion.
        not_codable: The code for an AU that nobody could see; None where there is none.
    """

    max: float = MAX_INTENSITY
    not_codable: float | None = 9.0

    def holds(self, code: float) -> bool:
        """Whether this is a code of the scale."""
        return 0 <= code <= self.max or code == self.not_codable

    def level(self, code: float) -> float:
        """The intensity, 0 to 5, that a code stands for; NaN for what was not codable."""
        return float("nan") if code == self.not_codable else code * (MAX_INTENSITY / self.max)


FACS_SCALE = IntensityScale()
Read = Callable[[Path, IntensityScale, list[str]], dict[int, float]]


@dataclass(frozen=True, eq=False)
class Levels:
    """The labels of one recording.

    Attributes:
        frames: (N,), rising.
        levels: (N, A) from 0 to 5, NaN where there is no row.
        left_out: Frames that cannot be used, with the reason.
    """

    frames: NDArray[np.int64]
    levels: NDArray[np.float32]
    left_out: dict[int, str]


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes a text file of one line each, an empty one for none; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file.

    Raises:
        AuheatError: It cannot be read.
    """
    try:
        return path.read_text("utf-8", errors="replace").lstrip("\ufeff").splitlines()
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None


def numbered_lines(path: Path, problems: list[str]) -> list[tuple[int, str]]:
    """The lines of a text file, from 1; none of a file that cannot be read, which is noted."""
    try:
        return list(enumerate(read_lines(path), 1))
    except AuheatError as error:
        problems.append(str(error))
        return []


def read_column(path: Path, scale: IntensityScale, problems: list[str]) -> dict[int, float]:
    """Code by frame from rows `frame,code`; commas, semicolons or blanks between the two.

    A first line with letters is taken for a header. Of frames that come twice the first row counts.

    Args:
        path: The label file.
        scale: Which codes there are.
        problems: Gains a line for each row that is not two numbers, whose code is not of the
            scale, or whose frame came before.
    """
    column: dict[int, float] = {}
    for number, line in numbered_lines(path, problems):
        if not line.strip() or (number == 1 and re.search("[A-Za-z]", line)):
            continue
        row = _row(line, scale)
        if row is None:
            problems.append(f"{path}: line {number} is not a frame and a level: {line.strip()!r}")
        elif row[0] in column:
            problems.append(f"{path}: line {number} has frame {row[0]} again")
        else:
            column[row[0]] = row[1]
    return column


def read_levels(
    files: Mapping[str, Path | None],
    expected: Callable[[str], object],
    scale: IntensityScale,
    problems: list[str],
    read: Read = read_column,
) -> Levels:
    """All AUs' columns side by side, over every frame that any of them has.

    A frame whose code in any AU is "not codable" is left out as such, one without any level as not
    coded.

    Args:
        files: By AU, None where there is none.
        expected: What the file of an AU would be called.
        scale: What the codes stand for.
        problems: Gains a line for each column that lacks frames.
        read: Takes the column out of a file.
    """
    columns = {au: read(path, scale, problems) if path else {} for au, path in files.items()}
    names = {au: str(path or expected(au)) for au, path in files.items()}
    frames = sorted(set().union(*columns.values()))
    levels = np.full((len(frames), len(columns)), np.nan, np.float32)
    left_out: dict[int, str] = {}
    for a, (au, column) in enumerate(columns.items()):
        missing = [frame for frame in frames if frame not in column]
        if missing:
            problems.append(
                f"{names[au]} lacks {len(missing)} of {len(frames)} frames: {spans(missing)}"
            )
        for row, frame in enumerate(frames):
            if frame in column:
                levels[row, a] = scale.level(column[frame])
                if column[frame] == scale.not_codable:
                    left_out[frame] = NOT_CODABLE
    for row in np.flatnonzero(np.isnan(levels).all(1)):
        left_out.setdefault(frames[row], NOT_CODED)
    return Levels(np.array(frames, np.int64), levels, left_out)


def _row(line: str, scale: IntensityScale) -> tuple[int, float] | None:
    fields = re.split(r"[,;\s]+", line.strip())
    try:
        frame, code = float(fields[0]), float(fields[1])
    except (ValueError, IndexError):
        return None
    return (int(frame), code) if frame.is_integer() and scale.holds(code) else None
