"""From a person to an image: places and visibility. On the schematic face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.faces.crop import CropSpec
from auheat.synthesis.arrays import floats
from auheat.synthesis.expression import Expression
from auheat.synthesis.face import FaceModel
from auheat.synthesis.fibres import SkinMap
from auheat.synthesis.identity import Person
from auheat.synthesis.raster import NOTHING, Visibility, draw_triangles
from auheat.synthesis.render import Renderer
from auheat.synthesis.scene import Pose, View, studio_light
from auheat.synthesis.textures import spot
from rendered_faces import AT_REST, FRONT, SIDE, disc, drawn, even_light, framed


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
    fractions = np.column_stack([weights, 1 - weights.sum(1)])[:, :, None]
    points = (posed.vertices[pack.triangles[triangle]] * fractions).sum(1)
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
    assert np.abs(off).max() < 0.75  # curved skin shifts a spot's middle a little
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


def test_images_of_any_shape(renderer: Renderer, bare: Person) -> None:
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


def test_drawing_holds_no_state(renderer: Renderer, person: Person, bare: Person) -> None:
    first, _ = drawn(renderer, person, studio_light(), Expression({"AU12": 4}))
    drawn(renderer, bare, even_light(), Expression({"AU26": 4}))
    again, _ = drawn(renderer, person, studio_light(), Expression({"AU12": 4}))
    np.testing.assert_array_equal(first, again)


def test_a_symmetrical_face_gives_a_symmetrical_image(
    renderer: Renderer, bare: Person, tiny_model: FaceModel
) -> None:
    """Up to which of four samples speaks for an even pixel."""
    even = replace(bare, neutral=tiny_model.pack.vertices, iris=np.full_like(bare.iris, 0.2))
    image, marks = drawn(renderer, even, even_light(), Expression({"AU12": 3, "AU01": 4}))
    np.testing.assert_allclose(marks[30, 0], (SIDE - 1) / 2, atol=0.05)
    difference = np.abs(image - image[:, ::-1])
    assert difference.mean() < 0.01
    assert np.median(difference) < 0.005
