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

An event shorter than `shortest` is left out. Where frames lie further apart than that, nothing can
be seen to be too short, and a single reading, of duration 0, is an event. A face that is lost for
up to `MAX_GAP_S` does not end an event; one that is lost for longer does, as the end of the video
does. `complete` is 1 if the rise and the fall were both seen, 0 if a stretch began or ended in the
middle of the event.

Eyes that close for up to `MAX_BLINK_S`, from onset to offset, blink: such an event, if complete, is
one of AU45, and any other one of AU43. How far they are closed is read of AU43, or of the AU45 of a
program that has no other column for it. A blink that reaches `MIN_BLINK_PEAK` may be shorter than
`shortest`. Where frames lie further apart than `MAX_BLINK_S`, nothing is called a blink.

Readings are taken as a table prints them, so that a table in memory, a Parquet file and a CSV file
have the same events, and `AUxx_c` is 1 wherever an event reaches 1. Times are seconds, ascending,
frames count from 1. Letters: N readings.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError, check_number
from auheat.facs import MAX_INTENSITY, PRESENCE_THRESHOLD, as_printed
from auheat.files import atomic_write
from auheat.inference.smoothing import MAX_GAP_S, TIME_ROUNDING_S, stretches, usual_step
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
# Times are printed to the millisecond, so two durations may differ by one and be the same.
_TIME_DECIMALS, _SAME_S = 3, 1e-3 + TIME_ROUNDING_S


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
        `attrs["auheat_notes"]` says what looks odd.

    Raises:
        AuheatError: If it is no table of one video with intensities from 0 to 5, or the thresholds
            make no sense.
    """
    pd = require("pandas")
    notes: list[str] = []
    found = events_in(table, Thresholds(enter, leave, shortest), notes.append)
    columns = {name: [getattr(event, name) for event in found] for name in COLUMNS}
    events = pd.DataFrame(columns).astype(
        {field.name: _DTYPES[str(field.type)] for field in fields(Event)}
    )
    events.attrs[NOTES] = notes
    return events


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
    people = people_in(read, name)
    for line in (*read.attrs[NOTES], *notes_on(people, thresholds)):
        note(line)
    return events_of(people, aus_in(read), thresholds)


def notes_on(people: Iterable[PersonSeries], thresholds: Thresholds = DEFAULTS) -> list[str]:
    """A line if frames lie so far apart that a single reading is an event; else none."""
    step = max((usual_step(person.times) for person in people), default=0.0)
    if not 0 < thresholds.shortest < step - _SAME_S:
        return []
    return [
        f"frames lie {step:.3g} s apart, and the shortest event is {thresholds.shortest:g} s: a "
        "single reading counts as an event, and what happens between two is not seen"
    ]


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
    events, step = [], usual_step(times)
    levels = np.array([as_printed(level) for level in intensities.tolist()])
    printed = np.asarray(np.round(times, _TIME_DECIMALS), np.float64)
    shortest = thresholds.shortest if step < thresholds.shortest + _SAME_S else 0.0
    for stretch in stretches(printed, gap + _SAME_S):
        for first, last in _active(levels[stretch], thresholds.leave):
            part = slice(stretch.start + first, stretch.start + last + 1)
            complete = first > 0 and part.stop < stretch.stop
            lasted = float(printed[part][-1] - printed[part][0])
            blinks = complete and max(lasted, step) < MAX_BLINK_S + _SAME_S
            event = _event(
                face_id,
                _named(au, blinks),
                frames=frames[part],
                times=times[part],
                intensities=levels[part],
                complete=complete,
            )
            clear_blink = event.au == BLINK and event.peak >= MIN_BLINK_PEAK
            if event.peak >= thresholds.enter and (lasted > shortest - _SAME_S or clear_blink):
                events.append(event)
    return events


def _named(au: str, blinks: bool) -> str:
    """The AU of an event; of eyes that close, by how long they do."""
    closing = BLINK if blinks else CLOSURE
    return closing if au in (BLINK, CLOSURE) else au


def _active(intensities: Floats, leave: float) -> Iterator[tuple[int, int]]:
    """The first and the last index of every run of readings of at least `leave`."""
    edges = np.diff(np.concatenate([[0], (intensities >= leave).astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    yield from ((int(a), int(b) - 1) for a, b in zip(begins, ends, strict=True))


def _event(
    face_id: int, au: str, *, frames: Integers, times: Floats, intensities: Floats, complete: bool
) -> Event:
    apex = int(intensities.argmax())
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
