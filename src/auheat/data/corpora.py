"""Who is shown in a look-alike of a dataset, in which sequences, and what the original lacks.

Names of subjects, tasks and AUs are the datasets' own. One person plays a name wherever the
datasets share it: SN001 of DISFA+ is SN001 of DISFA, and FERA 2015 and the training part of FERA
2017 show the people of BP4D. Whether a name says man or woman is not followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np


@dataclass(frozen=True)
class People:
    """The people of a dataset.

    Attributes:
        name: Decides, with a subject's name, what it does in a sequence.
        first: Where their numbers begin, so that no two datasets share a person unless they mean
            to.
    """

    name: str
    first: int

    def number(self, subject: str) -> int:
        """The number by which the studio knows a subject."""
        digits = "".join(c for c in subject.split("-")[0] if c.isdigit())
        return self.first + int(digits) + (100 if subject.startswith("M") else 0)


@dataclass(frozen=True)
class EventPrior:
    """What people do in a spontaneous session.

    Attributes:
        scripts: AU numbers and the fraction of the time that they are shown together, about.
        shut: Times a minute that the eyes shut for a while.
        strength: Of a typical expression.
    """

    scripts: tuple[tuple[tuple[int, ...], float], ...]
    shut: float = 0.0
    strength: float = 1.0


@dataclass(frozen=True)
class MissingData:
    """What a sequence lacks: frames without landmarks, and stretches of an AU without codes.

    Attributes:
        untracked: Positions of frames, from 0.
        uncoded: (AU, first position, position after the last).
    """

    untracked: frozenset[int] = frozenset()
    uncoded: tuple[tuple[str, int, int], ...] = ()

    def is_uncoded(self, au: str, index: int) -> bool:
        """Whether an AU has no code in the frame at a position."""
        return any(au == name and start <= index < end for name, start, end in self.uncoded)


def nothing_missing(subject: str, frames: int, rng: np.random.Generator) -> MissingData:
    """A sequence that is complete."""
    return MissingData()


@dataclass(frozen=True)
class Corpus:
    """A look-alike's people and what is recorded of them.

    Attributes:
        layout: Name of the layout.
        people: Whose names the subjects have.
        subjects: All of them, as the layout has their names.
        sequences: Recorded of each.
        aus: The AUs that are coded.
        prior: What people do; None where `posed` says it.
        count: How many subjects take part unless more are asked for.
        frames: Of a sequence, unless others are asked for.
        size: Height of the images in pixels, unless another is asked for.
        first: Number of a sequence's first frame, one of these.
        guests: Other people, by what their names begin with before an underscore.
        posed: The AUs that are posed in a sequence.
        shorter: Subjects whose sequences have a frame less.
        missing: What a sequence of so many frames of a subject lacks.
    """

    layout: str
    people: People
    subjects: tuple[str, ...]
    sequences: tuple[str, ...]
    aus: tuple[str, ...]
    prior: EventPrior | None
    count: int
    frames: int
    size: int = 256
    first: tuple[int, ...] = (1,)
    guests: Mapping[str, People] = field(default_factory=dict)
    posed: Callable[[str], Sequence[str]] | None = None
    shorter: frozenset[str] = frozenset()
    missing: Callable[[str, int, np.random.Generator], MissingData] = nothing_missing

    def origin(self, subject: str) -> tuple[People, str]:
        """The people that a subject belongs to, and the name there."""
        part, _, name = subject.rpartition("_")
        return self.guests.get(part, self.people), name

    def person_number(self, subject: str) -> int:
        """The number by which the studio knows a subject."""
        people, name = self.origin(subject)
        return people.number(name)

    def key(self, subject: str, sequence: str) -> int:
        """A number for a sequence, the same wherever layouts share it."""
        people, name = self.origin(subject)
        return crc32("/".join((people.name, name, sequence)).encode())

    def first_frame(self, subject: str, sequence: str) -> int:
        """The number of a sequence's first frame."""
        return self.first[self.key(subject, sequence) % len(self.first)]


def numbered_people(women: range, men: range) -> tuple[str, ...]:
    """F001 and so on, then M001 and so on."""
    return (*(f"F{n:03d}" for n in women), *(f"M{n:03d}" for n in men))
