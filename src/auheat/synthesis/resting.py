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

# Upper edge of the brow above the inner eye corner, the pupil and the outer eye corner. Matros,
# Garcia and Yaremchuk (Plast Reconstr Surg 124, 2009) measured 1.57, 1.98 and 2.13 in women of 20
# to 30 and 1.91, 2.24 and 2.24 in women of 50 to 60. In 213 people of 5 to 80 the lower edge of the
# brow lay 1.95 above the lower edge of the iris (Ophthal Plast Reconstr Surg, "Measurement of
# eyebrow position from inferior corneal limbus to brow"): with a brow 0.8 thick, half an iris of
# 0.55 and a pupil 0.15 above the corners 2.35 over the pupil. These are the means of both sources.
_BROW_EDGE = (1.86, 2.23, 2.31)
# Brows rise with age over the inner eye corner by 0.34 in thirty years (Matros 2009), and women's
# stand higher than men's (Cartwright et al., Am J Ophthalmol 117, 1994; how much is our reading).
_BROW_RISE_WITH_AGE, _BROW_RISE_IN_WOMEN = 0.3, 0.15
# Root of the nose to its base (n-sn): men 5.48, s.d. 0.33, women 5.06, s.d. 0.31 (Farkas et al., J
# Craniofac Surg 16, 2005); the kit has 5.49.
_NOSE_HEIGHT = 5.27

# Heights above the outer eye corners between which the lowering sets in and fades out.
_BRIDGE, _LID_FOLD, _RIM, _RIDGE, _HAIRLINE = 0.4, 0.6, 1.9, 3.0, 6.5
_ROOT = 0.85  # of the nose, above the outer eye corners
_TIP, _BASE = 1.5, 0.3  # above the nose base: the tip, and where nothing moves any more


@dataclass(frozen=True)
class Resting:
    """How skin moves from the kit's mean face to an average adult's, and on from there.

    Attributes:
        lowered: (n,) cm.
        with_brows: (n,) share by which skin goes along where brows stand higher.
    """

    lowered: Floats32
    with_brows: Floats32

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
        brow = _smooth(height, lowest, _RIM) * (1 - _smooth(height, _RIDGE, _HAIRLINE)) * skin
        nose = (1 - _smooth(height, _ROOT, _RIM)) * (1 - _smooth(across, 0.6, 1.5)) * skin
        above_base = points[:, 1] - marks[SUBNASALE, 1]
        nose = nose * _smooth(above_base, _BASE, _TIP) * (points[:, 2] > marks[SUBNASALE, 2] - 2.5)
        too_long = eyes + _ROOT - marks[SUBNASALE, 1] - _NOSE_HEIGHT
        with_brows = brow_excess(marks, floats([0.0])) * _smooth(floats([_ROOT]), _BRIDGE, _RIM)
        nose = nose * max(float(too_long - with_brows[0]), 0.0)
        return cls(floats(brow * brow_excess(marks, across) + nose), floats(brow))

    def offset(self, brows: float = 0.0) -> Floats32:
        """Offsets (n, 3) in cm from the kit's face; brows: cm higher than an average adult's."""
        lowered = self.lowered - brows * self.with_brows
        return floats(np.stack([np.zeros_like(lowered), -lowered, np.zeros_like(lowered)], 1))


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
    excess = stands - _BROW_EDGE
    slope = (excess[2] - excess[0]) / max(places[2] - places[0], 1e-3)
    return floats(np.clip(excess[0] + slope * np.maximum(across - places[0], 0), 0.0, 1.2))


def _smooth(x: Floats32, low: Floats32 | float, high: float) -> Floats32:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((x - low) / (high - low), 0, 1)
    return floats(share * share * (3 - 2 * share))
