"""Light on surfaces and fibres, through the one entrance `shade`, on a flat patch before a camera.

The patch lies 50 cm before the camera, parallel to the picture; texture and rest coordinates run
linearly over it, so that every pixel's colour can be worked out by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from auheat.synthesis.arrays import Floats, floats
from auheat.synthesis.assets import Material
from auheat.synthesis.optics import Lighting
from auheat.synthesis.raster import FAR, FIRST_FIBRE, Visibility, draw_fibres, draw_triangles
from auheat.synthesis.shading import Looks, Strands, Surface, shade

SIDE = 24  # pixels; the patch covers them all
HALF = 5.0  # cm from the middle of the patch to its edge
DEPTH = 50.0
DARK = np.zeros((3, 3), np.float32)
GREY = floats([0.5, 0.5, 0.5])


def lighting(
    ambient: object = 0.0,
    lamps: object = DARK,
    direction: tuple[float, float, float] = (0, 0, -1),
    shadow: Floats | None = None,
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


def lamp(index: int, colour: object) -> Floats:
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
    albedo: Floats = field(default_factory=lambda: np.full((8, 8, 3), 0.5, np.float32))
    height: Floats = field(default_factory=lambda: np.full((8, 8), 0.5, np.float32))
    iris: Floats = field(default_factory=lambda: np.zeros((64, 64, 3), np.float32))
    roughness: float = 0.45
    oil: float = 0.0
    bump: float = 0.5
    veins: float = 0.0

    def picture(self, light: Lighting, dark: float = 0.0) -> Floats:
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
        middle = self.picture(light)[8:16, 8:16, :3]
        assert np.ptp(middle, axis=(0, 1)).max() < 0.02 * middle.max() + 1e-6
        return middle.mean((0, 1), dtype=np.float64)


def patch_seen() -> tuple[Floats, NDArray[np.int32], Visibility]:
    """The patch drawn so that its edges are the picture's edges."""
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
) -> Floats:
    out = np.full((SIDE, SIDE, 4), np.nan, np.float32)
    darkness = np.full(seen.depth.shape, dark, np.float32)
    shade(seen, darkness, surface, looks, light, strands, out)
    assert np.isfinite(out).all()
    assert (out >= 0).all()
    return out


