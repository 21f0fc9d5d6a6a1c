"""Expressions over time: onset, apex and offset of AUs, blinks, and a head that is never still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auheat.facs import ALL_AUS
from auheat.synthesis.anatomy import intensity_of
from auheat.synthesis.expression import Expression, gaze
from auheat.synthesis.scene import Pose


@dataclass(frozen=True)
class Event:
    """One AU's rise and fall: times in seconds, peak as an intensity of 0 to 5."""

    au: str
    onset: float
    apex: float
    release: float
    offset: float
    peak: float

    def at(self, time: float) -> float:
        """The intensity at a time: smooth (minimum jerk) between rest and peak."""
        if time <= self.onset or time >= self.offset:
            return 0.0
        if time < self.apex:
            return self.peak * _ease((time - self.onset) / (self.apex - self.onset))
        if time <= self.release:
            return self.peak
        return self.peak * _ease((self.offset - time) / (self.offset - self.release))


def _ease(x: float) -> float:
    return x * x * x * (x * (6 * x - 15) + 10)


@dataclass(frozen=True)
class Performance:
    """What a face does in a clip.

    Attributes:
        events: AU curves.
        blinks: times at which lids close; AU43 says how far.
        sway: (3, 3) amplitude in degrees, frequency in Hz and phase of yaw, pitch and roll.
        look: (2,) phases of the gaze.
        shut: spans (from, to) in which the eyes stay shut.
    """

    events: tuple[Event, ...]
    blinks: tuple[float, ...]
    sway: tuple[tuple[float, float, float], ...]
    look: tuple[float, float]
    shut: tuple[tuple[float, float], ...] = ()

    def expression(self, time: float) -> Expression:
        """The expression at a time in seconds."""
        levels = dict.fromkeys(ALL_AUS, 0.0)
        for event in self.events:
            levels[event.au] = max(levels[event.au], event.at(time))
        beside = gaze(
            0.12 * float(np.sin(0.9 * time + self.look[0])),
            0.08 * float(np.sin(0.7 * time + self.look[1])),
        )
        levels["AU43"] = max(levels["AU43"], intensity_of(self.closed(time)))
        return Expression(levels, beside=beside)

    def closed(self, time: float) -> float:
        """How far the lids are closed at a time, 0 to 1."""
        lids = [_lid(time - blink) for blink in self.blinks]
        lids += [_ease(np.clip((time - a) / 0.15, 0, 1)) * _ease(np.clip((b - time) / 0.2, 0, 1))
                 for a, b in self.shut]  # fmt: skip
        return float(max(lids, default=0.0))

    def pose(self, time: float) -> Pose:
        """The head's turn at a time."""
        yaw, pitch, roll = (
            amplitude * float(np.sin(2 * np.pi * frequency * time + phase))
            for amplitude, frequency, phase in self.sway
        )
        return Pose(yaw, pitch, roll)


_BLINK_S = 0.25


def _lid(since: float) -> float:
    """How far a blink has closed the lids: down in 80 ms, up in 150 ms."""
    if not 0 < since < _BLINK_S:
        return 0.0
    return _ease(since / 0.08) if since < 0.08 else _ease(min(1.0, (_BLINK_S - since) / 0.15))


_SCRIPTS = (
    {"AU06": 3.5, "AU12": 4.5, "AU25": 3.5},
    {"AU01": 4.0, "AU02": 4.0, "AU05": 3.5, "AU25": 3.5, "AU26": 3.0},
    {"AU04": 4.5, "AU17": 2.5},
    {"AU04": 2.5, "AU09": 4.0, "AU10": 3.0, "AU25": 2.0},
    {"AU01": 3.5, "AU04": 2.0, "AU15": 4.0, "AU17": 3.5},
    {"AU14": 4.0},
    {"AU20": 4.0, "AU25": 3.0, "AU01": 3.0, "AU02": 2.0},
    {"AU06": 2.0, "AU12": 3.0},
    {"AU04": 3.0, "AU07": 4.0, "AU23": 3.5},
    {"AU17": 2.0, "AU24": 4.0},
    {"AU18": 4.0},
    {"AU28": 4.0},
)


def sample_performance(rng: np.random.Generator, seconds: float) -> Performance:
    """A clip that starts and ends at rest, with a few expressions in between."""
    events, start = [], float(rng.uniform(0.5, 0.9))
    order = iter(rng.permutation(len(_SCRIPTS)))
    while start + 1.6 < seconds:
        script = _SCRIPTS[next(order, 0)]
        end = min(start + float(rng.uniform(1.6, 2.6)), seconds - 0.1)
        for au, peak in script.items():
            rise, fall = rng.uniform(0.25, 0.5, 2)
            begin = start + float(rng.uniform(0, 0.12))
            events.append(
                Event(au, begin, begin + rise, max(end - fall, begin + rise), end,
                      float(np.clip(peak * rng.uniform(0.8, 1.1), 0, 5)))
            )  # fmt: skip
        start = end + float(rng.uniform(0.2, 0.6))
    blinks = np.cumsum(rng.uniform(1.5, 4.0, int(seconds)))
    sway = tuple(
        (float(rng.uniform(2, limit)), float(rng.uniform(0.08, 0.25)), float(rng.uniform(0, 6.28)))
        for limit in (9, 5, 3)
    )
    phases = rng.uniform(0, 6.28, 2)
    kept = tuple(float(b) for b in blinks if b < seconds - _BLINK_S)
    return Performance(tuple(events), kept, sway, (float(phases[0]), float(phases[1])))
