"""A face model with somebody who moves it, whose landmarks can be asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auheat.synthesis.arrays import Floats32
from auheat.synthesis.expression import Actor, Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.identity import Person, PersonSampler
from auheat.synthesis.textures import NoiseBank

X, Y, Z = 0, 1, 2  # to the subject's left, up, forward


class Cast:
    """A face model with an average mover, whose landmarks can be asked for."""

    def __init__(self, model: FaceModel) -> None:
        self.model, self.actor = model, Actor(model)
        self.sampler = PersonSampler(model, NoiseBank(512))
        self.plain = self.sampler.sample(np.random.default_rng(5), plain=True)

    def vertices(self, expression: Expression, person: Person | None = None) -> Floats32:
        someone = person or self.plain
        weights = self.actor.weights(someone, expression)
        return self.model.deform(someone.neutral, weights, someone.manner.gains)

    def marks(self, intensities: Mapping[str, float]) -> Floats32:
        return self.vertices(Expression(intensities))[self.model.pack.landmarks]

    def moves(self, au: str, intensity: float = 5.0) -> Floats32:
        """Displacement (68, 3) of the landmarks in cm by one AU alone."""
        return self.marks({au: intensity}) - self.marks({})

    def gap(self, expression: Expression, person: Person | None = None) -> float:
        """Opening between the inner lips, beyond that of touching lips."""
        vertices = self.vertices(expression, person)
        return self.actor.seal.gap(vertices) - self.actor.seal.gap(self.model.pack.vertices)


CASTS: dict[str, Cast] = {}


def cast_of(model: FaceModel) -> Cast:
    name = str(len(model.pack.vertices))
    if name not in CASTS:
        CASTS[name] = Cast(model)
    return CASTS[name]