def sample_uv() -> NDArray[np.float64]:
    """Texture coordinates (SIDE, SIDE, 2) of the sample that speaks for each pixel."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return (np.stack([2 * x + (y & 1), 2 * y + (x & 1)], -1) + 0.5) / (2 * SIDE)


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


@pytest.mark.parametrize("patch", SURFACES)
def test_light_adds_up(patch: Patch) -> None:
    """Twice the light gives twice the picture; two lights together give the sum of both."""
    single = [patch.picture(light)[..., :3] for light in LIGHTS[:2]]
    for light, image in zip(LIGHTS, single, strict=False):
        double = light._replace(colour=2 * light.colour, ambient=2 * light.ambient)
        np.testing.assert_allclose(patch.picture(double)[..., :3], 2 * image, rtol=1e-4)
        assert image.max() > 0.01
    both = LIGHTS[1]._replace(ambient=LIGHTS[0].ambient)
    np.testing.assert_allclose(patch.picture(both)[..., :3], single[0] + single[1], rtol=1e-4)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_every_lamp_counts_alike(index: int) -> None:
    patch, direction = Patch(oil=0.6), (0.3, -0.5, -1)
    first = patch.colour(lighting(lamps=lamp(0, (1, 0.8, 0.6)), direction=direction))
    other = patch.colour(lighting(lamps=lamp(index, (1, 0.8, 0.6)), direction=direction))
    np.testing.assert_allclose(other, first, rtol=1e-5)


def test_white_furnace() -> None:
    """Light that comes evenly from everywhere shows the colour of matt skin and nothing else."""
    rng = np.random.default_rng(0)
    for albedo in rng.uniform(0, 1, (5, 3)):
        patch = Patch(albedo=np.broadcast_to(floats(albedo), (8, 8, 3)).copy())
        for normal in ((0, 0, -1), (0.6, 0, -0.8), (0, -1, 0)):
            found = replace(patch, normal=normal).colour(lighting((0.7, 0.5, 0.9)))
            np.testing.assert_allclose(found, albedo * (0.7, 0.5, 0.9), rtol=1e-5)


def test_no_light_is_black() -> None:
    for patch in SURFACES:
        assert patch.picture(lighting())[..., :3].max() == 0


def test_ambient_light_is_the_polynomial_of_the_normal() -> None:
    """Each of the nine coefficients by itself, at a slanted normal, on top of a constant."""
    x, y, z = normal = tuple(np.array([0.48, -0.6, -0.64]))
    terms = [1, x, y, z, x * y, y * z, z * x, 3 * z * z - 1, x * x - y * y]
    for i, term in enumerate(terms):
        ambient = np.zeros((9, 3))
        ambient[0] = 0.5
        ambient[i] += (0.2, -0.1, 0.05)
        expected = 0.5 * (0.5 + np.array([0.2, -0.1, 0.05]) * term)
        found = Patch(normal=normal).colour(lighting(ambient))
        np.testing.assert_allclose(found, expected, rtol=1e-4, err_msg=str(i))
    negative = np.zeros((9, 3))
    negative[2] = 1.0  # light from below only: a normal that points up gets none
    assert Patch(normal=(0, -1, 0)).colour(lighting(negative)).max() == 0


def test_skin_is_brightest_towards_the_lamp_and_black_behind() -> None:
    """Monotonic in the angle; red light creeps around the edge, further than blue."""
    brightness = []
    for degrees in range(0, 181, 10):
        angle = np.radians(degrees)
        direction = (float(np.sin(angle)), 0.0, float(-np.cos(angle)))
        brightness.append(Patch().colour(lighting(lamps=lamp(1, 1), direction=direction)))
    bright = np.array(brightness)
    assert (np.diff(bright, axis=0) <= 1e-6).all()
    np.testing.assert_allclose(bright[0], 0.5, rtol=1e-5)  # a lamp of 1 shows the albedo
    assert bright[9, 0] > bright[9, 1] > bright[9, 2] > 0
    assert (bright[13:] == 0).all()


def test_gloss_is_a_mirror() -> None:
    """The shine is strongest where the normal halves lamp and view, and sharper on smooth skin."""
    black = np.zeros((8, 8, 3), np.float32)

    def shine(degrees: float, tilt: float = 0.0, roughness: float = 0.45) -> float:
        """In the middle of a patch that is tilted towards a lamp at an angle from the camera."""
        a, t = np.radians([degrees, tilt])
        normal, direction = (np.sin(t), 0, -np.cos(t)), (np.sin(a), 0, -np.cos(a))
        patch = Patch(albedo=black, oil=1.0, normal=normal, roughness=roughness)
        light = lighting(lamps=lamp(1, 1), direction=direction)
        return float(patch.picture(light)[12, 12, 0])

    at = [shine(degrees) for degrees in (0, 20, 40, 60, 100)]
    assert at[0] > at[1] > at[2] > at[3] > 0
    assert at[4] == 0
    assert shine(40, tilt=20) > 2 * shine(0, tilt=20)
    assert shine(0, roughness=0.3) > 2 * shine(0, roughness=0.6)
    assert shine(60, roughness=0.3) < shine(60, roughness=0.6)


def half_shadow(depth: float) -> Floats:
    """A shadow map with something at a depth over the right half of the patch."""
    shadow = np.full((64, 64), FAR, np.float32)
    shadow[:, 32:] = depth
    return shadow


def test_shadow_falls_where_something_lies_nearer_to_the_lamp() -> None:
    patch = Patch()
    free = patch.picture(lighting(lamps=lamp(0, 1)))[..., 0]
    shadowed = patch.picture(lighting(lamps=lamp(0, 1), shadow=half_shadow(40)))[..., 0]
    np.testing.assert_allclose(shadowed[:, :8], free[:, :8], rtol=1e-5)
    assert (shadowed[:, 16:] == 0).all()
    row = shadowed[12]
    assert (np.diff(row[8:16]) <= 1e-6).all()
    assert ((row > 0.05) & (row < 0.95 * free[12])).sum() >= 2  # soft
    # something behind the patch, or the patch itself, casts no shadow on it
    for depth in (60, DEPTH, DEPTH - 0.3):
        behind = patch.picture(lighting(lamps=lamp(0, 1), shadow=half_shadow(depth)))[..., 0]
        np.testing.assert_allclose(behind, free, rtol=1e-5)


def test_shadow_takes_only_the_first_lamp() -> None:
    shadow = np.full((64, 64), 10, np.float32)
    for index, dark in ((0, True), (1, False), (2, False)):
        colour = Patch().colour(lighting(lamps=lamp(index, 1), shadow=shadow))
        assert (colour.max() == 0) == dark
    np.testing.assert_allclose(Patch().colour(lighting(0.5, shadow=shadow)), 0.25, rtol=1e-5)


def test_outside_the_shadow_map_there_is_light() -> None:
    light = lighting(lamps=lamp(0, 1), shadow=np.full((64, 64), 10, np.float32))
    aside = light._replace(to_shadow=light.to_shadow + floats([[0, 0, 0, 500], [0] * 4, [0] * 4]))
    assert Patch().colour(aside)[0] > 0.4


@pytest.mark.parametrize("size", [16, 40])
def test_textures_are_read_bilinearly(size: int) -> None:
    """Texel centres at half integers; compared with scipy away from the texture's border."""
    albedo = np.random.default_rng(size).uniform(0, 1, (size, size, 3)).astype(np.float32)
    found = Patch(albedo=albedo).picture(lighting(1.0))[..., :3]
    at = sample_uv()[..., ::-1] * size - 0.5
    inner = ((at > 1) & (at < size - 2)).all(-1)
    assert inner.mean() > 0.6
    for channel in range(3):
        expected = map_coordinates(albedo[..., channel], np.moveaxis(at, -1, 0), order=1)
        np.testing.assert_allclose(found[inner, channel], expected[inner], atol=2e-5)


