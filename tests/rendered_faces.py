"""The schematic face in an image: lights, views, and places in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.faces.crop import CropSpec
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.expression import Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import Segments
from auheat.synthesis.identity import Person, PersonSampler
from auheat.synthesis.render import Posed, Renderer
from auheat.synthesis.scene import Light, Pose, View, studio_light

SIDE = 96
FRONT, AT_REST = Pose(), Expression()


def plain_person(model: FaceModel) -> Person:
    """Average mover with hair, without beard and glasses, skin as even as it gets."""
    someone = PersonSampler(model).sample(np.random.default_rng(5), plain=True)
    assert len(someone.strands.width)
    return someone


def bared(person: Person) -> Person:
    """The same without any hair, grey and matt."""
    none = person.brows
    no_brows = replace(
        none,
        **{name: getattr(none, name)[:0] for name in
           ("triangle", "weights", "offset", "width", "colour", "gloss")},
    )  # fmt: skip
    return replace(
        person,
        strands=Segments.join([]),
        brows=no_brows,
        scalp=np.full_like(person.scalp, -5),
        furrows={},
        albedo=np.full_like(person.albedo, 0.4),
        head=floats([0.4, 0.4, 0.4]),
        height=np.full_like(person.height, 0.5),
        oil=0.0,
        lashes=0.0,
    )


def even_light(level: float = 1.0) -> Light:
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = level
    return Light(studio_light().direction, np.zeros((3, 3), np.float32), ambient)


def lamp_from(x: float, y: float, z: float, index: int = 0) -> Light:
    towards = np.array([x, y, z]) / np.linalg.norm([x, y, z])
    direction = floats(np.tile(towards, (3, 1)))
    colour = np.zeros((3, 3), np.float32)
    colour[index] = 1
    return Light(direction, colour, np.zeros((9, 3), np.float32))


def framed(posed: Posed, pose: Pose = FRONT, distance: float = 70.0) -> View:
    plane = View.at(pose, distance, np.eye(2, 3))
    marks = plane.project(plane.to_camera(posed.landmarks))
    return plane.with_warp(CropSpec(SIDE).transform(marks))


def drawn(
    renderer: Renderer,
    person: Person,
    light: Light,
    expression: Expression = AT_REST,
    pose: Pose = FRONT,
) -> tuple[Floats32, geometry.Points]:
    """An image over black, and the landmarks in it."""
    posed = renderer.pose(person, expression)
    view = framed(posed, pose)
    image = renderer.draw(posed, view, light, np.zeros((SIDE, SIDE, 3), np.float32))
    assert np.isfinite(image).all()
    return image, view.project(view.to_camera(posed.landmarks))


def disc(centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) < radius)
