"""Expressions: AU intensities with what goes on beside them, and how a person shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.face import FaceModel
from auheat.synthesis.identity import Manner, Person

_MIN_WEIGHT, _MAX_WEIGHT = -0.7, 2.2  # no shape is driven beyond
# AU01 and AU02 are two parts of one muscle: with both at 5 each moves the brow this much less.
_ONE_FRONTALIS = 0.3
# Brows that AU01 or AU02 raises are drawn together by AU04 but hardly lowered (FACS manual,
# combinations): in 1+4 the inner corners stand above their rest while the tails sink, so that brows
# slant; in 1+2+4 the whole brow stands high. How much of AU04's lowering is lost where AU01 or AU02
# is at 5, and by how much the inner corners rise against what is left of it, is our reading.
_HELD_BY_AU01, _HELD_BY_AU02 = 0.35, 0.8
_INNER_RISE = 1.1
# How far the tails sink meanwhile, in weights of the shape that raises them: in 1+4 at 4 they stand
# some 3 mm below their rest. That they sink is the manual's, how far is our reading.
_TAIL_SINK = 0.9
# Fraction of a lid fissure that the lower lid closes at a weight of 1 of the shape that raises it.
_LOWER_LID_FRACTION = 0.17


@dataclass(frozen=True)
class Expression:
    """The intensity is that of the stronger side. beside: weights of shapes that belong to no AU.

    Attributes:
        intensities: by AU name, 0 to 5; AUs that are not named are 0.
        lag: by AU name, fraction by which one side moves less: above 0 the right one, below 0 the
            left.
    """

    intensities: Mapping[str, float] = field(default_factory=dict)
    lag: Mapping[str, float] = field(default_factory=dict)
    beside: Mapping[str, float] = field(default_factory=dict)


class Actor:
    """Turns an expression into shape weights for a person's manner of moving."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self.seal = anatomy.LipSeal(
            model.index, model.expressions, model.pack.vertices, model.pack.landmarks
        )
        self._mouth_region = anatomy.REGIONS.index("mouth")
        self._mouth = np.array([anatomy.region_of(s) == "mouth" for s in model.shapes], np.float32)

    def weights(self, person: Person, expression: Expression) -> Floats32:
        """Shape weights (s,), the lips' gap set by AU25."""
        index, manner = self._model.index, person.manner
        weights = manner.rest + self._model.weights(dict(expression.beside))
        fractions = {au: anatomy.curve(level) for au, level in expression.intensities.items()}
        raised = fractions.get("AU01", 0.0), fractions.get("AU02", 0.0)
        for au, fraction in fractions.items():
            if fraction <= 0 or au == "AU25":
                continue
            fraction = fraction * manner.amplitude[au]
            if au in ("AU01", "AU02"):
                fraction *= 1 - _ONE_FRONTALIS * min(raised)
            lag = expression.lag.get(au, 0.0) + manner.lopsided
            for shape, weight in anatomy.RECIPES[au].items():
                drive = fraction * weight * manner.recipe[au, shape]
                if au == "AU04":
                    drive = _against_frontalis(shape, drive, fraction, *raised)
                for name in anatomy.sides(shape, index):
                    weights[index[name]] += drive * _side_fraction(name, lag)
        self._close_lids(weights, expression, manner)
        parting = anatomy.curve(expression.intensities.get("AU25", 0.0))
        parting = min(parting * manner.amplitude["AU25"], 1.1)
        gains = manner.gains[self._mouth_region]
        weights = np.clip(weights, _MIN_WEIGHT, _MAX_WEIGHT)
        lift = manner.upper_lip * anatomy.curve(expression.intensities.get("AU12", 0.0))
        sealed = self.seal.apply(person.neutral, weights, parting, gains, self._mouth, lift)
        return floats(sealed)

    def _close_lids(self, weights: Floats32, expression: Expression, manner: Manner) -> None:
        """Lets what else moves the lids fade as AU43 closes them, so that they meet at 5."""
        fraction = anatomy.curve(expression.intensities.get("AU43", 0.0))
        lag = expression.lag.get("AU43", 0.0) + manner.lopsided
        for side in "LR":
            blink, wide, squint = (
                self._model.index[f"{name}_{side}"] for name in ("eyeBlink", "eyeWide", "eyeSquint")
            )
            closed = fraction * manner.amplitude["AU43"] * _side_fraction(f"_{side}", lag)
            weights[blink] = closed + (weights[blink] - closed) * max(1 - closed, 0.0)
            weights[wide] *= max(1 - closed, 0.0)
            raised = _LOWER_LID_FRACTION * max(float(weights[squint]), 0.0)
            weights[blink] = min(float(weights[blink]), 1 - raised)


def _against_frontalis(shape: str, drive: float, frown: float, inner: float, outer: float) -> float:
    """The weight that AU04 gives a shape while AU01 and AU02 raise the brow."""
    if shape == "browDown":
        return drive * (1 - max(_HELD_BY_AU01 * inner, _HELD_BY_AU02 * outer))
    slant = frown * inner * (1 - outer)
    if shape == "browOuterUp":
        return drive - _TAIL_SINK * slant
    return drive + _INNER_RISE * slant if shape == "browInnerUp" else drive


def _side_fraction(shape: str, lag: float) -> float:
    if shape.endswith("_R"):
        return 1 - max(lag, 0.0)
    if shape.endswith("_L"):
        return 1 + min(lag, 0.0)
    return 1 - abs(lag) / 2


def gaze(sideways: float, upwards: float) -> dict[str, float]:
    """Shapes that turn both eyes; 1 is as far as they go, sideways is to the subject's left."""
    left, right = ("Out", "In") if sideways > 0 else ("In", "Out")
    rise = "Up" if upwards > 0 else "Down"
    return {
        f"eyeLook{left}_L": abs(sideways),
        f"eyeLook{right}_R": abs(sideways),
        f"eyeLook{rise}_L": abs(upwards),
        f"eyeLook{rise}_R": abs(upwards),
    }
