"""A face whose eyes and nose base fit the template of crops exactly."""

from __future__ import annotations

import numpy as np

from auheat import geometry
from auheat.geometry import Points

# Where both eyes' centres and the nose base lie in a crop of side 1.
RIGHT_EYE, LEFT_EYE, NOSE_BASE = (0.34, 0.33), (0.66, 0.33), (0.5, 0.56)


def face_at(transform: geometry.Transform) -> Points:
    """Landmarks whose eyes and nose base fit the template exactly, moved by `transform`."""
    points = np.random.default_rng(0).normal(0.5, 0.2, (68, 2))
    corner = np.array([0.06, 0.01])
    points[36], points[39] = RIGHT_EYE - corner, RIGHT_EYE + corner
    points[42], points[45] = LEFT_EYE - corner, LEFT_EYE + corner
    points[33] = NOSE_BASE
    return geometry.apply(transform, points)
