"""What is shaded: the posed mesh, a person's colours and textures, and fibres."""

from __future__ import annotations

from typing import NamedTuple

from auheat.synthesis.arrays import Floats32, Ints32


class Surface(NamedTuple):
    """The mesh as posed. n vertices, t triangles.

    Attributes:
        triangles: (t, 3).
        uv_triangles: (t, 3).
        uv: (u, 2).
        material: (t,).
        position: (n, 3) in camera space.
        normal: (n, 3) in camera space.
        rest: (n, 3) mean face.
        crease: (n,) cm.
        scalp: (n,) above 0 where hair grows.
    """

    triangles: Ints32
    uv_triangles: Ints32
    uv: Floats32
    material: Ints32
    position: Floats32
    normal: Floats32
    rest: Floats32
    crease: Floats32
    scalp: Floats32


class Looks(NamedTuple):
    """Colours and textures of a person, linear RGB.

    Attributes:
        albedo: (T, T, 3).
        height: (S, S) bumps of the skin, 0.5 is level.
        iris: (64, 64, 3) by radius and angle.
        head: (3,).
        hair: (3,).
        cloth: (3,).
        teeth: (3,).
        roughness: of the skin; a small one shines.
        oil: how strongly the skin shines.
        bump: depth of the bumps.
        veins: how red the whites of the eyes are at their rims.
        eye_centres: (2, 3), left eye first, in rest coordinates.
        eye_axes: (2, 3), left eye first, in rest coordinates.
    """

    albedo: Floats32
    height: Floats32
    iris: Floats32
    head: Floats32
    hair: Floats32
    cloth: Floats32
    teeth: Floats32
    roughness: float
    oil: float
    bump: float
    veins: float
    eye_centres: Floats32
    eye_axes: Floats32


class Strands(NamedTuple):
    """Fibres as posed: start, end (f, 3) in camera space; colour (f, 3); gloss (f,)."""

    start: Floats32
    end: Floats32
    colour: Floats32
    gloss: Floats32
