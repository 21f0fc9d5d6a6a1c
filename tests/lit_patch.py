"""A flat patch of skin before a camera, lit, through the one entrance `shade`.

The patch lies 50 cm before the camera, parallel to the image; texture and rest coordinates run
linearly over it, so that every pixel's colour can be worked out by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.assets import Material
from auheat.synthesis.drawables import Looks, Strands, Surface
from auheat.synthesis.optics import Lighting
from auheat.synthesis.raster import FAR, Visibility, draw_triangles
from auheat.synthesis.shading import shade

SIDE = 24  # pixels; the patch covers them all
HALF = 5.0  # cm from the middle of the patch to its edge
DEPTH = 50.0
DARK = np.zeros((3, 3), np.float32)
GREY = floats([0.5, 0.5, 0.5])


def lighting(
    ambient: ArrayLike = 0.0,
    lamps: ArrayLike = DARK,
    direction: tuple[float, float, float] = (0, 0, -1),
    shadow: Floats32 | None = None,
) -> Lighting:
    """ambient: constant, or nine rows. lamps: colours (3, 3), all in the same direction."""
    coefficients = np.zeros((9, 3), np.float32)
    if np.ndim(ambient) == 2:
        coefficients[:] = ambient
    else:
        coefficients[0] = ambient
    towards = floats(direction) / np.float32(np.linalg.norm(direction))
    if shadow is None:
        shadow = np.full((64, 64), FAR, np.float32)
    # the shadow map looks along z and covers the patch and some of its surroundings
    texels = 64 / (4 * HALF)
    to_shadow = floats([[texels, 0, 0, 32], [0, texels, 0, 32], [0, 0, 1, 0]])
    return Lighting(
        np.tile(towards, (3, 1)), floats(lamps), coefficients, floats(shadow), to_shadow
    )


def lamp(index: int, colour: object) -> Floats32:
    lamps = np.zeros((3, 3), np.float32)
    lamps[index] = colour
    return lamps


@dataclass(frozen=True)
class Patch:
    """The patch and what it looks like. rest: its four corners, top left first, clockwise."""

    material: Material = Material.FACE
    normal: tuple[float, float, float] = (0, 0, -1)
    rest: object = ((0, 0, 0),) * 4
    crease: float = 0.0
    scalp: float = -5.0
    albedo: Floats32 = field(default_factory=lambda: np.full((8, 8, 3), 0.5, np.float32))
    height: Floats32 = field(default_factory=lambda: np.full((8, 8), 0.5, np.float32))
    iris: Floats32 = field(default_factory=lambda: np.zeros((64, 64, 3), np.float32))
    roughness: float = 0.45
    oil: float = 0.0
    bump: float = 0.5
    veins: float = 0.0

    def render(self, light: Lighting, dark: float = 0.0) -> Floats32:
        """(SIDE, SIDE, 4)."""
        _, triangles, seen = patch_seen()
        position = floats([[-HALF, -HALF, DEPTH], [HALF, -HALF, DEPTH],
                           [HALF, HALF, DEPTH], [-HALF, HALF, DEPTH]])  # fmt: skip
        surface = Surface(
            triangles,
            triangles,
            floats([[0, 0], [1, 0], [1, 1], [0, 1]]),
            np.full(2, self.material, np.int32),
            position,
            np.tile(floats(self.normal), (4, 1)),
            floats(self.rest),
            np.full(4, self.crease, np.float32),
            np.full(4, self.scalp, np.float32),
        )
        return shaded(seen, surface, self.looks(), light, no_strands(), dark)

    def looks(self) -> Looks:
        return Looks(
            self.albedo, self.height, self.iris,
            floats([0.3, 0.2, 0.1]), floats([0.05, 0.04, 0.03]), floats([0.1, 0.2, 0.6]),
            floats([0.6, 0.55, 0.45]), self.roughness, self.oil, self.bump, self.veins,
            np.zeros((2, 3), np.float32), floats([[0, 0, 1], [0, 0, 1]]),
        )  # fmt: skip

    def colour(self, light: Lighting) -> NDArray[np.float64]:
        """Of the pixels in the middle, where they are all alike."""
        middle = self.render(light)[8:16, 8:16, :3]
        assert np.ptp(middle, axis=(0, 1)).max() < 0.02 * middle.max() + 1e-6
        return np.asarray(middle.mean((0, 1), dtype=np.float64))


def patch_seen() -> tuple[Floats32, NDArray[np.int32], Visibility]:
    """The patch drawn so that its edges are the image's edges."""
    edge = 2 * SIDE - 0.5
    screen = floats([[-0.5, -0.5, DEPTH], [edge, -0.5, DEPTH],
                     [edge, edge, DEPTH], [-0.5, edge, DEPTH]])  # fmt: skip
    triangles = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    seen = Visibility.blank(2 * SIDE, 2 * SIDE)
    draw_triangles(screen, triangles, seen)
    assert (seen.item >= 0).all()
    return screen, triangles, seen


def no_strands() -> Strands:
    none = np.empty((0, 3), np.float32)
    return Strands(none, none, none, np.empty(0, np.float32))


def shaded(
    seen: Visibility,
    surface: Surface,
    looks: Looks,
    light: Lighting,
    strands: Strands,
    dark: float = 0.0,
) -> Floats32:
    out = np.full((SIDE, SIDE, 4), np.nan, np.float32)
    darkness = np.full(seen.depth.shape, dark, np.float32)
    shade(seen, darkness, surface, looks, light, strands, out)
    assert np.isfinite(out).all()
    assert (out >= 0).all()
    return out


LIGHTS = [
    lighting((0.5, 0.4, 0.3)),
    lighting(lamps=lamp(0, (0.9, 0.8, 0.7)), direction=(0.5, -0.4, -1)),
    lighting(lamps=lamp(2, (0.9, 0.8, 0.7)), direction=(-0.5, 0.1, -0.3)),
]
SURFACES = [
    Patch(oil=0.8),
    Patch(Material.HEAD, oil=0.5, scalp=0.3, rest=((0, 9, 0),) * 4),
    Patch(Material.MOUTH, rest=((0, -3, 8),) * 4),
    Patch(Material.TEETH, rest=((0, -3, 8),) * 4),
    Patch(Material.LEFT_EYE, rest=((1, 0, 1),) * 4),
]


def half_shadow(depth: float) -> Floats32:
    """A shadow map with something at a depth over the right half of the patch."""
    shadow = np.full((64, 64), FAR, np.float32)
    shadow[:, 32:] = depth
    return shadow
