"""Rendered sequences: what a subject of a look-alike does, frame by frame, with the truth.

Everything is decided by (seed, subject, sequence) and the sizes in the plan. Sequences are
time-lapse: neighbouring frames lie `STEP_S` seconds of performance apart, though a video says 20
frames a second, so that a few frames show much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.data.au_events import sample_session, sample_style, sample_trial
from auheat.data.corpora import Corpus
from auheat.errors import AuheatError
from auheat.synthesis.motion import Performance
from auheat.synthesis.studio import Studio

STEP_S = 0.2  # of performance between frames
_STYLE, _SESSION, _MISSING = range(1001, 1004)  # separate streams of random numbers


@dataclass(frozen=True)
class LookalikePlan:
    """What to make of a corpus, and how much; what is 0 becomes the corpus's default.

    Attributes:
        corpus: Whom to show.
        seed: Decides everything else.
        subjects: The first so many.
        frames: In each sequence.
        size: Height of the images in pixels, even; they are 5/4 as wide.

    Raises:
        AuheatError: There are fewer subjects, or a size that cannot be made is asked for.
    """

    corpus: Corpus
    seed: int = 1
    subjects: int = 0
    frames: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        corpus = self.corpus
        object.__setattr__(self, "subjects", self.subjects or corpus.count)
        object.__setattr__(self, "frames", self.frames or corpus.frames)
        object.__setattr__(self, "size", self.size or corpus.size)
        most = len(corpus.subjects)
        if not 1 <= self.subjects <= most:
            raise AuheatError(
                f"{corpus.layout} has {most} subjects, not {self.subjects}: ask for at most {most}"
            )
        if self.frames < 2:
            raise AuheatError(f"a sequence of {self.frames} frames: ask for at least 2")
        if self.size < 32 or self.size % 2:
            raise AuheatError(f"images {self.size} pixels high: ask for an even number from 32")

    @property
    def names(self) -> tuple[str, ...]:
        """The subjects, in order."""
        return self.corpus.subjects[: self.subjects]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.size, self.size * 5 // 8 * 2

    def frames_of(self, subject: str) -> int:
        """Frames in each of a subject's sequences."""
        return self.frames - (subject in self.corpus.shorter)

    @property
    def images(self) -> int:
        """How many images there will be."""
        return sum(self.frames_of(name) for name in self.names) * len(self.corpus.sequences)

    def noted(self) -> dict[str, object]:
        """The plan as it is noted in the folder that it is made in."""
        sizes = {"subjects": self.subjects, "frames": self.frames, "size": self.size}
        return {"layout": self.corpus.layout, "seed": self.seed, **sizes}


@dataclass(frozen=True)
class LabelledFrame:
    """A frame with its truth.

    Attributes:
        number: In the dataset's own counting.
        image: (H, W, 3) RGB.
        landmarks: (68, 2) in pixels of the image.
        intensities: As rendered, all AUs.
        levels: What a coder wrote who scores whole levels, 0 to 5; without AUs that could not be
            coded.
        tracked: Whether the tracker that comes with the dataset found the landmarks.
        shut: Whether the eyes are shut.
    """

    number: int
    image: NDArray[np.uint8]
    landmarks: geometry.Points
    intensities: dict[str, float]
    levels: dict[str, int]
    tracked: bool
    shut: bool

    def is_present(self, au: str) -> bool:
        """Whether a coder would have seen an AU, coded or not."""
        return level(self.intensities[au]) >= 1


@dataclass(frozen=True)
class RenderedSubject:
    """One subject of a look-alike, for the writer of a layout.

    Attributes:
        studio: Where faces are rendered.
        plan: What is made.
        name: The subject's.
    """

    studio: Studio
    plan: LookalikePlan
    name: str

    @property
    def corpus(self) -> Corpus:
        """Whom the subject belongs to."""
        return self.plan.corpus

    @property
    def position(self) -> int:
        """The subject's among all of the corpus, from 0."""
        return self.corpus.subjects.index(self.name)

    def frames(self, sequence: str) -> Iterator[LabelledFrame]:
        """The frames of one of its sequences, in order."""
        return render_sequence(self.studio, self.plan, subject=self.name, sequence=sequence)


def render_sequence(
    studio: Studio, plan: LookalikePlan, *, subject: str, sequence: str
) -> Iterator[LabelledFrame]:
    """The frames of a sequence, in order."""
    corpus, number = plan.corpus, plan.corpus.person_number(subject)
    key = corpus.key(subject, sequence)
    person = studio.person(plan.seed, number)
    performance = perform(plan, subject, sequence)
    times = [STEP_S * index for index in range(plan.frames_of(subject))]
    first = corpus.first_frame(subject, sequence)
    rng = np.random.default_rng([plan.seed, key, _MISSING])
    missing = corpus.missing(subject, plan.frames, rng)
    samples = studio.film(person, (plan.seed, number, key), performance, times, plan.shape)
    for index, sample in enumerate(samples):
        coded = [au for au in corpus.aus if not missing.is_uncoded(au, index)]
        yield LabelledFrame(
            first + index,
            sample.image,
            sample.landmarks,
            sample.intensities,
            {au: level(sample.intensities[au]) for au in coded},
            index not in missing.untracked,
            performance.closed(times[index]) > 0.9,
        )


def level(intensity: float) -> int:
    """The whole level nearest to an intensity."""
    return int(np.floor(intensity + 0.5))


def perform(plan: LookalikePlan, subject: str, sequence: str) -> Performance:
    """What the subject does in the sequence."""
    corpus = plan.corpus
    rng = np.random.default_rng([plan.seed, corpus.key(subject, sequence), _SESSION])
    seconds = STEP_S * plan.frames
    if corpus.posed is not None:
        return sample_trial(rng, seconds, aus=corpus.posed(sequence))
    if corpus.prior is None:
        raise ValueError(f"{corpus.layout} says neither what is posed nor what people do")
    own = np.random.default_rng([plan.seed, corpus.person_number(subject), _STYLE])
    style = sample_style(own, corpus.prior)
    return sample_session(rng, seconds, prior=corpus.prior, style=style)
