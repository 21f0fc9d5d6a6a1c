"""Which expressions are drawn at random, and what goes on beside them.

Co-occurrences that faces show (smiles, surprise, disgust, sadness, fear, anger, pain, shouting) are
mixed with single AUs and deliberately independent ones, so that no AU can be read off another. What
looks like an AU but is none (gaze, puffed cheeks, a sideways jaw) is added with all labels
unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auheat.facs import ALL_AUS, MAX_INTENSITY, au_name
from auheat.synthesis.expression import Expression, gaze

# Co-occurrences with their weight; each named AU gets an intensity of its own.
_TOGETHER: tuple[tuple[tuple[int, ...], float], ...] = (
    # smiles and laughter
    ((6, 12), 11), ((6, 12, 25), 14), ((12,), 5), ((12, 25), 5), ((6, 12, 25, 26), 6),
    ((6, 7, 12), 5), ((6, 7, 12, 25), 7), ((6, 7, 12, 25, 26), 4), ((6, 12, 25, 43), 4),
    ((12, 43), 1), ((6, 12, 24), 2), ((12, 23), 1), ((1, 2, 12, 25), 2),
    # surprise, fear
    ((1, 2), 6), ((1, 2, 5), 5), ((1, 2, 5, 25, 26), 6), ((5,), 3), ((4, 5), 3), ((1, 2, 18), 1),
    ((1, 2, 4, 5, 20, 25), 5), ((1, 2, 4, 20, 25, 26), 4), ((1, 2, 4, 5, 7, 20, 25, 26), 4),
    ((1, 4, 5, 20, 25, 26), 4), ((1, 4, 20), 3), ((1, 4, 20, 25), 4), ((20, 25), 4), ((20,), 3),
    ((5, 20, 25, 26), 2),
    # sadness
    ((1, 4), 7), ((1, 4, 7), 3), ((1, 4, 43), 4), ((1, 4, 15), 4), ((1, 4, 15, 17), 4),
    ((1, 4, 17), 2), ((1, 4, 25), 2), ((1, 4, 25, 26), 3), ((1, 4, 6, 15), 2), ((15, 17), 6),
    ((15, 17, 24), 3), ((15,), 2), ((1, 4, 26), 1),
    # anger, effort
    ((4,), 6), ((4, 7), 6), ((4, 7, 23), 3), ((4, 7, 24), 3), ((4, 5, 7, 23), 3), ((4, 5, 7), 2),
    ((4, 7, 17, 24), 3), ((4, 17, 23), 2), ((4, 17), 3), ((4, 23, 25), 2), ((23,), 3), ((24,), 4),
    ((17, 24), 4), ((17, 23), 3), ((17,), 5), ((4, 24), 2), ((4, 5, 17), 1),
    # disgust, pain
    ((4, 6), 4), ((4, 9), 4), ((4, 6, 9), 3), ((4, 6, 7), 3), ((4, 7, 9), 3), ((4, 6, 7, 9), 4),
    ((4, 6, 7, 9, 43), 4), ((4, 43), 5), ((4, 7, 43), 3), ((4, 6, 43), 3), ((4, 9, 43), 2),
    ((4, 6, 7, 9, 10, 25), 3), ((4, 6, 7, 9, 10, 25, 43), 3), ((4, 6, 10, 20, 25, 43), 2),
    ((6, 9, 10), 2), ((9, 10, 17), 2), ((9, 10, 25), 3), ((10, 25), 3), ((4, 10), 2), ((10, 17), 2),
    ((10, 15, 17, 25), 2), ((4, 15, 17, 25), 1),
    # shouting
    ((10, 25, 26), 3), ((4, 10, 25, 26), 4), ((4, 6, 10, 25, 26), 3), ((4, 7, 10, 25, 26), 3),
    ((4, 9, 10, 25, 26), 2), ((4, 7, 10, 25, 26, 43), 2), ((4, 25, 26), 2), ((1, 4, 10, 25, 26), 2),
    # screams of fear, pain and rage, and laughter as wide
    ((1, 2, 4, 5, 10, 20, 25, 26), 4), ((1, 4, 6, 10, 20, 25, 26), 6),
    ((4, 6, 7, 10, 20, 25, 26), 6), ((1, 4, 10, 20, 25, 26), 4), ((4, 6, 9, 10, 20, 25, 26), 4),
    ((4, 5, 10, 20, 25, 26), 4), ((6, 10, 12, 25, 26), 4), ((10, 20, 25, 26), 2),
    ((4, 7, 9, 10, 20, 25), 4), ((4, 10, 20, 25), 4),
    # dimples
    ((14,), 8), ((12, 14), 3), ((14, 17), 2), ((4, 14), 2), ((14, 24), 3), ((14, 23), 1),
    ((6, 12, 14), 2), ((2, 14), 1), ((1, 2, 14), 1),
    # lips and lids
    ((18,), 7), ((18, 25), 2), ((18, 43), 1), ((4, 18), 1), ((28,), 7), ((17, 28), 1),
    ((12, 28), 1), ((4, 28), 1), ((25,), 3), ((25, 26), 5), ((43,), 6), ((7,), 4), ((1, 2, 43), 2),
    ((25, 43), 2),
    ((17, 43), 2), ((15, 43), 1), ((7, 25, 26, 43), 1), ((24, 43), 1),
)  # fmt: skip
_FRACTIONS = np.array([fraction for _, fraction in _TOGETHER], float)

# Probability that an AU joins when AUs are drawn independently; weak and overshadowed ones do more
# often.
_ALONE = {
    "AU01": 0.28, "AU02": 0.28, "AU04": 0.28, "AU05": 0.34, "AU06": 0.26, "AU07": 0.28,
    "AU09": 0.26, "AU10": 0.26, "AU12": 0.32, "AU14": 0.46, "AU15": 0.34, "AU17": 0.36,
    "AU18": 0.42, "AU20": 0.38, "AU23": 0.26, "AU24": 0.42, "AU25": 0.36, "AU26": 0.32,
    "AU28": 0.42, "AU43": 0.28,
}  # fmt: skip

# Probability that an AU is shown by one side of the face, or nearly so.
_ONE_SIDED = {"AU12": 0.05, "AU14": 0.3}

# Mouth corners cannot obey several masters fully: only one of these may be strong.
_RIVALS = ("AU12", "AU14", "AU15", "AU20")
_RIVAL_LIMIT = 2.5
# What a face cannot do at once: of both only the one that is drawn by lot stays. Lips that are
# pressed or sucked in do not part, closed lids are not raised.
_CONFLICTS = (
    ("AU05", "AU43"), ("AU24", "AU25"), ("AU25", "AU28"), ("AU18", "AU28"), ("AU23", "AU28"),
    ("AU24", "AU28"), ("AU10", "AU28"), ("AU18", "AU24"), ("AU18", "AU20"),
)  # fmt: skip
# What can hardly be strong at once: the weaker one is limited.
_HINDERED = (
    ("AU12", "AU18"), ("AU14", "AU18"), ("AU24", "AU26"), ("AU10", "AU24"), ("AU20", "AU24"),
    ("AU20", "AU23"), ("AU18", "AU23"), ("AU20", "AU28"), ("AU12", "AU28"), ("AU26", "AU28"),
)  # fmt: skip
_HINDERED_LIMIT = 1.5


# Mouths that are torn open (27) go beyond what a dropped jaw (26) reaches at 5: by this much, with
# which the teeth part by 45 of the 47.8 mm of `anatomy`.
_STRETCHED = 0.75
# Lower lips that are drawn down (16) beside parted ones, which no AU of ours names: in which
# fraction, and how far.
_DRAWN_DOWN, _DRAWN_DOWN_BY = 0.2, 0.5

# Pairs of AUs of which training never sees both above 1: for tests of what was never shown.
HELD_OUT_PAIRS = (("AU02", "AU15"), ("AU05", "AU14"), ("AU01", "AU09"))


def sample_held_out(rng: np.random.Generator) -> Expression:
    """An expression with both AUs of a pair that `sample_expression` never shows together."""
    pair = HELD_OUT_PAIRS[rng.integers(len(HELD_OUT_PAIRS))]
    levels = dict.fromkeys(ALL_AUS, 0.0) | {au: float(rng.uniform(1.2, 5)) for au in pair}
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
    lag["AU43"] *= 0.2  # both eyes close together: one that closes alone is another AU, 46
    for au, probability in _ONE_SIDED.items():
        if rng.random() < probability:
            lag[au] = float(rng.choice([-1, 1]) * rng.uniform(0.6, 1.0))
    return Expression(intensities, lag, sample_distractors(rng, intensities))


def _sample_intensities(rng: np.random.Generator) -> dict[str, float]:
    levels = dict.fromkeys(ALL_AUS, 0.0)
    draw = rng.random()
    if draw < 0.14:
        return levels
    if draw < 0.27:
        au = str(rng.choice(ALL_AUS))
        levels[au] = _level(rng, au)
    elif draw < 0.66:
        chosen, _ = _TOGETHER[rng.choice(len(_TOGETHER), p=_FRACTIONS / _FRACTIONS.sum())]
        common = _level(rng)
        for number in chosen:
            au = au_name(number)
            blend = common if rng.random() < 0.35 else _level(rng, au)
            levels[au] = float(np.clip(blend + rng.normal(0, 0.4), 0, MAX_INTENSITY))
        if rng.random() < 0.4:
            au = str(rng.choice(ALL_AUS))
            levels[au] = _level(rng, au)
    else:
        for au, probability in _ALONE.items():
            if rng.random() < probability:
                levels[au] = _level(rng, au)
    return _plausible(rng, levels)


def _level(rng: np.random.Generator, au: str = "") -> float:
    """An intensity. Eyes are shut in half of the images in which lids close at all."""
    if au == "AU43" and rng.random() < 0.5:
        return MAX_INTENSITY
    return float(rng.uniform(0.2, MAX_INTENSITY))


def _plausible(rng: np.random.Generator, levels: dict[str, float]) -> dict[str, float]:
    """Keeps rivals apart; raises cheeks, parts lips and spares dimples as faces mostly do."""
    strongest = max(_RIVALS, key=lambda au: levels[au])
    for au in _RIVALS:
        if au != strongest:
            levels[au] = min(levels[au], _RIVAL_LIMIT)
    for pair in _CONFLICTS:
        if all(levels[au] > 0 for au in pair):
            levels[str(rng.choice(pair))] = 0.0
    for one, other in _HINDERED:
        weaker = min(one, other, key=lambda au: levels[au])
        levels[weaker] = min(levels[weaker], _HINDERED_LIMIT)
    if levels["AU12"] > 2 and rng.random() < 0.85:
        levels["AU06"] = max(levels["AU06"], levels["AU12"] * float(rng.uniform(0.4, 1.0)))
    if levels["AU09"] > 1.5 and rng.random() < 0.7:  # noses are hardly wrinkled without a frown
        levels["AU04"] = max(levels["AU04"], levels["AU09"] * float(rng.uniform(0.4, 1.0)))
    # hardly anyone can raise the inner brows alone
    if levels["AU01"] > 1.5 and levels["AU02"] < 1 and rng.random() < 0.4:
        levels["AU04"] = max(levels["AU04"], levels["AU01"] * float(rng.uniform(0.4, 1.0)))
    sealed = levels["AU24"] > 0 or levels["AU28"] > 0
    if levels["AU26"] > 1 and not sealed and rng.random() < 0.85:
        levels["AU25"] = max(levels["AU25"], float(rng.uniform(1.5, MAX_INTENSITY)))
    if levels["AU10"] > 2 and not sealed and rng.random() < 0.75:
        levels["AU25"] = max(levels["AU25"], float(rng.uniform(1, 4)))
    if levels["AU17"] > 1.5 and levels["AU25"] > 1.5 and rng.random() < 0.6:
        levels[str(rng.choice(["AU17", "AU25"]))] = 0.0
        levels["AU26"] = min(levels["AU26"], levels["AU25"])
    if levels["AU14"] > 1 and levels["AU25"] > 1.5 and rng.random() < 0.9:
        levels["AU14"] = 0.0
    return levels


def sample_distractors(
    rng: np.random.Generator, intensities: Mapping[str, float]
) -> dict[str, float]:
    """Gaze, and now and then a funnelled mouth, a lip that shrugs or is drawn down, puffed cheeks.

    None of them is one of the labelled AUs; a mouth torn open (27) is labelled as a dropped jaw.
    """
    wandering = 0.45 if rng.random() < 0.2 else 0.2
    beside = gaze(*np.clip(rng.normal(0, wandering, 2), -0.9, 0.9))
    mouth = ("AU12", "AU18", "AU20", "AU23", "AU24", "AU25", "AU26", "AU28")
    if rng.random() < 0.08 and max(intensities.get(au, 0.0) for au in mouth) < 1:
        shape = str(rng.choice(["mouthFunnel", "mouthShrugUpper"]))
        beside[shape] = float(rng.uniform(0, 0.2))
    wide = intensities.get("AU26", 0.0) > 4 and intensities.get("AU25", 0.0) > 3
    if wide and rng.random() < 0.5:
        beside["jawOpen"] = float(rng.uniform(0, _STRETCHED))
    if intensities.get("AU25", 0.0) > 2 and rng.random() < _DRAWN_DOWN:
        drawn = float(rng.uniform(0, _DRAWN_DOWN_BY))
        beside |= {"mouthLowerDown_L": drawn, "mouthLowerDown_R": drawn}
    if rng.random() < 0.03:
        puff = float(rng.uniform(0, 0.7))
        beside |= {"cheekPuff_L": puff, "cheekPuff_R": puff}
    if rng.random() < 0.15:
        beside[str(rng.choice(["jawLeft", "jawRight", "mouthLeft", "mouthRight"]))] = float(
            rng.uniform(0, 0.3)
        )
    return beside
