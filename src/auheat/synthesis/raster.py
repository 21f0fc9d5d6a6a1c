"""Drawing triangles and fibres into visibility buffers, compiled with numba.

A visibility buffer says for every sample which item is nearest and where on it: a triangle t with
barycentric weights u, v (of its first two corners), or a fibre segment f with u along it (0 start,
1 end) and v across it (-1 to 1). Points on the screen are (x, y, depth) in sample units; sample
centres lie at integers; smaller depth is nearer.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from auheat.synthesis.arrays import Floats32, Ints32

F = TypeVar("F", bound=Callable[..., Any])

NOTHING = -1
FIRST_FIBRE = -2  # fibre f is item FIRST_FIBRE - f
FAR = np.float32(1e30)


def compiled(function: F) -> F:
    """numba.njit with relaxed floating point, cached on disk between processes.

    The cache looks at the function's own file only: whoever changes a function that one of another
    file calls deletes `__pycache__` here.
    """
    return cast(F, numba.njit(fastmath=True, cache=True, error_model="numpy")(function))


class Visibility(NamedTuple):
    """What is seen at every sample, all (rows, columns): depth, item, u, v."""

    depth: Floats32
    item: Ints32
    u: Floats32
    v: Floats32

    @classmethod
    def blank(cls, rows: int, columns: int) -> Visibility:
        """Buffers in which nothing has been drawn yet."""
        shape = (rows, columns)
        return cls(
            np.full(shape, FAR, np.float32),
            np.full(shape, NOTHING, np.int32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.float32),
        )


@compiled
def _corners(screen, triangles, t):
    """The screen points of a triangle's corners, three tuples."""
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    return (
        (screen[a, 0], screen[a, 1], screen[a, 2]),
        (screen[b, 0], screen[b, 1], screen[b, 2]),
        (screen[c, 0], screen[c, 1], screen[c, 2]),
    )


@compiled
def _area(corners):
    """Twice the area of a triangle, negative where its corners run against the clock."""
    (ax, ay, _), (bx, by, _), (cx, cy, _) = corners
    return (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)


@compiled
def _covered(corners, rows, columns):
    """First and last column, first and last row of the samples about a triangle."""
    a, b, c = corners
    x0, x1 = _bounds(a[0], b[0], c[0], columns - 1)
    y0, y1 = _bounds(a[1], b[1], c[1], rows - 1)
    return x0, x1, y0, y1


@compiled
def _bounds(ax, bx, cx, last):
    low = min(ax, min(bx, cx))
    high = max(ax, max(bx, cx))
    return max(ceil(low), 0), min(floor(high), last)


@compiled
def _weights(corners, scale, x, y):
    """Of a triangle's first two corners at a sample. scale: 1 / `_area`."""
    (ax, ay, _), (bx, by, _), (cx, cy, _) = corners
    u = ((bx - x) * (cy - y) - (cx - x) * (by - y)) * scale
    v = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) * scale
    return u, v


@compiled
def _depth(corners, u, v):
    a, b, c = corners
    return u * a[2] + v * b[2] + (1 - u - v) * c[2]


@compiled
def draw_triangles(screen: Floats32, triangles: Ints32, seen: Visibility) -> None:
    """Draws the front faces of a mesh: those whose corners run against the clock on the screen."""
    rows, columns = seen.depth.shape
    for t in range(triangles.shape[0]):
        corners = _corners(screen, triangles, t)
        area = _area(corners)
        if area >= 0:
            continue
        x0, x1, y0, y1 = _covered(corners, rows, columns)
        scale = 1 / area
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u, v = _weights(corners, scale, x, y)
                if u < 0 or v < 0 or u + v > 1:
                    continue
                depth = _depth(corners, u, v)
                if depth < seen.depth[y, x]:
                    seen.depth[y, x] = depth
                    seen.item[y, x] = t
                    seen.u[y, x] = u
                    seen.v[y, x] = v


@compiled
def draw_depth(screen: Floats32, triangles: Ints32, depth: Floats32) -> None:
    """Draws only the depth of front faces, for a shadow map (rows, columns)."""
    rows, columns = depth.shape
    for t in range(triangles.shape[0]):
        corners = _corners(screen, triangles, t)
        area = _area(corners)
        if area >= 0:
            continue
        x0, x1, y0, y1 = _covered(corners, rows, columns)
        scale = 1 / area
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u, v = _weights(corners, scale, x, y)
                if u >= 0 and v >= 0 and u + v <= 1:
                    near = _depth(corners, u, v)
                    depth[y, x] = min(depth[y, x], near)


