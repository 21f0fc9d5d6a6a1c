"""Events: when an Action Unit begins, where it is strongest, and when it has gone.

An event is a stretch of one person's readings of one AU in which every reading is at least `leave`
and one or more reach `enter`. The two thresholds keep an intensity that jitters about one of them
from making many events. The event's

    onset     is its first reading of at least `leave`
    apex      is its highest reading, the first of them if several are as high
    offset    is its last reading of at least `leave`
    duration  is the time from onset to offset, in seconds
    peak      is the reading at the apex
    mean      is the mean reading from onset to offset, weighed by time

An event shorter than `shortest` is left out. A face that is lost for up to `MAX_GAP_S` does not
end an event; one that is lost for longer does, as the end of the video does. `complete` is 1 if
the rise and the fall were both seen, 0 if a stretch began or ended in the middle of the event.

Eyes that close (AU43) for up to `MAX_BLINK_S`, from onset to offset, blink: such an event, if
complete, is one of AU45. A blink that reaches `MIN_BLINK_PEAK` may be shorter than `shortest`.

Times are seconds, ascending, frames count from 1. Letters: N readings.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError, check_number
from auheat.facs import MAX_INTENSITY, PRESENCE_THRESHOLD
from auheat.files import atomic_write
from auheat.inference.smoothing import MAX_GAP_S, TIME_ROUNDING_S, stretches
from auheat.optional import require
from auheat.tables.names import BLINK, CLOSURE
from auheat.tables.programs import NOTES
from auheat.tables.reading import read_table
from auheat.tables.scale import aus_in, check_scale
from auheat.tables.series import PersonSeries, people_in

if TYPE_CHECKING:
    import pandas as pd

Integers = NDArray[np.int64]

# Of a blink: closing, shut and opening. Spontaneous ones last a third of a second or less.
MAX_BLINK_S = 0.5
# Lids that have come down half of the way: no flicker of the readings of open eyes.
MIN_BLINK_PEAK = 3.0
# Smoothing rounds: a plateau is no more than nearly level, and that must not move an apex or event.
_TIED = 1e-9


@dataclass(frozen=True)
class Thresholds:
    """What counts as an event: see the module.

    Attributes:
        enter: intensities.
        leave: intensities.
        shortest: seconds from onset to offset.

    Raises:
        AuheatError: unless 0 < leave <= enter <= 5 and shortest >= 0.
    """

    enter: float = PRESENCE_THRESHOLD
    leave: float = 0.5
    shortest: float = 0.1

    def __post_init__(self) -> None:
        for name in ("enter", "leave", "shortest"):
            check_number(name, getattr(self, name))
        if not 0 < self.leave <= self.enter <= MAX_INTENSITY:
            raise AuheatError(
                f"an event cannot enter at {self.enter:g} and leave at {self.leave:g}: give "
                "intensities of more than 0 and up to 5, the one to leave at not above the other"
            )
        if not self.shortest >= 0:
            raise AuheatError(f"an event cannot last {self.shortest:g} seconds: give 0 or more")


DEFAULTS = Thresholds()


@dataclass(frozen=True)
class Event:
    """One row of the table of events, column by column; see the module."""

    face_id: int
    au: str
    onset: float
    apex: float
    offset: float
    duration: float
    peak: float
    mean: float
    onset_frame: int
    apex_frame: int
    offset_frame: int
    complete: int


COLUMNS = tuple(field.name for field in fields(Event))


def find_events(
    table: str | Path | pd.DataFrame | Any,
    *,
    enter: float = DEFAULTS.enter,
    leave: float = DEFAULTS.leave,
    shortest: float = DEFAULTS.shortest,
) -> pd.DataFrame:
    """Onset, apex and offset of every Action Unit in a table of a video.

    Args:
        table: What `auheat.read_table` reads: a path, or a table in memory.
        enter: Intensity that an event must reach.
        leave: Intensity at which it begins and ends.
        shortest: Seconds that an event lasts at least.

    Returns:
        A row for each event, by person, AU and time, with the columns of `Event`.

    Raises:
        AuheatError: If it is no table of one video with intensities from 0 to 5, or the thresholds
            make no sense.
    """
    pd = require("pandas")
    found = events_in(table, Thresholds(enter, leave, shortest))
    columns = {name: [getattr(event, name) for event in found] for name in COLUMNS}
    return pd.DataFrame(columns).astype(
        {field.name: _DTYPES[str(field.type)] for field in fields(Event)}
    )


_DTYPES = {"int": "int64", "float": "float64", "str": "object"}


def events_in(
    table: str | Path | pd.DataFrame | Any,
    thresholds: Thresholds,
    note: Callable[[str], object] = lambda line: None,
) -> list[Event]:
    """The events of everyone in a table; see `find_events`. note: is given what looks odd."""
    name = str(table) if isinstance(table, str | Path) else "the table"
    read = read_table(table)
    check_scale(read, name)
    for line in read.attrs[NOTES]:
        note(line)
    return events_of(people_in(read, name), aus_in(read), thresholds)


def events_of(
    people: Iterable[PersonSeries], aus: Sequence[str], thresholds: Thresholds = DEFAULTS
) -> list[Event]:
    """The events of all people and AUs: by person, then AU, then time.

    Args:
        people: Whose intensities.
        aus: The A names of the intensities' columns.
        thresholds: What counts as an event.

    Returns:
        One for each stretch in which an AU was shown.
    """
    return [
        event
        for person in people
        for a, au in enumerate(aus)
        for event in events_of_au(
            person.face_id,
            au,
            frames=person.frames,
            times=person.times,
            intensities=person.intensities[:, a],
            thresholds=thresholds,
        )
    ]


def events_of_au(
    face_id: int,
    au: str,
    *,
    frames: Integers,
    times: Floats,
    intensities: Floats,
    thresholds: Thresholds = DEFAULTS,
    gap: float = MAX_GAP_S,
) -> list[Event]:
    """The events of one person and AU in the order of time. frames, times, intensities: (N,).

    Of AU43, short ones are events of AU45: see the module.
    """
    events = []
    for stretch in stretches(times, gap):
        for first, last in _active(intensities[stretch], thresholds.leave):
            part = slice(stretch.start + first, stretch.start + last + 1)
            complete = first > 0 and part.stop < stretch.stop
            event = _named(
                _event(
                    face_id,
                    au,
                    frames=frames[part],
                    times=times[part],
                    intensities=intensities[part],
                    complete=complete,
                )
            )
            long_enough = event.duration > thresholds.shortest - TIME_ROUNDING_S
            clear_blink = (
                au == CLOSURE and event.au == BLINK and event.peak >= MIN_BLINK_PEAK - _TIED
            )
            if event.peak >= thresholds.enter - _TIED and (long_enough or clear_blink):
                events.append(event)
    return events


def _active(intensities: Floats, leave: float) -> Iterator[tuple[int, int]]:
    """The first and the last index of every run of readings of at least `leave`."""
    edges = np.diff(np.concatenate([[0], (intensities >= leave - _TIED).astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    yield from ((int(a), int(b) - 1) for a, b in zip(begins, ends, strict=True))


def _event(
    face_id: int, au: str, *, frames: Integers, times: Floats, intensities: Floats, complete: bool
) -> Event:
    apex = int((intensities >= intensities.max() - _TIED).argmax())
    duration = float(times[-1] - times[0])
    area = float(((intensities[1:] + intensities[:-1]) / 2 * np.diff(times)).sum())
    return Event(
        face_id,
        au,
        float(times[0]),
        float(times[apex]),
        float(times[-1]),
        duration,
        float(intensities[apex]),
        area / duration if duration > 0 else float(intensities[apex]),
        int(frames[0]),
        int(frames[apex]),
        int(frames[-1]),
        int(complete),
    )


def _named(event: Event) -> Event:
    blinks = event.complete and event.duration < MAX_BLINK_S + TIME_ROUNDING_S
    return replace(event, au=BLINK) if event.au == CLOSURE and blinks else event


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
