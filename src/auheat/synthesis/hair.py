"""Hair on the head: its colour, its style, and where it grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auheat.synthesis.arrays import Floats32, floats

# Height (y, cm) of the hairline at a depth (z, cm) of the mean head, from the nape to the forehead.
_LINE_Z = (-10.0, 1.5, 2.8, 4.8, 8.2, 13.0)
_LINE_Y = (-4.0, -0.5, 2.5, 7.4, 10.4, 13.3)

_COLOURS = np.array(
    [
        [0.012, 0.009, 0.007],
        [0.030, 0.016, 0.009],
        [0.070, 0.036, 0.018],
        [0.160, 0.090, 0.040],
        [0.300, 0.200, 0.100],
        [0.220, 0.200, 0.180],
        [0.140, 0.040, 0.015],
    ]
)


@dataclass(frozen=True)
class HairStyle:
    """How hair grows and lies.

    Attributes:
        length: cm.
        lift: 0 flat on the skull to 1 straight out.
        gravity: how soon strands bend down.
        comb: (3,) direction in which it is combed.
        parting: x in cm from which it falls to both sides, or None.
        fringe: cm that front strands hang over the forehead.
        curl: radius of curls in cm.
        pitch: turns per cm.
        recession: cm by which the hairline lies higher.
        strands: how many.
    """

    length: float
    lift: float
    gravity: float
    comb: tuple[float, float, float]
    parting: float | None
    fringe: float
    curl: float
    pitch: float
    recession: float
    strands: int


def sample_colour(rng: np.random.Generator, depth: float, age: float) -> Floats32:
    """Hair colour (3,), linear RGB: mostly dark, grey with age. depth: of the skin, 0 to 1."""
    if depth < 0.5:
        kind = rng.choice(7, p=(0.33, 0.24, 0.18, 0.1, 0.06, 0.04, 0.05))
    else:
        kind = rng.choice(2)
    if rng.random() < max(0.0, age - 0.5):
        kind = 5
    return floats(_COLOURS[kind] * rng.uniform(0.8, 1.3))


def sample_style(
    rng: np.random.Generator, masculine: bool, fringed: bool | None = None
) -> HairStyle | None:
    """A style, or None for a bald head.

    Args:
        rng: what chances are drawn from.
        masculine: whether the face is.
        fringed: whether hair must, or must not, hang over the forehead; None leaves it to chance.
    """
    kinds = ("bald", "buzz", "short", "swept", "curly", "long", "tied")
    fractions = (0.08, 0.14, 0.26, 0.24, 0.16, 0.08, 0.04)
    if not masculine:
        fractions = (0.02, 0.03, 0.1, 0.15, 0.18, 0.34, 0.18)
    kind = rng.choice(kinds, p=fractions)
    if fringed and kind in ("bald", "buzz", "curly"):
        kind = "swept"
    if kind == "bald":
        return None
    recession = float(
        rng.uniform(0.5, 2.6) if masculine and rng.random() < 0.25 else rng.normal(0, 0.5)
    )
    side = float(rng.choice([-1, 1]))
    length, hangs = float(rng.uniform(2.0, 6.0)), bool(rng.random() < 0.35)
    hangs = hangs if fringed is None else fringed
    fringe = (max(length, 3.5) if fringed else length) if hangs else 0.0
    styles = {
        "buzz": HairStyle(0.35, 0.8, 0.0, (0, 0, 1), None, 0, 0, 0, recession, 7000),
        "short": HairStyle(
            rng.uniform(1.2, 4.5), rng.uniform(0.15, 0.55), 0.08,
            (0.5 * side, 0.2, rng.normal(-0.2, 0.8)), None, fringe * 0.6, rng.uniform(0, 0.15), 0.4,
            recession, 5500,
        ),
        "swept": HairStyle(
            rng.uniform(5, 9), rng.uniform(0.2, 0.5), 0.1, (side, 0.1, rng.uniform(-0.8, -0.1)),
            -side * rng.uniform(2, 4), fringe, rng.uniform(0, 0.25), 0.25, recession, 4500,
        ),
        "curly": HairStyle(
            rng.uniform(2, 12), rng.uniform(0.5, 0.95), rng.uniform(0, 0.15), (0, 0.1, -0.3), None,
            0, rng.uniform(0.15, 0.6), rng.uniform(0.4, 1.2), recession, 4500,
        ),
        "long": HairStyle(
            rng.uniform(18, 30), rng.uniform(0.2, 0.5), 0.16, (0, 0.1, -0.8),
            rng.normal(0, 2), fringe, rng.uniform(0, 0.5), rng.uniform(0.05, 0.2), recession, 4500,
        ),
        "tied": HairStyle(
            rng.uniform(9, 13), 0.12, 0.0, (0, 0.25, -1), None,
            fringe if rng.random() < 0.5 or fringed else 0, 0.05, 0.2, recession, 5000,
        ),
    }  # fmt: skip
    return styles[str(kind)]


def scalp(rng: np.random.Generator, rest: Floats32, style: HairStyle | None) -> Floats32:
    """Height above the hairline in cm (n,) at the mean face's vertices; below 0 nothing grows."""
    if style is None:
        return np.full(len(rest), -5.0, np.float32)
    x, y, z = rest.T
    waves = rng.normal(0, 1, (10, 3)) * np.repeat([[0.7], [3.0]], 5, axis=0)
    ragged = np.sin(rest @ waves.T + rng.uniform(0, 6.28, 10)) @ np.repeat([0.3, 0.1], 5)
    temples = np.exp(-(((np.abs(x) - 4.5) / 1.8) ** 2))
    raised = style.recession * (1 + 0.8 * temples) * np.where(z > 4, 1.0, 0.3)
    height = y - np.interp(z, _LINE_Z, _LINE_Y) - raised + ragged
    ears = (np.abs(x) > 7.75) & (y < 5.2) & (z > -2.5)
    return np.where(ears, -1.0, height).astype(np.float32)