def test_convention_texture_rows_run_with_v() -> None:
    albedo = np.zeros((8, 8, 3), np.float32)
    albedo[:4, :, 0], albedo[:, :4, 1] = 1, 1  # red where v is small, green where u is small
    found = Patch(albedo=albedo).picture(lighting(1.0))
    assert (found[4, 18, :2] == (1, 0)).all()
    assert (found[18, 4, :2] == (0, 1)).all()


@pytest.mark.parametrize(("axis", "rising"), [("u", 1), ("u", -1), ("v", 1), ("v", -1)])
def test_bumps_tilt_the_normal_away_from_the_slope(axis: str, rising: int) -> None:
    """Skin that rises to one side looks to the other, and is brighter in light from there."""
    ramp = np.linspace(0.45, 0.55, 32, dtype=np.float32)[::rising]
    height = np.tile(ramp, (32, 1)) if axis == "u" else np.tile(ramp[:, None], (1, 32))
    patch = Patch(height=np.ascontiguousarray(height), bump=8.0)
    uphill = np.array([rising, 0, 0] if axis == "u" else [0, rising, 0], float)
    lamps = lamp(1, 1)

    def brightness(direction: NDArray[np.float64]) -> float:
        light = lighting(lamps=lamps, direction=tuple(direction))
        return float(patch.picture(light)[12, 12, 2])

    ahead = np.array([0, 0, -1.0])
    assert brightness(ahead - uphill) > 1.03 * brightness(ahead + uphill)
    sideways = uphill[[1, 0, 2]]
    assert brightness(ahead - sideways) == pytest.approx(brightness(ahead + sideways), rel=1e-3)


def test_bumps_tilt_as_far_as_the_slope_says() -> None:
    """The patch is 10 cm wide: a height that rises by 0.1 over it, times bump 20, is 1 in 5."""
    ramp = np.linspace(0.5, 0.5, 64, dtype=np.float32) + np.arange(64, dtype=np.float32) / 640
    patch = Patch(height=np.tile(ramp - 0.05, (64, 1)), bump=20.0)
    tilt = np.arctan(20 * 0.1 / 10)
    ambient = np.zeros((9, 3))
    ambient[0], ambient[1] = 1, 0.5  # tells the normal's x
    flat = np.ones((9, 3)) * 0
    flat[0] = 1
    bumped, plain = (patch.picture(lighting(a))[12, 12, 0] for a in (ambient, flat))
    assert bumped / plain == pytest.approx(1 - 0.5 * np.sin(tilt), rel=1e-3)


