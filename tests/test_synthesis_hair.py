"""Hair on head, brows and chin, the fibres it is made of, and glasses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from auheat.synthesis import facial_hair, growth
from auheat.synthesis.arrays import Floats, floats
from auheat.synthesis.assets import Material
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import RootedFibres, Segments, SkinMap
from auheat.synthesis.glasses import sample_glasses
from auheat.synthesis.hair import HairStyle, sample_colour, sample_style, scalp
from auheat.synthesis.textures import NoiseBank

MODELS = ["tiny_model", pytest.param("real_model", marks=pytest.mark.assets)]
BROWN = floats([0.07, 0.04, 0.02])


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> FaceModel:
    found: FaceModel = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def skin(model: FaceModel) -> SkinMap:
    return SkinMap(model.pack)


@pytest.fixture(scope="module")
def noise() -> NoiseBank:
    return NoiseBank()


# --- segments and fibres on the skin ---


def test_segments_join_and_move() -> None:
    a = Segments(*(np.full(s, 1.0, np.float32) for s in ((2, 3), (2, 3), 2, (2, 3), 2)))
    b = Segments(*(np.full(s, 2.0, np.float64) for s in ((1, 3), (1, 3), 1, (1, 3), 1)))  # type: ignore[arg-type]
    joined = Segments.join([a, Segments.join([]), b])
    assert joined.start[:, 0].tolist() == [1, 1, 2]
    assert joined.width.tolist() == joined.gloss.tolist() == [1, 1, 2]
    assert all(getattr(joined, name).dtype == np.float32 for name in ("start", "width", "colour"))
    turn = floats([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = joined.moved(turn, floats([10, 0, 0]))
    np.testing.assert_allclose(moved.start[0], [9, 1, 1])
    np.testing.assert_allclose(moved.end[2], [8, 2, 2])
    assert moved.start.flags.c_contiguous
    none = Segments.join([])
    assert none.start.shape == none.colour.shape == (0, 3)
    assert none.width.shape == (0,)
    assert len(none.moved(turn, floats([1, 2, 3])).end) == 0


def test_the_skin_under_a_texture_coordinate(model: FaceModel, skin: SkinMap) -> None:
    """Barycentric weights lead back to the coordinate, to a texel of the map."""
    pack = model.pack
    uv = floats(np.random.default_rng(0).uniform((0.25, 0.2), (0.75, 0.9), (500, 2)))
    hit, triangle, weights = skin.locate(uv)
    assert hit.mean() > 0.85
    assert len(triangle) == len(weights) == hit.sum()
    assert (pack.material[triangle] == Material.FACE).all()
    u, v = weights[:, :1], weights[:, 1:]
    corners = pack.uv[pack.uv_triangles[triangle]]
    found = corners[:, 0] * u + corners[:, 1] * v + corners[:, 2] * (1 - u - v)
    assert np.abs(found - uv[hit]).max() < 1 / 512
    assert weights.min() >= -1e-5
    assert weights.sum(1).max() <= 1 + 1e-5


def test_no_skin_outside_the_texture_or_in_holes(model: FaceModel, skin: SkinMap) -> None:
    marks = model.landmark_uv
    mouth = marks[[61, 62, 63, 65, 66, 67]].mean(0)
    hit, triangle, _ = skin.locate(floats([mouth, [-0.2, 0.5], [0.5, 1.2], [3, 3]]))
    assert not hit.any()
    assert len(triangle) == 0


def test_convention_fibres_point_along_the_texture_and_the_normal(
    model: FaceModel, skin: SkinMap
) -> None:
    """On the forehead: u is to the subject's left, v is up, and the normal is forward."""
    pack = model.pack
    marks = model.landmark_uv
    place = floats([(marks[21] + marks[22]) / 2 + (0, 0.01)] * 3)
    _, triangle, weights = skin.locate(place)
    flat = np.zeros(3, np.float32)
    fibres = RootedFibres(triangle, weights, floats(np.eye(3)), flat, np.zeros((3, 3)), flat)
    posed = fibres.pose(pack, pack.vertices)
    direction = posed.end - posed.start
    assert direction[0, 0] > 0.9
    assert direction[1, 1] > 0.75
    assert direction[2, 2] > 0.75
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, atol=0.03)


