"""Where brows and nose stand at rest: published heights, and what brings the kit there.

The mean face of ICT-FaceKit has its brows and the root of its nose higher than people have them.
Heights are in cm, upwards from the plane through both inner eye corners unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat.landmarks import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    SUBNASALE,
)
from auheat.synthesis.arrays import Floats32, floats

# Upper edge of the brow above the inner eye corner, the pupil and the outer eye corner, means of
# adults of both sexes. Matros, Garcia and Yaremchuk (Plast Reconstr Surg 124, 2009) measured 1.57,
# 1.98 and 2.13 in women of 20 to 30 and 1.91, 2.24 and 2.24 in women of 50 to 60. In 213 people of
# 5 to 80 the lower edge of the brow lay 1.95 above the lower edge of the iris (Ophthal Plast
# Reconstr Surg, "Measurement of eyebrow position from inferior corneal limbus to brow"): with half
# an iris of 0.55 and a pupil 0.15 above the corners the lower edge is 1.55 over the pupil, and with
# a brow 0.65 thick the upper one 2.2. These are the means of both sources.
_BROW_EDGE_CM = (1.79, 2.16, 2.23)
# Brows rise with age over the inner eye corner by 0.34 in thirty years (Matros 2009), and women's
# stand higher than men's (Cartwright et al., Am J Ophthalmol 117, 1994; how much is our reading).
_BROW_RISE_WITH_AGE, _BROW_RISE_IN_WOMEN = 0.3, 0.15
# How much brows of one age and sex differ: s.d. 0.18 (Cartwright 1994, people of 41 to 60). That
# heads, bows and tails also differ by themselves is our reading, and so is that people of all ages
# and origins differ more than that.
_BROW_SPREAD, _SLANT_SPREAD, _ARCH_SPREAD = 0.25, 0.12, 0.11
# The kit's brows run down to the nose as those of a frown do; people's at rest run nearly level.
_USUAL_SLANT = 0.08
# Root of the nose to its base (n-sn): men 5.48, s.d. 0.33, women 5.06, s.d. 0.31 (Farkas et al., J
# Craniofac Surg 16, 2005); the kit has 5.49.
_NOSE_HEIGHT_CM = 5.27

# Heights above the outer eye corners between which the lowering sets in and fades out.
_BRIDGE, _LID_FOLD, _RIM, _RIDGE, _HAIRLINE = 0.4, 0.6, 1.9, 3.0, 6.5
_GLABELLA = 2.9  # between the brows the skin gives way over a longer stretch
_NOSE_ROOT_CM = 0.85  # above the outer eye corners
_HEAD, _BOW, _TAIL = 1.0, 4.3, 5.6  # of a brow, from the middle of the face
_TIP, _BASE = 1.5, 0.3  # above the nose base: the tip, and where nothing moves any more


@dataclass(frozen=True)
class Resting:
    """How skin moves from the kit's mean face to an average adult's, and on from there.

    Attributes:
        lowered: (n,) cm.
        with_brows: (n,) fraction by which skin goes along where brows stand higher.
        across: (n,) distance from the middle of the face, cm.
    """

    lowered: Floats32
    with_brows: Floats32
    across: Floats32

    @classmethod
    def of(cls, points: Floats32, marks: Floats32, skin: NDArray[np.bool_]) -> Resting:
        """Where the skin of a mean face gives way.

        Args:
            points: (n, 3) mean face.
            marks: (68, 3) its landmarks.
            skin: (n,) 1 on the skin, 0 elsewhere.
        """
        eyes = (marks[RIGHT_EYE_OUTER, 1] + marks[LEFT_EYE_OUTER, 1]) / 2
        height, across = points[:, 1] - eyes, np.abs(points[:, 0])
        lowest = floats(np.interp(across, (0.8, 1.5), (_BRIDGE, _LID_FOLD)))
        full = floats(np.interp(across, (0.5, 1.3), (_GLABELLA, _RIM)))
        brow = _smooth(height, lowest, full) * (1 - _smooth(height, _RIDGE, _HAIRLINE)) * skin
        nose = (1 - _smooth(height, _NOSE_ROOT_CM, _RIM)) * (1 - _smooth(across, 0.6, 1.5)) * skin
        above_base = points[:, 1] - marks[SUBNASALE, 1]
        nose = nose * _smooth(above_base, _BASE, _TIP) * (points[:, 2] > marks[SUBNASALE, 2] - 2.5)
        too_long = eyes + _NOSE_ROOT_CM - marks[SUBNASALE, 1] - _NOSE_HEIGHT_CM
        with_brows = brow_excess(marks, floats([0.0])) * _smooth(
            floats([_NOSE_ROOT_CM]), _BRIDGE, _GLABELLA
        )
        nose = nose * max(float(too_long - with_brows[0]), 0.0)
        return cls(floats(brow * brow_excess(marks, across) + nose), floats(brow), floats(across))

    def offset(self, brows: Brows | None = None) -> Floats32:
        """Offsets (n, 3) in cm from the kit's face; brows: how they differ from the average."""
        lowered = self.lowered
        if brows is not None:
            lowered = lowered - brows.above(self.across) * self.with_brows
        return floats(np.stack([np.zeros_like(lowered), -lowered, np.zeros_like(lowered)], 1))


