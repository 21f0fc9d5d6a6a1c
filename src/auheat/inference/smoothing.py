"""Smoothing of intensity curves that neither delays nor flattens what happens in them.

Every reading is replaced by the value at its own time of a parabola, fitted by least squares to it
and its neighbours: five frames before and five after, but no more than `MAX_HALF_WINDOW_S` away. On
evenly spaced frames this is the filter of Savitzky and Golay (1964); fitting over time stamps
carries it over to variable frame rates. The window lies evenly about each reading, so nothing is
delayed; a parabola follows rise, apex and fall, so a peak keeps its height, which a mean over the
same window would take off.

A face that is lost for longer than `MAX_GAP_S` ends a stretch, and nothing is smoothed across.
Times are seconds, ascending. Letters: N readings, A Action Units.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from auheat.arrays import Floats
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY

# Five frames on each side halve the noise; up to 0.2 s, an AU that rises in a quarter of a second
# keeps its peak and its time. Half a frame more is for uneven time stamps.
_HALF_WINDOW_FRAMES = 5.5
MAX_HALF_WINDOW_S = 0.2
MAX_GAP_S = 0.25
_DEGREE = 2
TIME_ROUNDING_S = 1e-6  # time stamps are rounded


def smooth(times: Floats, levels: Floats, gap: float = MAX_GAP_S) -> Floats:
    """One person's readings, smoothed and clipped to 0 to 5.

    Near the ends of a stretch the window is cut off on one side, and where it holds no more than
    three readings they stay as they are.

    Args:
        times: (N,).
        levels: (N, A).
        gap: seconds without a face that end a stretch.
    """
    smoothed = np.array(levels, np.float64)
    usual = usual_step(times) if len(times) > 1 else MAX_HALF_WINDOW_S
    reach = min(MAX_HALF_WINDOW_S, _HALF_WINDOW_FRAMES * usual)
    for stretch in stretches(times, gap):
        smoothed[stretch] = _fitted(times[stretch], smoothed[stretch], reach)
    return np.clip(smoothed, MIN_INTENSITY, MAX_INTENSITY)


def usual_step(times: Floats) -> float:
    """Seconds from one of N times to the next, by the median; 0 of fewer than two."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def stretches(times: Floats, gap: float = MAX_GAP_S) -> Iterator[slice]:
    """The runs of readings in which none follows the last by more than `gap` seconds.

    Where frames lie further apart than that, twice their usual distance counts as a gap.
    """
    if not len(times):
        return
    breaks = np.flatnonzero(np.diff(times) > max(gap, 2 * usual_step(times)) + TIME_ROUNDING_S) + 1
    edges = [0, *breaks.tolist(), len(times)]
    yield from (slice(a, b) for a, b in pairwise(edges))


def _fitted(times: Floats, levels: Floats, reach: float) -> Floats:
    first = np.searchsorted(times, times - reach - TIME_ROUNDING_S)
    last = np.searchsorted(times, times + reach + TIME_ROUNDING_S, side="right")
    fitted = levels.copy()
    for index, (start, end) in enumerate(zip(first, last, strict=True)):
        if end - start > _DEGREE + 1:
            away = (times[start:end] - times[index]) / reach
            powers = np.vander(away, _DEGREE + 1, increasing=True)
            fitted[index] = np.linalg.pinv(powers)[0] @ levels[start:end]
    return fitted
