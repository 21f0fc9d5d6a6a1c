"""Thin things: hairs that grow on the moving skin, and strands and frames that stay with the head.

Both end as straight segments with a width, a colour and a gloss, drawn by `raster.draw_fibres`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auheat.synthesis.arrays import Floats32, Ints32, floats
from auheat.synthesis.assets import FacePack, Material
from auheat.synthesis.raster import Visibility, draw_triangles


@dataclass(frozen=True)
class Segments:
    """f segments in space. start, end, colour: (f, 3); width: (f,) cm; gloss: (f,) 0 to 1."""

    start: Floats32
    end: Floats32
    width: Floats32
    colour: Floats32
    gloss: Floats32

    @classmethod
    def join(cls, parts: Sequence[Segments]) -> Segments:
        """All segments of several groups; empty groups are allowed, and no group at all."""
        if not parts:
            none, flat = np.empty((0, 3), np.float32), np.empty(0, np.float32)
            return cls(none, none, flat, none, flat)
        names = ("start", "end", "width", "colour", "gloss")
        return cls(
            *(
                np.ascontiguousarray(np.concatenate([getattr(p, name) for p in parts]), np.float32)
                for name in names
            )
        )

    def moved(self, rotation: Floats32, shift: Floats32) -> Segments:
        """The segments turned by a (3, 3) matrix and shifted by (3,)."""
        start, end = (
            np.ascontiguousarray(points @ rotation.T + shift, np.float32)
            for points in (self.start, self.end)
        )
        return Segments(start, end, self.width, self.colour, self.gloss)


@dataclass(frozen=True)
class RootedFibres:
    """Short straight hairs on the skin that move with it.

    Attributes:
        triangle: (f,).
        weights: (f, 2) barycentric.
        offset: (f, 3) from root to tip in cm along the texture's u and v axes and the normal.
        width: (f,).
        gloss: (f,).
        colour: (f, 3).
    """

    triangle: Ints32
    weights: Floats32
    offset: Floats32
    width: Floats32
    colour: Floats32
    gloss: Floats32

    def pose(self, pack: FacePack, vertices: Floats32) -> Segments:
        """The hairs on a face with these vertices (n, 3)."""
        a, b, c = (vertices[pack.triangles[self.triangle, k]] for k in range(3))
        ta, tb, tc = (pack.uv[pack.uv_triangles[self.triangle, k]] for k in range(3))
        u, v = self.weights[:, :1], self.weights[:, 1:]
        root = u * a + v * b + (1 - u - v) * c
        e1, e2, d1, d2 = b - a, c - a, tb - ta, tc - ta
        turn = np.sign(d1[:, :1] * d2[:, 1:] - d2[:, :1] * d1[:, 1:])
        along_u = _unit((e1 * d2[:, 1:] - e2 * d1[:, 1:]) * turn)
        along_v = _unit((e2 * d1[:, :1] - e1 * d2[:, :1]) * turn)
        normal = _unit(np.cross(e1, e2))
        axes = (along_u, along_v, normal)
        tip = root + sum(self.offset[:, k : k + 1] * axis for k, axis in enumerate(axes))
        lifted = root + 0.02 * normal
        return Segments(lifted, floats(tip), self.width, self.colour, self.gloss)


def _unit(vectors: Floats32) -> Floats32:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return floats(vectors / np.maximum(length, 1e-9))


class SkinMap:
    """Finds the triangle of the face's skin under a texture coordinate."""

    _SIZE = 512

    def __init__(self, pack: FacePack) -> None:
        face = np.flatnonzero(pack.material == Material.FACE)
        screen = np.zeros((len(pack.uv), 3), np.float32)
        screen[:, :2] = pack.uv * self._SIZE - 0.5
        corners = pack.uv_triangles[face]
        a, b, c = (pack.uv[corners[:, k]] for k in range(3))
        turn = (b - a)[:, 0] * (c - a)[:, 1] - (c - a)[:, 0] * (b - a)[:, 1]
        mirrored = turn.sum() > 0  # v runs up the face, rows run down
        self._seen = Visibility.blank(self._SIZE, self._SIZE)
        order = corners[:, ::-1] if mirrored else corners
        draw_triangles(screen, np.ascontiguousarray(order), self._seen)
        if mirrored:  # the first weight drawn belongs to corner c
            self._seen.u[:] = 1 - self._seen.u - self._seen.v
        self._triangles = face.astype(np.int32)

    def locate(self, uv: Floats32) -> tuple[NDArray[np.bool_], Ints32, Floats32]:
        """Which of some points (p, 2) lie on the face, and where.

        For those that do, the triangle (q,) and barycentric weights (q, 2).
        """
        cells = np.round(uv * self._SIZE - 0.5).astype(int)
        inside = ((cells >= 0) & (cells < self._SIZE)).all(1)
        column, row = np.clip(cells, 0, self._SIZE - 1).T
        item = self._seen.item[row, column]
        hit = inside & (item >= 0)
        weights = np.stack([self._seen.u[row, column], self._seen.v[row, column]], 1)
        return hit, self._triangles[item[hit]], weights[hit]
