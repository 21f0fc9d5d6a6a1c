"""Filming: what a subject of a look-alike does in a sequence, frame by frame, with the truth.

Everything is decided by (seed, subject, sequence) and the sizes in the plan. Film is time-lapse:
neighbouring frames lie `STEP` seconds of performance apart, though a video says 20 frames a second,
so that a few frames show much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.data.lookalikes.cast import CASTS, Cast, origin, person_number
from auheat.data.lookalikes.repertoire import sample_habits, sample_session, sample_trial
from auheat.errors import AuheatError, unknown_name
from auheat.synthesis.motion import Performance
from auheat.synthesis.studio import Studio

STEP = 0.2  # seconds of performance between frames
_HABITS, _SESSION, _FLAWS = range(1001, 1004)  # separate streams of random numbers


@dataclass(frozen=True)
class LookalikePlan:
    """What to make: a layout of `CASTS`, and how much; what is 0 becomes the layout's default.

    subjects: the first so many. frames: in each sequence. size: height of the pictures in pixels,
    even; they are 5/4 as wide. seed: decides everything else.
    """

    layout: str
    seed: int = 1
    subjects: int = 0
    frames: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        if self.layout not in CASTS:
            raise unknown_name("layout", self.layout, CASTS)
        object.__setattr__(self, "subjects", self.subjects or self.cast.count)
        object.__setattr__(self, "frames", self.frames or self.cast.frames)
        object.__setattr__(self, "size", self.size or self.cast.size)
        most = len(self.cast.subjects)
        if not 1 <= self.subjects <= most:
            raise AuheatError(
                f"{self.layout} has {most} subjects, not {self.subjects}: ask for at most {most}"
            )
        if self.frames < 2:
            raise AuheatError(f"a sequence of {self.frames} frames: ask for at least 2")
        if self.size < 32 or self.size % 2:
            raise AuheatError(f"pictures {self.size} pixels high: ask for an even number from 32")

    @property
    def cast(self) -> Cast:
        """Who takes part, and in what."""
        return CASTS[self.layout]

    @property
    def names(self) -> tuple[str, ...]:
        """The subjects, in order."""
        return self.cast.subjects[: self.subjects]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        return self.size, self.size * 5 // 8 * 2

    def frames_of(self, subject: str) -> int:
        """Frames in each of a subject's sequences: SN010 of DISFA has one less."""
        return self.frames - ((self.layout, subject) == ("disfa", "SN010"))

    @property
    def images(self) -> int:
        """How many pictures there will be."""
        return sum(self.frames_of(name) for name in self.names) * len(self.cast.sequences)


@dataclass(frozen=True)
class Take:
    """A frame with its truth.

    frame: its number in the dataset's own counting. image: (H, W, 3) RGB. landmarks: (68, 2) in
    pixels of the image. intensities: as rendered, all AUs. levels: what a coder wrote who scores
    whole levels, 0 to 5; AUs that could not be coded are left out. tracked: whether the tracker
    that comes with the dataset found the landmarks. shut: whether the eyes are shut.
    """

    frame: int
    image: NDArray[np.uint8]
    landmarks: geometry.Points
    intensities: dict[str, float]
    levels: dict[str, int]
    tracked: bool
    shut: bool


def film(studio: Studio, plan: LookalikePlan, subject: str, sequence: str) -> Iterator[Take]:
    """The frames of a sequence, in order."""
    cast, number = plan.cast, person_number(plan.layout, subject)
    person = studio.person(plan.seed, number)
    performance = perform(plan, subject, sequence)
    count = plan.frames_of(subject)
    times = [STEP * index for index in range(count)]
    numbers = (plan.seed, number, _key(plan, subject, sequence))
    first = first_frame(plan, subject, sequence)
    flaws = _Flaws.of(plan, subject, sequence)
    shots = studio.film(person, numbers, performance, times, plan.shape)
    for index, shot in enumerate(shots):
        coded = [au for au in cast.aus if not flaws.uncoded(au, index)]
        yield Take(
            first + index,
            shot.image,
            shot.landmarks,
            shot.intensities,
            {au: level(shot.intensities[au]) for au in coded},
            index not in flaws.untracked,
            performance.closed(times[index]) > 0.9,
        )


def level(intensity: float) -> int:
    """The whole level nearest to an intensity."""
    return int(np.floor(intensity + 0.5))


def perform(plan: LookalikePlan, subject: str, sequence: str) -> Performance:
    """What the subject does in the sequence."""
    rng = np.random.default_rng([plan.seed, _key(plan, subject, sequence), _SESSION])
    seconds = STEP * plan.frames
    if plan.cast.repertoire is None:
        posed = re.findall(r"\d+", sequence.split("_", 1)[1].split("_Trail")[0])
        return sample_trial(rng, seconds, [f"AU{int(number):02d}" for number in posed])
    own = np.random.default_rng([plan.seed, person_number(plan.layout, subject), _HABITS])
    habits = sample_habits(own, plan.cast.repertoire)
    return sample_session(rng, seconds, plan.cast.repertoire, habits)


def first_frame(plan: LookalikePlan, subject: str, sequence: str) -> int:
    """The number of the first frame; BP4D's coded frames begin somewhere in the recording."""
    if plan.layout not in ("bp4d", "fera2015", "bp4d-plus"):
        return plan.cast.first
    choice = _key(plan, subject, sequence) % 4
    return (95, 993, 9, 317)[choice]


def _key(plan: LookalikePlan, subject: str, sequence: str) -> int:
    """A number for a sequence, the same wherever layouts share it."""
    return crc32("/".join((*origin(plan.layout, subject), sequence)).encode())


@dataclass(frozen=True)
class _Flaws:
    """What a dataset lacks: frames without landmarks, and spans in which an AU was not coded."""

    untracked: frozenset[int] = frozenset()
    hidden: tuple[tuple[str, int, int], ...] = ()

    def uncoded(self, au: str, index: int) -> bool:
        return any(au == name and start <= index < end for name, start, end in self.hidden)

    @classmethod
    def of(cls, plan: LookalikePlan, subject: str, sequence: str) -> _Flaws:
        if (plan.layout, subject) == ("disfa", "SN031"):
            return cls(frozenset({3 * plan.frames // 4}))
        if plan.layout not in ("bp4d", "fera2015", "bp4d-plus"):
            return cls()
        rng = np.random.default_rng([plan.seed, _key(plan, subject, sequence), _FLAWS])
        lost = np.flatnonzero(rng.random(plan.frames) < 0.02)
        if rng.random() > 0.2:
            return cls(frozenset(lost.tolist()))
        start = int(rng.integers(0, plan.frames - 1))
        span = (str(rng.choice(plan.cast.aus)), start, start + max(1, plan.frames // 6))
        return cls(frozenset(lost.tolist()), (span,))
