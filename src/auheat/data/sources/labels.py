"""Label files with a row `frame,level` for each frame, one file for each AU."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auheat.data.sources.folders import spans
from auheat.data.sources.recording import NOT_CODABLE, NOT_CODED
from auheat.errors import AuheatError

UNKNOWN = 9.0  # the code for "not codable"


@dataclass(frozen=True, eq=False)
class Levels:
    """frames (N,), levels (N, A) with NaN where there is no row, and frames that are left out."""

    frames: NDArray[np.int64]
    levels: NDArray[np.float32]
    left_out: dict[int, str]


def read_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises AuheatError if it cannot be read."""
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


def read_column(path: Path, problems: list[str]) -> dict[int, float]:
    """Level by frame from rows `frame,level`; commas, semicolons or blanks between the two.

    The code 9 stays. A first line with letters is taken for a header. Rows that are not two
    numbers, levels that are neither 0 to 5 nor 9, and frames that come twice are noted in
    `problems`; of the latter the first row counts.
    """
    column: dict[int, float] = {}
    for number, line in numbered_lines(path, problems):
        if not line.strip() or (number == 1 and re.search("[A-Za-z]", line)):
            continue
        row = _row(line)
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
    problems: list[str],
    read: Callable[[Path, list[str]], dict[int, float]] = read_column,
) -> Levels:
    """All AUs' columns side by side, over every frame that any of them has.

    files: by AU, None where there is none. expected: what the file of an AU would be called. read:
    takes the column out of a file. The frames that a column lacks are listed in `problems`. A frame
    with the code 9 in any AU is left out as not codable, one without any level as not coded.
    """
    columns = {au: read(path, problems) if path else {} for au, path in files.items()}
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
            level = column.get(frame, np.nan)
            if level == UNKNOWN:
                left_out[frame] = NOT_CODABLE
            else:
                levels[row, a] = level
    for row in np.flatnonzero(np.isnan(levels).all(1)):
        left_out.setdefault(frames[row], NOT_CODED)
    return Levels(np.array(frames, np.int64), levels, left_out)


def _row(line: str) -> tuple[int, float] | None:
    fields = re.split(r"[,;\s]+", line.strip())
    try:
        frame, level = float(fields[0]), float(fields[1])
    except (ValueError, IndexError):
        return None
    if not frame.is_integer() or not (0 <= level <= 5 or level == UNKNOWN):
        return None
    return int(frame), level
