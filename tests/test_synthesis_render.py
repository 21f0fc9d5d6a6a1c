"""From a person to a picture: places, light, visibility. On the schematic face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat import geometry
from auheat.faces.crop import CropSpec
from auheat.synthesis.arrays import Floats, floats
from auheat.synthesis.expression import Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import Segments, SkinMap
from auheat.synthesis.glasses import sample_glasses
from auheat.synthesis.identity import Person, PersonSampler
from auheat.synthesis.raster import FAR, NOTHING, Visibility, draw_triangles
from auheat.synthesis.render import Posed, Renderer, _occlusion
from auheat.synthesis.scene import Light, Pose, View, studio_light
from auheat.synthesis.textures import spot

SIDE = 96
FRONT, AT_REST = Pose(), Expression()


@pytest.fixture(scope="module")
def renderer(tiny_model: FaceModel) -> Renderer:
    return Renderer(tiny_model)


@pytest.fixture(scope="module")
def person(tiny_model: FaceModel) -> Person:
    """Average mover with hair, without beard and glasses, skin as even as it gets."""
    someone = PersonSampler(tiny_model).sample(np.random.default_rng(5), plain=True)
    assert len(someone.strands.width)
    return someone


@pytest.fixture(scope="module")
def bare(tiny_model: FaceModel, person: Person) -> Person:
    """The same without any hair, grey and matt."""
    none = person.brows
    no_brows = replace(
        none,
        **{name: getattr(none, name)[:0] for name in
           ("triangle", "weights", "offset", "width", "colour", "gloss")},
    )  # fmt: skip
    return replace(
        person,
        strands=Segments.join([]),
        brows=no_brows,
        scalp=np.full_like(person.scalp, -5),
        furrows={},
        albedo=np.full_like(person.albedo, 0.4),
        head=floats([0.4, 0.4, 0.4]),
        height=np.full_like(person.height, 0.5),
        oil=0.0,
        lashes=0.0,
    )


def even_light(level: float = 1.0) -> Light:
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = level
    return Light(studio_light().direction, np.zeros((3, 3), np.float32), ambient)


def lamp_from(x: float, y: float, z: float, index: int = 0) -> Light:
    direction = floats(np.tile([x, y, z] / np.linalg.norm([x, y, z]), (3, 1)))
    colour = np.zeros((3, 3), np.float32)
    colour[index] = 1
    return Light(direction, colour, np.zeros((9, 3), np.float32))


def framed(posed: Posed, pose: Pose = FRONT, distance: float = 70.0) -> View:
    plane = View.at(pose, distance, np.eye(2, 3))
    marks = plane.project(plane.to_camera(posed.landmarks))
    return plane.with_warp(CropSpec(SIDE).transform(marks))


def drawn(
    renderer: Renderer,
    person: Person,
    light: Light,
    expression: Expression = AT_REST,
    pose: Pose = FRONT,
) -> tuple[Floats, geometry.Points]:
    """A picture over black, and the landmarks in it."""
    posed = renderer.pose(person, expression)
    view = framed(posed, pose)
    image = renderer.draw(posed, view, light, np.zeros((SIDE, SIDE, 3), np.float32))
    assert np.isfinite(image).all()
    return image, view.project(view.to_camera(posed.landmarks))


def disc(centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.hypot(x - centre[0], y - centre[1]) < radius


def test_poses_hold_landmarks_and_normals(renderer: Renderer, person: Person) -> None:
    posed = renderer.pose(person, Expression({"AU26": 5}))
    model = renderer.model
    np.testing.assert_array_equal(posed.landmarks, posed.vertices[model.pack.landmarks])
    np.testing.assert_array_equal(posed.normals, model.normals(posed.vertices))
    assert posed.landmarks[8, 1] < renderer.pose(person, Expression()).landmarks[8, 1] - 0.8


# On smooth skin: forehead, brows, bridge of the nose, cheeks, chin.
PLACES = [
    *((0.5, 0.87), (0.4, 0.86), (0.6, 0.86), (0.35, 0.805), (0.65, 0.805), (0.5, 0.72)),
    *((0.35, 0.6), (0.65, 0.6), (0.33, 0.5), (0.67, 0.5), (0.42, 0.32), (0.58, 0.32)),
]


@pytest.mark.parametrize("pose", [FRONT, Pose(12, -8, 15)])
def test_skin_is_seen_where_projection_says(renderer: Renderer, bare: Person, pose: Pose) -> None:
    """End to end: dark spots painted on the skin appear at the pixels of the places below them.

    Texture, mesh, pose, camera, sampling and the half pixels between them all have to agree.
    """
    pack = renderer.model.pack
    posed = renderer.pose(bare, AT_REST)
    view = framed(posed, pose)
    hit, triangle, weights = SkinMap(pack).locate(floats(PLACES))
    assert hit.all()
    shares = np.column_stack([weights, 1 - weights.sum(1)])[:, :, None]
    points = (posed.vertices[pack.triangles[triangle]] * shares).sum(1)
    expected = view.project(view.to_camera(floats(points)))
    clean, _ = drawn(renderer, bare, even_light(), pose=pose)
    y, x = np.mgrid[:SIDE, :SIDE]
    found = []
    for place in PLACES:
        dark = 1 - 0.9 * spot(512, floats(place), 0.012, 0.012)[..., None]
        spotted = replace(bare, albedo=floats(bare.albedo * dark))
        image, _ = drawn(renderer, spotted, even_light(), pose=pose)
        weight = np.clip(clean - image, 0, None).sum(-1)
        assert weight.max() > 0.2
        found.append([(weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()])
    off = np.array(found) - expected
    assert np.abs(off).max() < 0.5  # curved skin shifts a spot's middle a little
    assert np.abs(off.mean(0)).max() < 0.12  # but not to one side: half a pixel would show


def nearest_seen(model: FaceModel, landmarks: list[int], side: int = 160) -> NDArray[np.float64]:
    """Distance in cm from each landmark's vertex to the triangle that its pixel shows."""
    view = View.at(Pose(), 90, np.eye(2, 3))
    points = model.pack.vertices
    camera = view.to_camera(points)
    marks = view.project(camera[model.pack.landmarks])
    view = view.with_warp(CropSpec(side).transform(marks))
    screen = np.column_stack([2 * view.project(camera) + 0.5, camera[:, 2]])
    seen = Visibility.blank(2 * side, 2 * side)
    draw_triangles(floats(screen), model.pack.triangles, seen)
    distances = []
    for landmark in landmarks:
        vertex = model.pack.landmarks[landmark]
        column, row = np.rint(screen[vertex, :2]).astype(int)
        item = seen.item[row, column]
        corners = points[model.pack.triangles[item]] if item != NOTHING else np.full((3, 3), 99.0)
        distances.append(np.linalg.norm(corners - points[vertex], axis=1).min())
    return np.array(distances)


