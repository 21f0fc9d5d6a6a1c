"""How far a run is, and what is in a dataset, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from time import monotonic

from auheat import __version__
from auheat.corpus.records import Record


@dataclass
class Tally:
    """How far a run is.

    Attributes:
        total: Inputs to be read.
        size: Bytes of them.
        done: Inputs that are done, whatever became of them.
        done_size: Bytes of them.
        frames: Frames read.
        incomplete: Inputs that failed, or of which only a part could be read.
        start: When it began, on the clock of `time.monotonic`.
    """

    total: int
    size: int
    done: int = 0
    done_size: int = 0
    frames: int = 0
    incomplete: int = 0
    start: float = field(default_factory=monotonic)

    def count(self, record: Record, size: int) -> None:
        """One more input of `size` bytes is done."""
        self.done += 1
        self.done_size += size
        self.frames += record.frames if record.kept is None else 0
        self.incomplete += not record.is_complete

    def seconds_left(self, now: float) -> float | None:
        """By the bytes that are done so far; None before the first."""
        done, whole = (self.done_size, self.size) if self.done_size else (self.done, self.total)
        return (now - self.start) * (whole - done) / done if done else None

    def line(self, now: float) -> str:
        """One line on how far it is."""
        left, seconds = self.seconds_left(now), max(now - self.start, 1e-9)
        parts = [f"{self.done:,} of {self.total:,} inputs"]
        if self.incomplete:
            parts.append(f"{self.incomplete:,} not complete")
        parts.append(f"{self.frames / seconds:.1f} frames/s")
        if left is not None and self.done < self.total:
            parts.append(f"{in_words(left)} left")
        return ", ".join(parts)


def in_words(seconds: float) -> str:
    """A span of time in its two largest units, such as `3 h 20 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((i for i, (number, _) in enumerate(parts) if number), 3)
    return (
        " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"
    )


def describe(records: Collection[Record], address: str) -> Iterator[str]:
    """What is in a dataset, line by line; last, what is not complete and why."""
    states = Counter(record.state for record in records)
    yield f"{address}: {_counted(len(records), 'input')}"
    read, partly, failed = (states[state] for state in ("read", "partly", "failed"))
    yield f"read: {read:,}; only in part: {partly:,}; failed: {failed:,}"
    if kept := sum(record.kept is not None for record in records):
        yield f"rows of an earlier run, as their input could not be read again: {kept:,}"
    frames = sum(record.frames for record in records)
    with_face = sum(record.frames_with_face for record in records)
    yield f"frames: {frames:,}, {with_face:,} of them with a face"
    video, work, cpu = (
        in_words(sum(getattr(record, name) for record in records))
        for name in ("video_seconds", "seconds", "cpu_seconds")
    )
    yield f"video: {video}; work: {work}; processor time: {cpu}"
    for (reading, weights, version), count in Counter(
        (record.reading, record.weights, record.auheat) for record in records
    ).most_common():
        read_by = (
            f"read by auheat {version}, weights {weights[:12] or 'unknown'}, settings {reading}"
        )
        yield f"{read_by}: {count:,}"
    for record in sorted(records, key=lambda record: record.input):
        if record.problem or record.kept:
            yield problem_of(record)


def problem_of(record: Record) -> str:
    """Why an input is not complete, in one line that names it."""
    if record.kept:
        return f"{record.input}: its rows are those of an earlier run: {record.kept}"
    problem = record.problem or ""
    return problem if record.input in problem else f"{record.input}: {problem}"


def notes_on(records: Collection[Record], named: Collection[str], reading: str) -> Iterator[str]:
    """What a user should know about inputs that a run does not touch.

    Args:
        records: All of the dataset, after the run.
        named: The inputs that the run was given.
        reading: Of the weights and settings of the run.
    """
    stale = sum(record.reading != reading and record.input not in named for record in records)
    if stale:
        yield (
            f"{_counted(stale, 'input')} of the dataset, not named now, are still read by other "
            "weights or settings: name them, too"
        )
    other = sum(record.auheat != __version__ for record in records)
    if other:
        yield f"{_counted(other, 'input')} were read by another version of auheat"


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