@dataclass(frozen=True)
class Brows:
    """How a person's resting brows stand, in cm above an average adult's.

    Attributes:
        height: All of them.
        slant: The heads; the tails by as much lower.
        arch: The bow over the outer half of the eye.
    """

    height: float = 0.0
    slant: float = 0.0
    arch: float = 0.0

    def above(self, across: Floats32) -> Floats32:
        """How much higher the skin stands at distances from the middle of the face, in cm."""
        slant = np.interp(across, (_HEAD, _TAIL), (1.0, -1.0))
        arch = np.exp(-(((across - _BOW) / 1.1) ** 2))
        return floats(self.height + self.slant * slant + self.arch * arch)


def sample_brows(rng: np.random.Generator, age: float, masculine: bool, spread: float) -> Brows:
    """Somebody's brows: high or low, slanted, arched or level.

    Args:
        rng: What chances are drawn from.
        age: 0 young to 1 old.
        masculine: Whether they are a man's.
        spread: Factor on how much people differ.
    """
    height, slant, arch = spread * np.clip(rng.standard_normal(3), -2.2, 2.2)
    return Brows(
        brow_height(age, masculine) + _BROW_SPREAD * float(height),
        _USUAL_SLANT + _SLANT_SPREAD * float(slant),
        _ARCH_SPREAD * float(arch),
    )


def brow_height(age: float, masculine: bool) -> float:
    """How much higher than an average adult's the brows stand, in cm. age: 0 young to 1 old."""
    return _BROW_RISE_WITH_AGE * (age - 0.43) + _BROW_RISE_IN_WOMEN * (-0.5 if masculine else 0.5)


def brow_excess(marks: Floats32, across: Floats32) -> Floats32:
    """How much too high the brows of a face with landmarks (68, 3) stand, in cm.

    Args:
        marks: (68, 3) landmarks of the face.
        across: distances from the middle of the face, in cm.
    """
    inner = (marks[LEFT_EYE_INNER] + marks[RIGHT_EYE_INNER] * (-1, 1, 1)) / 2
    outer = (marks[LEFT_EYE_OUTER] + marks[RIGHT_EYE_OUTER] * (-1, 1, 1)) / 2
    places = np.array([inner[0], (inner[0] + outer[0]) / 2, outer[0]])
    brow = (marks[22:27] + marks[21:16:-1] * (-1, 1, 1)) / 2  # head to tail, both sides
    stands = np.interp(places, brow[:, 0], brow[:, 1]) - inner[1]
    excess = stands - _BROW_EDGE_CM
    slope = (excess[2] - excess[0]) / max(places[2] - places[0], 1e-3)
    return floats(np.clip(excess[0] + slope * np.maximum(across - places[0], 0), 0.0, 1.2))


def _smooth(x: Floats32, low: Floats32 | float, high: Floats32 | float) -> Floats32:
    """0 below `low`, 1 above `high`, smooth between."""
    fraction = np.clip((x - low) / (high - low), 0, 1)
    return floats(fraction * fraction * (3 - 2 * fraction))
