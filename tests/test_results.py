from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.landmarks import MEAN_FACE
from auheat.pose import HeadPose, head_pose
from auheat.results import Face, FacePrediction, FrameResult

AUS = ("AU06", "AU12")
IDENTITY = np.eye(2, 3)


def a_face(points: NDArray[np.float64], face_id: int = 0, score: float = 0.9) -> Face:
    return Face(np.array([20.0, 50, 180, 200]), points, score=score, face_id=face_id)


def a_prediction(points: NDArray[np.float64], **changes: Any) -> FacePrediction:
    values: dict[str, Any] = {
        "face": a_face(points),
        "intensities": {"AU06": 0.25, "AU12": 3.456},
        "heatmaps": {au: np.zeros((4, 4), np.float32) for au in AUS},
        "heatmap_to_frame": IDENTITY,
        "confidence": 0.875,
    }
    return FacePrediction(**(values | changes))


@pytest.mark.parametrize(
    ("box", "shape", "score"),
    [
        (np.zeros(3), (68, 2), 0.5),
        (np.zeros((1, 4)), (68, 2), 0.5),
        (np.zeros(4), (66, 2), 0.5),
        (np.zeros(4), (68, 3), 0.5),
        (np.zeros(4), (68, 2), 1.01),
        (np.zeros(4), (68, 2), -0.01),
        (np.zeros(4), (68, 2), float("nan")),
    ],
)
def test_a_malformed_face_is_refused(
    box: NDArray[np.float64], shape: tuple[int, int], score: float
) -> None:
    with pytest.raises(AuheatError, match=r"a box has|landmarks have shape|a score lies"):
        Face(box, np.zeros(shape), score=score)


@pytest.mark.parametrize(
    "changes",
    [
        {"intensities": {"AU06": 0.0, "AU12": 5.01}},
        {"intensities": {"AU06": -0.01, "AU12": 1.0}},
        {"intensities": {"AU06": float("nan"), "AU12": 1.0}},
        {"intensities": {"AU06": 0.0}},
        {"heatmaps": {"AU06": np.zeros((4, 4), np.float32)}},
        {"heatmap_to_frame": np.eye(3)},
        {"confidence": 1.5},
        {"confidence": float("nan")},
    ],
)
def test_a_malformed_prediction_is_refused(
    face: NDArray[np.float64], changes: dict[str, Any]
) -> None:
    refusal = r"outside 0 to 5|every AU needs|a transform has|a confidence lies"
    with pytest.raises(AuheatError, match=refusal):
        a_prediction(face, **changes)


def test_limits_of_the_scale_are_allowed(face: NDArray[np.float64]) -> None:
    kept = a_prediction(face, intensities={"AU06": 0.0, "AU12": 5.0}, confidence=1.0)
    assert kept.intensities == {"AU06": 0.0, "AU12": 5.0}


def test_a_prediction_gives_its_face(face: NDArray[np.float64]) -> None:
    prediction = a_prediction(face, face=a_face(face, face_id=3))
    assert prediction.box.tolist() == [20, 50, 180, 200]
    assert prediction.landmarks is face
    assert prediction.face_id == 3


def test_faces_and_predictions_compare_by_identity(face: NDArray[np.float64]) -> None:
    """Arrays inside must not make `==`, `in` or a set raise."""
    first, second = a_prediction(face), a_prediction(face)
    assert first in [second, first]
    assert second not in [first]
    assert len({first, second, first}) == 2
    assert a_face(face) not in [a_face(face)]


def test_a_frame_iterates_over_its_faces(face: NDArray[np.float64]) -> None:
    prediction = a_prediction(face)
    frame = FrameResult(1, 0.0, faces=(prediction,))
    assert list(frame) == [prediction]
    assert len(frame) == 1
    assert len(FrameResult(2, 0.04, faces=())) == 0


def test_a_pose_in_degrees(face: NDArray[np.float64]) -> None:
    pose = HeadPose((1.0, 2.0, 600.0), (np.pi / 6, -np.pi / 4, 0.0))
    assert pose.degrees == pytest.approx((30, -45, 0))
    assert a_prediction(face).pose is None
    turned = Face(np.zeros(4), face, score=0.9, pose=pose)
    assert a_prediction(face, face=turned, image_size=(480, 640)).pose is pose


def test_a_pose_is_estimated_when_it_is_asked_for(face: NDArray[np.float64]) -> None:
    at_rest = 300 + 40 * MEAN_FACE[:, :2]  # straight into the camera, a little to the left
    estimated = a_prediction(
        face, face=Face(np.zeros(4), at_rest, score=0.9), image_size=(600, 800)
    )
    assert "pose" not in vars(estimated)
    assert estimated.pose == head_pose(at_rest, (600, 800)) and estimated.pose is not None
    assert estimated.pose is estimated.pose
    assert replace(estimated, image_size=None).pose is None
