"""Lines and folds that Action Units press into the skin, as height maps in texture space.

Where they lie follows the appearance changes of the FACS manual: forehead lines (1, 2), the
glabella (4), crow's feet (6), below the eye (7), the root of the nose (9), the nasolabial fold (10,
12), beside the mouth (12, 14, 15, 20, 24), the red and the rim of the lips (18, 23, 28) and the
chin boss (17, 24). Everyone has their own variant and strength of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.textures import Curve, lines

SIZE = 256
_VARIANTS = 12

# How deep an AU at 5 presses its lines into a middle-aged face, from the smoothest to the most
# furrowed skin; as many people between 0.2 and 0.4 as between 0.4 and 0.8. The lines of frowns,
# raised brows, wrinkled noses and chins are what one sees of these AUs first, but in smooth skin
# and under soft light hardly at all: then the movement alone shows them.
_FURROW = (0.15, 1.3)
_FURROWS = {
    "AU01": (0.1, 3.0), "AU02": (0.1, 3.0), "AU04": (0.12, 4.5), "AU09": (0.15, 3.5),
    "AU17": (0.15, 2.5),
}  # fmt: skip
# Lines that some faces have at rest and that are no AU there: those of one of these AUs, in which
# fraction of young and of old people, how deep at most (an AU at 5 presses lines of 0.09 to 5.6).
_AT_REST = (
    (("AU10", "AU12"), 0.3, 0.7, 0.45),
    (("AU01", "AU02"), 0.08, 0.4, 0.45),
    (("AU02", "AU01"), 0.04, 0.3, 0.4),
    (("AU04",), 0.12, 0.4, 0.45),
    (("AU06",), 0.06, 0.4, 0.4),
    (("AU07",), 0.25, 0.55, 0.5),
    (("AU09",), 0.05, 0.12, 0.3),
    (("AU14", "AU15", "AU20"), 0.08, 0.45, 0.4),
    (("AU17",), 0.1, 0.25, 0.4),
    (("AU18", "AU28"), 0.04, 0.3, 0.3),
    (("AU23", "AU24"), 0.1, 0.15, 0.35),
)


class WrinkleBank:
    """Variants of every AU's lines; negative is a furrow."""

    def __init__(self, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        self._maps: dict[str, list[Floats32]] = {
            name: [make(rng) for _ in range(_VARIANTS)] for name, make in _MAKERS.items()
        }

    def sample(self, rng: np.random.Generator) -> dict[str, Floats32]:
        """One person's lines by AU name, each (256, 256)."""
        return {name: maps[rng.integers(len(maps))] for name, maps in self._maps.items()}


def furrows(
    rng: np.random.Generator, lines_of: Mapping[str, Floats32], age: float
) -> dict[str, Floats32]:
    """What each AU at 5 adds to a person's skin, by AU name: smooth skin or a furrowed one.

    Args:
        rng: What chances are drawn from.
        lines_of: The person's lines by AU name.
        age: 0 young to 1 old.
    """
    return {
        au: floats(line * _furrow_depth(rng, au) * (0.6 + 0.8 * age))
        for au, line in lines_of.items()
    }


def _furrow_depth(rng: np.random.Generator, au: str) -> float:
    return float(np.exp(rng.uniform(*np.log(_FURROWS.get(au, _FURROW)))))


def lines_at_rest(
    rng: np.random.Generator, lines_of: Mapping[str, Floats32], age: float
) -> Iterator[Floats32]:
    """Lines that a person's resting face has, one after the other. Arguments as for `furrows`."""
    for aus, young, old, deepest in _AT_REST:
        if rng.random() < young + (old - young) * age:
            depth = rng.uniform(0.08, deepest) * (0.6 + 0.5 * age)
            yield depth * lines_of[str(rng.choice(aus))]


def _both(curves: Sequence[Curve]) -> list[Curve]:
    """Curves and their mirror images."""
    mirrored: list[Curve] = [[(1 - u, v) for u, v in curve] for curve in curves]
    return [*curves, *mirrored]


def _moved(rng: np.random.Generator, curves: Sequence[Curve], spread: float) -> list[Curve]:
    """Curves shifted and bent a little, each on its own."""
    moved: list[Curve] = []
    for curve in curves:
        shift, points = rng.normal(0, spread, 2), np.asarray(curve)
        bend = rng.normal(0, spread / 2, points.shape)
        moved.append([(float(u), float(v)) for u, v in points + shift + bend])
    return moved


def _patchy(rng: np.random.Generator, furrows: Floats32) -> Floats32:
    """Furrows that fade in and out along their length."""
    coarse = rng.uniform(0.3, 1.15, (10, 10)).astype(np.float32)
    fraction = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return floats(furrows * np.clip(fraction, 0, 1.2))


def _forehead(rng: np.random.Generator, inner: bool) -> Floats32:
    count = int(rng.integers(2, 6))
    levels = np.sort(rng.uniform(0.842, 0.918, count))
    phase, tilt = rng.uniform(0, 6.28, count), rng.normal(0.012, 0.006)
    at = np.linspace(0.2, 0.8, 13)
    curves: list[Curve] = [
        [
            (float(u), float(v + tilt * np.cos((u - 0.5) * 9) + 0.004 * np.sin(u * 25 + p)))
            for u in at
        ]
        for v, p in zip(levels, phase, strict=True)
    ]
    furrows = _patchy(rng, lines(SIZE, curves, 2, rng.uniform(2.0, 3.2)))
    u = (np.arange(SIZE) + 0.5) / SIZE
    middle = np.exp(-(((u - 0.5) / 0.12) ** 4))
    fraction = middle if inner else 1 - 0.9 * middle
    return floats(-furrows * fraction[None])


def _glabella(rng: np.random.Generator) -> Floats32:
    """One to four upright lines between the brows, a hollow above each, often a line across."""
    upright: list[Curve] = []
    for offset in rng.uniform(0.012, 0.036, int(rng.integers(1, 3))):
        top, lean = rng.uniform(0.8, 0.835), rng.uniform(-0.002, 0.008)
        upright.append(
            [(0.5 - offset + lean, 0.745), (0.5 - offset, 0.775), (0.5 - offset + lean, top)]
        )
    both = rng.integers(0, 4) > 0  # now and then on one side only
    curves = _moved(rng, _both(upright) if both else upright, 0.004)
    if rng.random() < 0.6:
        curves += _moved(rng, [[(0.47, 0.742), (0.5, 0.738), (0.53, 0.742)]], 0.003)
    furrows = lines(SIZE, curves, 2, rng.uniform(2.2, 4.0))
    # above the heads of the brows the skin is heaped up, with a hollow above that
    hollow = [[(0.475, 0.845), (0.445, 0.84), (0.41, 0.85)]]
    heaped = lines(SIZE, _both(_moved(rng, hollow, 0.005)), 3, rng.uniform(3.0, 5.0))
    return floats(-0.8 * furrows - np.float32(rng.uniform(0.0, 0.35)) * heaped)


def _crows_feet(rng: np.random.Generator) -> Floats32:
    corner = np.array([0.297, 0.716])
    curves: list[Curve] = []
    for angle in rng.uniform(-0.75, 0.75, int(rng.integers(2, 5))):
        length = rng.uniform(0.03, 0.065)
        along = corner + np.array([-np.cos(angle), np.sin(angle)]) * 0.008
        far = along + length * np.array([-np.cos(angle), np.sin(angle)])
        sag = (along + far) / 2 + (0, rng.normal(0, 0.004))
        curves.append([(float(u), float(v)) for u, v in (along, sag, far)])
    curves += _moved(rng, [[(0.395, 0.702), (0.355, 0.693), (0.315, 0.700)]], 0.003)
    return -0.9 * lines(SIZE, _both(curves), 2, rng.uniform(1.8, 2.8))


def _nose_root(rng: np.random.Generator) -> Floats32:
    oblique = _moved(
        rng,
        [
            [(0.468, 0.700), (0.455, 0.715), (0.440, 0.728)],
            [(0.470, 0.683), (0.452, 0.697), (0.436, 0.708)],
            [(0.466, 0.664), (0.450, 0.675), (0.437, 0.683)],
        ],
        0.003,
    )
    across = _moved(rng, [[(0.47, 0.72), (0.5, 0.726), (0.53, 0.72)]], 0.003)
    return -1.1 * lines(SIZE, _both(oblique) + across, 2, rng.uniform(1.8, 2.6))


def _fold(points: Curve, strength: float, blur: float) -> Callable[[np.random.Generator], Floats32]:
    """A maker of one fold on each side through the given points on the left of the texture."""

    def make(rng: np.random.Generator) -> Floats32:
        curves = _both(_moved(rng, [points], 0.005))
        return -strength * lines(SIZE, curves, 3, blur * rng.uniform(0.8, 1.25))

    return make


def _smile(rng: np.random.Generator) -> Floats32:
    """The fold from nose to mouth; often brackets round the corners too, or lines in the cheeks."""
    fold = [(0.432, 0.585), (0.405, 0.55), (0.385, 0.505), (0.368, 0.452)]
    furrows = _fold(fold, rng.uniform(0.9, 1.5), 3.5)(rng)
    if rng.random() < 0.7:
        out = rng.uniform(-0.004, 0.02)
        bracket = [(0.376 - out, 0.482), (0.362 - out, 0.444), (0.372 - out, 0.405)]
        furrows = np.minimum(furrows, _fold(bracket, rng.uniform(0.5, 1.5), 2.8)(rng))
    if rng.random() < 0.35:
        furrows = np.minimum(furrows, np.float32(rng.uniform(0.4, 1.0)) * _stretch(rng))
    return floats(furrows)


def _chin(rng: np.random.Generator) -> Floats32:
    """A boss full of small dimples, a fold above it, often a soft hollow all around."""
    spread = rng.uniform(0.7, 1.5) * np.array([0.04, 0.017])
    places = rng.normal((0.5, 0.32), spread, (int(rng.integers(20, 110)), 2))
    dots = [[(u, v), (u + rng.uniform(0.001, 0.012), v)] for u, v in places]
    dimpled = lines(SIZE, dots, 3, rng.uniform(2.0, 3.2))
    bar: Curve = [(0.45, 0.352), (0.5, 0.347), (0.55, 0.352)]
    folds = rng.uniform(0.6, 1.2) * lines(SIZE, [bar], 3, rng.uniform(2.4, 3.6))
    if rng.random() < 0.6:
        side = [(0.442, 0.350), (0.425, 0.325), (0.438, 0.294), (0.472, 0.278)]
        around = lines(SIZE, _both(_moved(rng, [side], 0.004)), 3, rng.uniform(7.0, 11.0))
        folds = np.maximum(folds, rng.uniform(0.2, 0.6) * around)
    return floats(-(rng.uniform(0.2, 0.6) * dimpled + folds))


def _stretch(rng: np.random.Generator) -> Floats32:
    upright: list[Curve] = [
        [(0.360, 0.47), (0.350, 0.42), (0.360, 0.375)],
        [(0.343, 0.46), (0.333, 0.42), (0.343, 0.38)],
    ]
    return -lines(SIZE, _both(_moved(rng, upright, 0.005)), 2, rng.uniform(2.2, 3.2))


def _lid_crease(rng: np.random.Generator) -> Floats32:
    """A line along the lower lid, its bulge above, a short one below."""
    near = [(0.392, 0.700), (0.362, 0.692), (0.325, 0.697)]
    far = [(0.385, 0.686), (0.355, 0.678), (0.325, 0.684)]
    curves = _both(_moved(rng, [near], 0.002))
    if rng.random() < 0.5:
        curves += _both(_moved(rng, [far], 0.003))
    return floats(-0.8 * lines(SIZE, curves, 2, rng.uniform(1.6, 2.4)))


def _lip_lines(rng: np.random.Generator, reach: float) -> Floats32:
    """Upright lines around the mouth, `reach` beyond the red of the lips."""
    curves: list[Curve] = []
    for u in np.linspace(0.43, 0.57, int(rng.integers(5, 9))) + rng.normal(0, 0.004):
        lean = 0.25 * (u - 0.5)
        curves.append([(u, 0.485), (u + lean, 0.505), (u + 2 * lean, 0.515 + reach)])
        curves.append([(u, 0.385), (u + lean, 0.365), (u + 2 * lean, 0.355 - reach)])
    return floats(-rng.uniform(0.15, 0.4) * lines(SIZE, curves, 2, rng.uniform(1.8, 2.6)))


def _lip_rim(rng: np.random.Generator) -> Floats32:
    """Bulges above and below the lips, sharp at their rim."""
    above = [(0.41, 0.478), (0.455, 0.515), (0.5, 0.512), (0.545, 0.515), (0.59, 0.478)]
    below = [(0.42, 0.39), (0.46, 0.355), (0.5, 0.35), (0.54, 0.355), (0.58, 0.39)]
    return floats(-0.6 * lines(SIZE, _moved(rng, [above, below], 0.003), 3, rng.uniform(2.0, 3.0)))


def _pressed(rng: np.random.Generator) -> Floats32:
    """Short lines at the mouth corners and a tense chin."""
    corner = [(0.384, 0.462), (0.377, 0.442), (0.384, 0.42)]
    beside = _fold(corner, rng.uniform(0.6, 1.3), 2.4)(rng)
    return floats(np.minimum(beside, np.float32(rng.uniform(0.1, 0.5)) * _chin(rng)))


_MAKERS: dict[str, Callable[[np.random.Generator], Floats32]] = {
    "AU01": lambda rng: _forehead(rng, inner=True),
    "AU02": lambda rng: _forehead(rng, inner=False),
    "AU04": _glabella,
    "AU06": _crows_feet,
    "AU07": _lid_crease,
    "AU09": _nose_root,
    "AU10": _fold([(0.435, 0.6), (0.41, 0.565), (0.392, 0.52)], 1.0, 3.2),
    "AU12": _smile,
    "AU14": _fold([(0.374, 0.475), (0.366, 0.442), (0.374, 0.405)], 1.5, 2.6),
    "AU15": _fold([(0.385, 0.437), (0.372, 0.41), (0.37, 0.37)], 1.0, 2.6),
    "AU17": _chin,
    "AU18": lambda rng: _lip_lines(rng, 0.02),
    "AU20": _stretch,
    "AU23": _lip_rim,
    "AU24": _pressed,
    "AU28": lambda rng: _lip_lines(rng, 0.012),
}