@compiled
def draw_specks(points: Floats32, depth: Floats32) -> None:
    """Lets points (p, 3) cover 2x2 cells of a shadow map each: hair, seen from a lamp."""
    rows, columns = depth.shape
    for p in range(points.shape[0]):
        x, y = floor(points[p, 0]), floor(points[p, 1])
        if 0 <= x < columns - 1 and 0 <= y < rows - 1:
            for j in range(2):
                for i in range(2):
                    depth[y + j, x + i] = min(depth[y + j, x + i], points[p, 2])


@compiled
def _scatter(i, x, y):
    """A repeatable number in 0 to 1 for a sample of an item."""
    h = (i * 374761393 + x * 668265263 + y * 2147483647) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return (h & 0xFFFF) / 65536.0


@compiled
def draw_fibres(starts: Floats32, ends: Floats32, widths: Floats32, seen: Visibility) -> None:
    """Draws segments with a width in samples; thinner than one sample they cover by chance.

    Args:
        starts: (f, 3) screen points.
        ends: (f, 3) screen points.
        widths: (f,).
        seen: what has been drawn; drawn into.
    """
    rows, columns = seen.depth.shape
    for f in range(starts.shape[0]):
        width = widths[f]
        if width <= 0:
            continue
        x, y, z = starts[f, 0], starts[f, 1], starts[f, 2]
        dx, dy, dz = ends[f, 0] - x, ends[f, 1] - y, ends[f, 2] - z
        if max(x, x + dx) < -width or min(x, x + dx) > columns + width:
            continue
        if max(y, y + dy) < -width or min(y, y + dy) > rows + width:
            continue
        steep = abs(dy) > abs(dx)
        steps = ceil(max(abs(dx), abs(dy))) + 1
        length = (dx * dx + dy * dy) ** 0.5
        main = max(abs(dx), abs(dy))
        # a span along the minor axis is longer than the width at right angles to the line
        span = max(width, 1.0) * (length / main if main > 1e-6 else 1.0)
        half = (span - 1) / 2
        probability = min(width, 1.0)
        for step in range(steps):
            along = step / (steps - 1) if steps > 1 else 0.0
            px, py, pz = x + along * dx, y + along * dy, z + along * dz
            centre = px if steep else py
            low, high = floor(centre - half + 0.5), floor(centre + half + 0.5)
            main_at = floor((py if steep else px) + 0.5)
            for side in range(low, high + 1):
                column, row = (side, main_at) if steep else (main_at, side)
                if column < 0 or row < 0 or column >= columns or row >= rows:
                    continue
                if pz >= seen.depth[row, column]:
                    continue
                if probability < 1 and _scatter(f, column, row) > probability:
                    continue
                seen.depth[row, column] = pz
                seen.item[row, column] = FIRST_FIBRE - f
                seen.u[row, column] = along
                seen.v[row, column] = (side - centre) / (half + 0.5)


@compiled
def blend_cards(
    screen: Floats32,
    triangles: Ints32,
    uv_triangles: Ints32,
    uv: Floats32,
    strength: Floats32,
    lash: NDArray[np.bool_],
    seen: Visibility,
    dark: Floats32,
) -> None:
    """Darkens the samples behind lash cards and the shadow that lids cast on the eyes.

    Args:
        screen: vertices on the screen, with their depth.
        triangles: of the cards.
        uv_triangles: triangles of texture coordinates.
        uv: texture coordinates.
        strength: (t,) opacity of each triangle.
        lash: (t,) whether it is cut into lashes along u, or fades from the middle of v.
        seen: what has been drawn.
        dark: (rows, columns) covered fraction, 0 to 1, is updated.
    """
    rows, columns = dark.shape
    for t in range(triangles.shape[0]):
        corners = _corners(screen, triangles, t)
        area = _area(corners)
        if area == 0:
            continue
        ta, tb, tc = uv_triangles[t, 0], uv_triangles[t, 1], uv_triangles[t, 2]
        x0, x1, y0, y1 = _covered(corners, rows, columns)
        scale = 1 / area
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u, v = _weights(corners, scale, x, y)
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                depth = _depth(corners, u, v)
                if depth > seen.depth[y, x] + 0.02:
                    continue
                if lash[t]:
                    s = (u * uv[ta, 0] + v * uv[tb, 0] + w * uv[tc, 0]) * 300.0
                    if _scatter(int(s), 7, 13) < 0.4:
                        continue
                    cover = strength[t]
                else:
                    s = abs(u * uv[ta, 1] + v * uv[tb, 1] + w * uv[tc, 1] - 0.5) * 2
                    s = min(max((s - 0.3) / 0.7, 0.0), 1.0)
                    cover = strength[t] * s * s * (3 - 2 * s)
                dark[y, x] = 1 - (1 - dark[y, x]) * (1 - cover)
