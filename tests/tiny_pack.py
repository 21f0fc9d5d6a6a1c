"""A face pack of a schematic face: small, complete, and an example of the format.

What the arrays mean is said in `auheat.synthesis.assets`. The symmetrical face is made from the
numbers in `tiny_face.py` by `tiny_mesh.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from auheat.synthesis.assets import (
    EXPRESSIONS_NEEDED,
    GEOMETRY_FILE,
    LANDMARK_VERTICES,
    SKINS_FILE,
    Material,
)
from tiny_face import (
    JAW_SHAPES,
    MIDDLE_SHAPES,
    MOUTH_LINE,
    SIDE_SHAPES,
    Array,
    Moves,
    landmark_layout,
)
from tiny_mesh import Part, face_parts


def _near(place: Array, marks: Array, landmarks: tuple[int, ...], reach: float) -> Array:
    """How much vertices take part in a move at some landmarks, 0 to 1; lips do not drag lips."""
    fractions = np.zeros(len(place))
    for mark in marks[list(landmarks)]:
        fraction = np.exp(-(((place - mark) ** 2).sum(1)) / reach**2)
        side = mark[1] - MOUTH_LINE  # 0 for a corner of the mouth, which takes both lips along
        fraction[side * (place[:, 1] - MOUTH_LINE) < -1e-9] = 0
        fractions = np.fmax(fractions, fraction)
    return fractions


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

    def moved(moves: Moves) -> Array:
        fields = [
            _near(place, marks, at, reach)[:, None] * np.array(offset)
            for at, reach, offset in moves
        ]
        return np.asarray(np.sum(fields, axis=0))

    shapes = {name: moved(moves) for name, moves in MIDDLE_SHAPES.items()}
    shapes |= {name: jaw[:, None] * np.array(offset) for name, offset in JAW_SHAPES.items()}
    sides = {name: moved(moves) for name, moves in SIDE_SHAPES.items()}
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
    parts = face_parts()
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
