from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.results import (
    Face,
    FacePrediction,
    FrameResult,
    TableSchema,
    format_row,
    is_present,
)

AUS = ("AU06", "AU12")
IDENTITY = np.eye(2, 3)


def a_face(points: NDArray[np.float64], face_id: int = 0, score: float = 0.9) -> Face:
    return Face(np.array([20.0, 50, 180, 200]), points, score, face_id)


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
    with pytest.raises(ValueError):
        Face(box, np.zeros(shape), score)


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
    with pytest.raises(ValueError):
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
    frame = FrameResult(1, 0.0, (prediction,))
    assert list(frame) == [prediction]
    assert len(frame) == 1
    assert len(FrameResult(2, 0.04, ())) == 0


def test_columns_are_openface_names_in_openface_order() -> None:
    au_columns = ("AU06_r", "AU12_r", "AU06_c", "AU12_c")
    head = ("frame", "face_id", "timestamp", "confidence", "success")
    assert TableSchema("video", AUS).columns == head + au_columns
    assert TableSchema("photo", AUS).columns == ("face", "confidence", "success", *au_columns)
    assert TableSchema("folder", AUS).columns == (
        *("input", "face", "confidence", "success"),
        *au_columns,
    )


def test_rows_of_a_video_frame(face: NDArray[np.float64]) -> None:
    second = a_prediction(
        face, face=a_face(face, face_id=4), intensities={"AU06": 1.0, "AU12": 0.0}
    )
    result = FrameResult(12, 0.44, (a_prediction(face), second))
    base = {"frame": 12, "timestamp": 0.44, "confidence": 0.875, "success": 1}
    assert TableSchema("video", AUS).rows(result) == [
        base | {"face_id": 0, "AU06_r": 0.25, "AU12_r": 3.456, "AU06_c": 0, "AU12_c": 1},
        base | {"face_id": 4, "AU06_r": 1.0, "AU12_r": 0.0, "AU06_c": 1, "AU12_c": 0},
    ]


def test_a_frame_without_a_face_keeps_one_row_without_intensities() -> None:
    empty = dict.fromkeys(("AU06_r", "AU12_r", "AU06_c", "AU12_c"))
    failed = {"confidence": 0.0, "success": 0} | empty
    result = FrameResult(3, 0.08, (), input="b.jpg")
    heads = {
        "video": {"frame": 3, "face_id": 0, "timestamp": 0.08},
        "photo": {"face": 0},
        "folder": {"input": "b.jpg", "face": 0},
    }
    for kind, head in heads.items():
        schema = TableSchema(kind, AUS)  # type: ignore[arg-type]
        assert schema.rows(result) == [head | failed]
        assert tuple(schema.rows(result)[0]) == schema.columns


@pytest.mark.parametrize("kind", ["video", "photo", "folder"])
def test_rows_follow_the_columns(kind: Any, face: NDArray[np.float64]) -> None:
    schema = TableSchema(kind, ("AU12", "AU06"))  # another order than in the prediction
    (row,) = schema.rows(FrameResult(1, 0.0, (a_prediction(face),), input="a.png"))
    assert tuple(row) == schema.columns
    assert (row["AU12_r"], row["AU06_r"]) == (3.456, 0.25)


def test_format_row_in_openfaces_precision(face: NDArray[np.float64]) -> None:
    schema = TableSchema("video", AUS)
    (row,) = schema.rows(FrameResult(12, 1.23456, (a_prediction(face),)))
    text = format_row(row, schema.columns)
    assert text == ["12", "0", "1.235", "0.88", "1", "0.25", "3.46", "0", "1"]
    (row,) = schema.rows(FrameResult(13, 1.3, ()))
    assert format_row(row, schema.columns) == ["13", "0", "1.300", "0.00", "0", "", "", "", ""]


def test_numpy_scalars_are_formatted_like_floats() -> None:
    row = {"AU12_r": np.float32(1.23456), "confidence": np.float64(0.5)}
    assert format_row(row, ["AU12_r", "confidence"]) == ["1.23", "0.50"]


@pytest.mark.parametrize("scalar", [float, np.float32, np.float64])
def test_presence_agrees_with_the_printed_intensity(scalar: type) -> None:
    for step in range(9900, 10100):
        intensity = scalar(step / 10000)
        printed = format_row({"AU01_r": intensity}, ["AU01_r"])[0]
        assert is_present(intensity) == (float(printed) >= 1.0), step
