"""Boxes and 2x3 transforms in the image plane.

Conventions, used everywhere in auheat: points are (x, y) with x to the right and y down; pixel
centres lie at integer coordinates, so an image of width W covers x from -0.5 to W - 0.5. Boxes are
(x0, y0, x1, y1). A transform is a 2x3 float64 matrix T with y = T[:, :2] @ x + T[:, 2].

Single transforms are worked out in Python's own numbers, not NumPy's, which takes a tenth of the
time: a face takes some twenty of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, radians, sin, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Transform = NDArray[np.float64]


def apply(transform: Transform, points: ArrayLike) -> Points:
    """Transforms points of shape (..., 2)."""
    moved: Points = np.asarray(points, np.float64) @ transform[:, :2].T + transform[:, 2]
    return moved


def invert(transform: Transform) -> Transform:
    """The transform that undoes `transform`.

    Raises:
        ValueError: if it is singular.
    """
    (a, b, x), (c, d, y) = transform.tolist()
    area = a * d - b * c
    if abs(area) < 1e-12:
        raise ValueError("a singular transform has no inverse")
    inverse = [[d, -b, b * y - d * x], [-c, a, c * x - a * y]]
    return np.array([[value / area for value in row] for row in inverse])


def compose(outer: Transform, inner: Transform) -> Transform:
    """The transform that applies `inner` first, then `outer`."""
    (a, b, x), (c, d, y) = outer.tolist()
    (e, f, u), (g, h, v) = inner.tolist()
    return np.array(
        [
            [a * e + b * g, a * f + b * h, a * u + b * v + x],
            [c * e + d * g, c * f + d * h, c * u + d * v + y],
        ]
    )


def similarity(
    scale: float = 1.0, degrees: float = 0.0, *, shift: Iterable[float] = (0.0, 0.0)
) -> Transform:
    """Scale and rotation about the origin, then a shift.

    Args:
        scale: factor of all lengths.
        degrees: rotation; positive from x towards y.
        shift: (x, y) in pixels of the result.
    """
    angle = radians(degrees)
    cosine, sine = scale * cos(angle), scale * sin(angle)
    dx, dy = shift
    return np.array([[cosine, -sine, dx], [sine, cosine, dy]], np.float64)


def about(transform: Transform, centre: ArrayLike) -> Transform:
    """`transform` carried out about `centre` instead of the origin."""
    there = np.asarray(centre, np.float64)
    back = np.column_stack([np.eye(2), there])
    return compose(back, compose(transform, np.column_stack([np.eye(2), -there])))


def fit_similarity(source: ArrayLike, target: ArrayLike) -> Transform:
    """Least-squares similarity (no reflection) that carries `source` onto `target`, both (N, 2).

    Closed form with points as complex numbers (Umeyama, PAMI 1991, in two dimensions).

    Raises:
        ValueError: if all source points coincide or a point is not finite.
    """
    a, b = (_complex(points) for points in (source, target))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("cannot fit a similarity to points that are not finite")
    from_middle, to_middle = complex(a.mean()), complex(b.mean())
    a = a - from_middle
    spread = float(np.vdot(a, a).real)
    if spread < 1e-12:
        raise ValueError("cannot fit a similarity to coinciding points")
    z = complex(np.vdot(a, b - to_middle)) / spread
    shift = to_middle - z * from_middle
    return np.array([[z.real, -z.imag, shift.real], [z.imag, z.real, shift.imag]])


def _complex(points: ArrayLike) -> NDArray[np.complex128]:
    """Points (N, 2) as x + iy."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[:, 0]


def between_sizes(source: tuple[int, ...], target: tuple[int, ...]) -> Transform:
    """From pixels of an image of one size (H, W) to those of the same image at another size.

    Pixel centres lie at integers in both, so the corners of both images, at -0.5, meet.
    """
    down, across = target[0] / source[0], target[1] / source[1]
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2]])


def scale_of(transform: Transform) -> float:
    """The mean length scale of a transform: the root of its area factor."""
    (a, b, _), (c, d, _) = transform.tolist()
    return sqrt(abs(a * d - b * c))


def bounding_box(points: ArrayLike) -> NDArray[np.float64]:
    """The smallest box (x0, y0, x1, y1) around points of shape (N, 2)."""
    array = np.asarray(points, np.float64)
    return np.concatenate([array.min(0), array.max(0)])


def square_around(box: ArrayLike, factor: float) -> NDArray[np.float64]:
    """The square box with the same centre whose side is `factor` times the longer side of `box`."""
    x0, y0, x1, y1 = np.asarray(box, np.float64).tolist()
    half = factor * max(x1 - x0, y1 - y0) / 2
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    return np.array([cx - half, cy - half, cx + half, cy + half])
