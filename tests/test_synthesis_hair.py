"""Hair on the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from auheat.synthesis import growth
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import Segments
from auheat.synthesis.hair import HairStyle, sample_colour, sample_style, scalp

BROWN = floats([0.07, 0.04, 0.02])


def test_hair_colours() -> None:
    young = [sample_colour(np.random.default_rng(i), 0.1, 0.0) for i in range(300)]
    old = [sample_colour(np.random.default_rng(i), 0.1, 1.0) for i in range(300)]
    dark = [sample_colour(np.random.default_rng(i), 0.9, 0.0) for i in range(300)]
    assert 0 < np.min(young) < np.max(young) < 0.5
    assert np.mean([c.mean() > 0.05 for c in young]) > 0.2
    assert max(c.mean() for c in dark) < 0.05

    def grey(colours: list[Floats32]) -> float:
        return float(np.mean([np.ptp(c) < 0.3 * c.mean() and c.mean() > 0.1 for c in colours]))

    assert grey(old) > 0.4 > 0.1 > grey(young)


def test_styles() -> None:
    for masculine in (False, True):
        drawn = [sample_style(np.random.default_rng(i), masculine) for i in range(400)]
        bald = np.mean([style is None for style in drawn])
        assert (0.04 if masculine else 0.003) < bald < (0.13 if masculine else 0.05)
        styles = [style for style in drawn if style is not None]
        long = np.mean([style.length > 15 for style in styles])
        assert (long > 0.2) != masculine
        for style in styles:
            assert 0 <= style.lift <= 1
            assert 0.3 < style.length <= 30
            assert style.strands >= 4500
            assert style.curl >= 0
            assert style.pitch >= 0
            assert style.fringe >= 0


def test_bald_people_have_no_strands(model: FaceModel) -> None:
    bare = scalp(np.random.default_rng(0), model.pack.vertices, None)
    assert (bare < 0).all()
    style = HairStyle(3, 0.3, 0.1, (0, 0, -1), None, 0, 0, 0, 0, 500)
    pack = model.pack
    strands = growth.grow(
        np.random.default_rng(0), pack, pack.vertices, pack.vertices, bare, style, BROWN
    )
    assert len(strands.width) == 0


STYLES = {
    "buzz": HairStyle(0.35, 0.8, 0.0, (0, 0, 1), None, 0, 0, 0, 0.0, 2000),
    "short": HairStyle(3.0, 0.3, 0.08, (0.5, 0.2, -0.2), None, 2.0, 0.1, 0.4, 0.0, 2000),
    "long": HairStyle(25.0, 0.3, 0.16, (0, 0.1, -0.8), 1.0, 4.0, 0.3, 0.1, 0.0, 2000),
}


def grown(model: FaceModel, style: HairStyle, seed: int = 0) -> Segments:
    """2000 strands on the mean head."""
    rng, pack = np.random.default_rng(seed), model.pack
    height = scalp(rng, pack.vertices, style)
    normals = model.normals(pack.vertices)
    return growth.grow(rng, pack, pack.vertices, normals, height, style, BROWN)


def roots(segments: Segments, strands: int = 2000) -> Floats32:
    """The strands' first points; segments lie strand after strand."""
    return segments.start[:: len(segments.start) // strands]


def test_the_hairline(model: FaceModel) -> None:
    """Above the forehead, over the ears, and down to the nape."""
    pack = model.pack
    height = scalp(np.random.default_rng(0), pack.vertices, STYLES["short"])
    marks = pack.landmarks
    assert (height[marks] < 0).all()  # none on the face
    x, y, z = pack.vertices.T
    assert (height[model.skin & (y > 13.5)] > 0).all()
    assert (height[model.skin & (z < -6) & (y > 0) & (y < 10)] > 0).all()
    assert (height[model.skin & (y < -10)] < 0).all()
    ears = model.skin & (np.abs(x) > 7.8) & (y < 5) & (z > -2.4)
    assert (height[ears] < 0).all()
    receding = scalp(
        np.random.default_rng(0),
        pack.vertices,
        HairStyle(3, 0.3, 0.1, (0, 0, -1), None, 0, 0, 0, 2.0, 500),
    )
    front = model.skin & (z > 4) & (y > 8)
    assert (receding[front] < height[front] - 1.9).all()


@pytest.mark.parametrize("name", STYLES)
def test_hair_grows_only_on_the_scalp(model: FaceModel, name: str) -> None:
    """`scalp` knows the height of any place above the hairline, those of the roots too."""
    start = roots(grown(model, STYLES[name], seed=6))
    height = scalp(np.random.default_rng(6), start, STYLES[name])
    assert np.percentile(height, 1) > -1.8  # a triangle across the line may be as large
    assert height.min() > -3
    assert (height > 0).mean() > 0.93
    surface, _ = cKDTree(model.pack.vertices[model.skin]).query(start)
    assert surface.max() < 1.5


@pytest.mark.parametrize("name", STYLES)
def test_strands_stay_outside_the_skull(model: FaceModel, name: str) -> None:
    """Above the neck, where a skull is a ball that directions from its middle can be held against.

    Locks draw strands together, so that single ones may dip in a little.
    """
    segments = grown(model, STYLES[name])
    middle = floats([0, 4, 0])
    points = model.pack.vertices[model.skin] - middle
    tips = segments.end[segments.end[:, 1] > 1] - middle
    directions = points / np.linalg.norm(points, axis=1, keepdims=True)
    radius = np.linalg.norm(points, axis=1)
    sampled = tips[:: max(1, len(tips) // 1500)]
    towards = sampled / np.linalg.norm(sampled, axis=1, keepdims=True)
    surface = radius[(towards @ directions.T).argmax(1)]
    depth = surface - np.linalg.norm(sampled, axis=1)
    assert (depth < 0.3).mean() > 0.97
    assert np.percentile(depth, 99.5) < 2


@pytest.mark.parametrize("name", STYLES)
def test_strands_are_chains_of_the_given_length(tiny_model: FaceModel, name: str) -> None:
    segments = grown(tiny_model, STYLES[name])
    steps = len(segments.start) // 2000
    assert len(segments.start) == 2000 * steps
    start, end = (points.reshape(2000, steps, 3) for points in (segments.start, segments.end))
    np.testing.assert_allclose(start[:, 1:], end[:, :-1], atol=1e-6)
    length = np.linalg.norm(end - start, axis=-1).sum(1)
    assert length.max() < 1.6 * STYLES[name].length + 2  # strands are lifted out of the skull
    assert np.median(length) > 0.4 * STYLES[name].length
    assert (segments.width > 0).all()
    assert (segments.width < 0.1).all()
    assert np.isfinite(segments.colour).all()
    assert segments.colour.min() >= 0


def test_long_hair_falls(tiny_model: FaceModel) -> None:
    segments = grown(tiny_model, STYLES["long"])
    steps = len(segments.start) // 2000
    tips, start = segments.end[steps - 1 :: steps], roots(segments)
    assert (tips[:, 1] < start[:, 1] - 4).mean() > 0.8
    assert tips[:, 1].mean() < -2


def test_a_fringe_hangs_over_the_forehead(tiny_model: FaceModel) -> None:
    def over_the_forehead(style: HairStyle) -> int:
        x, y, z = grown(tiny_model, style).end.T
        return int(((np.abs(x) < 4) & (y < 10) & (y > 6) & (z > 7)).sum())

    combed_back = replace(STYLES["short"], fringe=0.0)
    assert over_the_forehead(replace(combed_back, fringe=5.0)) > 200
    assert over_the_forehead(combed_back) < 20


def test_hair_is_repeatable(tiny_model: FaceModel) -> None:
    first, second = (grown(tiny_model, STYLES["short"], 3) for _ in range(2))
    np.testing.assert_array_equal(first.end, second.end)
    assert (first.end != grown(tiny_model, STYLES["short"], 4).end).any()