def test_hollows_get_less_light() -> None:
    light = lighting(1.0)
    level, hollow, ridge = (
        replace(Patch(), crease=crease).colour(light)[0] for crease in (0, 0.2, -0.05)
    )
    assert hollow < level < ridge
    deep = Patch(height=np.full((8, 8), 0.2, np.float32)).colour(light)[0]
    assert deep < level


def test_hair_colours_the_scalp_where_it_grows() -> None:
    light = lighting(1.0)
    above, below = (replace(Patch(), scalp=s).colour(light) for s in (3.0, -0.6))
    np.testing.assert_allclose(below, 0.5, rtol=1e-5)
    hair = np.array([0.05, 0.04, 0.03]) * 0.8
    np.testing.assert_allclose(above, 0.1 * 0.5 + 0.9 * hair, rtol=1e-4)


def test_head_neck_and_cloth() -> None:
    light = lighting(1.0)
    head = Patch(Material.HEAD, rest=((0, 5, 0),) * 4).colour(light)
    np.testing.assert_allclose(head, [0.3, 0.2, 0.1], rtol=1e-5)
    cloth = Patch(Material.HEAD, rest=((2, -16, 3),) * 4).colour(light)
    np.testing.assert_allclose(cloth, [0.1, 0.2, 0.6], rtol=1e-5)


def test_teeth_are_lighter_than_gums_and_darker_at_the_back() -> None:
    light = lighting(1.0)

    def mouth(material: Material, z: float) -> NDArray[np.float64]:
        return Patch(material, rest=((0, -3, z),) * 4).colour(light)

    assert mouth(Material.TEETH, 10).min() > mouth(Material.MOUTH, 10)[1]
    for material in (Material.TEETH, Material.MOUTH):
        front, middle, back = (mouth(material, z)[0] for z in (10, 7, 4.5))
        assert front > middle > back


def eye_picture(material: Material, centre: tuple[float, float, float]) -> Floats:
    """An eye as a plane at distance 1 from the eyeball's centre; its pupil black, iris by angle.

    The plane spans +-1, so a pixel's place (x, y) in it lies at the angle atan(|(x, y)|).
    """
    iris = np.zeros((64, 64, 3), np.float32)
    iris[20:, :, 0] = 1  # red beyond the pupil
    iris[20:, 32:, 2] = 1  # and blue too where the angle around the axis is positive
    corners = np.array([(-1, 1, 1), (1, 1, 1), (1, -1, 1), (-1, -1, 1)], float)
    patch = Patch(material, rest=corners + centre, iris=iris)
    screen, triangles, seen = patch_seen()
    centres = floats([(3, 0, 0), (-3, 0, 0)])
    looks = patch.looks()._replace(eye_centres=centres)
    surface = Surface(
        triangles, triangles, floats([[0, 0]] * 4), np.full(2, material, np.int32), screen,
        np.tile(floats([0, 0, -1]), (4, 1)), floats(patch.rest), np.zeros(4, np.float32),
        np.full(4, -5, np.float32),
    )  # fmt: skip
    return shaded(seen, surface, looks, lighting(1.0), no_strands())


@pytest.mark.parametrize(("material", "x"), [(Material.LEFT_EYE, 3), (Material.RIGHT_EYE, -3)])
def test_the_iris_lies_on_the_axis_of_its_own_eye(material: Material, x: float) -> None:
    found = eye_picture(material, (x, 0, 0))
    place = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    across, down = np.meshgrid(place, place)
    angle = np.arctan(np.hypot(across, down))
    assert found[angle < 0.11, :3].max() < 0.12  # pupil, but for a glint of the surround
    ring = (angle > 0.22) & (angle < 0.42)
    assert (found[ring, 0] > 0.9).all()
    assert (found[ring, 1] < 0.12).all()
    upper = ring & (down < -0.1)  # the subject's up: y grows upwards in rest coordinates
    lower = ring & (down > 0.1)
    assert (found[upper, 2] > 0.9).all()
    assert (found[lower, 2] < 0.12).all()
    white = (angle > 0.58) & (angle < 0.75)
    assert (found[white, :3] > 0.4).all()
    assert (found[white, :3].std(-1) < 0.1).all()


