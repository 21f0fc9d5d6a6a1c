"""The deformable face: vertices from identity and expression weights, normals, creases.

Letters: n vertices, t triangles, s expression shapes, m identity components.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from auheat.synthesis import anatomy
from auheat.synthesis.arrays import Floats32, Ints32, floats
from auheat.synthesis.assets import FacePack, Material
from auheat.synthesis.resting import Brows, Resting

_SKIN = (Material.FACE, Material.HEAD)


@dataclass(frozen=True)
class FaceModel:
    """A face pack with what deformation needs: authored shapes, topology, eyes.

    Attributes:
        shapes: names of the s expression shapes, the pack's and the authored ones of `anatomy`.
    """

    pack: FacePack
    shapes: tuple[str, ...] = field(init=False)
    expressions: Floats32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        authored = anatomy.authored_shapes(self.pack)
        object.__setattr__(self, "shapes", (*self.pack.shapes, *authored))
        stacked = np.concatenate([self.pack.expressions, np.stack(list(authored.values()))])
        object.__setattr__(self, "expressions", np.ascontiguousarray(stacked, np.float32))

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each shape by name."""
        return {name: i for i, name in enumerate(self.shapes)}

    @cached_property
    def skin(self) -> NDArray[np.bool_]:
        """Vertices of face and head skin, (n,)."""
        triangles = self.pack.triangles[np.isin(self.pack.material, _SKIN)]
        mask = np.zeros(len(self.pack.vertices), np.bool_)
        mask[triangles.ravel()] = True
        return mask

    @cached_property
    def landmark_uv(self) -> Floats32:
        """Texture coordinates of the 68 landmarks, (68, 2)."""
        face = self.pack.material == Material.FACE
        vertices = self.pack.triangles[face].ravel()
        first: dict[int, int] = {}
        for vertex, uv in zip(vertices, self.pack.uv_triangles[face].ravel(), strict=True):
            first.setdefault(int(vertex), int(uv))
        return self.pack.uv[[first[int(vertex)] for vertex in self.pack.landmarks]]

    def weights(self, named: dict[str, float]) -> Floats32:
        """Shape weights (s,) from a mapping of names.

        Raises:
            KeyError: for an unknown shape.
        """
        weights = np.zeros(len(self.shapes), np.float32)
        for name, value in named.items():
            weights[self.index[name]] += value
        return weights

    @cached_property
    def resting(self) -> Resting:
        """What brings the pack's brows and nose to where people have them."""
        return Resting.of(self.pack.vertices, self.pack.vertices[self.pack.landmarks], self.skin)

    def neutral(self, coefficients: Floats32, brows: Brows | None = None) -> Floats32:
        """The expressionless face (n, 3) of identity coefficients (at most m,).

        Args:
            coefficients: of the identity shapes.
            brows: how they differ from an average adult's.
        """
        used = self.pack.identities[: len(coefficients)]
        offsets = coefficients.astype(np.float32) @ used.reshape(len(used), -1)
        moved = self.pack.vertices + offsets.reshape(-1, 3) + self.resting.offset(brows)
        return floats(moved)

    def deform(
        self, neutral: Floats32, weights: Floats32, gains: Floats32 | None = None
    ) -> Floats32:
        """Vertices (n, 3) of a face with expression weights (s,).

        Args:
            neutral: (n, 3) the resting face.
            weights: of the expression shapes.
            gains: (regions, n) factors on the offsets of each region of `anatomy.REGIONS`; shapes
                outside every region, like the jaw's, move all faces alike.
        """
        vertices = neutral.copy()
        for region, members in enumerate(self._regions):
            active = members[weights[members] != 0]
            if not len(active):
                continue
            offsets = weights[active] @ self.expressions[active].reshape(len(active), -1)
            offsets = offsets.reshape(-1, 3)
            if gains is not None and region < len(gains):
                offsets *= gains[region][:, None]
            vertices += offsets
        self._withdraw_eyes(vertices, weights)
        return vertices

    @cached_property
    def _regions(self) -> list[Ints32]:
        """Indices of the shapes of each region, then of all the others."""
        names = [anatomy.region_of(shape) for shape in self.shapes]
        return [
            np.array([i for i, name in enumerate(names) if name == region], np.int32)
            for region in (*anatomy.REGIONS, None)
        ]

    @cached_property
    def eyes(self) -> tuple[Eye, Eye]:
        """The subject's left and right eyeball."""
        return (
            Eye.of(self.pack, Material.LEFT_EYE, "eyeBlink_L"),
            Eye.of(self.pack, Material.RIGHT_EYE, "eyeBlink_R"),
        )

    def _withdraw_eyes(self, vertices: Floats32, weights: Floats32) -> None:
        """Draws the eyeballs back a little, more when lids close, or corneas poke through lids."""
        for eye in self.eyes:
            ball = vertices[eye.vertices]
            centre = (ball.min(0) + ball.max(0)) / 2
            ball = centre + (ball - centre) * np.float32(0.97)
            ball[:, 2] -= np.float32(0.22 * max(0.0, float(weights[self.index[eye.blink]]) - 0.35))
            vertices[eye.vertices] = ball

    def normals(self, vertices: Floats32) -> Floats32:
        """Unit vertex normals (n, 3), the mean of the adjacent triangles by area."""
        a, b, c = (vertices[self.pack.triangles[:, corner]] for corner in range(3))
        summed = self._incidence @ np.cross(b - a, c - a)
        length = np.linalg.norm(summed, axis=1, keepdims=True)
        return floats(summed / np.maximum(length, 1e-9))

    def creases(self, vertices: Floats32, normals: Floats32) -> Floats32:
        """How hollow the skin is at each vertex (n,): its neighbours' mean height above it, cm."""
        result = np.zeros(len(vertices), np.float32)
        mean = self._neighbour_mean @ vertices
        result[self.skin] = ((mean - vertices[self.skin]) * normals[self.skin]).sum(1)
        return result

    @cached_property
    def _incidence(self) -> sparse.csr_matrix:
        triangles = self.pack.triangles
        count = len(triangles)
        rows, columns = triangles.ravel(), np.repeat(np.arange(count), 3)
        ones = np.ones(3 * count, np.float32)
        return sparse.csr_matrix((ones, (rows, columns)), shape=(len(self.pack.vertices), count))

    @cached_property
    def _neighbour_mean(self) -> sparse.csr_matrix:
        triangles = self.pack.triangles
        starts, ends = triangles.ravel(), np.roll(triangles, 1, axis=1).ravel()
        n = len(self.pack.vertices)
        joined = sparse.csr_matrix((np.ones(len(starts), np.float32), (starts, ends)), shape=(n, n))
        joined = joined + joined.T
        joined.data[:] = 1
        degree = np.maximum(np.asarray(joined.sum(1)).ravel(), 1)
        mean = sparse.diags((1 / degree).astype(np.float32)) @ joined
        return mean.tocsr()[self.skin]


@dataclass(frozen=True)
class Eye:
    """An eyeball of the mean face.

    Attributes:
        vertices: its vertex indices.
        centre: (3,) cm.
        axis: (3,) unit vector through the pupil.
        blink: the shape that closes its lids.
    """

    vertices: Ints32
    centre: Floats32
    axis: Floats32
    blink: str

    @classmethod
    def of(cls, pack: FacePack, material: Material, blink: str) -> Eye:
        """Fits a sphere to the eyeball behind its cornea; the axis points straight ahead."""
        vertices = np.unique(pack.triangles[pack.material == material]).astype(np.int32)
        points = pack.vertices[vertices]
        middle = (points[:, 2].min() + points[:, 2].max()) / 2
        back = points[points[:, 2] < middle + 0.4]
        system = np.column_stack([2 * back, np.ones(len(back))])
        solution, *_ = np.linalg.lstsq(system, (back**2).sum(1), rcond=None)
        centre = solution[:3].astype(np.float32)
        return cls(vertices, centre, np.array([0, 0, 1], np.float32), blink)
