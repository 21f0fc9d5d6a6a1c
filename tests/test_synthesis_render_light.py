"""Light on a rendered face: albedo, lamps, shadows, hollows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auheat.synthesis.arrays import floats
from auheat.synthesis.fibres import Segments
from auheat.synthesis.identity import Person
from auheat.synthesis.raster import FAR
from auheat.synthesis.render import Renderer, _occlusion
from auheat.synthesis.scene import View
from rendered_faces import AT_REST, FRONT, disc, drawn, even_light, framed, lamp_from


def test_even_light_shows_the_albedo(renderer: Renderer, bare: Person) -> None:
    """But for the shade in hollows, which comes of the shape alone."""
    image, marks = drawn(renderer, bare, even_light())
    brow = disc(marks[19:25].mean(0) - (0, 4), 4)
    np.testing.assert_allclose(image[brow], 0.4, rtol=0.16)


def test_images_are_linear_in_light(renderer: Renderer, person: Person) -> None:
    one, two = (drawn(renderer, person, even_light(level))[0] for level in (0.5, 1.0))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("index", [0, 1])
def test_light_from_one_side_lights_that_side(renderer: Renderer, bare: Person, index: int) -> None:
    """The subject's left is the image's right."""
    for side in (-1, 1):
        image, marks = drawn(renderer, bare, lamp_from(side, -0.3, -0.6, index))
        left = image[disc((marks[14] + marks[35]) / 2, 5)].mean()
        right = image[disc((marks[2] + marks[31]) / 2, 5)].mean()
        assert (left > 1.5 * right) == (side == 1)
        assert (right > 1.5 * left) == (side == -1)


def test_the_nose_casts_a_shadow_of_the_first_lamp_only(renderer: Renderer, bare: Person) -> None:
    """Beside the nose, on the far side of a lamp that grazes it."""
    first, second = (
        drawn(renderer, bare, lamp_from(1, 0, -0.5, index))[0].sum(-1) for index in (0, 1)
    )
    _, marks = drawn(renderer, bare, even_light())
    shadow = np.clip(second - first, 0, None) / np.maximum(second, 0.05)
    beside = disc((marks[31] + marks[41]) / 2, 6)
    assert shadow[beside].max() > 0.6
    lit = disc((marks[35] + marks[14]) / 2 + (4, 0), 3)
    assert shadow[lit].max() < 0.1


def test_hair_casts_shadows_too(renderer: Renderer, bare: Person, person: Person) -> None:
    light = lamp_from(0, -1, -0.15)
    without, marks = drawn(renderer, bare, light)
    fringe = np.random.default_rng(0).uniform((-4, 9, 10.5), (4, 10, 11.5), (4000, 3))
    down = floats(fringe - (0, 0.3, 0))
    strands = Segments(
        floats(fringe), down, np.full(4000, 0.05, np.float32), np.zeros((4000, 3), np.float32),
        np.zeros(4000, np.float32),
    )  # fmt: skip
    under, _ = drawn(renderer, replace(bare, strands=strands), light)
    bridge = disc(marks[27] - (0, 3), 5)
    assert under[bridge].mean() < 0.7 * without[bridge].mean()


def test_hollows_are_shaded(renderer: Renderer, bare: Person) -> None:
    """Eye sockets are darker than the forehead in light from everywhere."""
    image, marks = drawn(renderer, bare, even_light())
    socket = image[disc((marks[39] + marks[27]) / 2, 2)].mean()
    forehead = image[disc(marks[19:25].mean(0) - (0, 5), 3)].mean()
    assert socket < 0.97 * forehead


def test_what_lies_deep_among_others_gets_less_light() -> None:
    """A pit 2 cm deep and wide; 10 pixels are a centimetre. Nothing at all gets all light."""
    view = View.at(FRONT, 60, np.array([[600.0, 0, 50], [0, 600.0, 50]]))
    depth = np.full((100, 100), 60, np.float32)
    depth[40:60, 40:60] = 62
    fraction = _occlusion(depth, view)
    assert fraction.dtype == np.float32
    assert fraction[42, 50] < fraction[50, 50] < 0.9  # deepest at the foot of its walls
    assert (fraction[:20] == 1).all()
    assert 0.3 < fraction.min() < fraction.max() == 1
    empty = np.full((100, 100), FAR, np.float32)
    assert (_occlusion(empty, view) == 1).all()


def test_a_shadow_map_holds_what_the_lamp_sees_first(renderer: Renderer, bare: Person) -> None:
    """The tip of the nose from the front, and not the back of the head behind it."""
    posed = renderer.pose(bare, AT_REST)
    view = framed(posed)
    position = view.to_camera(posed.vertices)
    for x in (-0.3, 0.0, 0.4):
        light = renderer._lighting(view, lamp_from(x, -0.1, -1), position, Segments.join([]))
        for landmark in (30, 27, 8):
            place = floats([*view.to_camera(posed.landmarks[[landmark]])[0], 1])
            column, row, depth = light.to_shadow @ place
            assert light.shadow[round(row), round(column)] == pytest.approx(depth, abs=0.4)