def test_an_eye_elsewhere_shows_no_iris() -> None:
    assert (eye_picture(Material.LEFT_EYE, (-3, 0, 0))[..., 1] > 0.2).all()


def strand_picture(
    start: object, end: object, light: Lighting, colour: object = GREY, gloss: float = 0.5
) -> Floats:
    """Mean colour of a thick fibre in camera space, drawn across the picture."""
    seen = Visibility.blank(2 * SIDE, 2 * SIDE)
    draw_fibres(floats([[0, 24, 1]]), floats([[47, 24, 1]]), floats([20]), seen)
    strands = Strands(floats([start]), floats([end]), floats([colour]), floats([gloss]))
    _, triangles, _ = patch_seen()
    surface = Surface(
        triangles, triangles, np.zeros((4, 2), np.float32), np.zeros(2, np.int32),
        *(np.zeros((4, 3), np.float32),) * 3, *(np.zeros(4, np.float32),) * 2,
    )  # fmt: skip
    out = shaded(seen, surface, Patch().looks(), light, strands)
    return out[9:15, :, :3]


def test_fibres_are_lit_by_length_and_colour() -> None:
    side_on, along = (-5, 0, 50), (5, 0, 50)
    across_lamp = lighting(lamps=lamp(1, 1), direction=(0, 0, -1))
    end_lamp = lighting(lamps=lamp(1, 1), direction=(1, 0, 0))
    bright = strand_picture(side_on, along, across_lamp).mean()
    assert bright > 5 * strand_picture(side_on, along, end_lamp).mean()
    behind = lighting(lamps=lamp(1, 1), direction=(0, 0, 1))
    assert strand_picture(side_on, along, behind).mean() < 0.1 * bright
    red = strand_picture(side_on, along, across_lamp, (0.5, 0.1, 0.1), 0.0)
    np.testing.assert_allclose(red[..., 0], 5 * red[..., 1], rtol=1e-4)
    shiny = strand_picture(side_on, along, across_lamp, gloss=1.0).mean()
    assert shiny > bright > strand_picture(side_on, along, across_lamp, gloss=0.0).mean()


def test_fibres_stand_in_shadow_too() -> None:
    shadow = half_shadow(10)
    row = strand_picture((-5, 0, 50), (5, 0, 50), lighting(lamps=lamp(0, 1), shadow=shadow))[
        3, :, 0
    ]
    assert row[:8].min() > 0.1
    assert row[16:].max() == 0


def test_light_adds_up_on_fibres() -> None:
    ends = (-5, -2, 48), (5, 3, 52)
    single = [strand_picture(*ends, light) for light in LIGHTS[:2]]
    both = strand_picture(*ends, LIGHTS[1]._replace(ambient=LIGHTS[0].ambient))
    np.testing.assert_allclose(both, single[0] + single[1], rtol=1e-4)


def test_any_fibre_in_any_light_is_finite_and_not_negative() -> None:
    """`shaded` checks that; here with everything random, and fibres without length."""
    rng = np.random.default_rng(3)
    for i in range(100):
        start, end = rng.uniform((-10, -10, 30), (10, 10, 50), (2, 3))
        light = lighting(
            rng.normal(0, 0.3, (9, 3)), rng.uniform(0, 3, (3, 3)), tuple(rng.normal(size=3)),
            rng.choice([10, FAR], (64, 64)),
        )  # fmt: skip
        strand_picture(start, start if i % 10 == 0 else end, light, rng.uniform(0, 1, 3), 1.0)


