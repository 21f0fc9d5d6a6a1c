"""The deformable face: weights, neutral shapes, regions, eyes, normals and creases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.synthesis import anatomy
from auheat.synthesis.arrays import floats
from auheat.synthesis.assets import Material
from auheat.synthesis.face import FaceModel
from tiny_face import landmark_layout


def without_eyes(model: FaceModel) -> NDArray[Any]:
    """Vertices that are no eyeballs, which move by rules of their own. (n,) bool"""
    mask = np.ones(len(model.pack.vertices), bool)
    for eye in model.eyes:
        mask[eye.vertices] = False
    return mask


def test_weights_by_name(model: FaceModel) -> None:
    weights = model.weights({"jawOpen": 0.5, "lipFlatten": 0.2, "mouthSmile_L": -0.1})
    assert weights.dtype == np.float32
    found = {name: weights[i] for name, i in model.index.items() if weights[i]}
    assert found == pytest.approx({"jawOpen": 0.5, "lipFlatten": 0.2, "mouthSmile_L": -0.1})
    with pytest.raises(KeyError):
        model.weights({"mouthSmile": 1.0})


def test_authored_shapes_follow_those_of_the_pack(model: FaceModel) -> None:
    own = (
        *("browTogether_L", "browTogether_R", "lipCornerPit_L", "lipCornerPit_R"),
        *("lipFlatten", "lipTighten"),
    )
    count = len(model.pack.shapes)
    assert model.shapes[:count] == model.pack.shapes
    assert set(model.shapes[count:]) == set(own)
    assert model.expressions.shape == (count + len(own), *model.pack.vertices.shape)
    for name in own:
        offsets = model.expressions[model.index[name]]
        assert 0.1 < np.abs(offsets).max() < 0.7, name
        assert (offsets[~model.skin] == 0).all(), name


def test_neutral_faces_are_linear_in_their_coefficients(model: FaceModel) -> None:
    pack = model.pack
    mean = model.neutral(np.zeros(3, np.float32))
    np.testing.assert_array_equal(mean, pack.vertices + model.resting.offset())
    coefficients = np.array([1.5, -0.5, 0.7])
    expected = mean + np.einsum("m,mnd->nd", coefficients, pack.identities[:3])
    np.testing.assert_allclose(model.neutral(coefficients), expected, atol=1e-5)


def test_deformation_is_linear_but_for_the_eyes(model: FaceModel) -> None:
    rng = np.random.default_rng(0)
    weights = floats(rng.uniform(-0.3, 1, len(model.shapes)))
    neutral = model.neutral(floats([1.0, 1.0]))
    untouched = neutral.copy()
    found = model.deform(neutral, weights)
    expected = neutral + np.einsum("s,snd->nd", weights, model.expressions)
    rest = without_eyes(model)
    np.testing.assert_allclose(found[rest], expected[rest], atol=2e-5)
    np.testing.assert_array_equal(neutral, untouched)


@pytest.mark.parametrize(
    ("shape", "region"),
    [
        *(("browDown_L", 0), ("noseSneer_R", 1), ("cheekPuff_L", 1), ("mouthSmile_L", 2)),
        *(("lipFlatten", 2), ("jawOpen", None), ("eyeBlink_L", None), ("eyeWide_R", None)),
    ],
)
def test_gains_scale_the_shapes_of_their_region(
    tiny_model: FaceModel, shape: str, region: int | None
) -> None:
    """And no others: jaw and lids move all faces alike."""
    model, rest = tiny_model, without_eyes(tiny_model)
    neutral, weights = model.pack.vertices, model.weights({shape: 1.0})
    gains = np.ones((len(anatomy.REGIONS), len(neutral)), np.float32)
    moved = (model.deform(neutral, weights, gains) - neutral)[rest]
    np.testing.assert_allclose(moved, (model.deform(neutral, weights) - neutral)[rest], atol=1e-6)
    for other in range(3):
        doubled = gains.copy()
        doubled[other] = np.linspace(0.5, 2, len(neutral))
        factor = doubled[other] if other == region else gains[other]
        found = (model.deform(neutral, weights, doubled) - neutral)[rest]
        np.testing.assert_allclose(found, moved * factor[rest, None], atol=1e-5)


def test_eyeballs_are_spheres_with_a_pupil_ahead(tiny_model: FaceModel) -> None:
    """The cornea stands out and must not pull the centre forward."""
    left, right = tiny_model.eyes
    np.testing.assert_allclose(left.centre, (3.1, 3.5, 7.95), atol=1e-4)
    np.testing.assert_allclose(right.centre, (-3.1, 3.5, 7.95), atol=1e-4)
    for eye, blink in ((left, "eyeBlink_L"), (right, "eyeBlink_R")):
        assert eye.axis.tolist() == [0, 0, 1]
        assert eye.blink == blink


def test_real_eyeballs_lie_behind_the_lids(real_model: FaceModel) -> None:
    left, right = real_model.eyes
    np.testing.assert_allclose(left.centre, right.centre * (-1, 1, 1), atol=0.01)
    marks = real_model.pack.vertices[real_model.pack.landmarks]
    for eye, lids in ((left, marks[42:48]), (right, marks[36:42])):
        np.testing.assert_allclose(eye.centre[:2], lids.mean(0)[:2], atol=0.3)
        assert eye.centre[2] < lids[:, 2].min() - 0.5
        ball = real_model.pack.vertices[eye.vertices]
        radius = np.linalg.norm(ball - eye.centre, axis=1)
        assert 1.4 < np.median(radius) < 1.7
        assert radius.min() > 1.4
        assert radius.max() < 1.9  # the cornea


def test_eyeballs_draw_back_as_lids_close(tiny_model: FaceModel) -> None:
    model, neutral = tiny_model, tiny_model.pack.vertices
    left, right = model.eyes
    open_eyes = model.deform(neutral, model.weights({}))
    ball = open_eyes[left.vertices]
    assert np.ptp(ball, axis=0) == pytest.approx(0.97 * np.ptp(neutral[left.vertices], axis=0))
    half = model.deform(neutral, model.weights({"eyeBlink_L": 0.35}))
    np.testing.assert_allclose(half[left.vertices], ball, atol=1e-6)
    closed = model.deform(neutral, model.weights({"eyeBlink_L": 1.0}))
    np.testing.assert_allclose(
        closed[left.vertices] - ball, [[0, 0, -0.143]] * len(ball), atol=1e-5
    )
    np.testing.assert_allclose(closed[right.vertices], open_eyes[right.vertices], atol=1e-6)


def test_lids_follow_the_gaze(model: FaceModel) -> None:
    neutral = model.pack.vertices
    rest = model.deform(neutral, model.weights({}))
    for side, lid in (("L", 43), ("R", 38)):
        vertex = model.pack.landmarks[lid]
        up, down = (
            (model.deform(neutral, model.weights({f"eyeLook{name}_{side}": 1.0})) - rest)[vertex, 1]
            for name in ("Up", "Down")
        )
        assert down < -0.2 < 0.05 < up


def test_normals_are_those_of_a_sphere(tiny_model: FaceModel) -> None:
    eye = tiny_model.eyes[0]
    points = tiny_model.pack.vertices
    normals = tiny_model.normals(points)[eye.vertices]
    away = points[eye.vertices] - eye.centre
    back = away[:, 2] < 0.5  # behind the cornea
    radial = away / np.linalg.norm(away, axis=1, keepdims=True)
    alike = (normals * radial).sum(1)[back]
    assert (alike > 0.97).mean() > 0.98  # but for a corner at the pole


def test_normals_point_outwards_and_have_length_one(model: FaceModel) -> None:
    normals = model.normals(model.pack.vertices)
    assert normals.dtype == np.float32
    length = np.linalg.norm(normals, axis=1)
    real = length > 0.1  # corners of nothing but flat triangles have none
    assert real.mean() > 0.99
    np.testing.assert_allclose(length[real], 1, atol=1e-4)
    marks = normals[model.pack.landmarks]
    assert marks[30, 2] > 0.9  # tip of the nose
    assert marks[[19, 24, 27], 2].min() > 0.5
    assert marks[0, 0] < -0.5 < 0.5 < marks[16, 0]


def test_normals_weigh_triangles_by_their_area(tiny_model: FaceModel) -> None:
    points = tiny_model.pack.vertices
    vertex = int(tiny_model.pack.landmarks[30])
    around = tiny_model.pack.triangles[(tiny_model.pack.triangles == vertex).any(1)]
    a, b, c = (points[around[:, k]].astype(np.float64) for k in range(3))
    expected = np.cross(b - a, c - a).sum(0)
    found = tiny_model.normals(points)[vertex]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


def test_a_vertex_of_flat_triangles_has_a_finite_normal(tiny_model: FaceModel) -> None:
    normals = tiny_model.normals(np.zeros_like(tiny_model.pack.vertices))
    assert (normals == 0).all()


def test_creases_are_the_neighbours_mean_height(tiny_model: FaceModel) -> None:
    """By hand for some landmarks; above 0 in hollows, below on ridges, 0 off the skin."""
    model, points = tiny_model, tiny_model.pack.vertices
    normals = model.normals(points)
    creases = model.creases(points, normals)
    for mark in (8, 27, 30, 33, 48, 57):
        vertex = int(model.pack.landmarks[mark])
        around = model.pack.triangles[(model.pack.triangles == vertex).any(1)]
        neighbours = sorted(set(around.ravel().tolist()) - {vertex})
        height = (points[neighbours].mean(0) - points[vertex]) @ normals[vertex]
        assert creases[vertex] == pytest.approx(height, abs=1e-5)
    assert creases[model.pack.landmarks[30]] < -0.02  # the nose stands out
    assert (creases[~model.skin] == 0).all()


def test_skin_is_face_and_head(tiny_model: FaceModel) -> None:
    pack = tiny_model.pack
    expected = np.zeros(len(pack.vertices), bool)
    expected[pack.triangles[np.isin(pack.material, (Material.FACE, Material.HEAD))].ravel()] = True
    np.testing.assert_array_equal(tiny_model.skin, expected)
    assert not expected[tiny_model.eyes[0].vertices].any()


def test_landmarks_in_the_texture(model: FaceModel) -> None:
    marks = model.landmark_uv
    assert marks.shape == (68, 2)
    if len(model.pack.vertices) < 5000:
        np.testing.assert_allclose(marks, landmark_layout()[0], atol=1e-6)
    # the layout that skins, wrinkles and hair are painted for: u to the subject's left, v upwards
    layout = landmark_layout()[0]
    np.testing.assert_allclose(marks, layout, atol=0.03)