FRONTAL = [*range(6, 11), *range(18, 26), *range(27, 36), *range(48, 60)]


def test_pixels_of_landmarks_show_the_skin_there(tiny_model: FaceModel) -> None:
    assert nearest_seen(tiny_model, FRONTAL).max() < 0.8  # its triangles are up to 2 cm long


def test_pixels_of_landmarks_show_the_real_skin_there(real_model: FaceModel) -> None:
    assert nearest_seen(real_model, [*FRONTAL, *range(36, 48)]).max() < 0.4


def test_the_background_is_seen_around_the_head(renderer: Renderer, bare: Person) -> None:
    posed = renderer.pose(bare, Expression())
    view = framed(posed)
    background = np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE, 3)).astype(np.float32)
    untouched = background.copy()
    image = renderer.draw(posed, view, even_light(), background)
    np.testing.assert_array_equal(background, untouched)
    same = (image == background).all(-1)
    assert 0.1 < same.mean() < 0.7
    assert same[:, 0].mean() > 0.5  # beside the head
    marks = view.project(view.to_camera(posed.landmarks))
    assert not same[disc(marks[27:36].mean(0), 6)].any()


def test_pictures_of_any_shape(renderer: Renderer, bare: Person) -> None:
    posed = renderer.pose(bare, Expression())
    warp = np.array([[200.0, 0, 40], [0, 200, 25]])
    image = renderer.draw(
        posed, View.at(Pose(), 60, warp), even_light(), np.zeros((50, 81, 3), np.float32)
    )
    assert image.shape == (50, 81, 3)
    assert image.dtype == np.float32
    assert image[25, 40].max() > 0.2


def test_a_head_out_of_view_leaves_the_background(renderer: Renderer, person: Person) -> None:
    posed = renderer.pose(person, Expression())
    warp = np.array([[200.0, 0, 4000], [0, 200, 25]])
    background = np.full((20, 20, 3), 0.3, np.float32)
    image = renderer.draw(posed, View.at(Pose(), 60, warp), studio_light(), background)
    np.testing.assert_array_equal(image, background)


def test_even_light_shows_the_albedo(renderer: Renderer, bare: Person) -> None:
    """But for the shade in hollows, which comes of the shape alone."""
    image, marks = drawn(renderer, bare, even_light())
    brow = disc(marks[19:25].mean(0) - (0, 4), 4)
    np.testing.assert_allclose(image[brow], 0.4, rtol=0.16)


def test_pictures_are_linear_in_light(renderer: Renderer, person: Person) -> None:
    one, two = (drawn(renderer, person, even_light(level))[0] for level in (0.5, 1.0))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("index", [0, 1])
def test_light_from_one_side_lights_that_side(renderer: Renderer, bare: Person, index: int) -> None:
    """The subject's left is the picture's right."""
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

    def change(**parts: object) -> NDArray[np.float64]:
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
    share = _occlusion(depth, view)
    assert share.dtype == np.float32
    assert share[42, 50] < share[50, 50] < 0.9  # deepest at the foot of its walls
    assert (share[:20] == 1).all()
    assert 0.3 < share.min() < share.max() == 1
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


def test_drawing_holds_no_state(renderer: Renderer, person: Person, bare: Person) -> None:
    first, _ = drawn(renderer, person, studio_light(), Expression({"AU12": 4}))
    drawn(renderer, bare, even_light(), Expression({"AU26": 4}))
    again, _ = drawn(renderer, person, studio_light(), Expression({"AU12": 4}))
    np.testing.assert_array_equal(first, again)


def test_a_symmetrical_face_gives_a_symmetrical_picture(
    renderer: Renderer, bare: Person, tiny_model: FaceModel
) -> None:
    """Up to which of four samples speaks for an even pixel."""
    even = replace(bare, neutral=tiny_model.pack.vertices, iris=np.full_like(bare.iris, 0.2))
    image, marks = drawn(renderer, even, even_light(), Expression({"AU12": 3, "AU01": 4}))
    np.testing.assert_allclose(marks[30, 0], (SIDE - 1) / 2, atol=0.05)
    difference = np.abs(image - image[:, ::-1])
    assert difference.mean() < 0.01
    assert np.median(difference) < 0.005
