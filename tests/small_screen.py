"""A screen of 30 x 40 samples, and triangles drawn on it."""

from __future__ import annotations

import numpy as np

from auheat.synthesis.arrays import Floats32, Ints32, floats
from auheat.synthesis.raster import Visibility, draw_triangles

ROWS, COLUMNS = 30, 40
# Front faces: as they lie in an image, y down, their corners run against the clock.
FRONT = np.array([[0, 1, 2]], np.int32)


def drawn(screen: Floats32, triangles: Ints32) -> Visibility:
    seen = Visibility.blank(ROWS, COLUMNS)
    draw_triangles(floats(screen), triangles, seen)
    return seen
