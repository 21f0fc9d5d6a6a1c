"""MediaPipe's models on ONNX Runtime, behind the protocols."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.face_shape import shape_of
from auheat.faces.blaze_face import (
    BothRanges,
    anchors,
    decoded,
    full_range,
    letterboxed,
    short_range,
    suppressed,
)
from auheat.faces.crop import CropSpec
from auheat.faces.crop_shape import shape_in_crop
from auheat.faces.detection import Detection, Region, refine
from auheat.faces.detector import default_detector
from auheat.faces.face_mesh import FaceMesh
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.predictor import Predictor
from auheat.landmarks import LEFT_EYE, RIGHT_EYE, of_mesh
from auheat.media.frames import VideoFile
from auheat.pose import head_pose
from fresh_python import printed
from stand_ins import KnownFaces, small_checkpoint

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

# What mediapipe 0.10.21 (its detectors, its mesh with attention, twice refined) finds in the first
# frames of the example clips: box, and landmarks by number.
FOUND = {
    "smiles": (
        [132.87, 45.82, 320.86, 276.38],
        {8: (211.85, 276.38), 36: (161.57, 117.43), 39: (199.34, 121.93), 42: (246.0, 123.71),
         45: (282.44, 122.34), 33: (215.87, 182.51), 48: (186.96, 211.25), 54: (250.11, 215.2),
         51: (218.8, 205.88), 57: (217.46, 222.44), 37: (170.14, 111.88), 41: (171.54, 123.74)},
    ),
    "frowns": (
        [181.98, 52.17, 357.11, 259.54],
        {8: (279.11, 259.54), 36: (213.82, 123.96), 39: (251.73, 125.99), 42: (296.41, 125.24),
         45: (332.46, 120.92), 33: (278.04, 178.34), 48: (243.52, 208.36), 54: (312.21, 204.98),
         51: (276.59, 192.66), 57: (277.32, 223.72), 37: (222.31, 118.82), 41: (224.67, 128.38)},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def frames() -> dict[str, Image]:
    return {name: next(iter(VideoFile(EXAMPLES / f"{name}.mp4"))).image for name in FOUND}


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize(("attention", "tolerance"), [(True, 0.02), (False, 0.05)])
def test_faces_are_where_mediapipe_finds_them(
    name: str, attention: bool, tolerance: float, frames: dict[str, Image]
) -> None:
    """In units of the distance between the eyes; the mesh without attention is less exact."""
    box, landmarks = FOUND[name]
    (face,) = default_detector(attention=attention).detect(frames[name])
    eyes = face.landmarks[RIGHT_EYE].mean(0) - face.landmarks[LEFT_EYE].mean(0)
    unit = float(np.linalg.norm(eyes))
    np.testing.assert_allclose(face.box, box, atol=0.1 * unit)
    apart = face.landmarks[list(landmarks)] - list(landmarks.values())
    assert np.linalg.norm(apart, axis=1).mean() < tolerance * unit
    assert face.score > 0.99


def test_exact_landmarks_leave_alignment_and_boxes_as_they_are(frames: dict[str, Image]) -> None:
    """So that readings do not depend on whether landmarks are asked for."""
    (plain,) = default_detector().detect(frames["smiles"])
    (exact,) = default_detector(attention=True).detect(frames["smiles"])
    assert plain.tracked_mesh is None
    assert exact.tracked_mesh is not None and exact.mesh is not None and plain.mesh is not None
    np.testing.assert_array_equal(exact.tracked_mesh, plain.mesh)
    assert exact.mesh.shape == (478, 3)
    np.testing.assert_array_equal(exact.box, plain.box)
    assert 0.5 < np.abs(exact.landmarks - plain.landmarks).max() < 10
    checkpoint = small_checkpoint()
    predictor = FacePredictor(checkpoint, KnownFaces([[]]), device="cpu")
    one, other = predictor.align(frames["smiles"], [plain, exact])
    np.testing.assert_array_equal(one.crop, other.crop)


@pytest.mark.parametrize("name", FOUND)
def test_the_pose_does_not_depend_on_what_is_asked_for(name: str, frames: dict[str, Image]) -> None:
    plain, exact = (
        Predictor(small_checkpoint(), default_detector(attention=exact), device="cpu")
        for exact in (False, True)
    )
    (one,), (other,) = (predictor.predict(frames[name]) for predictor in (plain, exact))
    assert one.pose is not None
    assert other.pose == one.pose
    size = (frames[name].shape[0], frames[name].shape[1])
    by_landmarks = head_pose(other.landmarks, size)
    assert by_landmarks is not None  # which give another
    assert np.abs(np.subtract(by_landmarks.degrees, one.pose.degrees)).max() > 0.1


@pytest.mark.parametrize("name", FOUND)
def test_a_crop_shows_the_shape_that_the_frame_shows(name: str, frames: dict[str, Image]) -> None:
    """Networks learn from crops with a margin what they see in images: no point off by much."""
    (face,) = default_detector().detect(frames[name])
    in_frame = shape_of(face.mesh)
    assert in_frame[-1] == 1
    spec = CropSpec(128, 24)
    to_crop = spec.transform(face.landmarks)
    crop, marks = spec.extract(frames[name], to_crop), geometry.apply(to_crop, face.landmarks)
    in_crop = shape_in_crop(FaceMesh(), crop, marks)
    assert in_crop[-1] == 1
    apart = np.linalg.norm((in_crop - in_frame)[:-1].reshape(-1, 3), axis=1)
    assert apart.mean() < 0.015  # how far the mesh itself jitters; expressions move it by 0.05
    grey = np.full((176, 176, 3), 128, np.uint8)
    assert not shape_in_crop(FaceMesh(), grey, marks).any()


def test_irises_lie_between_the_lids(frames: dict[str, Image]) -> None:
    image = frames["smiles"]
    found = refine(FaceMesh(attention=True), image, region=BothRanges().detect(image)[0].region)
    assert found is not None
    assert found.exact is not None
    assert found.exact.shape == (478, 3)
    for iris, eye in ((found.exact[468:473], RIGHT_EYE), (found.exact[473:], LEFT_EYE)):
        landmarks = of_mesh(found.exact)[eye]
        low, high = landmarks.min(0), landmarks.max(0)
        assert (low < iris[0, :2]).all()
        assert (iris[0, :2] < high).all()
        np.testing.assert_allclose(iris[1:, :2].mean(0), iris[0, :2], atol=1.0)
        assert np.ptp(iris[:, 2]) == 0


def test_a_rotated_and_enlarged_face_has_the_same_mesh_there(frames: dict[str, Image]) -> None:
    image, mesh = frames["frowns"], FaceMesh()
    detection = BothRanges().detect(image)[0]
    motion = geometry.about(geometry.similarity(1.5, 40), detection.region.centre)
    warped = cv2.warpAffine(image, motion, (700, 600), borderMode=cv2.BORDER_REPLICATE)
    moved = np.asarray(warped, np.uint8)
    region = Region(
        tuple(geometry.apply(motion, [detection.region.centre])[0].tolist()),
        1.5 * detection.region.side,
        detection.region.degrees + 40,
    )
    before, after = mesh.locate(image, detection.region), mesh.locate(moved, region)
    assert before is not None
    assert after is not None
    expected = geometry.apply(motion, before.landmarks)
    assert np.abs(after.landmarks - expected).max() < 0.02 * after.size
    assert before.mesh is not None
    assert after.mesh is not None
    np.testing.assert_allclose(after.mesh[:, 2], 1.5 * before.mesh[:, 2], atol=0.03 * after.size)


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 300, 3), (720, 1280, 3)])
def test_images_without_a_face(shape: tuple[int, ...]) -> None:
    detector = default_detector()
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert detector.detect(noise) == ()
    assert detector.detect(np.full(shape, 127, np.uint8)) == ()


def test_the_mesh_keeps_silent_about_nothing() -> None:
    grey = np.full((200, 200, 3), 127, np.uint8)
    for attention in (False, True):
        assert FaceMesh(attention=attention).locate(grey, Region((100.0, 100.0), 150.0)) is None


def test_a_face_in_an_image_of_40000_pixels_width(frames: dict[str, Image]) -> None:
    """OpenCV warps no such image, and MediaPipe ends the process. It is found in its tile."""
    image = np.full((360, 40_000, 3), 90, np.uint8)
    image[:, -480:] = frames["smiles"]
    (face,) = default_detector().detect(image)
    x0, y0, x1, y1 = FOUND["smiles"][0]
    expected = [x0 + 39_520, y0, x1 + 39_520, y1]
    np.testing.assert_allclose(face.box, expected, atol=15)


def test_anchors_lie_in_the_middles_of_cells() -> None:
    """BlazeFace's 16 x 16 cells of two and 8 x 8 of six (arXiv:1907.05047, 3.2): 896."""
    places = anchors([(16, 2), (8, 6)])
    assert places.shape == (896, 2)
    assert places[:4].tolist() == [[1 / 32] * 2] * 2 + [[3 / 32, 1 / 32]] * 2
    assert places[512].tolist() == places[517].tolist() == [1 / 16, 1 / 16]
    assert places[-1].tolist() == [15 / 16, 15 / 16]
    assert len(anchors([(48, 1)])) == 2304


