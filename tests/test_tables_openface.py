"""The default table: OpenFace 2.2's columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.facs import is_present
from auheat.pose import HeadPose
from auheat.results import Face, FacePrediction, FrameResult
from auheat.tables.columns import of_au
from auheat.tables.schema import Layout, TableSchema

AUS = ("AU06", "AU12")
POSE = HeadPose((12.34, -5.06, 612.35), (0.12345, -0.2, 0.0))


def a_face(points: NDArray[np.float64], face_id: int = 0) -> Face:
    return Face(np.array([20.0, 50, 180, 200]), points, score=0.9, face_id=face_id, pose=POSE)


def a_prediction(points: NDArray[np.float64], **changes: Any) -> FacePrediction:
    values: dict[str, Any] = {
        "face": a_face(points),
        "intensities": {"AU06": 0.25, "AU12": 3.456},
        "heatmaps": {},
        "heatmap_to_frame": np.eye(2, 3),
        "confidence": 0.875,
    }
    return FacePrediction(**(values | changes))


def test_columns_are_openface_names_in_openface_order() -> None:
    au_columns = ("AU06_r", "AU12_r", "AU06_c", "AU12_c")
    head = ("frame", "face_id", "timestamp", "confidence", "success")
    assert TableSchema("video", AUS).columns == head + au_columns
    assert TableSchema("image", AUS).columns == ("face", "confidence", "success", *au_columns)
    assert TableSchema("folder", AUS).columns == (
        *("input", "face", "confidence", "success"),
        *au_columns,
    )


def test_openfaces_blink_is_what_is_read_of_closed_eyes(face: NDArray[np.float64]) -> None:
    """py-feat's `read_openface` asks for AU45 too."""
    schema = TableSchema("image", ("AU28", "AU43"), extras=("sd",))
    assert schema.columns[3:] == (
        *("AU28_r", "AU43_r", "AU45_r", "AU28_c", "AU43_c", "AU45_c"),
        *("AU28_sd", "AU43_sd"),
    )
    levels = {"AU28": 0.5, "AU43": 4.25}
    (row,) = schema.rows(FrameResult(1, 0.0, faces=(a_prediction(face, intensities=levels),)))
    assert schema.text(row)[3:] == ["0.50", "4.25", "4.25", "0", "1", "1", "", ""]
    for layout in (Layout("fex"), Layout("tidy")):
        names = TableSchema("image", ("AU43",), layout=layout).columns
        assert not any("AU45" in name for name in names)


def test_rows_of_a_video_frame(face: NDArray[np.float64]) -> None:
    second = a_prediction(
        face, face=a_face(face, face_id=4), intensities={"AU06": 1.0, "AU12": 0.0}
    )
    result = FrameResult(12, 0.44, faces=(a_prediction(face), second))
    base = {"frame": 12, "timestamp": 0.44, "confidence": 0.88, "success": 1}
    assert TableSchema("video", AUS).rows(result) == [
        base | {"face_id": 0, "AU06_r": 0.25, "AU12_r": 3.456, "AU06_c": 0, "AU12_c": 1},
        base | {"face_id": 4, "AU06_r": 1.0, "AU12_r": 0.0, "AU06_c": 1, "AU12_c": 0},
    ]


def test_a_frame_without_a_face_keeps_one_row_without_intensities() -> None:
    empty = dict.fromkeys(("AU06_r", "AU12_r", "AU06_c", "AU12_c"))
    failed = {"confidence": 0.0, "success": 0} | empty
    result = FrameResult(3, 0.08, faces=(), input="b.jpg")
    heads: dict[str, dict[str, Any]] = {
        "video": {"frame": 3, "face_id": 0, "timestamp": 0.08},
        "image": {"face": 0},
        "folder": {"input": "b.jpg", "face": 0},
    }
    for kind, head in heads.items():
        schema = TableSchema(kind, AUS)  # type: ignore[arg-type]
        assert schema.rows(result) == [head | failed]
        assert tuple(schema.rows(result)[0]) == schema.columns


