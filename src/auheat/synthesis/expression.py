"""Expressions: AU intensities with what goes on beside them, and how they are drawn at random.

The sampler mixes co-occurrences that faces show (smiles, surprise, disgust, sadness) with single
AUs and deliberately independent ones, so that no AU can be read off another. What looks like an
AU but is none (blinks, gaze, tightened lids, pursed lips) is added with all labels unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from auheat.facs import MAX_INTENSITY, PAPER_AUS
from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.face import FaceModel
from auheat.synthesis.identity import Person

_MIN_WEIGHT, _MAX_WEIGHT = -0.7, 2.2  # no shape is driven beyond
# AU01 and AU02 are two parts of one muscle: with both at 5 each moves the brow this much less.
_ONE_FRONTALIS = 0.3


@dataclass(frozen=True)
class Expression:
    """The intensity is that of the stronger side. beside: weights of shapes that belong to no AU.

    Attributes:
        intensities: by AU name, 0 to 5; AUs that are not named are 0.
        lag: by AU name, share by which one side moves less: above 0 the right one, below 0 the
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
        shares = {au: anatomy.curve(level) for au, level in expression.intensities.items()}
        both_brows = min(shares.get("AU01", 0.0), shares.get("AU02", 0.0))
        for au, share in shares.items():
            if share <= 0 or au == "AU25":
                continue
            share = share * manner.amplitude[au]
            if au in ("AU01", "AU02"):
                share *= 1 - _ONE_FRONTALIS * both_brows
            lag = expression.lag.get(au, 0.0) + manner.lopsided
            for shape, weight in anatomy.RECIPES[au].items():
                drive = share * weight * manner.recipe[au, shape]
                for name in anatomy.sides(shape, index):
                    weights[index[name]] += drive * _side_share(name, lag)
        parting = anatomy.curve(expression.intensities.get("AU25", 0.0))
        parting = min(parting * manner.amplitude["AU25"], 1.1)
        gains = manner.gains[self._mouth_region]
        weights = np.clip(weights, _MIN_WEIGHT, _MAX_WEIGHT)
        lift = manner.upper_lip * anatomy.curve(expression.intensities.get("AU12", 0.0))
        sealed = self.seal.apply(person.neutral, weights, parting, gains, self._mouth, lift)
        return floats(sealed)


def _side_share(shape: str, lag: float) -> float:
    if shape.endswith("_R"):
        return 1 - max(lag, 0.0)
    if shape.endswith("_L"):
        return 1 + min(lag, 0.0)
    return 1 - abs(lag) / 2


# Co-occurrences with their share; each named AU gets an intensity of its own.
_TOGETHER: tuple[tuple[tuple[int, ...], float], ...] = (
    ((6, 12), 10), ((6, 12, 25), 12), ((12,), 3), ((12, 25), 3), ((6, 12, 25, 26), 5),
    ((1, 2), 6), ((1, 2, 5), 6), ((1, 2, 5, 25, 26), 7), ((5,), 3), ((4, 5), 3),
    ((4,), 7), ((4, 6), 5), ((4, 9), 4), ((4, 6, 9), 4), ((6, 9, 10), 3), ((4, 6, 9, 10, 25), 4),
    ((9, 10, 25), 3), ((10, 25), 3), ((10, 25, 26), 4), ((4, 10, 25, 26), 4), ((4, 10), 2),
    ((1, 4), 7), ((1, 4, 15), 4), ((1, 4, 15, 17), 4), ((1, 4, 20, 25), 4), ((1, 4, 25, 26), 3),
    ((1, 4, 5, 20, 25, 26), 3), ((15, 17), 6), ((17,), 5), ((14,), 9), ((12, 14), 3), ((14, 17), 2),
    ((4, 14), 2), ((20, 25), 5), ((20,), 3), ((1, 2, 4, 5, 20, 25), 6), ((1, 2, 4, 20, 25, 26), 4),
    ((25,), 3), ((25, 26), 6), ((4, 25, 26), 2), ((4, 17), 4), ((4, 5, 17), 2), ((6, 4, 25, 26), 2),
)  # fmt: skip

# Chance that an AU joins when AUs are drawn independently; weak and overshadowed ones more often.
_ALONE = {
    "AU01": 0.30, "AU02": 0.30, "AU04": 0.28, "AU05": 0.36, "AU06": 0.28, "AU09": 0.28,
    "AU10": 0.26, "AU12": 0.26, "AU14": 0.50, "AU15": 0.34, "AU17": 0.40, "AU20": 0.36,
    "AU25": 0.34, "AU26": 0.34,
}  # fmt: skip

# Chance that an AU is shown by one side of the face, or nearly so.
_ONE_SIDED = {"AU12": 0.05, "AU14": 0.3}

# Mouth corners cannot obey several masters fully: only one of these may be strong.
_RIVALS = ("AU12", "AU14", "AU15", "AU20")
_RIVAL_LIMIT = 2.5


# Pairs of AUs of which training never sees both above 1: for tests of what was never shown.
HELD_OUT_PAIRS = (("AU02", "AU15"), ("AU05", "AU14"), ("AU01", "AU09"))


def sample_held_out(rng: np.random.Generator) -> Expression:
    """An expression with both AUs of a pair that `sample_expression` never shows together."""
    pair = HELD_OUT_PAIRS[rng.integers(len(HELD_OUT_PAIRS))]
    levels = dict.fromkeys(PAPER_AUS, 0.0) | {au: float(rng.uniform(1.2, 5)) for au in pair}
    if rng.random() < 0.4:
        levels["AU25"] = _level(rng)
    return Expression(levels, beside=sample_distractors(rng, levels))


