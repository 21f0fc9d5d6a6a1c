"""From a person, an expression, a view and a light to an image in linear light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.synthesis.arrays import Floats32, Ints32, floats
from auheat.synthesis.assets import FacePack, Material
from auheat.synthesis.drawables import Looks, Strands, Surface
from auheat.synthesis.expression import Actor, Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import Segments
from auheat.synthesis.glasses import Glasses
from auheat.synthesis.identity import Person
from auheat.synthesis.optics import Lighting
from auheat.synthesis.raster import (
    FAR,
    Visibility,
    blend_cards,
    draw_depth,
    draw_fibres,
    draw_specks,
    draw_triangles,
)
from auheat.synthesis.scene import Light, View
from auheat.synthesis.shading import shade

_SHADOW_MAP_TEXELS = 256
_SHADOW_RADIUS_CM = 14.0  # around the head's centre that the shadow map covers


@dataclass(frozen=True)
class Posed:
    """A person with an expression, in head space. vertices, normals: (n, 3); landmarks: (68, 3)."""

    person: Person
    expression: Expression
    vertices: Floats32
    normals: Floats32
    landmarks: Floats32


class Renderer:
    """Draws people made for one face model. Holds no state between images."""

    def __init__(self, model: FaceModel) -> None:
        self.model = model
        self._actor = Actor(model)
        pack = model.pack
        solid = pack.material <= Material.RIGHT_EYE
        inside = (pack.material == Material.MOUTH) | (pack.material == Material.TEETH)
        self._everything = _part(pack, solid)
        self._outside = _part(pack, solid & ~inside)
        casting = pack.triangles[pack.material <= Material.HEAD]
        self._casting = np.ascontiguousarray(casting[:, ::-1])  # a shadow map is a mirror image

    def pose(self, person: Person, expression: Expression) -> Posed:
        """The person's geometry with an expression."""
        weights = self._actor.weights(person, expression)
        vertices = self.model.deform(person.neutral, weights, person.manner.gains)
        normals = self.model.normals(vertices)
        landmarks = vertices[self.model.pack.landmarks]
        return Posed(person, expression, vertices, normals, landmarks)

    def draw(self, posed: Posed, view: View, light: Light, background: Floats32) -> Floats32:
        """The image (H, W, 3) of linear light, as large as the background (H, W, 3)."""
        height, width = background.shape[:2]
        person, pack = posed.person, self.model.pack
        position = view.to_camera(posed.vertices)
        normal = np.ascontiguousarray(posed.normals @ view.rotation.T)
        screen = _on_screen(view, position)
        seen = Visibility.blank(2 * height, 2 * width)
        closed = self._actor.seal.closed(posed.vertices)  # behind touching lips nothing is seen
        triangles, uv_triangles, material = self._outside if closed else self._everything
        draw_triangles(screen, triangles, seen)
        fibres = self._fibres(posed).moved(view.rotation, view.shift)
        if len(fibres.width):
            self._draw_fibres(view, fibres, seen)
        dark = np.zeros(seen.depth.shape, np.float32)
        strength, lash = self._cards(person)
        blend_cards(
            screen, self._card_triangles, self._card_uv, pack.uv, strength, lash, seen, dark
        )
        surface = Surface(
            triangles,
            uv_triangles,
            pack.uv,
            material,
            position,
            normal,
            pack.vertices,
            self.model.creases(posed.vertices, posed.normals),
            person.scalp,
        )
        lighting = self._lighting(view, light, position, fibres)
        strands = Strands(fibres.start, fibres.end, fibres.colour, fibres.gloss)
        out = np.empty((height, width, 4), np.float32)
        shade(seen, dark, surface, self._looks(posed), lighting, strands, out)
        image = out[..., :3] * _occlusion(seen.depth[::2, ::2], view)[..., None]
        image = floats(image + background * (1 - out[..., 3:]))
        if person.glasses is not None:
            image = _add_panes(image, person.glasses, view, light)
        return floats(image)

    def _looks(self, posed: Posed) -> Looks:
        person, eyes = posed.person, self.model.eyes
        height = person.height
        for au, intensity in posed.expression.intensities.items():
            if intensity > 0 and au in person.furrows:
                height = height + person.furrows[au] * np.float32((intensity / 5) ** 1.2)
        return Looks(
            person.albedo,
            height,
            person.iris,
            person.head,
            person.hair_colour,
            person.cloth,
            person.teeth,
            person.roughness,
            person.oil,
            person.bump,
            person.veins,
            np.stack([eye.centre for eye in eyes]),
            np.stack([eye.axis for eye in eyes]),
        )

    def _fibres(self, posed: Posed) -> Segments:
        person, pack = posed.person, self.model.pack
        parts = [person.strands, person.brows.pose(pack, posed.vertices)]
        if person.beard is not None:
            parts.append(person.beard.pose(pack, posed.vertices))
        if person.glasses is not None:
            parts.append(person.glasses.frame)
        return Segments.join(parts)

    @staticmethod
    def _draw_fibres(view: View, fibres: Segments, seen: Visibility) -> None:
        start, end = _on_screen(view, fibres.start), _on_screen(view, fibres.end)
        samples_per_cm = 2 * geometry.scale_of(view.warp) / fibres.start[:, 2]
        draw_fibres(start, end, floats(fibres.width * samples_per_cm), seen)

    @cached_property
    def _card_index(self) -> Ints32:
        return np.flatnonzero(self.model.pack.material >= Material.EYE_SHADOW).astype(np.int32)

    @cached_property
    def _card_triangles(self) -> Ints32:
        return np.ascontiguousarray(self.model.pack.triangles[self._card_index])

    @cached_property
    def _card_uv(self) -> Ints32:
        return np.ascontiguousarray(self.model.pack.uv_triangles[self._card_index])

    def _cards(self, person: Person) -> tuple[Floats32, NDArray[np.bool_]]:
        """Opacity of each lash or shadow card, and which are lashes, (t,)."""
        pack = self.model.pack
        lash = pack.material[self._card_index] == Material.LASHES
        height = pack.vertices[self._card_triangles[:, 0], 1]
        upper = height > self.model.eyes[0].centre[1] - 0.4
        strength = np.where(lash, np.where(upper, person.lashes, 0.25 * person.lashes), 0.5)
        return strength.astype(np.float32), lash

    def _lighting(self, view: View, light: Light, position: Floats32, fibres: Segments) -> Lighting:
        """The light with a shadow map of head and hair as the first lamp sees them."""
        lamp = light.direction[0].astype(np.float64)
        centre = view.to_camera(np.array([[0.0, 1.0, 4.0]], np.float32))[0].astype(np.float64)
        helper = np.array([0.0, 1.0, 0.0]) if abs(lamp[1]) < 0.95 else np.array([1.0, 0.0, 0.0])
        across = np.cross(helper, lamp)
        across /= np.linalg.norm(across)
        down = np.cross(lamp, across)
        texels = _SHADOW_MAP_TEXELS / 2 / _SHADOW_RADIUS_CM
        rows = np.stack([across * texels, down * texels, -lamp])
        offset = np.array([_SHADOW_MAP_TEXELS / 2, _SHADOW_MAP_TEXELS / 2, 0.0]) - rows @ centre
        to_shadow = np.column_stack([rows, offset]).astype(np.float32)
        depth = np.full((_SHADOW_MAP_TEXELS, _SHADOW_MAP_TEXELS), FAR, np.float32)
        turned = position @ to_shadow[:, :3].T + to_shadow[:, 3]
        draw_depth(np.ascontiguousarray(turned), self._casting, depth)
        if len(fibres.width):
            draw_specks(fibres.end @ to_shadow[:, :3].T + to_shadow[:, 3], depth)
        return Lighting(light.direction, light.colour, light.ambient, depth, to_shadow)


