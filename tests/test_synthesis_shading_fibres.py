"""Light on fibres, and fibres before surfaces."""

from __future__ import annotations

import numpy as np

from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.drawables import Strands, Surface
from auheat.synthesis.optics import Lighting
from auheat.synthesis.raster import FAR, FIRST_FIBRE, Visibility, draw_fibres
from lit_patch import GREY, LIGHTS, SIDE, Patch, half_shadow, lamp, lighting, patch_seen, shaded


def strand_image(
    start: object, end: object, light: Lighting, colour: object = GREY, gloss: float = 0.5
) -> Floats32:
    """Mean colour of a thick fibre in camera space, drawn across the image."""
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
    bright = strand_image(side_on, along, across_lamp).mean()
    assert bright > 5 * strand_image(side_on, along, end_lamp).mean()
    behind = lighting(lamps=lamp(1, 1), direction=(0, 0, 1))
    assert strand_image(side_on, along, behind).mean() < 0.1 * bright
    red = strand_image(side_on, along, across_lamp, (0.5, 0.1, 0.1), 0.0)
    np.testing.assert_allclose(red[..., 0], 5 * red[..., 1], rtol=1e-4)
    shiny = strand_image(side_on, along, across_lamp, gloss=1.0).mean()
    assert shiny > bright > strand_image(side_on, along, across_lamp, gloss=0.0).mean()


def test_fibres_stand_in_shadow_too() -> None:
    shadow = half_shadow(10)
    row = strand_image((-5, 0, 50), (5, 0, 50), lighting(lamps=lamp(0, 1), shadow=shadow))[3, :, 0]
    assert row[:8].min() > 0.1
    assert row[16:].max() == 0


def test_light_adds_up_on_fibres() -> None:
    ends = (-5, -2, 48), (5, 3, 52)
    single = [strand_image(*ends, light) for light in LIGHTS[:2]]
    both = strand_image(*ends, LIGHTS[1]._replace(ambient=LIGHTS[0].ambient))
    np.testing.assert_allclose(both, single[0] + single[1], rtol=1e-4)


def test_any_fibre_in_any_light_is_finite_and_not_negative() -> None:
    """`shaded` checks that; here with everything random, and fibres without length."""
    rng = np.random.default_rng(3)
    for i in range(100):
        start, end = rng.uniform((-10, -10, 30), (10, 10, 50), (2, 3))
        light = lighting(
            rng.normal(0, 0.3, (9, 3)), rng.uniform(0, 3, (3, 3)), tuple(rng.normal(size=3)),
            rng.choice(np.array([10.0, FAR]), (64, 64)),
        )  # fmt: skip
        strand_image(start, start if i % 10 == 0 else end, light, rng.uniform(0, 1, 3), 1.0)


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
