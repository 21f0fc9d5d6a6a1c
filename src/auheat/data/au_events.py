"""What the people of a look-alike do: a spontaneous session, or one posed trial.

A session is made of scripts: AUs that come and go together. Every script starts at random times of
its own, so scripts overlap now and then and a session has no beginning. How much of the time a
script takes is set, in each dataset's `EventPrior`, so that the fraction of frames with level 1 or
more resembles the dataset's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat.data.corpora import EventPrior
from auheat.facs import MAX_INTENSITY, au_name
from auheat.synthesis.motion import Event, Performance

_VISIBLE_S = 1.3  # that an AU of an event is at level 1 or more, about
_MAX_EVENT_S = 4.0

# AUs whose effects hide each other, and the intensity that the later one keeps to.
_RIVALS = (
    ({"AU12", "AU15", "AU20"}, 1.0),
    ({"AU12", "AU14", "AU15", "AU20"}, 2.5),
    ({"AU17", "AU25"}, 1.5),
    ({"AU14", "AU25"}, 1.5),
)


@dataclass(frozen=True)
class SubjectStyle:
    """How a person differs from others.

    Attributes:
        rates: (s,) of the scripts, as factors around 1.
        strength: Of expressions, as a factor around 1.
    """

    rates: NDArray[np.float64]
    strength: float


def sample_style(rng: np.random.Generator, prior: EventPrior) -> SubjectStyle:
    """Some people are livelier than others, and everybody prefers some expressions."""
    spread = np.append(rng.normal(0, 0.35, len(prior.scripts)), rng.normal(0, 0.25))
    rates = np.exp(spread[:-1] - 0.35**2 / 2) * np.exp(spread[-1] - 0.25**2 / 2)
    return SubjectStyle(rates, float(np.exp(rng.normal(0, 0.15))))


def sample_session(
    rng: np.random.Generator, seconds: float, *, prior: EventPrior, style: SubjectStyle
) -> Performance:
    """What a person does in so many seconds, from the midst of it to the midst of it."""
    starts = []
    for script, ((_, fraction), rate) in enumerate(zip(prior.scripts, style.rates, strict=True)):
        often = -np.log1p(-fraction) / _VISIBLE_S * rate
        count = rng.poisson(often * (seconds + _MAX_EVENT_S))
        starts += [(float(t), script) for t in rng.uniform(-_MAX_EVENT_S, seconds, count)]
    events: list[Event] = []
    for start, script in sorted(starts):
        numbers, _ = prior.scripts[script]
        strength = prior.strength * style.strength
        events += [_yielding(event, events) for event in _shown(rng, start, numbers, strength)]
    shut = rng.uniform(0, seconds, rng.poisson(prior.shut * seconds / 60))
    return _performance(rng, seconds, events, [(float(t), float(t) + 1.6) for t in shut])


def sample_trial(rng: np.random.Generator, seconds: float, *, aus: Sequence[str]) -> Performance:
    """A posed expression: rest, the AUs together up to a peak, rest again."""
    rise, peak = rng.uniform(0.2, 0.3), rng.uniform(3.0, 5.0)
    events = [
        Event(
            au,
            float(seconds * rng.uniform(0.1, 0.15)),
            float(seconds * (0.15 + rise)),
            float(seconds * rng.uniform(0.6, 0.65)),
            float(seconds * rng.uniform(0.85, 0.95)),
            float(np.clip(peak * rng.uniform(0.8, 1.1), 0, MAX_INTENSITY)),
        )
        for au in aus
    ]
    return _performance(rng, seconds, events, [])


def _shown(
    rng: np.random.Generator, start: float, numbers: tuple[int, ...], strength: float
) -> list[Event]:
    """One showing of a script; weak ones are more frequent than strong ones."""
    rise, fall = rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.8)
    hold = min(float(rng.gamma(1.5, 0.6)), _MAX_EVENT_S - 1.6)
    common = strength * (0.7 + 4.8 * rng.beta(1.3, 2.3))
    events = []
    for number in numbers:
        onset = start + float(rng.uniform(0, 0.15))
        apex = onset + float(rise)
        release = apex + hold * float(rng.uniform(0.8, 1.0))
        peak = float(np.clip(common * rng.uniform(0.7, 1.2), 0.6, MAX_INTENSITY))
        events.append(Event(au_name(number), onset, apex, release, release + float(fall), peak))
    return events


def _yielding(event: Event, before: Sequence[Event]) -> Event:
    """The event, kept weak if a rival is strong at the same time."""
    peak = event.peak
    for rivals, limit in _RIVALS:
        if event.au in rivals and any(
            other.au in rivals - {event.au} and other.peak > limit and other.offset > event.onset
            for other in before
        ):
            peak = min(peak, limit)
    return Event(event.au, event.onset, event.apex, event.release, event.offset, peak)


def _performance(
    rng: np.random.Generator,
    seconds: float,
    events: Sequence[Event],
    shut: Sequence[tuple[float, float]],
) -> Performance:
    blinks = np.cumsum(rng.uniform(1.5, 5.0, int(seconds) + 1))
    sway = tuple(
        (float(rng.uniform(2, limit)), float(rng.uniform(0.05, 0.2)), float(rng.uniform(0, 6.28)))
        for limit in (12, 7, 4)
    )
    phases = rng.uniform(0, 6.28, 2)
    kept = tuple(float(blink) for blink in blinks if blink < seconds)
    return Performance(tuple(events), kept, sway, (float(phases[0]), float(phases[1])), tuple(shut))
