"""dlib behind the protocols. Its predictor is trained here, on two frames of an example clip, to
lay the schematic face into the box, so that every landmark is known.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.faces.detection import Region
from auheat.faces.detector import TwoStageDetector
from auheat.faces.dlib_detector import DlibDetector, DlibLandmarker, dlib_detector
from auheat.geometry import Points
from auheat.media.frames import VideoFile

dlib = pytest.importorskip("dlib")

CLIP = Path(__file__).resolve().parents[1] / "examples" / "smiles.mp4"


def in_box(face: Points, box: NDArray[np.float64]) -> Points:
    """The schematic face where it lies in the detector's box, by the measured medians."""
    aligned = geometry.apply(CropSpec(1).transform(face), face)
    middle, width = (box[:2] + box[2:]) / 2, box[2] - box[0]
    return np.asarray((aligned - [0.026, -0.054]) / 0.783 * width + middle)


@pytest.fixture(scope="module")
def frame() -> Image:
    return next(iter(VideoFile(CLIP))).image


@pytest.fixture(scope="module")
def detector() -> DlibDetector:
    return DlibDetector()


def train(path: Path, images: list[Image], points: int, face: Points) -> Path:
    """A predictor of the first landmarks of the schematic face; it sees no variation."""
    shapes = []
    for image in images:
        box = DlibDetector().detect(image)[0].box
        parts = [dlib.point(*np.round(p).astype(int)) for p in in_box(face, box)[:points]]
        rectangle = dlib.rectangle(*(int(v) for v in box + np.array([0.5, 0.5, -0.5, -0.5])))
        shapes.append([dlib.full_object_detection(rectangle, parts)])
    options = dlib.shape_predictor_training_options()
    options.cascade_depth = options.num_trees_per_cascade_level = 1
    options.tree_depth, options.feature_pool_size, options.num_test_splits = 1, 20, 1
    options.oversampling_amount, options.num_threads = 1, 1
    dlib.train_shape_predictor(images, shapes, options).save(str(path))
    return path


@pytest.fixture(scope="module")
def model(face: Points, frame: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dlib") / "predictor.dat"
    return train(path, [frame, np.ascontiguousarray(frame[:, ::-1])], 68, face)


@pytest.fixture(scope="module")
def two_stage(model: Path) -> TwoStageDetector:
    return dlib_detector(model)


def test_the_detector_s_boxes(detector: DlibDetector, frame: Image) -> None:
    """Box and region lie about the one face, in the image's own pixels, also when it is small."""
    (detection,) = detector.detect(frame)
    assert 0.5 < detection.score <= 1
    half = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    (smaller,) = detector.detect(np.asarray(half, np.uint8))
    np.testing.assert_allclose(
        smaller.box * 2, detection.box, atol=0.25 * np.ptp(detection.box[::2])
    )
    side = detection.box[2] - detection.box[0]
    assert detection.region.side == pytest.approx(1.6 * side)
    np.testing.assert_allclose(detection.region.centre, (detection.box[:2] + detection.box[2:]) / 2)


def test_landmarks_come_back_in_the_image_s_pixels(
    model: Path, detector: DlibDetector, frame: Image, face: Points
) -> None:
    (detection,) = detector.detect(frame)
    located = DlibLandmarker(model, detector).locate(frame, detection.region)
    assert located is not None
    side = detection.box[2] - detection.box[0]
    np.testing.assert_allclose(located.landmarks, in_box(face, detection.box), atol=0.015 * side)
    assert 0 < located.score <= 1
    assert located.box[1] < located.landmarks[:, 1].min() - 0.1 * side  # with a forehead
    np.testing.assert_allclose(
        located.box[[0, 2, 3]], geometry.bounding_box(located.landmarks)[[0, 2, 3]]
    )
    # The next iteration looks at the same place: the box that belongs to these landmarks.
    np.testing.assert_allclose(located.region.centre, detection.region.centre, atol=0.015 * side)
    assert located.region.side == pytest.approx(detection.region.side, rel=0.02)
    assert located.region.degrees == pytest.approx(0, abs=1)


def test_a_rotated_face_is_read_upright(
    model: Path, detector: DlibDetector, frame: Image, face: Points
) -> None:
    (detection,) = detector.detect(frame)
    x, y = detection.region.centre
    turn = geometry.compose(
        geometry.similarity(shift=(x, y)),
        geometry.compose(geometry.similarity(1, 30), geometry.similarity(shift=(-x, -y))),
    )
    turned = cv2.warpAffine(frame, turn, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    region = Region(detection.region.centre, detection.region.side, 30)
    located = DlibLandmarker(model, detector).locate(np.asarray(turned, np.uint8), region)
    assert located is not None
    expected = geometry.apply(turn, in_box(face, detection.box))
    np.testing.assert_allclose(located.landmarks, expected, atol=4)
    assert located.region.degrees == pytest.approx(30, abs=1)


def test_nothing_is_found_where_there_is_no_face(
    model: Path, detector: DlibDetector, frame: Image, two_stage: TwoStageDetector
) -> None:
    landmarker = DlibLandmarker(model, detector)
    (detection,) = detector.detect(frame)
    x, y = detection.region.centre
    assert (
        landmarker.locate(frame, Region((x + detection.region.side, y), detection.region.side))
        is None
    )
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    assert two_stage.detect(noise) == ()


def test_images_and_videos(two_stage: TwoStageDetector, frame: Image) -> None:
    (found,) = two_stage.detect(frame)
    tracker = two_stage.tracker()
    side = np.ptp(found.box[::2])
    for _ in range(3):
        (tracked,) = tracker.update(frame)
        assert tracked.face_id == 0
        np.testing.assert_allclose(tracked.landmarks, found.landmarks, atol=0.02 * side)
    assert tracker.update(np.full_like(frame, 127)) == ()


def test_a_missing_model_is_refused(tmp_path: Path, frame: Image, face: Points) -> None:
    with pytest.raises(AuheatError, match=r"--dlib-model FILE.*non-commercial use only$"):
        dlib_detector(None)
    with pytest.raises(AuheatError, match=r"^no file at "):
        dlib_detector(tmp_path / "nowhere.dat")
    other = tmp_path / "other.dat"
    other.write_bytes(b"something else")
    with pytest.raises(AuheatError, match=r"is not a shape predictor of dlib$"):
        dlib_detector(other)
    five = train(tmp_path / "five.dat", [frame], 5, face)
    with pytest.raises(AuheatError, match=r"predicts 5 points: expected 68$"):
        dlib_detector(five)


def test_without_dlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(AuheatError, match=r'^dlib is not installed: pip install "auheat\[dlib\]"$'):
        dlib_detector(None)


def test_importing_the_room_does_not_load_dlib() -> None:
    code = "import sys; import auheat.faces.dlib_detector; print('dlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.strip() == b"False"
