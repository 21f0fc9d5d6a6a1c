"""Fex and tidy tables: every column of a row, units and order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.pose import HeadPose
from auheat.results import Face, FacePrediction, FrameResult
from auheat.tables.schema import Layout, TableSchema

AUS = ("AU06", "AU12")
RADIANS = (np.pi / 18, -np.pi / 9, np.pi / 6)  # pitch 10, yaw -20, roll 30 degrees
POSE = HeadPose((12.34, -5.06, 612.35), RADIANS)
FEX = Layout("fex")
POINTS = [f"{axis}_{index}" for axis in "xy" for index in range(68)]


def prediction(points: NDArray[np.float64], face_id: int = 0, **more: object) -> FacePrediction:
    face = Face(np.array([20.0, 50, 180.5, 200]), points, score=0.98765, face_id=face_id, pose=POSE)
    levels = {"AU06": 0.25, "AU12": 3.45678}
    found = FacePrediction(
        face, levels, heatmaps={}, heatmap_to_frame=np.eye(2, 3), confidence=0.875
    )
    return replace(found, **more)  # type: ignore[arg-type]


def test_fex_columns_are_py_feats_in_its_order() -> None:
    """`feat.utils` of py-feat 2.1.5: FEAT_FACEBOX_COLUMNS, openface_2d_landmark_columns and
    FEAT_FACEPOSE_COLUMNS_6D; the order is that of its test file Feat_Test.csv."""
    boxes = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
    pose = ["Pitch", "Roll", "Yaw", "X", "Y", "Z"]
    common = ["frame", *boxes, *POINTS, *pose, *AUS, "input", "Identity"]
    video = TableSchema("video", AUS, extras=("raw", "sd"), layout=FEX)
    assert list(video.columns) == [*common, "approx_time", "timestamp", "confidence"]
    for kind in ("image", "folder"):
        schema = TableSchema(kind, AUS, layout=FEX)
        assert list(schema.columns) == [*common, "confidence"]


def test_a_fex_row(face: NDArray[np.float64]) -> None:
    """Frames from 0, width and height for corners, degrees, AUs from 0 to 5 (not to 1)."""
    schema = TableSchema("video", AUS, layout=FEX, input="clips/a.mp4")
    (row,) = schema.rows(FrameResult(12, 75.4567, faces=(prediction(face, 3),)))
    text = schema.text(row)
    assert text[:6] == ["11", "20.00", "50.00", "160.50", "150.00", "0.9877"]
    assert text[6:142] == [f"{value:.2f}" for value in (*face[:, 0], *face[:, 1])]
    assert text[142:148] == ["10.000", "30.000", "-20.000", "12.34", "-5.06", "612.35"]
    assert text[148:150] == ["0.2500", "3.4568"]
    assert text[150:] == ["clips/a.mp4", "Person_3", "01:15", "75.457", "0.88"]


def test_a_fex_frame_without_a_face_is_empty_as_py_feat_writes_it() -> None:
    schema = TableSchema("video", AUS, layout=FEX, input="a.mp4")
    (row,) = schema.rows(FrameResult(3, 0.08, faces=()))
    filled = {name: value for name, value in row.items() if value is not None}
    assert filled == {
        "frame": 2,
        "input": "a.mp4",
        "approx_time": "00:00",
        "timestamp": 0.08,
        "confidence": 0.0,
    }


def test_tidy_rows(face: NDArray[np.float64]) -> None:
    """By face, then by AU in the schema's order."""
    schema = TableSchema("video", ("AU12", "AU06"), layout=Layout("tidy"), input="a.mp4")
    two = (prediction(face), prediction(face, 4))
    base = {"input": "a.mp4", "frame": 12, "timestamp": 0.44, "success": 1, "confidence": 0.88}
    assert schema.rows(FrameResult(12, 0.44, faces=two)) == [
        base | {"face_id": face_id, "au": au, "intensity": level, "presence": present}
        for face_id in (0, 4)
        for au, level, present in (("AU12", 3.45678, 1), ("AU06", 0.25, 0))
    ]
    assert schema.columns == (
        *("input", "frame", "timestamp", "face_id", "success", "confidence"),
        *("au", "intensity", "presence"),
    )


def test_a_tidy_frame_without_a_face_has_one_row_for_each_au() -> None:
    schema = TableSchema(
        "video", AUS, extras=("sd",), layout=Layout("tidy", pose=True), input="a.mp4"
    )
    rows = schema.rows(FrameResult(3, 0.08, faces=()))
    assert [row["au"] for row in rows] == ["AU06", "AU12"]
    for row in rows:
        assert (row["frame"], row["success"], row["face_id"], row["confidence"]) == (3, 0, 0, 0.0)
        assert {row[name] for name in ("intensity", "presence", "sd", "yaw", "head_z")} == {None}


def test_tidy_columns_on_request(face: NDArray[np.float64]) -> None:
    layout = Layout("tidy", pose=True, landmarks=True)
    schema = TableSchema("video", AUS, extras=("raw", "sd"), layout=layout)
    pose = ["pitch", "yaw", "roll", "head_x", "head_y", "head_z"]
    assert list(schema.columns[6:-3]) == [*pose, *POINTS, "au", "intensity"]
    raw, deviations = {"AU06": 1.0, "AU12": 4.0}, {"AU06": 0.1, "AU12": 0.2}
    seen = prediction(face, raw=raw, std=deviations)
    _, row = schema.rows(FrameResult(1, 0.0, faces=(seen,)))
    assert [row[name] for name in pose[:3]] == pytest.approx([10, -20, 30])
    assert [row[name] for name in pose[3:]] == [12.34, -5.06, 612.35]
    assert (row["x_8"], row["y_8"]) == tuple(face[8])
    assert [row[name] for name in ("intensity", "raw", "sd")] == [3.45678, 4.0, 0.2]


@pytest.mark.parametrize("layout", [FEX, Layout("tidy")])
def test_images_carry_their_paths(layout: Layout, face: NDArray[np.float64]) -> None:
    """In a folder's table the folder as it was named, and the file's name in it."""
    result = FrameResult(2, 0.0, faces=(prediction(face),), input="b.png")
    for kind, named, expected in (
        ("image", "day/b.png", "day/b.png"),
        ("folder", "day", "day/b.png"),
        ("folder", ".", "b.png"),
    ):
        schema = TableSchema(kind, AUS, layout=layout, input=named)  # type: ignore[arg-type]
        row = schema.rows(result)[0]
        assert row["input"] == expected
        assert row["frame"] == (1 if layout is FEX else 0)
