"""The mesh of the schematic face.

A sheet of skin with holes for eyes and mouth, eyeballs, the mouth's inside, cards for lashes and
the shadow under the lids, and the back of the head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay, cKDTree

from auheat.synthesis.assets import Material
from tiny_face import (
    AROUND,
    EYE,
    EYE_RADIUS,
    EYE_RIM,
    MOUTH_LINE,
    MOUTH_RIM,
    Array,
    landmark_layout,
)

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """Some of the mesh. points: (n, 3); uv: (n, 2); triangles: (t, 3), counter-clockwise as seen
    from outside. place: (n, 2) texture coordinate of the skin that a vertex moves with, NaN if it
    moves with none; jaw: (n,) fraction in which it goes with the jaw."""

    material: int
    points: Array
    uv: Array
    triangles: Indices
    place: Array
    jaw: Array

    def mirrored(self, material: int | None = None) -> Part:
        """The same on the right side of the face."""
        return Part(
            self.material if material is None else material,
            self.points * (-1, 1, 1),
            _across(self.uv) if self.material == Material.FACE else self.uv,
            self.triangles[:, ::-1],
            _across(self.place),
            self.jaw,
        )


def _across(uv: Array) -> Array:
    return uv * (-1, 1) + (1, 0)


def _half_skin() -> Part:
    """The left half of the face, from its middle to the ear and from forehead to neck."""
    marks, points = landmark_layout()
    known = np.array(AROUND)
    known = np.concatenate([known, known * (-1, 1, -1, 1, 1) + (1, 0, 0, 0, 0)])
    known = np.unique(known, axis=0)  # those in the middle are their own mirror images
    course = RBFInterpolator(
        np.concatenate([marks, known[:, :2]]), np.concatenate([points, known[:, 2:]])
    )
    left = marks[:, 0] >= 0.5
    marks = marks[left]
    number = np.cumsum(left) - 1  # of a landmark among those of the left half
    holes = [set(number[list(rim)].tolist()) for rim in (EYE_RIM, MOUTH_RIM)]
    grid = np.stack(np.meshgrid(np.linspace(0.5, 1, 14), np.linspace(0, 1, 26)), -1).reshape(-1, 2)
    free = cKDTree(marks).query(grid)[0] > 0.022
    for hole in holes:
        free &= Delaunay(marks[sorted(hole)]).find_simplex(grid) < 0
    mesh = Delaunay(np.concatenate([marks, grid[free]]))
    triangles = [t for t in mesh.simplices if not any(set(t.tolist()) <= hole for hole in holes)]
    uv = mesh.points
    low = 1 / (1 + np.exp(np.clip((uv[:, 1] - MOUTH_LINE) / 0.004, -50, 50)))
    jaw = low * np.exp(-(((uv[:, 0] - 0.5) / 0.25) ** 4)) * np.clip(uv[:, 1] / 0.25, 0, 1)
    return Part(Material.FACE, course(uv), uv, np.array(triangles), uv, jaw)


def _welded(left: Part, right: Part) -> Part:
    """Two halves as one part, whose seam has each vertex once."""
    uv = np.concatenate([left.uv, right.uv])
    _, kept, number = np.unique(uv.round(6), axis=0, return_index=True, return_inverse=True)
    triangles = np.concatenate([left.triangles, right.triangles + len(left.uv)])
    points = np.concatenate([left.points, right.points])[kept]
    points[np.abs(uv[kept, 0] - 0.5) < 1e-6, 0] = 0
    jaw = np.concatenate([left.jaw, right.jaw])[kept]
    return Part(left.material, points, uv[kept], number.reshape(-1)[triangles], uv[kept], jaw)


def _patch(
    material: int,
    rows: int,
    columns: int,
    surface: Callable[[Array, Array], tuple[Array, Array, Array]],
    jaw: float = 0.0,
) -> Part:
    """A grid of rows upwards or inwards and columns to the left, each from 0 to 1, bent into x, y,
    z by `surface`."""
    t, s = (
        axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    )
    first = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = first[:-1, :-1], first[:-1, 1:], first[1:, 1:], first[1:, :-1]
    triangles = np.concatenate([np.stack(x, -1).reshape(-1, 3) for x in ((a, b, c), (a, c, d))])
    points = np.stack(np.broadcast_arrays(*surface(s, t)), 1).astype(float)
    nowhere = np.full((rows * columns, 2), np.nan)
    return Part(material, points, np.stack([t, s], 1), triangles, nowhere, np.full(len(s), jaw))


def _eyeball() -> Part:
    """The left one: a sphere, with a cornea that stands out around the pupil's axis."""

    def surface(s: Array, t: Array) -> tuple[Array, Array, Array]:
        from_axis, around = np.pi * (1 - s), 2 * np.pi * t
        radius = EYE_RADIUS + 0.2 * np.clip(1 - (from_axis / 0.55) ** 2, 0, 1)
        x, y, z = EYE
        flat = radius * np.sin(from_axis)
        return x + flat * np.cos(around), y + flat * np.sin(around), z + radius * np.cos(from_axis)

    return _patch(Material.LEFT_EYE, 14, 17, surface)