def test_any_surface_in_any_light_is_finite_and_not_negative() -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        normal = rng.normal(size=3)
        patch = Patch(
            Material(rng.choice([0, 1, 2, 3, 4, 6])),
            tuple(normal / np.linalg.norm(normal)),
            rng.uniform(-15, 15, (4, 3)),
            rng.normal(0, 0.3),
            rng.normal(0, 1),
            rng.uniform(0, 1, (8, 8, 3)).astype(np.float32),
            rng.uniform(0, 1, (8, 8)).astype(np.float32),
            roughness=rng.uniform(0.1, 1), oil=rng.uniform(0, 1), bump=rng.uniform(0, 1), veins=1.0,
        )  # fmt: skip
        patch.picture(
            lighting(rng.normal(0, 0.3, (9, 3)), rng.uniform(0, 3, (3, 3)), tuple(-normal))
        )


def test_an_even_pixel_is_the_mean_of_its_four_samples() -> None:
    """The short cut takes one sample for all four; on skin of one colour that is exact, on a
    gradient it is off by no more than half the step between samples, and not to one side."""
    light = lighting(0.8, lamp(1, 0.5))
    plain = Patch(oil=0.5)
    short, full = (plain.picture(light, dark)[..., :3] for dark in (0, 1e-9))
    np.testing.assert_allclose(short, full, rtol=2e-3)
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[:, None], (64, 64, 3))
    for albedo in (ramp, ramp.transpose(1, 0, 2)):
        sloped = Patch(albedo=np.ascontiguousarray(albedo))
        short, full = (sloped.picture(lighting(1.0), dark)[4:-4, 4:-4, 0] for dark in (0, 1e-9))
        step = 1 / (2 * SIDE)
        assert np.abs(short - full).max() < 0.55 * step
        assert abs((short - full).mean()) < 0.02 * step
        assert np.abs(short - full).max() > 0.3 * step  # it was a short cut


def test_coverage_counts_samples() -> None:
    """An edge pixel holds a quarter of the light for each of its samples that is covered."""
    patch = Patch()
    _, triangles, seen = patch_seen()
    seen.item[:, :11] = -1  # columns 0 to 10 of samples: five pixels and a half
    surface = Surface(
        triangles, triangles, floats([[0, 0], [1, 0], [1, 1], [0, 1]]), np.zeros(2, np.int32),
        floats([[-5, -5, 50], [5, -5, 50], [5, 5, 50], [-5, 5, 50]]),
        np.tile(floats([0, 0, -1]), (4, 1)), np.zeros((4, 3), np.float32),
        np.zeros(4, np.float32), np.full(4, -5, np.float32),
    )  # fmt: skip
    out = shaded(seen, surface, patch.looks(), lighting(1.0), no_strands())
    expected = np.zeros((SIDE, SIDE, 4))
    expected[:, 5], expected[:, 6:] = (0.25, 0.25, 0.25, 0.5), (0.5, 0.5, 0.5, 1.0)
    np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_darkness_of_cards_takes_light_away() -> None:
    patch = Patch()
    bright, dim = (patch.picture(lighting(1.0), dark)[..., 0] for dark in (0, 0.5))
    np.testing.assert_allclose(dim, bright * (1 - 0.97 * 0.5), rtol=1e-5)


def test_a_fibre_in_front_is_what_is_seen() -> None:
    """Item numbers below -1 are fibres: `FIRST_FIBRE - f`."""
    _, triangles, seen = patch_seen()
    seen.item[20:24] = FIRST_FIBRE - 1
    black, white = floats([[0, 0, 0], [1, 1, 1]]), floats([[-5, 0, 50], [-5, 0, 50]])
    strands = Strands(white, white + floats([10, 0, 0]), black, floats([0, 0]))
    surface = Surface(
        triangles, triangles, np.zeros((4, 2), np.float32), np.zeros(2, np.int32),
        np.tile(floats([0, 0, 50]), (4, 1)), np.tile(floats([0, 0, -1]), (4, 1)),
        np.zeros((4, 3), np.float32), np.zeros(4, np.float32), np.full(4, -5, np.float32),
    )  # fmt: skip
    out = shaded(seen, surface, Patch().looks(), lighting(1.0), strands)
    np.testing.assert_allclose(out[10:12, :, :3], 0.8, rtol=1e-5)
    np.testing.assert_allclose(out[5, :, :3], 0.5, rtol=1e-5)
