"""Parts of a rendered face: the mouth's inside, eyes, furrows, hair and glasses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.synthesis.arrays import floats
from auheat.synthesis.expression import Expression
from auheat.synthesis.glasses import sample_glasses
from auheat.synthesis.identity import Person
from auheat.synthesis.render import Renderer
from rendered_faces import SIDE, disc, drawn, even_light


def test_the_mouth_s_inside_is_seen_only_through_parted_lips(
    renderer: Renderer, bare: Person
) -> None:
    """Teeth that glow would be seen through any chink."""
    glowing = replace(bare, teeth=floats([5.0, 5.0, 5.0]))
    for intensities, seen in (
        ({}, False), ({"AU26": 5.0}, False), ({"AU12": 5.0, "AU10": 3.0}, False),
        ({"AU25": 4.0}, True), ({"AU25": 5.0, "AU26": 5.0}, True),
    ):  # fmt: skip
        image, _ = drawn(renderer, glowing, even_light(), Expression(intensities))
        assert (image.max() > 0.6) == seen, intensities


def test_eyes_are_seen_through_open_lids(renderer: Renderer, bare: Person) -> None:
    """Their irises green; blinking hides them."""
    iris = np.zeros((64, 64, 3), np.float32)
    iris[..., 1] = 1
    green = replace(bare, iris=iris)

    def count(expression: Expression) -> tuple[int, int]:
        image, marks = drawn(renderer, green, even_light(), expression)
        pixels = image[..., 1] > 2 * image[..., 0]
        sides = np.arange(SIDE) < marks[27, 0]
        return int(pixels[:, sides].sum()), int(pixels[:, ~sides].sum())

    right, left = count(Expression())
    assert right > 5
    assert left > 5
    closed = Expression(beside={"eyeBlink_L": 1.0})
    assert count(closed)[1] < 0.4 * left
    assert count(closed)[0] == right
    wide = count(Expression({"AU05": 5.0}))
    assert wide[0] > right
    assert wide[1] > left


def test_furrows_deepen_with_their_au(renderer: Renderer, bare: Person) -> None:
    line = np.zeros_like(bare.height)
    line[225:235] = -0.3  # across the forehead: v upwards
    wrinkled = replace(bare, furrows={"AU01": line}, bump=1.0)
    shading = []
    for level in (0.0, 2.5, 5.0):
        expression = Expression({"AU01": level})
        with_line, marks = drawn(renderer, wrinkled, even_light(), expression)
        without, _ = drawn(renderer, bare, even_light(), expression)
        forehead = disc(marks[19:25].mean(0) - (0, 10), 8)
        shading.append(float(np.abs(with_line - without)[forehead].max()))
    assert shading[0] == 0
    assert shading[2] > 1.5 * shading[1] > 0.01
    other, _ = drawn(renderer, wrinkled, even_light(), Expression({"AU12": 5.0}))
    plain, _ = drawn(renderer, bare, even_light(), Expression({"AU12": 5.0}))
    np.testing.assert_array_equal(other, plain)


def test_hair_brows_and_lashes_are_drawn(renderer: Renderer, bare: Person, person: Person) -> None:
    """Each is seen where it belongs, by what changes when it is taken away."""
    marks = drawn(renderer, bare, even_light())[1]

    def change(**parts: Any) -> NDArray[np.float64]:
        image, _ = drawn(renderer, replace(bare, **parts), even_light())
        clean, _ = drawn(renderer, bare, even_light())
        y, x = np.nonzero(np.abs(image - clean).max(-1) > 0.05)
        assert len(x) > 10
        return np.stack([x, y], 1)

    brows = change(brows=replace(person.brows, colour=np.zeros_like(person.brows.colour)))
    np.testing.assert_allclose(brows.mean(0), marks[17:27].mean(0), atol=4)
    lashes = change(lashes=1.0)
    np.testing.assert_allclose(lashes.mean(0), marks[36:48].mean(0), atol=4)
    assert (change(strands=person.strands)[:, 1] < marks[17:27, 1].min() - 3).sum() > 100


def test_glasses_lie_over_the_eyes(renderer: Renderer, bare: Person) -> None:
    marks3d = bare.neutral[renderer.model.pack.landmarks]
    clear = replace(
        sample_glasses(np.random.default_rng(0), marks3d), opacity=0.0, glare=(0.0, 0.5)
    )
    image, marks = drawn(renderer, bare, even_light())
    eyes = [disc(marks[eye].mean(0), 3) for eye in (slice(36, 42), slice(42, 48))]
    through, _ = drawn(renderer, replace(bare, glasses=clear), even_light())
    assert np.abs(through - image).max() > 0.1  # the frame
    for eye in eyes:
        np.testing.assert_allclose(through[eye], image[eye], atol=2e-3)
    tinted = replace(clear, opacity=1.0, tint=floats([0.9, 0.0, 0.9]))
    dark, _ = drawn(renderer, replace(bare, glasses=tinted), even_light())
    for eye in eyes:
        np.testing.assert_allclose(dark[eye], [[0.9, 0.0, 0.9]] * eye.sum(), atol=1e-5)
    np.testing.assert_allclose(dark[disc(marks[57], 4)], image[disc(marks[57], 4)], atol=2e-3)