def test_fibres_move_with_the_skin(model: FaceModel, skin: SkinMap) -> None:
    pack = model.pack
    hair = facial_hair.grow_brows(np.random.default_rng(0), model.landmark_uv, skin, BROWN, 0.5)
    still = hair.fibres.pose(pack, pack.vertices)
    raised = model.deform(pack.vertices, model.weights({"browInnerUp_L": 1, "browInnerUp_R": 1}))
    moved = hair.fibres.pose(pack, raised)
    inner = np.abs(still.start[:, 0]) < 2.2
    assert (moved.start - still.start)[inner, 1].mean() > 0.2
    shifted = hair.fibres.pose(pack, pack.vertices + floats([1, 2, 3]))
    np.testing.assert_allclose(shifted.end, still.end + floats([1, 2, 3]), atol=1e-3)
    off_the_skin, _ = cKDTree(pack.vertices[model.skin]).query(still.start)
    assert off_the_skin.max() < 1.2


# --- brows and beards ---


def test_brows_lie_where_the_landmarks_say(model: FaceModel, skin: SkinMap) -> None:
    """Just below the landmarks, which mark their upper edge; between nose root and temple."""
    marks = model.landmark_uv
    for seed, heavy in enumerate((0.0, 0.3, 0.7, 1.0)):
        hair = facial_hair.grow_brows(np.random.default_rng(seed), marks, skin, BROWN, heavy)
        posed = hair.fibres.pose(model.pack, model.pack.vertices)
        points = model.pack.vertices[model.pack.landmarks]
        assert len(posed.width) > 150
        for indices, side in ((range(17, 22), -1), (range(22, 27), 1)):
            curve = points[list(indices)]
            own = posed.start[np.sign(posed.start[:, 0]) == side]
            assert len(own) > 70
            height = np.interp(own[:, 0], curve[:, 0], curve[:, 1]) - own[:, 1]
            assert -0.25 < height.mean() < 0.7
            assert np.abs(height).max() < 1.6
            assert own[:, 0].min() > curve[:, 0].min() - 0.8
            assert own[:, 0].max() < curve[:, 0].max() + 0.8
        assert hair.paint.min() >= 0
        assert hair.paint.max() <= 1
        rows, columns = np.nonzero(hair.paint > 0.5 * hair.paint.max())
        v = (rows + 0.5) / 512
        assert marks[17:27, 1].min() - 0.06 < v.min()
        assert v.max() < marks[17:27, 1].max() + 0.03
        assert abs((columns + 0.5).mean() / 512 - 0.5) < 0.02


def test_bushy_brows_have_more_hair(model: FaceModel, skin: SkinMap) -> None:
    def count(heavy: float) -> float:
        rngs = (np.random.default_rng(i) for i in range(6))
        marks = model.landmark_uv
        grown = [facial_hair.grow_brows(rng, marks, skin, BROWN, heavy) for rng in rngs]
        return float(np.mean([len(g.fibres.width) for g in grown]))

    assert count(1.0) > 2 * count(0.0) > 200


def test_brow_hairs_point_outwards(model: FaceModel, skin: SkinMap) -> None:
    hair = facial_hair.grow_brows(np.random.default_rng(1), model.landmark_uv, skin, BROWN, 0.5)
    posed = hair.fibres.pose(model.pack, model.pack.vertices)
    outwards = (posed.end - posed.start)[:, 0] * np.sign(posed.start[:, 0])
    assert (outwards > 0).mean() > 0.85
    assert (np.linalg.norm(posed.end - posed.start, axis=1) < 0.8).all()


