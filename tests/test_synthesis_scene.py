"""Views, lamps and backgrounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auheat import geometry
from auheat.synthesis.arrays import floats
from auheat.synthesis.scene import (
    Light,
    Pose,
    View,
    sample_background,
    sample_light,
    studio_light,
)
from auheat.synthesis.textures import NoiseBank

HEAD_CENTRE = np.array([0.0, 1.0, 4.0])  # poses turn about this point
FOCAL = np.array([[400.0, 0, 160], [0, 400.0, 120]])
NOSE, LEFT_EAR, CROWN = (0, 1, 14), (8, 1, 4), (0, 11, 4)


def seen(points: object, pose: Pose = Pose(), distance: float = 60.0) -> geometry.Points:  # noqa: B008
    view = View.at(pose, distance, FOCAL)
    return view.project(view.to_camera(np.atleast_2d(floats(points))))


def test_projection_of_known_points() -> None:
    """A pinhole with focal length 400, its axis through (160, 120), 60 cm from the head's middle.

    The nose is 10 cm nearer; the subject's left ear is 8 cm to the right of the image.
    """
    np.testing.assert_allclose(seen(HEAD_CENTRE), [[160, 120]], atol=1e-4)
    np.testing.assert_allclose(seen(NOSE), [[160, 120]], atol=1e-4)
    np.testing.assert_allclose(seen(LEFT_EAR), [[160 + 400 * 8 / 60, 120]], atol=1e-4)
    np.testing.assert_allclose(seen(CROWN), [[160, 120 - 400 * 10 / 60]], atol=1e-4)
    np.testing.assert_allclose(seen((8, 1, 14)), [[160 + 400 * 8 / 50, 120]], atol=1e-4)


def test_convention_camera_space_has_y_down_and_z_away() -> None:
    view = View.at(Pose(), 60, FOCAL)
    points = view.to_camera(floats([HEAD_CENTRE, NOSE, LEFT_EAR, CROWN]))
    np.testing.assert_allclose(
        points, [[0, 0, 60], [0, 0, 50], [8, 0, 60], [0, -10, 60]], atol=1e-5
    )
    assert points.dtype == np.float32


def test_convention_yaw_is_to_the_subjects_left() -> None:
    """And pitch down, and roll to the subject's right, all as the image shows them."""
    assert seen(NOSE, Pose(yaw=20))[0, 0] > 170  # the subject's left is the image's right
    assert seen(NOSE, Pose(pitch=20))[0, 1] > 130
    assert seen(CROWN, Pose(roll=20))[0, 0] < 150
    np.testing.assert_allclose(seen(NOSE, Pose(roll=20)), [[160, 120]], atol=1e-3)


@given(st.floats(-80, 80), st.floats(-60, 60), st.floats(-60, 60))
def test_poses_are_rotations(yaw: float, pitch: float, roll: float) -> None:
    matrix = Pose(yaw, pitch, roll).matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(seen(HEAD_CENTRE, Pose(yaw, pitch, roll)), [[160, 120]], atol=1e-3)


def test_a_head_that_faces_the_camera_shows_its_front() -> None:
    """Its forward axis points at the camera, and nothing is mirrored."""
    matrix = Pose().matrix()
    np.testing.assert_allclose(matrix @ [0, 0, 1], [0, 0, -1], atol=1e-6)
    np.testing.assert_allclose(matrix @ [1, 0, 0], [1, 0, 0], atol=1e-6)


def test_another_warp_moves_the_image_only() -> None:
    view = View.at(Pose(10, 5, 3), 50, FOCAL)
    turned = geometry.similarity(0.5, 30, shift=(7, -3))
    other = view.with_warp(geometry.compose(turned, FOCAL))
    points = floats(np.random.default_rng(0).uniform(-8, 8, (20, 3)))
    np.testing.assert_allclose(other.to_camera(points), view.to_camera(points))
    camera = view.to_camera(points)
    np.testing.assert_allclose(
        other.project(camera), geometry.apply(turned, view.project(camera)), atol=1e-6
    )


def check_light(light: Light) -> None:
    assert light.direction.shape == light.colour.shape == (3, 3)
    assert light.ambient.shape == (9, 3)
    assert {light.direction.dtype, light.colour.dtype, light.ambient.dtype} == {np.dtype("float32")}
    np.testing.assert_allclose(np.linalg.norm(light.direction, axis=1), 1, atol=1e-5)
    assert light.colour.min() >= 0
    assert np.isfinite(light.ambient).all()


def test_sampled_lights() -> None:
    lights = [sample_light(np.random.default_rng([1, i])) for i in range(400)]
    for light in lights:
        check_light(light)
        assert light.direction[0, 2] < 0.1  # the key lamp is on the camera's side
        assert light.direction[2, 2] > 0  # the rim lamp behind the head
        assert light.colour[1].sum() < light.colour[0].sum()  # the fill is weaker
        assert light.ambient[0].min() > 0
        assert light.colour.max() < 3
    keys = np.array([light.direction[0] for light in lights])
    assert 0.4 < (keys[:, 0] > 0).mean() < 0.6
    assert (keys[:, 1] < 0).mean() > 0.8  # mostly from above
    above = np.array([light.ambient[2].mean() for light in lights])
    assert (above < 0).mean() > 0.85
    assert 0.35 < np.mean([light.colour[2].max() == 0 for light in lights]) < 0.65


def test_lights_are_repeatable() -> None:
    a, b = (sample_light(np.random.default_rng(7)) for _ in range(2))
    for first, second in zip((a.direction, a.colour, a.ambient), (b.direction, b.colour, b.ambient),
                             strict=True):  # fmt: skip
        np.testing.assert_array_equal(first, second)


def test_the_studio_light_is_fixed_and_grey() -> None:
    light = studio_light()
    check_light(light)
    assert np.ptp(light.colour, axis=1).max() == 0
    assert np.ptp(light.ambient, axis=1).max() == 0
    assert light.direction[0, 0] > 0 > light.direction[0, 1]  # from the right, above


@pytest.mark.parametrize("size", [(144, 144), (90, 160), (33, 20)])
def test_backgrounds(size: tuple[int, int]) -> None:
    noise = NoiseBank(256)
    images = [sample_background(np.random.default_rng(i), noise, *size) for i in range(30)]
    for image in images:
        assert image.shape == (*size, 3)
        assert image.dtype == np.float32
        assert image.min() > -0.15  # the enlargement may swing below black a little
        assert image.max() < 1.5
        assert np.isfinite(image).all()
    means = np.array([image.mean() for image in images])
    assert means.std() > 0.1
    contrast = np.array([image.std() for image in images])
    assert contrast.max() > 0.1
    again = sample_background(np.random.default_rng(3), NoiseBank(256), *size)
    np.testing.assert_array_equal(again, images[3])
