"""A face pack of a schematic face: small, complete, and an example of the format.

What the arrays mean is said in `auheat.synthesis.assets`. Here a symmetrical face is made from a
table of landmarks: a sheet of skin with holes for eyes and mouth, eyeballs, the mouth's inside,
cards for lashes and the shadow under the lids, and the back of the head. Its size and texture
layout are those of ICT-FaceKit's mean face, roughly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import Delaunay, cKDTree

from auheat.synthesis.assets import (
    EXPRESSIONS_NEEDED,
    GEOMETRY_FILE,
    LANDMARK_VERTICES,
    SKINS_FILE,
    Material,
)

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Left half of the face: landmark and its partner on the right, u, v, x, y, z (cm).
_PAIRS = (
    *((16, 0, 0.86, 0.71, 7.4, 3.7, 3.7), (15, 1, 0.84, 0.62, 7.3, 1.5, 3.9)),
    *((14, 2, 0.83, 0.53, 6.9, -0.5, 4.5), (13, 3, 0.82, 0.46, 6.6, -2.4, 5.2)),
    *((12, 4, 0.79, 0.37, 5.7, -4.5, 6.1), (11, 5, 0.72, 0.30, 4.3, -6.2, 7.4)),
    *((10, 6, 0.65, 0.28, 3.0, -6.9, 8.8), (9, 7, 0.57, 0.28, 1.5, -7.3, 10.3)),
    *((26, 17, 0.76, 0.80, 5.8, 5.2, 7.9), (25, 18, 0.70, 0.81, 4.9, 6.0, 9.0)),
    *((24, 19, 0.65, 0.81, 3.8, 6.3, 9.8), (23, 20, 0.59, 0.81, 2.4, 6.2, 10.5)),
    *((22, 21, 0.54, 0.80, 1.2, 5.9, 10.7), (35, 31, 0.57, 0.54, 1.2, -1.1, 10.9)),
    *((34, 32, 0.53, 0.54, 0.6, -1.1, 11.4), (45, 36, 0.69, 0.715, 4.5, 3.4, 8.7)),
    *((44, 37, 0.665, 0.73, 3.9, 3.9, 9.4), (43, 38, 0.63, 0.73, 2.8, 3.9, 9.6)),
    *((42, 39, 0.60, 0.715, 1.8, 3.3, 9.2), (47, 40, 0.63, 0.70, 2.7, 3.1, 9.5)),
    *((46, 41, 0.665, 0.70, 3.9, 3.1, 9.3), (54, 48, 0.61, 0.44, 2.5, -3.5, 10.2)),
    *((53, 49, 0.58, 0.49, 1.7, -2.8, 11.2), (52, 50, 0.53, 0.51, 0.7, -2.4, 11.7)),
    *((55, 59, 0.59, 0.38, 1.8, -4.1, 10.9), (56, 58, 0.56, 0.36, 1.0, -4.3, 11.4)),
    *((64, 60, 0.59, 0.44, 2.2, -3.5, 10.1), (63, 61, 0.55, 0.47, 1.0, -3.3, 11.1)),
    (65, 67, 0.56, 0.40, 1.0, -3.4, 11.0),
)
# On the middle line: landmark, v, y, z.
_MIDDLE = (
    *((8, 0.28, -7.6, 10.4), (27, 0.72, 3.7, 10.7), (28, 0.68, 2.6, 11.5), (29, 0.65, 1.6, 12.3)),
    *((30, 0.61, 0.4, 13.1), (33, 0.54, -1.2, 11.6), (51, 0.51, -2.5, 11.8)),
    *((57, 0.36, -4.4, 11.6), (62, 0.47, -3.3, 11.2), (66, 0.39, -3.4, 11.2)),
)
# More of the skin's course on the left half, where there are no landmarks: u, v, x, y, z.
_AROUND = (
    *((0.5, 0.97, 0, 12, 7.5), (0.75, 0.95, 4.5, 11, 6), (0.92, 0.88, 7.2, 8, 3)),
    *((1, 0.7, 7.7, 4, 0.5), (1, 0.5, 7.2, -0.5, 1.5), (0.95, 0.3, 6, -5, 2.5)),
    *((0.5, 0.15, 0, -8.6, 7), (0.72, 0.15, 4, -8.2, 5), (0.5, 0, 0, -11.5, 5.2)),
    *((0.75, 0, 3.8, -11.5, 4), (1, 0.1, 5.2, -10.5, 1), (1, 0, 5.2, -11.5, 0.5)),
)
_EYE_RIM, _MOUTH_RIM = (42, 43, 44, 45, 46, 47), (62, 63, 64, 65, 66)
_MOUTH_LINE = 0.44  # v of the mouth's corners: lips above and below it move apart
_EYE, _EYE_RADIUS = np.array([3.1, 3.5, 7.95]), 1.5

# Shapes of the left side and of the middle. Each is a list of moves: landmarks it acts at, reach in
# texture units, offset in cm (outwards or to the left, up, forward).
_Moves = tuple[tuple[tuple[int, ...], float, tuple[float, float, float]], ...]
_SIDE_SHAPES: dict[str, _Moves] = {
    "browDown": (((22, 23, 24, 25), 0.05, (-0.2, -0.7, 0.1)),),
    "browInnerUp": (((22,), 0.05, (0, 0.7, 0)),),
    "browOuterUp": (((25,), 0.05, (0, 0.8, 0)),),
    "cheekPuff": (((13, 54), 0.08, (0.3, 0, 0.5)),),
    "cheekRaiser": (((46, 14), 0.05, (0, 0.4, 0.1)),),
    "cheekSquint": (((35, 46), 0.03, (0.1, 0.3, 0.1)),),
    "eyeBlink": (((43, 44), 0.02, (0, -0.75, 0)),),
    # when eyes turn only the lids are shapes: eyeballs are left to whoever draws the face
    "eyeLookDown": (((43, 44), 0.02, (0, -0.5, 0)),),
    "eyeLookIn": (((43, 44, 46, 47), 0.02, (-0.2, 0, 0)),),
    "eyeLookOut": (((43, 44, 46, 47), 0.02, (0.2, 0, 0)),),
    "eyeLookUp": (((43, 44), 0.02, (0, 0.3, 0)),),
    "eyeSquint": (((46, 47), 0.02, (0, 0.3, 0)),),
    "eyeWide": (((43, 44), 0.02, (0, 0.4, 0)),),
    "mouthDimple": (((54, 64), 0.04, (0, 0, -0.6)),),
    "mouthFrown": (((54, 64), 0.04, (0.1, -0.6, 0)),),
    "mouthLowerDown": (((65, 66, 56, 57), 0.03, (0, -0.9, 0)),),
    "mouthPress": (((65, 66), 0.03, (0, 0.1, -0.1)),),
    "mouthSmile": (((54, 64), 0.05, (0.7, 0.9, -0.6)),),
    "mouthStretch": (((54, 64), 0.05, (0.9, -0.2, -0.5)),),
    "mouthUpperUp": (((52, 53, 63), 0.04, (0, 0.9, 0)),),
    "noseSneer": (((35,), 0.05, (0, 0.6, 0)), ((52, 53), 0.03, (0, 0.3, 0))),
}
_MIDDLE_SHAPES: dict[str, _Moves] = {
    "mouthClose": (((61, 62, 63), 0.03, (0, -0.3, 0)), ((65, 66, 67), 0.03, (0, 0.9, 0))),
    "mouthFunnel": (((51, 62), 0.05, (0, 0.4, 0.5)), ((57, 66), 0.05, (0, -0.4, 0.5))),
    "mouthLeft": (((48, 51, 54, 57), 0.08, (0.8, 0, 0)),),
    "mouthPucker": (((51, 57, 62, 66), 0.05, (0, 0, 0.9)),),
    "mouthRight": (((48, 51, 54, 57), 0.08, (-0.8, 0, 0)),),
    "mouthRollLower": (((57, 66), 0.04, (0, 0.1, -0.4)),),
    "mouthRollUpper": (((51, 62), 0.04, (0, -0.1, -0.4)),),
    "mouthShrugLower": (((8, 57, 66), 0.05, (0, 0.7, 0.3)),),
    "mouthShrugUpper": (((51, 62), 0.05, (0, 0.4, 0)),),
}
_JAW_SHAPES = {
    "jawForward": (0, 0, 0.8),
    "jawLeft": (0.8, 0, 0),
    "jawOpen": (0, -2.4, -1.2),
    "jawRight": (-0.8, 0, 0),
}


@dataclass(frozen=True)
class Part:
    """Some of the mesh. points: (n, 3); uv: (n, 2); triangles: (t, 3), counter-clockwise as seen
    from outside. place: (n, 2) texture coordinate of the skin that a vertex moves with, NaN if it
    moves with none; jaw: (n,) share in which it goes with the jaw."""

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


def landmark_layout() -> tuple[Array, Array]:
    """Texture coordinates (68, 2) and points (68, 3) of the landmarks."""
    uv, points = np.empty((68, 2)), np.empty((68, 3))
    for left, right, u, v, x, y, z in _PAIRS:
        uv[left], uv[right] = (u, v), (1 - u, v)
        points[left], points[right] = (x, y, z), (-x, y, z)
    for landmark, v, y, z in _MIDDLE:
        uv[landmark], points[landmark] = (0.5, v), (0, y, z)
    return uv, points


def _half_skin() -> Part:
    """The left half of the face, from its middle to the ear and from forehead to neck."""
    marks, points = landmark_layout()
    known = np.array(_AROUND)
    known = np.concatenate([known, known * (-1, 1, -1, 1, 1) + (1, 0, 0, 0, 0)])
    known = np.unique(known, axis=0)  # those in the middle are their own mirror images
    course = RBFInterpolator(
        np.concatenate([marks, known[:, :2]]), np.concatenate([points, known[:, 2:]])
    )
    left = marks[:, 0] >= 0.5
    marks = marks[left]
    number = np.cumsum(left) - 1  # of a landmark among those of the left half
    holes = [set(number[list(rim)].tolist()) for rim in (_EYE_RIM, _MOUTH_RIM)]
    grid = np.stack(np.meshgrid(np.linspace(0.5, 1, 14), np.linspace(0, 1, 26)), -1).reshape(-1, 2)
    free = cKDTree(marks).query(grid)[0] > 0.022
    for hole in holes:
        free &= Delaunay(marks[sorted(hole)]).find_simplex(grid) < 0
    mesh = Delaunay(np.concatenate([marks, grid[free]]))
    triangles = [t for t in mesh.simplices if not any(set(t.tolist()) <= hole for hole in holes)]
    uv = mesh.points
    low = 1 / (1 + np.exp(np.clip((uv[:, 1] - _MOUTH_LINE) / 0.004, -50, 50)))
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
        radius = _EYE_RADIUS + 0.2 * np.clip(1 - (from_axis / 0.55) ** 2, 0, 1)
        x, y, z = _EYE
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
    return Part(card.material, card.points, card.uv, card.triangles, place, card.jaw)


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


def _parts() -> list[Part]:
    half, eye = _half_skin(), _eyeball()
    upper, lower = (42, 43, 44, 45), (42, 47, 46, 45)
    cards = [
        _eye_card(Material.EYE_SHADOW, upper, lower, np.zeros(3)),
        _eye_card(Material.LASHES, upper, upper, np.array([0.1, 0.2, 0.6])),
        _eye_card(Material.LASHES, lower, lower, np.array([0.1, -0.2, 0.4])),
    ]
    eyes = [eye, eye.mirrored(Material.RIGHT_EYE), *cards, *(card.mirrored() for card in cards)]
    return [_welded(half, half.mirrored()), *_head(), *_mouth_inside(), *eyes]


def _near(place: Array, marks: Array, landmarks: tuple[int, ...], reach: float) -> Array:
    """How much vertices take part in a move at some landmarks, 0 to 1; lips do not drag lips."""
    shares = np.zeros(len(place))
    for mark in marks[list(landmarks)]:
        share = np.exp(-(((place - mark) ** 2).sum(1)) / reach**2)
        side = mark[1] - _MOUTH_LINE  # 0 for a corner of the mouth, which takes both lips along
        share[side * (place[:, 1] - _MOUTH_LINE) < -1e-9] = 0
        shares = np.fmax(shares, share)
    return shares


def _shapes(parts: list[Part]) -> dict[str, Array]:
    """Offsets (n, 3) of every expression shape."""
    points, place, jaw = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("points", "place", "jaw")
    )
    material = np.repeat([part.material for part in parts], [len(part.points) for part in parts])
    marks, _ = landmark_layout()
    labelled = np.column_stack([points, 100 * (material - 2 * (material == Material.RIGHT_EYE))])
    mirror = cKDTree(labelled).query(labelled * (-1, 1, 1, 1))[1]

    def moved(moves: _Moves) -> Array:
        fields = [
            _near(place, marks, at, reach)[:, None] * np.array(offset)
            for at, reach, offset in moves
        ]
        return np.sum(fields, axis=0)

    shapes = {name: moved(moves) for name, moves in _MIDDLE_SHAPES.items()}
    shapes |= {name: jaw[:, None] * np.array(offset) for name, offset in _JAW_SHAPES.items()}
    sides = {name: moved(moves) for name, moves in _SIDE_SHAPES.items()}
    for name, offsets in sides.items():
        shapes[f"{name}_L"], shapes[f"{name}_R"] = offsets, offsets[mirror] * (-1, 1, 1)
    return shapes


def _identities(points: Array, place: Array) -> Array:
    """Four ways in which faces differ: broad, long, deep, large nose. (4, n, 3)"""
    nose = np.exp(-(((np.nan_to_num(place, nan=9.0) - (0.5, 0.61)) ** 2).sum(1)) / 0.06**2)
    return np.stack(
        [
            points * (0.04, 0, 0),
            points * (0, 0.03, 0),
            points * (0, 0, 0.03),
            nose[:, None] * (0, 0, 0.5),
        ]
    )


def write_tiny_pack(folder: Path, skins: int = 0) -> Path:
    """Writes the pack, with some painted skins if asked for, and returns the folder."""
    parts = _parts()
    starts = np.cumsum([0, *(len(part.points) for part in parts)])
    triangles = np.concatenate([p.triangles + at for p, at in zip(parts, starts, strict=False)])
    points, uv, place = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("points", "uv", "place")
    )
    source = 10000 + np.arange(len(points))
    nearest = cKDTree(parts[0].uv).query(landmark_layout()[0])[1]  # the skin is the first part
    source[nearest] = LANDMARK_VERTICES
    shapes = _shapes(parts)
    np.savez_compressed(
        folder / GEOMETRY_FILE,
        V=points.astype(np.float32),
        tri=triangles.astype(np.uint16),
        uvidx=(triangles + 1).astype(np.uint16),  # not the vertex numbers, as in any real pack
        VT=np.concatenate([[[9.0, 9.0]], uv]).astype(np.float32),
        mat=np.repeat([p.material for p in parts], [len(p.triangles) for p in parts]).astype(
            np.uint8
        ),
        src=source.astype(np.uint16),
        exp=np.array(EXPRESSIONS_NEEDED[::-1]),  # in any order
        E=np.stack([shapes[name] for name in EXPRESSIONS_NEEDED[::-1]]).astype(np.float16),
        I=_identities(points, place).astype(np.float16),
    )
    if skins:
        _write_skins(folder, skins)
    return folder


def _write_skins(folder: Path, count: int) -> None:
    """Painted skins from light to dark, each with coarse blotches of its own."""
    rng = np.random.default_rng(0)
    linear = np.linspace(0.6, 0.06, count)[:, None] * (1, 0.7, 0.55)
    blotches = np.repeat(np.repeat(rng.uniform(0.85, 1.15, (count, 8, 8, 1)), 8, 1), 8, 2)
    albedo = np.clip(linear[:, None, None] * blotches, 0, 1)
    np.savez_compressed(
        folder / SKINS_FILE,
        tex=np.round(albedo ** (1 / 2.2) * 255).astype(np.uint8),
        base=linear.astype(np.float32),
        names=np.array([f"skin{i}" for i in range(count)]),
    )
