"""The schematic face that many tests are about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Half of a face that is symmetrical about x = 100, in an image 201 pixels wide:
# landmark, its partner on the other side, x, y of the landmark on the left of the image.
_PAIRS = (
    *((0, 16, 20, 80), (1, 15, 21, 100), (2, 14, 24, 120), (3, 13, 30, 140)),
    *((4, 12, 40, 158), (5, 11, 54, 174), (6, 10, 70, 186), (7, 9, 86, 194)),
    *((17, 26, 32, 62), (18, 25, 42, 54), (19, 24, 55, 52), (20, 23, 68, 55), (21, 22, 82, 60)),
    *((31, 35, 86, 126), (32, 34, 93, 129)),
    *((36, 45, 40, 80), (37, 44, 48, 74), (38, 43, 60, 74)),
    *((39, 42, 70, 80), (40, 47, 60, 84), (41, 46, 48, 84)),
    *(
        (48, 54, 68, 156),
        (49, 53, 78, 148),
        (50, 52, 90, 144),
        (59, 55, 78, 166),
        (58, 56, 90, 171),
    ),
    *((60, 64, 73, 156), (61, 63, 88, 152), (67, 65, 88, 161)),
)
_MIDDLE = {8: 196, 27: 76, 28: 90, 29: 104, 30: 116, 33: 131, 51: 146, 57: 172, 62: 153, 66: 162}


def landmarks() -> NDArray[np.float64]:
    """68 landmarks of an upright, symmetrical face; the image is 201 x 240. Read-only."""
    points = np.full((68, 2), np.nan)
    for left, right, x, y in _PAIRS:
        points[left], points[right] = (x, y), (200 - x, y)
    for index, y in _MIDDLE.items():
        points[index] = (100, y)
    assert np.isfinite(points).all()
    points.flags.writeable = False
    return points