def _part(pack: FacePack, chosen: NDArray[np.bool_]) -> tuple[Ints32, Ints32, Ints32]:
    return (
        np.ascontiguousarray(pack.triangles[chosen]),
        np.ascontiguousarray(pack.uv_triangles[chosen]),
        np.ascontiguousarray(pack.material[chosen]),
    )


def _on_screen(view: View, position: Floats32) -> Floats32:
    """Sample coordinates and depth (p, 3): two samples a pixel, both centred at integers."""
    pixels = view.project(position)
    return np.ascontiguousarray(np.column_stack([2 * pixels + 0.5, position[:, 2]]), np.float32)


def _occlusion(depth: Floats32, view: View) -> Floats32:
    """Fraction of ambient light that reaches each pixel, by how deep it lies among others."""
    empty = depth >= FAR / 2
    if empty.all():
        return np.ones_like(depth)
    nearest = float(depth[~empty].min())
    filled = np.where(empty, nearest + 16, depth).astype(np.float32)
    pixels_per_cm = geometry.scale_of(view.warp) / nearest
    fraction = np.ones_like(filled)
    for radius, strength in ((0.3, 0.5), (1.0, 0.13)):
        below = filled - cv2.GaussianBlur(filled, (0, 0), max(radius * pixels_per_cm, 0.5))
        fraction *= 1 - np.clip(below * strength - 0.01, 0, 0.42)
    return floats(fraction)


def _add_panes(image: Floats32, glasses: Glasses, view: View, light: Light) -> Floats32:
    """Lenses over the image: a tint, and a reflection of the surroundings."""
    height, width = image.shape[:2]
    cover = np.zeros((2 * height, 2 * width), np.float32)
    for rim in glasses.rims:
        outline = _on_screen(view, view.to_camera(rim))[:, :2]
        cv2.fillPoly(cover, [np.round(outline * 16).astype(np.int32)], (1.0,), cv2.LINE_AA, 4)
    fraction = floats(cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA))[..., None]
    strength, place = glasses.glare
    at = np.linspace(-1, 1, width)[None, :] + 0.6 * np.linspace(-1, 1, height)[:, None]
    glare = strength * 0.6 * np.exp(-(((at - 2 * place + 1) / 0.12) ** 2))[..., None]
    pane = image * (1 - glasses.opacity) + glasses.tint * glasses.opacity + glare * light.ambient[0]
    return floats(image * (1 - fraction) + pane * fraction)