@pytest.mark.parametrize("kind", ["video", "image", "folder"])
def test_rows_follow_the_columns(kind: Any, face: NDArray[np.float64]) -> None:
    schema = TableSchema(kind, ("AU12", "AU06"))  # another order than in the prediction
    (row,) = schema.rows(FrameResult(1, 0.0, faces=(a_prediction(face),), input="a.png"))
    assert tuple(row) == schema.columns
    assert (row["AU12_r"], row["AU06_r"]) == (3.456, 0.25)


def test_a_row_in_openfaces_precision(face: NDArray[np.float64]) -> None:
    schema = TableSchema("video", AUS)
    (row,) = schema.rows(FrameResult(12, 1.23456, faces=(a_prediction(face),)))
    text = schema.text(row)
    assert text == ["12", "0", "1.235", "0.88", "1", "0.25", "3.46", "0", "1"]
    (row,) = schema.rows(FrameResult(13, 1.3, faces=()))
    assert schema.text(row) == ["13", "0", "1.300", "0.00", "0", "", "", "", ""]


def test_pose_and_landmarks_as_openface_orders_and_rounds_them(face: NDArray[np.float64]) -> None:
    """Between `success` and the AUs: millimetres and pixels with 1 decimal, radians with 3."""
    schema = TableSchema("video", AUS, layout=Layout(pose=True, landmarks=True))
    axes = [f"pose_{part}{axis}" for part in "TR" for axis in "xyz"]
    points = [f"{axis}_{index}" for axis in "xy" for index in range(68)]
    assert list(schema.columns[5:-4]) == axes + points
    (row,) = schema.rows(FrameResult(1, 0.0, faces=(a_prediction(face),)))
    text = schema.text(row)
    assert text[5:11] == ["12.3", "-5.1", "612.4", "0.123", "-0.200", "0.000"]
    assert text[11:-4] == [f"{x:.1f}" for x in (*face[:, 0], *face[:, 1])]
    (row,) = schema.rows(FrameResult(2, 0.0, faces=()))
    assert schema.text(row)[5:] == [""] * (6 + 136 + 4)


def test_a_face_whose_pose_is_unknown_has_empty_columns(face: NDArray[np.float64]) -> None:
    schema = TableSchema("image", AUS, layout=Layout(pose=True))
    unknown = a_prediction(face, face=Face(np.zeros(4), face, score=0.9))
    (row,) = schema.rows(FrameResult(1, 0.0, faces=(unknown,)))
    assert {row[f"pose_{part}{axis}"] for part in "TR" for axis in "xyz"} == {None}
    assert row["AU12_r"] == 3.456


def test_further_columns_come_last(face: NDArray[np.float64]) -> None:
    schema = TableSchema("image", AUS, extras=("raw", "sd"))
    assert schema.columns[-4:] == ("AU06_raw", "AU12_raw", "AU06_sd", "AU12_sd")
    raw = {"AU06": 1.25, "AU12": 4.0}
    (row,) = schema.rows(FrameResult(1, 0.0, faces=(a_prediction(face, raw=raw),)))
    assert schema.text(row)[-4:] == ["1.25", "4.00", "", ""]
    (row,) = schema.rows(FrameResult(1, 0.0, faces=(a_prediction(face, std=raw),)))
    assert schema.text(row)[-4:] == ["0.25", "3.46", "1.25", "4.00"]


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(AuheatError, match="unknown table format 'Fex': did you mean 'fex'"):
        Layout("Fex")  # type: ignore[arg-type]


@pytest.mark.parametrize("scalar", [float, np.float32, np.float64])
def test_presence_agrees_with_the_printed_intensity(scalar: type) -> None:
    column = of_au("AU01_r", "intensity", of="AU01")
    for step in range(9900, 10100):
        intensity = scalar(step / 10000)
        assert is_present(intensity) == (float(column.text(intensity)) >= 1.0), step