def _eye_card(material: int, upper: tuple[int, ...], lower: tuple[int, ...], out: Array) -> Part:
    """A card from lid to lid of the left eye, or from one lid outwards by `out`."""
    marks, points = landmark_layout()

    def along(lid: tuple[int, ...], values: Array, t: Array) -> Array:
        at = np.linspace(0, 1, len(lid))
        return np.stack([np.interp(t, at, column) for column in values[list(lid)].T], 1)

    def surface(s: Array, t: Array) -> tuple[Array, Array, Array]:
        lids = along(lower, points, t) * (1 - s[:, None]) + along(upper, points, t) * s[:, None]
        x, y, z = (lids + s[:, None] * out + (0, 0, 0.1)).T
        return x, y, z

    card = _patch(material, 4, 9, surface)
    t, s = card.uv[:, 0], card.uv[:, 1:]
    place = along(lower, marks, t) * (1 - s) + along(upper, marks, t) * s
    return replace(card, place=np.asarray(place, np.float64))


def _mouth_inside() -> list[Part]:
    def bag(s: Array, t: Array) -> tuple[Array, Array, Array]:
        depth, around = (1 - s) * np.pi / 2, 2 * np.pi * t
        flat = np.sin(depth)
        return (
            2.3 * flat * np.cos(around),
            1.5 * flat * np.sin(around) - 3.4,
            10 - 4 * np.cos(depth),
        )

    def teeth(low: float, high: float) -> Callable[[Array, Array], tuple[Array, Array, Array]]:
        def surface(s: Array, t: Array) -> tuple[Array, Array, Array]:
            bearing = 2.2 * (t - 0.5)
            return 2 * np.sin(bearing), low + (high - low) * s, 8.2 + 2 * np.cos(bearing)

        return surface

    return [
        _patch(Material.MOUTH, 6, 13, bag),
        _patch(Material.TEETH, 3, 9, teeth(-3.3, -2.6)),
        _patch(Material.TEETH, 3, 9, teeth(-4.2, -3.5), jaw=1.0),
    ]


def _head() -> list[Part]:
    def skull(s: Array, t: Array) -> tuple[Array, Array, Array]:
        height, bearing = np.pi * (0.85 * s - 0.35), 2 * np.pi * (t - 0.5)
        flat = np.cos(height)
        return 7.7 * flat * np.sin(bearing), 4.5 + 10 * np.sin(height), 9 * flat * np.cos(bearing)

    def neck(s: Array, t: Array) -> tuple[Array, Array, Array]:
        bearing, wide = 2 * np.pi * (t - 0.5), 5 + 7 * np.clip(0.6 - s, 0, None)
        return wide * np.sin(bearing), 15 * s - 19, 0.9 * wide * np.cos(bearing)

    return [
        _patch(Material.HEAD, 15, 25, skull),
        _patch(Material.HEAD, 8, 25, neck),
        _patch(5, 2, 2, lambda s, t: (3 + s, 3 + t, 7 + 0 * s)),  # hidden in the eye, not drawn
    ]


def face_parts() -> list[Part]:
    half, eye = _half_skin(), _eyeball()
    upper, lower = (42, 43, 44, 45), (42, 47, 46, 45)
    cards = [
        _eye_card(Material.EYE_SHADOW, upper, lower, np.zeros(3)),
        _eye_card(Material.LASHES, upper, upper, np.array([0.1, 0.2, 0.6])),
        _eye_card(Material.LASHES, lower, lower, np.array([0.1, -0.2, 0.4])),
    ]
    eyes = [eye, eye.mirrored(Material.RIGHT_EYE), *cards, *(card.mirrored() for card in cards)]
    return [_welded(half, half.mirrored()), *_head(), *_mouth_inside(), *eyes]
