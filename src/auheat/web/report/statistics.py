"""Numbers of a report: summaries, peaks, and which Action Units go together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.facs import PRESENCE_THRESHOLD, is_present
from auheat.web.report.readings import Readings

# Faces from which on a correlation says anything.
MIN_ROWS = 3


class Summary(NamedTuple):
    """One AU over several faces.

    Attributes:
        au: Its name.
        mean: Mean intensity.
        max: Largest intensity.
        row: Which of the faces that is.
        present: Fraction of the faces that show it, 0 to 1.
    """

    au: str
    mean: float
    max: float
    row: int
    present: float


class Peak(NamedTuple):
    """Where an AU is strongest.

    Attributes:
        au: Its name.
        frame: Number of the frame or image.
        face_id: Whose it is.
        intensity: How strong.
    """

    au: str
    frame: int
    face_id: int
    intensity: float


def present(intensities: Floats, threshold: float = PRESENCE_THRESHOLD) -> NDArray[np.bool_]:
    """Which values, of any shape, count as present: see `auheat.facs.is_present`."""
    if not intensities.size:
        return np.zeros(intensities.shape, np.bool_)
    relative = intensities * (PRESENCE_THRESHOLD / threshold)
    return np.asarray(np.vectorize(is_present, otypes=[np.bool_])(relative))


def summaries(
    intensities: Floats, aus: tuple[str, ...], threshold: float = PRESENCE_THRESHOLD
) -> list[Summary]:
    """One row per AU. intensities: (N, A) of one or more faces."""
    highest = intensities.argmax(0)
    fractions = present(intensities, threshold).mean(0)
    return [
        Summary(au, float(column.mean()), float(column[row]), int(row), float(fraction))
        for au, column, row, fraction in zip(aus, intensities.T, highest, fractions, strict=True)
    ]


def peaks(readings: Readings) -> list[Peak]:
    """For each AU that is present somewhere, where it is strongest; AUs in their usual order.

    If none is present, that of the strongest AU alone.
    """
    faces = readings.faces
    if not len(faces.frames):
        return []
    rows = faces.intensities.argmax(0)
    found = [
        Peak(au, int(faces.frames[row]), int(faces.ids[row]), float(faces.intensities[row, column]))
        for column, (au, row) in enumerate(zip(readings.aus, rows, strict=True))
    ]
    used = set(ever_present(readings))
    shown = [peak for column, peak in enumerate(found) if column in used]
    return shown or sorted(found, key=lambda peak: -peak.intensity)[:1]


def ever_present(readings: Readings) -> list[int]:
    """Columns of the AUs that are present in at least one face."""
    shown = present(readings.faces.intensities, readings.threshold)
    return [int(column) for column in np.flatnonzero(shown.any(0))]


def correlation(readings: Readings) -> Floats | None:
    """Pearson's r between the AUs' intensities, (A, A), or None with too few faces.

    Each person's own means are taken off first, so that two people who differ do not make two AUs
    look related; faces in images are taken together. NaN where an AU does not vary.
    """
    parts = [readings.faces.intensities]
    if readings.kind == "video":
        parts = [person.intensities for person in readings.series]
    usable = [part for part in parts if len(part) >= MIN_ROWS]
    if not usable:
        return None
    centred = np.concatenate([part - part.mean(0) for part in usable])
    products = centred.T @ centred
    lengths = np.sqrt(np.diag(products))
    # Rounding leaves a trace of variation in what is constant.
    lengths[lengths < 1e-9 * len(centred)] = np.nan
    return np.asarray(np.clip(products / np.outer(lengths, lengths), -1.0, 1.0), np.float64)


def joint_presence(readings: Readings) -> Floats | None:
    """Fraction of all faces (0 to 1) that show both AUs, (A, A), or None with too few faces."""
    intensities = readings.faces.intensities
    if len(intensities) < MIN_ROWS:
        return None
    shown = present(intensities, readings.threshold).astype(np.float64)
    return np.asarray(shown.T @ shown / len(shown), np.float64)