def sample_expression(rng: np.random.Generator) -> Expression:
    """An expression drawn at random, with distractors and some asymmetry."""
    intensities = _sample_intensities(rng)
    for pair in HELD_OUT_PAIRS:
        if all(intensities[au] > 1 for au in pair):
            intensities[str(rng.choice(pair))] = 0.0
    lag = {}
    for au in intensities:
        drawn = rng.normal(0, 0.08) if rng.random() < 0.9 else rng.uniform(-0.45, 0.45)
        lag[au] = float(np.clip(drawn, -0.45, 0.45))
    for au, chance in _ONE_SIDED.items():
        if rng.random() < chance:
            lag[au] = float(rng.choice([-1, 1]) * rng.uniform(0.6, 1.0))
    return Expression(intensities, lag, sample_distractors(rng, intensities))


def _sample_intensities(rng: np.random.Generator) -> dict[str, float]:
    levels = dict.fromkeys(PAPER_AUS, 0.0)
    draw = rng.random()
    if draw < 0.1:
        return levels
    if draw < 0.22:
        levels[str(rng.choice(PAPER_AUS))] = _level(rng)
    elif draw < 0.56:
        shares = np.array([share for _, share in _TOGETHER], float)
        chosen, _ = _TOGETHER[rng.choice(len(_TOGETHER), p=shares / shares.sum())]
        common = _level(rng)
        for number in chosen:
            blend = common if rng.random() < 0.35 else _level(rng)
            levels[f"AU{number:02d}"] = float(np.clip(blend + rng.normal(0, 0.4), 0, MAX_INTENSITY))
        if rng.random() < 0.5:
            levels[str(rng.choice(PAPER_AUS))] = _level(rng)
    else:
        for au, chance in _ALONE.items():
            if rng.random() < chance:
                levels[au] = _level(rng)
    return _plausible(rng, levels)


def _level(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.2, MAX_INTENSITY))


def _plausible(rng: np.random.Generator, levels: dict[str, float]) -> dict[str, float]:
    """Keeps rivals apart; raises cheeks, parts lips and spares dimples as faces mostly do."""
    strongest = max(_RIVALS, key=lambda au: levels[au])
    for au in _RIVALS:
        if au != strongest:
            levels[au] = min(levels[au], _RIVAL_LIMIT)
    if levels["AU12"] > 2 and rng.random() < 0.85:
        levels["AU06"] = max(levels["AU06"], levels["AU12"] * float(rng.uniform(0.4, 1.0)))
    if levels["AU26"] > 1 and rng.random() < 0.85:
        levels["AU25"] = max(levels["AU25"], float(rng.uniform(1.5, MAX_INTENSITY)))
    if levels["AU10"] > 2 and rng.random() < 0.75:
        levels["AU25"] = max(levels["AU25"], float(rng.uniform(1, 4)))
    if levels["AU17"] > 1.5 and levels["AU25"] > 1.5 and rng.random() < 0.8:
        levels[str(rng.choice(["AU17", "AU25"]))] = 0.0
        levels["AU26"] = min(levels["AU26"], levels["AU25"])
    if levels["AU14"] > 1 and levels["AU25"] > 1.5 and rng.random() < 0.9:
        levels["AU14"] = 0.0
    return levels


def sample_distractors(
    rng: np.random.Generator, intensities: Mapping[str, float]
) -> dict[str, float]:
    """Gaze, and now and then blinks, tightened lids (AU7), pursed lips, puffed cheeks.

    Eyes are shut and lids tightened more often beside AU04, AU06 and AU09, and lips pressed (AU24)
    beside AU17, as faces show them together.
    """
    beside = gaze(*rng.normal(0, 0.22, 2))
    raised_lids = intensities.get("AU05", 0.0) > 0
    narrowed = any(intensities.get(au, 0.0) > 1 for au in ("AU04", "AU06", "AU09"))
    if rng.random() < (0.25 if narrowed else 0.12) and not raised_lids:
        closed = 1.0 if rng.random() < 0.4 else float(rng.uniform(0.1, 1.0))
        beside |= {"eyeBlink_L": closed, "eyeBlink_R": closed * float(rng.uniform(0.9, 1))}
    if rng.random() < (0.35 if narrowed else 0.15):
        tight = float(rng.uniform(0, 1.0))
        beside |= {"eyeSquint_L": tight, "eyeSquint_R": tight * float(rng.uniform(0.8, 1))}
    mouth_at_rest = max(intensities.get(au, 0.0) for au in ("AU12", "AU20", "AU25", "AU26")) < 1.5
    if rng.random() < 0.14 and mouth_at_rest:
        shape = str(rng.choice(["mouthPucker", "mouthFunnel", "mouthRollLower", "mouthRollUpper"]))
        beside[shape] = float(rng.uniform(0, 0.6 if shape != "mouthFunnel" else 0.15))
    if rng.random() < (0.4 if intensities.get("AU17", 0.0) > 1 else 0.1):
        press = float(rng.uniform(0, 0.6))
        beside |= {"mouthPress_L": press, "mouthPress_R": press}
    if rng.random() < 0.03:
        puff = float(rng.uniform(0, 0.7))
        beside |= {"cheekPuff_L": puff, "cheekPuff_R": puff}
    if rng.random() < 0.15:
        beside[str(rng.choice(["jawLeft", "jawRight", "mouthLeft", "mouthRight"]))] = float(
            rng.uniform(0, 0.3)
        )
    return beside


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
