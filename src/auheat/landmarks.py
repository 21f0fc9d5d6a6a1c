"""The 68 facial landmarks that everything else is expressed in.

Order and names follow the iBUG 300-W annotation (Sagonas et al., ICCV workshops 2013), 0-based.
"Left" and "right" in names are the person's own, so that `RIGHT_EYE` (36-41) lies on the left side
of the picture of a face that looks at the camera.

Arrays of landmarks have shape (68, 2), columns (x, y) in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COUNT = 68

JAW = slice(0, 17)
RIGHT_BROW = slice(17, 22)
LEFT_BROW = slice(22, 27)
NOSE_BRIDGE = slice(27, 31)
NOSE_BASE = slice(31, 36)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)
OUTER_LIPS = slice(48, 60)
INNER_LIPS = slice(60, 68)

CHIN = 8
RIGHT_EYE_OUTER, RIGHT_EYE_INNER = 36, 39
LEFT_EYE_INNER, LEFT_EYE_OUTER = 42, 45
SUBNASALE = 33
RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER = 48, 54

# FLIP[i] is the landmark that takes the place of landmark i when the picture is mirrored.
FLIP: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)


def inner_eye_distance(points: NDArray[np.float64]) -> float:
    """R, the distance between the inner eye corners 39 and 42, in pixels. points: (68, 2)."""
    return float(np.linalg.norm(points[LEFT_EYE_INNER] - points[RIGHT_EYE_INNER]))


def mirror(points: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Landmarks of the horizontally mirrored picture of the given pixel width.

    Pixel centres lie at integers, so x becomes width - 1 - x. points: (68, 2) -> (68, 2).
    """
    mirrored = np.asarray(points, np.float64)[list(FLIP)].copy()
    mirrored[:, 0] = width - 1 - mirrored[:, 0]
    return mirrored