def test_decoding_of_one_detection() -> None:
    """Middle, size and points, all in pixels from the anchor; points come as x, y."""
    regressors = np.array([[3, -4, 10, 20, 1, 2, *range(10)]], np.float64)
    found = decoded(regressors, np.array([[50.0, 60.0]]))
    assert found.shape == (1, 8, 2)
    assert found[0, :3].tolist() == [[48, 46], [58, 66], [51, 62]]
    assert found[0, -1].tolist() == [58, 69]


def boxes(*corners: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Detections whose points all lie at the upper left corner."""
    box = np.array(corners, np.float64).reshape(-1, 2, 2)
    return np.concatenate([box, np.repeat(box[:, :1], 6, axis=1)], axis=1)


def test_overlapping_detections_become_their_weighted_mean() -> None:
    """The first and third share 8/12; the second only touches them."""
    points = boxes((0, 0, 10, 10), (10, 0, 20, 10), (2, 0, 12, 10))
    (first, score), (second, other) = suppressed(points, np.array([0.9, 0.7, 0.6]))
    assert (score, other) == (0.9, 0.7)
    np.testing.assert_allclose(first[:2], [[0.8, 0], [10.8, 10]])  # (0.9 * 0 + 0.6 * 2) / 1.5
    np.testing.assert_allclose(first[2:], [[0.8, 0]] * 6)
    np.testing.assert_array_equal(second, points[1])


def test_what_overlaps_less_than_the_limit_is_kept() -> None:
    """Shares of 5/15 and 4/16 of their union."""
    scores = np.array([0.9, 0.8])
    assert len(suppressed(boxes((0, 0, 10, 10), (5, 0, 15, 10)), scores)) == 1
    assert len(suppressed(boxes((0, 0, 10, 10), (6, 0, 16, 10)), scores)) == 2
    assert suppressed(boxes(), np.array([])) == []


def test_a_box_without_extent_does_not_hang() -> None:
    points = boxes((5, 5, 5, 5), (5, 5, 5, 5))
    assert len(suppressed(points, np.array([0.9, 0.8]))) == 2


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_convention_of_the_letterbox(height: int, width: int) -> None:
    """Outer edges of the image lie at corner and corner + size * scale, inside the square."""
    image = np.full((height, width, 3), 200, np.uint8)
    square, scale, corner = letterboxed(image, 128)
    assert square.shape == (128, 128, 3)
    filled = np.argwhere(square[..., 0])[:, ::-1]
    np.testing.assert_array_equal(filled.min(0), corner)
    np.testing.assert_allclose(filled.max(0) + 1, corner + np.array([width, height]) * scale)
    assert (square[square > 0] == 200).all()
    assert np.abs(2 * corner + np.array([width, height]) * scale - 128).max() <= 1 + 1e-9


def test_a_letterbox_averages_what_it_shrinks() -> None:
    """Stripes finer than its pixels are grey, whatever part of the image's pixels is read."""
    y, x = np.mgrid[:1920, :1920]
    stripes = np.repeat(((x // 5 + y // 5) % 2 * 255).astype(np.uint8)[..., None], 3, 2)
    square, *_ = letterboxed(stripes, 128)
    assert square.std() < 20
    assert abs(square.mean() - 127.5) < 4


def same(a: Detection, b: Detection) -> bool:
    return bool(np.abs(a.box - b.box).max() < 0.15 * np.ptp(a.box[::2]))


def test_the_two_ranges_agree_on_a_face_of_middle_size(frames: dict[str, Image]) -> None:
    (near,) = short_range().detect(frames["frowns"])
    (far,) = full_range().detect(frames["frowns"])
    assert same(near, far)
    both = BothRanges().detect(frames["frowns"])
    assert [found.score for found in both] == [far.score, near.score]


def test_each_range_finds_what_the_other_misses(frames: dict[str, Image]) -> None:
    image = frames["smiles"]
    far_away = np.full((1080, 1920, 3), 90, np.uint8)
    far_away[100:250, 300:500] = cv2.resize(image, (200, 150), interpolation=cv2.INTER_AREA)
    close_up = image[100:260, 120:300]
    found = [
        (len(full_range().detect(one)), len(short_range().detect(one)))
        for one in (far_away, close_up)
    ]
    assert found == [(1, 0), (0, 1)]


def test_nothing_is_written_to_standard_error() -> None:
    code = (
        "import numpy as np; from auheat.faces.detector import default_detector; "
        "f = default_detector(); f.detect(np.zeros((90, 160, 3), np.uint8)); "
        "f.tracker().update(np.zeros((90, 160, 3), np.uint8))"
    )
    assert printed(code) == b""


def test_importing_the_room_loads_no_model_library() -> None:
    code = (
        "import sys; import auheat.faces.face_mesh; "
        "print({'mediapipe', 'torch', 'av', 'pandas', 'onnxruntime'} & set(sys.modules))"
    )
    assert printed(code) == b"set()"
