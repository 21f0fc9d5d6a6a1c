"""What surfaces look like: textures, bumps, hair on the scalp, teeth and eyes. On a flat patch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.assets import Material
from auheat.synthesis.drawables import Surface
from lit_patch import SIDE, Patch, lamp, lighting, no_strands, patch_seen, shaded


def sample_uv() -> NDArray[np.float64]:
    """Texture coordinates (SIDE, SIDE, 2) of the sample that speaks for each pixel."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.asarray((np.stack([2 * x + (y & 1), 2 * y + (x & 1)], -1) + 0.5) / (2 * SIDE))


@pytest.mark.parametrize("size", [16, 40])
def test_textures_are_read_bilinearly(size: int) -> None:
    """Texel centres at half integers; compared with scipy away from the texture's border."""
    albedo = np.random.default_rng(size).uniform(0, 1, (size, size, 3)).astype(np.float32)
    found = Patch(albedo=albedo).render(lighting(1.0))[..., :3]
    at = sample_uv()[..., ::-1] * size - 0.5
    inner = ((at > 1) & (at < size - 2)).all(-1)
    assert inner.mean() > 0.6
    for channel in range(3):
        expected = map_coordinates(albedo[..., channel], np.moveaxis(at, -1, 0), order=1)
        np.testing.assert_allclose(found[inner, channel], expected[inner], atol=2e-5)


def test_convention_texture_rows_run_with_v() -> None:
    albedo = np.zeros((8, 8, 3), np.float32)
    albedo[:4, :, 0], albedo[:, :4, 1] = 1, 1  # red where v is small, green where u is small
    found = Patch(albedo=albedo).render(lighting(1.0))
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
        return float(patch.render(light)[12, 12, 2])

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
    bumped, plain = (patch.render(lighting(a))[12, 12, 0] for a in (ambient, flat))
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


def eye_image(material: Material, centre: tuple[float, float, float]) -> Floats32:
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
    found = eye_image(material, (x, 0, 0))
    place = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    across, down = np.meshgrid(place, place)
    angle = np.arctan(np.hypot(across, down))
    assert found[angle < 0.11, :3].max() < 0.12  # pupil, but for a glint of the surround
    ring = (angle > 0.22) & (angle < 0.42)
    assert (found[ring, 0] > 0.84).all()
    assert (found[ring, 1] < 0.12).all()
    upper = ring & (down < -0.1)  # the subject's up: y grows upwards in rest coordinates
    lower = ring & (down > 0.1)
    assert (found[upper, 2] > 0.84).all()
    assert (found[lower, 2] < 0.12).all()
    white = (angle > 0.58) & (angle < 0.75)
    assert (found[white, :3] > 0.38).all()
    assert (found[white, :3].std(-1) < 0.1).all()


def test_an_eye_elsewhere_shows_no_iris() -> None:
    assert (eye_image(Material.LEFT_EYE, (-3, 0, 0))[..., 1] > 0.2).all()
