"""Label files with a row `frame,level` for each frame, one file for each AU.

Letters: N labelled frames, A Action Units.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auheat.data.checks import spans
from auheat.data.recording import NOT_CODABLE, NOT_CODED
from auheat.errors import AuheatError
from auheat.facs import MAX_INTENSITY
from auheat.files import atomic_write, check_file


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

    def hide(self, codes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which codes say that nobody could see the AU."""
        none = np.zeros(codes.shape, np.bool_)
        return none if self.not_codable is None else codes == self.not_codable

    def hold(self, codes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which are codes of the scale."""
        return ((codes >= 0) & (codes <= self.max)) | self.hide(codes)

    def holds(self, code: float) -> bool:
        """Whether this is a code of the scale."""
        return bool(self.hold(np.array(code, np.float64)))

    def levels(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The intensities, 0 to 5, that codes stand for; NaN for what was not codable."""
        return np.where(self.hide(codes), np.nan, codes * (MAX_INTENSITY / self.max))


FACS_SCALE = IntensityScale()


@dataclass(frozen=True, eq=False)
class Column:
    """The codes of one AU.

    Attributes:
        frames: (n,) int, each once, rising.
        codes: (n,) of an `IntensityScale`, "not codable" among them.
    """

    frames: NDArray[np.int64]
    codes: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Mapping[int, float]) -> Column:
        """From codes by frame."""
        frames = sorted(rows)
        return cls(np.array(frames, np.int64), np.array([rows[f] for f in frames], np.float64))


EMPTY = Column.of({})
Read = Callable[[Path, IntensityScale, list[str]], Column]


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


def read_text(path: Path) -> str:
    """A text file in UTF-8, or in UTF-16 if it begins with the mark of that.

    Raises:
        AuheatError: It cannot be read.
    """
    check_file(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8", errors="replace").lstrip("\ufeff")


def numbers_in(line: str) -> list[float]:
    """The numbers in a row of a label file.

    Blanks, semicolons or commas lie between them. Where blanks or semicolons do, a comma within a
    number is its decimal comma.

    Raises:
        ValueError: There is something else.
    """
    fields = re.split(r"\s*;\s*|,?\s+", line.strip().rstrip(",;"))
    if len(fields) == 1:
        return [float(field) for field in fields[0].split(",")]
    return [float(field.replace(",", ".")) for field in fields]


def numbered_lines(path: Path, problems: list[str]) -> list[tuple[int, str]]:
    """The lines of a text file, from 1; none of a file that cannot be read, which is noted."""
    try:
        return list(enumerate(read_text(path).splitlines(), 1))
    except AuheatError as error:
        problems.append(str(error))
        return []


def read_column(path: Path, scale: IntensityScale, problems: list[str]) -> Column:
    """The codes in rows of a frame and a code, see `numbers_in`.

    A first line with letters is taken for a header. Of frames that come twice the first row counts.

    Args:
        path: The label file.
        scale: Which codes there are.
        problems: Gains a line for each row that is not two numbers, whose code is not of the
            scale, or whose frame came before.
    """
    try:
        text = read_text(path)
    except AuheatError as error:
        problems.append(str(error))
        return EMPTY
    plain = _plain_column(text, scale)
    if plain is not None:
        return plain
    column: dict[int, float] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or (number == 1 and re.search("[A-Za-z]", line)):
            continue
        row = _row(line, scale)
        if row is None:
            problems.append(f"{path}: line {number} is not a frame and a level: {line.strip()!r}")
        elif row[0] in column:
            problems.append(f"{path}: line {number} has frame {row[0]} again")
        else:
            column[row[0]] = row[1]
    return Column.of(column)


_MAX_FRAME = 2**31  # what a manifest holds
_PLAIN = re.compile(r"(?:\d{1,9},-?\d{1,3}(?:\.\d{1,9})?\r?\n)+", re.ASCII)


def _plain_column(text: str, scale: IntensityScale) -> Column | None:
    """Rows `frame,code` in rising order without any fault, read at once; None for others."""
    if not _PLAIN.fullmatch(text if text.endswith("\n") else text + "\n"):
        return None
    rows = np.fromstring(text.strip().replace("\n", ","), np.float64, sep=",").reshape(-1, 2)
    frames, codes = rows[:, 0].astype(np.int64), rows[:, 1]
    if not scale.hold(codes).all() or (np.diff(frames) <= 0).any():
        return None
    return Column(frames, codes)


def read_levels(
    files: Mapping[str, Path | None],
    expected: Callable[[str], object],
    *,
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
    columns = {au: read(path, scale, problems) if path else EMPTY for au, path in files.items()}
    frames = np.unique(np.concatenate([EMPTY.frames, *(c.frames for c in columns.values())]))
    levels = np.full((len(frames), len(columns)), np.nan, np.float32)
    hidden = np.zeros(len(frames), np.bool_)
    for a, (au, column) in enumerate(columns.items()):
        rows = np.searchsorted(frames, column.frames)
        levels[rows, a] = scale.levels(column.codes)
        hidden[rows] |= scale.hide(column.codes)
        if len(rows) < len(frames):
            missing = np.delete(frames, rows).tolist()
            problems.append(
                f"{files[au] or expected(au)} lacks {len(missing)} of {len(frames)} frames: "
                f"{spans(missing)}"
            )
    left_out = dict.fromkeys(frames[hidden].tolist(), NOT_CODABLE)
    for frame in frames[np.isnan(levels).all(1)].tolist():
        left_out.setdefault(frame, NOT_CODED)
    return Levels(frames, levels, left_out)


def _row(line: str, scale: IntensityScale) -> tuple[int, float] | None:
    try:
        frame, code = numbers_in(line)
    except ValueError:
        return None
    right = frame.is_integer() and abs(frame) < _MAX_FRAME and scale.holds(code)
    return (int(frame), code) if right else None
