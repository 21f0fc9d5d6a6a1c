"""Numbers behind the report: summaries, co-occurrence, peaks, and curves thinned for drawing."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.facs import PRESENCE_THRESHOLD
from auheat.tables.series import PersonSeries
from auheat.web.report.table import ResultTable

Array = NDArray[np.float64]

# Faces from which on a correlation says anything.
MIN_ROWS = 3


class Summary(NamedTuple):
    """One AU of one person: mean and largest intensity, where that is, and share present (0-1).

    row: which of the person's rows is the largest.
    """

    au: str
    mean: float
    highest: float
    place: int
    time: float
    share: float
    row: int


class Peak(NamedTuple):
    """The frame or picture in which an AU is strongest, and all levels of that face (A,)."""

    au: str
    place: int
    time: float
    person: int
    level: float
    levels: Array


def summaries(series: PersonSeries, aus: tuple[str, ...]) -> list[Summary]:
    """One row per AU over the frames that show the person."""
    rows = []
    for column, au in enumerate(aus):
        levels = series.intensities[:, column]
        top = int(np.argmax(levels))
        share = float(np.mean(np.round(levels, 2) >= PRESENCE_THRESHOLD))
        place, time = int(series.frames[top]), float(series.times[top])
        rows.append(Summary(au, float(levels.mean()), float(levels[top]), place, time, share, top))
    return rows


def peaks(table: ResultTable) -> list[Peak]:
    """For each AU that is present somewhere, where it is strongest; AUs in their usual order.

    If none is present, that of the strongest AU alone.
    """
    found = [_peak(table, column, au) for column, au in enumerate(table.aus) if table.series]
    present = [peak for peak in found if round(peak.level, 2) >= PRESENCE_THRESHOLD]
    return present or sorted(found, key=lambda peak: -peak.level)[:1]


def _peak(table: ResultTable, column: int, au: str) -> Peak:
    best = max(table.series, key=lambda series: float(series.intensities[:, column].max()))
    row = int(np.argmax(best.intensities[:, column]))
    person = best.face_id
    if table.kind == "folder":
        shown = table.rows[table.rows["success"] == 1]
        person = int(shown["face"].iloc[row])
    levels = best.intensities[row]
    return Peak(au, int(best.frames[row]), float(best.times[row]), person, levels[column], levels)


def ever_present(table: ResultTable) -> list[int]:
    """Columns of the AUs that are present in at least one face."""
    if not table.series:
        return []
    highest = np.max([series.intensities.max(0) for series in table.series], axis=0)
    return [int(i) for i in np.flatnonzero(np.round(highest, 2) >= PRESENCE_THRESHOLD)]


def correlation(table: ResultTable) -> Array | None:
    """Pearson's r between the AUs' intensities, (A, A), or None with too few rows.

    Each person's own means are taken off first, so that two people who differ do not make two AUs
    look related. NaN where an AU does not vary.
    """
    usable = [series for series in table.series if len(series.frames) >= MIN_ROWS]
    if not usable:
        return None
    centred = np.concatenate([part.intensities - part.intensities.mean(0) for part in usable])
    products = centred.T @ centred
    lengths = np.sqrt(np.diag(products))
    # Rounding leaves a trace of variation in what is constant.
    lengths[lengths < 1e-9 * len(centred)] = np.nan
    return np.asarray(np.clip(products / np.outer(lengths, lengths), -1.0, 1.0), np.float64)


def joint_presence(table: ResultTable) -> Array | None:
    """Share of all faces (0 to 1) in which both AUs are present, (A, A), or None with too few."""
    if sum(len(series.frames) for series in table.series) < MIN_ROWS:
        return None
    levels = np.concatenate([series.intensities for series in table.series])
    present = (np.round(levels, 2) >= PRESENCE_THRESHOLD).astype(np.float64)
    return np.asarray(present.T @ present / len(present), np.float64)


def pieces(series: PersonSeries) -> list[slice]:
    """The runs of consecutive frames that show the person."""
    breaks = np.flatnonzero(np.diff(series.frames) > 1) + 1
    edges = [0, *breaks.tolist(), len(series.frames)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def thinned(times: Array, levels: Array, most: int) -> tuple[Array, Array]:
    """At most about `most` points of a curve that keep every bin's lowest and highest value."""
    if len(times) <= most:
        return times, levels
    bins = np.array_split(np.arange(len(times)), most // 2)
    keep = [
        index
        for part in bins
        for index in sorted({part[np.argmin(levels[part])], part[np.argmax(levels[part])]})
    ]
    return times[keep], levels[keep]


def binned(table: ResultTable, series: PersonSeries, columns: int) -> Array:
    """Levels in equal stretches of time, (A, columns); NaN where the person is not seen.

    A column is the mean of the frames that begin in it, or else the frame that is still shown.
    """
    places = np.unique(table.rows["place"].to_numpy(np.int64))
    levels = np.full((len(places), len(table.aus)), np.nan)
    levels[np.searchsorted(places, series.frames)] = series.intensities
    edges = np.linspace(table.frame_times[0], table.duration, columns + 1)
    first = np.searchsorted(table.frame_times, edges[:-1] + 1e-9, "right") - 1
    begun = np.searchsorted(table.frame_times, edges - 1e-9)
    strip = np.empty((len(table.aus), columns))
    for column in range(columns):
        a, b = begun[column], begun[column + 1]
        part = levels[a:b] if b > a else levels[first[column] : first[column] + 1]
        seen = part[~np.isnan(part[:, 0])]
        strip[:, column] = seen.mean(0) if len(seen) else np.nan
    return strip