def test_beards_grow_below_the_nose_and_not_on_lips(
    model: FaceModel, skin: SkinMap, noise: NoiseBank
) -> None:
    marks = model.landmark_uv
    points = model.pack.vertices[model.pack.landmarks]
    full = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        beard = facial_hair.grow_beard(rng, marks, skin, BROWN, noise)
        assert beard.paint.min() >= 0
        assert beard.paint.max() <= 1
        rows, columns = np.nonzero(beard.paint > 0.3)
        front = np.abs(columns / 512 - 0.5) < 0.15
        assert (rows[front] / 512 < marks[33, 1] + 0.01).all()
        assert (rows / 512 < marks[2, 1] + 0.06).all()
        lips = marks[[50, 52, 56, 58]].mean(0)
        assert beard.paint[int(lips[1] * 512), int(lips[0] * 512)] < 0.2
        posed = beard.fibres.pose(model.pack, model.pack.vertices)
        if len(posed.width):
            full += 1
            # a moustache may reach a little up the nose
            assert np.mean(posed.start[:, 1] < points[33, 1] + 0.8) > 0.95
            assert np.mean(posed.start[:, 1] < points[33, 1] + 2) == 1
            assert np.mean((posed.end - posed.start)[:, 1] < 0.1) > 0.8  # they hang
    assert 0 < full < 12  # the others are stubble, which is only paint


def test_hair_colour_shows_through_where_it_is_painted() -> None:
    albedo = np.full((512, 512, 3), 0.5, np.float32)
    paint = np.zeros((512, 512), np.float32)
    paint[200:300] = 0.6
    found = facial_hair.painted(albedo, paint, floats([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(
        found[250, 9], 0.4 * 0.5 + 0.6 * np.array([0.1, 0.2, 0.3]), rtol=1e-4
    )
    assert (found[:190] == 0.5).all()
    assert (albedo == 0.5).all()


# --- hair on the head ---


def test_hair_colours() -> None:
    young = [sample_colour(np.random.default_rng(i), 0.1, 0.0) for i in range(300)]
    old = [sample_colour(np.random.default_rng(i), 0.1, 1.0) for i in range(300)]
    dark = [sample_colour(np.random.default_rng(i), 0.9, 0.0) for i in range(300)]
    assert 0 < np.min(young) < np.max(young) < 0.5
    assert np.mean([c.mean() > 0.05 for c in young]) > 0.2
    assert max(c.mean() for c in dark) < 0.05

    def grey(colours: list[Floats]) -> float:
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


def roots(segments: Segments, strands: int = 2000) -> Floats:
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


# --- glasses ---


def test_glasses_sit_before_the_eyes(model: FaceModel) -> None:
    marks = model.pack.vertices[model.pack.landmarks]
    tints = []
    for seed in range(30):
        glasses = sample_glasses(np.random.default_rng(seed), marks)
        for rim, eye in zip(glasses.rims, (marks[36:42], marks[42:48]), strict=True):
            assert rim.shape == (36, 3)
            assert rim.dtype == np.float32
            np.testing.assert_allclose(rim[:, :2].mean(0), eye.mean(0)[:2], atol=0.5)
            assert (rim[:, 2] > eye[:, 2].max() - 0.6).all()
            inside = (rim[:, 0].min() < eye[:, 0]) & (eye[:, 0] < rim[:, 0].max())
            assert inside.all()
        frame = glasses.frame
        assert len(frame.start) == 2 * 36 + 2 + 2  # rims, temples, a bridge of two
        assert (frame.width > 0.05).all()
        assert (frame.end[:, 2] > 1.9).all()
        assert np.abs(frame.end[:, 0]).max() < 1.1 * np.abs(marks[16, 0]) + 0.5
        assert 0 <= glasses.opacity < 1
        assert 0 <= glasses.tint.min() <= glasses.tint.max() <= 1
        assert 0 <= glasses.glare[0] <= 0.4
        tints.append(glasses.opacity)
    assert 0.05 < np.mean(np.array(tints) > 0.5) < 0.5  # sunglasses
