"""What was read of a video, of an image or of a folder of images, in memory.

It comes from results as they pass, or from a table. Letters: F frames or images, N faces of one
person, A Action Units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.facs import MAX_INTENSITY, PRESENCE_THRESHOLD
from auheat.inference.calibration import Baseline, calibrated
from auheat.inference.smoothing import usual_step
from auheat.tables.names import TableKind
from auheat.tables.series import PersonSeries


class Gap(NamedTuple):
    """A stretch of frames, or images, without any face.

    Attributes:
        first: Number of its first frame.
        last: Number of its last frame.
        start: Seconds.
        end: Seconds; when a face is back.
    """

    first: int
    last: int
    start: float
    end: float


class Faces(NamedTuple):
    """Every face that was read, in the order of a table's rows.

    Attributes:
        frames: (N,) number of the frame or image.
        ids: (N,) who it is, or in images which of the faces.
        intensities: (N, A).
    """

    frames: NDArray[np.int64]
    ids: NDArray[np.int64]
    intensities: Floats


@dataclass(frozen=True, eq=False)
class Readings:
    """What was read.

    Attributes:
        kind: A video, an image, or a folder of images.
        aus: The A names.
        frames: (F,) numbers of the frames or images, ascending.
        times: (F,) seconds at which they begin; 0 for images.
        series: One for each person, who was seen longest first; in images for each face number.
        names: What the F images of a folder are called; else empty.
        scale: The largest value there can be: 5 for intensities, 1 for probabilities.
        threshold: From which value on an AU counts as present.
    """

    kind: TableKind
    aus: tuple[str, ...]
    _: KW_ONLY
    frames: NDArray[np.int64]
    times: Floats
    series: tuple[PersonSeries, ...]
    names: tuple[str, ...] = ()
    scale: float = MAX_INTENSITY
    threshold: float = PRESENCE_THRESHOLD

    @cached_property
    def faces(self) -> Faces:
        """All faces, by frame, then by id."""
        if not self.series:
            none = np.zeros(0, np.int64)
            return Faces(none, none, np.zeros((0, len(self.aus))))
        frames = np.concatenate([person.frames for person in self.series])
        ids = np.repeat([p.face_id for p in self.series], [len(p.frames) for p in self.series])
        order = np.lexsort((ids, frames))
        intensities = np.concatenate([person.intensities for person in self.series])
        return Faces(frames[order], ids[order], intensities[order])

    @cached_property
    def with_face(self) -> NDArray[np.bool_]:
        """(F,) whether a frame shows a face."""
        return np.isin(self.frames, self.faces.frames)

    @cached_property
    def step(self) -> float:
        """Seconds from one frame to the next, by the median; 0 for images."""
        return usual_step(self.times)

    @property
    def duration(self) -> float:
        """Seconds, the last frame included."""
        return float(self.times[-1]) + self.step if len(self.times) else 0.0

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """The stretches without any face, in order."""
        return tuple(gaps_in(self.frames, self.times, with_face=self.with_face, end=self.duration))

    def index_of(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of the F frames they are, from 0."""
        return np.searchsorted(self.frames, frames).astype(np.int64)

    def rescaled(self, scale: float, threshold: float) -> Readings:
        """The same numbers with another meaning."""
        return replace(self, scale=scale, threshold=threshold)

    def calibrated(self, baseline: Baseline | None) -> Readings:
        """The same with a baseline taken off; who is not in it stays as read."""
        if baseline is None:
            return self
        return replace(self, series=tuple(_calibrated(p, self.aus, baseline) for p in self.series))


def gaps_in(
    frames: NDArray[np.int64], times: Floats, *, with_face: NDArray[np.bool_], end: float
) -> list[Gap]:
    """The stretches of frames without any face.

    Args:
        frames: (F,) their numbers.
        times: (F,) seconds at which they begin.
        with_face: (F,) whether they show one.
        end: Seconds at which the last one ends.
    """
    edges = np.flatnonzero(np.diff(np.r_[True, with_face, True].astype(np.int8)))
    starts = np.r_[times, end]
    return [
        Gap(int(frames[a]), int(frames[b - 1]), float(starts[a]), float(starts[b]))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def longest_first(series: Sequence[PersonSeries]) -> tuple[PersonSeries, ...]:
    """People by how long they are seen."""
    return tuple(sorted(series, key=lambda person: (-len(person.frames), person.face_id)))


def _calibrated(person: PersonSeries, aus: Sequence[str], baseline: Baseline) -> PersonSeries:
    known = baseline.of(person.face_id)
    if known is None:
        return person
    base = [known.intensities[au] for au in aus]
    return replace(person, intensities=calibrated(person.intensities, base))
