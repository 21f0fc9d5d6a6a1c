"""Light on a flat patch of skin: lamps, gloss, shadows, and how samples become pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auheat.synthesis.arrays import floats
from auheat.synthesis.assets import Material
from auheat.synthesis.drawables import Surface
from lit_patch import (
    DEPTH,
    LIGHTS,
    SIDE,
    SURFACES,
    Patch,
    half_shadow,
    lamp,
    lighting,
    no_strands,
    patch_seen,
    shaded,
)


@pytest.mark.parametrize("patch", SURFACES)
def test_light_adds_up(patch: Patch) -> None:
    """Twice the light gives twice the image; two lights together give the sum of both."""
    single = [patch.render(light)[..., :3] for light in LIGHTS[:2]]
    for light, image in zip(LIGHTS, single, strict=False):
        double = light._replace(colour=2 * light.colour, ambient=2 * light.ambient)
        np.testing.assert_allclose(patch.render(double)[..., :3], 2 * image, rtol=1e-4)
        assert image.max() > 0.01
    both = LIGHTS[1]._replace(ambient=LIGHTS[0].ambient)
    np.testing.assert_allclose(patch.render(both)[..., :3], single[0] + single[1], rtol=1e-4)


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
        assert patch.render(lighting())[..., :3].max() == 0


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
        return float(patch.render(light)[12, 12, 0])

    at = [shine(degrees) for degrees in (0, 20, 40, 60, 100)]
    assert at[0] > at[1] > at[2] > at[3] > 0
    assert at[4] == 0
    assert shine(40, tilt=20) > 2 * shine(0, tilt=20)
    assert shine(0, roughness=0.3) > 2 * shine(0, roughness=0.6)
    assert shine(60, roughness=0.3) < shine(60, roughness=0.6)


def test_shadow_falls_where_something_lies_nearer_to_the_lamp() -> None:
    patch = Patch()
    free = patch.render(lighting(lamps=lamp(0, 1)))[..., 0]
    shadowed = patch.render(lighting(lamps=lamp(0, 1), shadow=half_shadow(40)))[..., 0]
    np.testing.assert_allclose(shadowed[:, :8], free[:, :8], rtol=1e-5)
    assert (shadowed[:, 16:] == 0).all()
    row = shadowed[12]
    assert (np.diff(row[8:16]) <= 1e-6).all()
    assert ((row > 0.05) & (row < 0.95 * free[12])).sum() >= 2  # soft
    # something behind the patch, or the patch itself, casts no shadow on it
    for depth in (60, DEPTH, DEPTH - 0.3):
        behind = patch.render(lighting(lamps=lamp(0, 1), shadow=half_shadow(depth)))[..., 0]
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
        patch.render(
            lighting(rng.normal(0, 0.3, (9, 3)), rng.uniform(0, 3, (3, 3)), tuple(-normal))
        )


def test_an_even_pixel_is_the_mean_of_its_four_samples() -> None:
    """The short cut takes one sample for all four; on skin of one colour that is exact, on a
    gradient it is off by no more than half the step between samples, and not to one side."""
    light = lighting(0.8, lamp(1, 0.5))
    plain = Patch(oil=0.5)
    short, full = (plain.render(light, dark)[..., :3] for dark in (0, 1e-9))
    np.testing.assert_allclose(short, full, rtol=2e-3)
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[:, None], (64, 64, 3))
    for albedo in (ramp, ramp.transpose(1, 0, 2)):
        sloped = Patch(albedo=np.ascontiguousarray(albedo))
        short, full = (sloped.render(lighting(1.0), dark)[4:-4, 4:-4, 0] for dark in (0, 1e-9))
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
    bright, dim = (patch.render(lighting(1.0), dark)[..., 0] for dark in (0, 0.5))
    np.testing.assert_allclose(dim, bright * (1 - 0.97 * 0.5), rtol=1e-5)
