"""The readings of a video as curves: for each person, every AU over time.

They are kept as plain numbers, some 150 bytes for a face in a frame, so that an hour of video fits
into memory. Letters: N readings, A Action Units.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.inference.events import COLUMNS, DEFAULTS, Event, Thresholds, find_events
from auheat.results import FrameResult
from auheat.tables.reading import FEX, as_openface, read_any

Floats = NDArray[np.float64]
_NEEDED = ("frame", "timestamp", "success")


@dataclass(frozen=True)
class Curves:
    """One person's readings.

    frames: (N,) from 1; times: (N,) seconds; confidences: (N,); levels: (N, A) intensities.
    """

    frames: NDArray[np.int64]
    times: Floats
    confidences: Floats
    levels: Floats


class Recorder:
    """Collects readings frame by frame. aus: the A names, in the order of the curves."""

    def __init__(self, aus: Sequence[str]) -> None:
        self.aus = tuple(aus)
        self._numbers: dict[int, array[float]] = {}

    def add(self, result: FrameResult) -> None:
        """Adds the faces of one frame."""
        for face in result:
            levels = [face.intensities[au] for au in self.aus]
            self.add_reading(
                face.face_id, [result.frame, result.timestamp, face.confidence, *levels]
            )

    def add_reading(self, face_id: int, numbers: Sequence[float]) -> None:
        """Adds a face's frame, timestamp, confidence and A levels."""
        self._numbers.setdefault(face_id, array("d")).extend(numbers)

    def curves(self) -> dict[int, Curves]:
        """Every person's readings so far, by face id."""
        tables = {
            face_id: np.array(numbers, np.float64).reshape(-1, 3 + len(self.aus))
            for face_id, numbers in sorted(self._numbers.items())
        }
        return {
            face_id: Curves(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3:])
            for face_id, table in tables.items()
        }

    def events(self, thresholds: Thresholds = DEFAULTS) -> list[Event]:
        """The events of all people and AUs: by person, then AU, then time."""
        return [
            event
            for face_id, person in self.curves().items()
            for a, au in enumerate(self.aus)
            for event in find_events(
                face_id, au, person.frames, person.times, person.levels[:, a], thresholds
            )
        ]


def read_table(path: Path) -> Recorder:
    """The readings in a table of a video that `auheat predict` or OpenFace wrote.

    Raises AuheatError if the file cannot be read or is no such table.
    """
    if path.suffix.lower() == ".parquet":
        return _read_converted(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            names = [name.strip() for name in next(rows, [])]
            if set(names) >= FEX:
                return _read_converted(path)
            return _read_rows(path, names, [row for row in rows if row])
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuheatError(f"{path} is not a readable CSV table ({error})") from None


def _read_converted(path: Path) -> Recorder:
    """A tidy or Fex table of ours."""
    try:
        table = as_openface(read_any(path))
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except (OSError, ValueError, AttributeError, pa.ArrowException):
        raise AuheatError(f"{path} is not a readable table") from None
    rows = table.astype(str).to_numpy().tolist()
    return _read_rows(path, [str(name) for name in table], rows)


def _read_rows(path: Path, names: list[str], rows: list[list[str]]) -> Recorder:
    recorder = Recorder([n[:-2] for n in names if n.startswith("AU") and n.endswith("_r")])
    missing = [name for name in _NEEDED if name not in names]
    if missing or not recorder.aus:
        lacks = ", ".join(missing or ["AUxx_r"])
        raise AuheatError(
            f"{path} is no table of a video: it has no column {lacks}; give one of `auheat predict`"
        )
    wanted = ["frame", "timestamp", "confidence", *(f"{au}_r" for au in recorder.aus)]
    places = [names.index(name) if name in names else -1 for name in wanted]
    who, success = (names.index(n) if n in names else -1 for n in ("face_id", "success"))
    for line, row in enumerate(rows, 2):
        try:
            if float(row[success]):
                numbers = [float(row[place]) if place >= 0 else 1.0 for place in places]
                recorder.add_reading(int(row[who]) if who >= 0 else 0, numbers)
        except (ValueError, IndexError):
            raise AuheatError(f"line {line} of {path} is damaged: {','.join(row)[:60]}") from None
    return recorder


def write_events(path: Path, events: Sequence[Event]) -> None:
    """Writes events as a CSV table, seconds with 3 and intensities with 2 decimals."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            [_printed(name, getattr(event, name)) for name in COLUMNS] for event in events
        )


def _printed(column: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{2 if column in ('peak', 'mean') else 3}f}"
    return str(value)
