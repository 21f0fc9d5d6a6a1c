"""A person over time: every Action Unit's intensity in every frame in which they are seen.

Kept as plain numbers, some 150 bytes for a face in a frame, so that an hour of video fits into
memory. Letters: N frames, A Action Units.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError
from auheat.tables.protocols import FrameLike
from auheat.tables.scale import aus_in

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PersonSeries:
    """One person through a video.

    Attributes:
        face_id: Who, as in the table.
        frames: (N,) numbers of frames, from 1, ascending.
        times: (N,) seconds.
        confidences: (N,) 0 to 1.
        intensities: (N, A) 0 to 5.
    """

    face_id: int
    frames: NDArray[np.int64]
    times: Floats
    confidences: Floats
    intensities: Floats


class SeriesRecorder:
    """Collects results frame by frame.

    Args:
        aus: The A names, in the order of `PersonSeries.intensities`.
    """

    def __init__(self, aus: Sequence[str]) -> None:
        self.aus = tuple(aus)
        self._numbers: dict[int, array[float]] = {}

    def add(self, result: FrameLike) -> None:
        """Adds the faces of one frame."""
        for face in result.faces:
            intensities = [face.intensities[au] for au in self.aus]
            self.add_row(
                face.face_id, [result.frame, result.timestamp, face.confidence, *intensities]
            )

    def add_row(self, face_id: int, numbers: Sequence[float]) -> None:
        """Adds a face's frame, timestamp, confidence and A intensities."""
        self._numbers.setdefault(face_id, array("d")).extend(numbers)

    def series(self) -> dict[int, PersonSeries]:
        """Every person so far, by face id."""
        found = {}
        for face_id, numbers in sorted(self._numbers.items()):
            table = np.array(numbers, np.float64).reshape(-1, 3 + len(self.aus))
            frames, times, confidences = table[:, 0].astype(np.int64), table[:, 1], table[:, 2]
            found[face_id] = PersonSeries(face_id, frames, times, confidences, table[:, 3:])
        return found


def people_in(table: pd.DataFrame, name: str = "the table") -> list[PersonSeries]:
    """Every person in a table of one video that `read_table` gave, by face id.

    Raises:
        AuheatError: if it is of images, of several videos, or says no times.
    """
    videos = table["input"].nunique()
    if (table["frame"] < 1).any():
        raise AuheatError(f"{name} is no table of a video: it has no column frame")
    if videos > 1:
        raise AuheatError(f"{name} is of {videos} videos: give the rows of one")
    found = table[table["success"] == 1]
    if found["timestamp"].isna().any():
        raise AuheatError(f"{name} says no times: it has no column timestamp, or one time for all")
    aus = list(aus_in(table))
    return [
        PersonSeries(
            int(face_id),
            rows["frame"].to_numpy(np.int64),
            rows["timestamp"].to_numpy(np.float64),
            rows["confidence"].to_numpy(np.float64),
            rows[aus].to_numpy(np.float64),
        )
        for face_id, rows in found.groupby("face_id")
    ]
