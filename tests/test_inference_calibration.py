"""Calibration: the formula, whole faces, videos.

Frames are grey; their grey decides the intensities.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from auheat.geometry import Points
from auheat.inference.calibration import Baseline, PersonBaseline, calibrate, calibrated, slope
from auheat.inference.postprocess import PostProcessedFrames, PostProcessing
from auheat.inference.smoothing import smooth
from auheat.inference.video import VideoPrediction
from auheat.results import Face
from auheat.tables.schema import TableSchema
from grey_video import REST, Greys, grey_predictor, intensities_of
from stand_ins import SMALL, face_from


@pytest.fixture
def people(face: Points) -> list[Face]:
    return [face_from(face, 0), face_from(face * 0.6 + 80, 1)]


def test_the_formula() -> None:
    """By hand: 2 above a rest of 1 is 2 + 1 * 4 / 16; 1 above 2.5 is 1 + 2.5 / 6.25."""
    found = calibrated([[1.0, 3.0, 2.5], [3.0, 5.0, 0.0], [5.0, 1.5, 3.5]], [1.0, 0.0, 2.5])
    np.testing.assert_allclose(found, [[0.0, 3.0, 0.0], [2.25, 5.0, 0.0], [5.0, 1.5, 1.4]])


@given(st.floats(0.01, 4.9), st.floats(0, 3.4))
def test_the_slope_is_the_derivative(level: float, rest: float) -> None:
    if abs(level - rest) > 0.01:
        step = 1e-5
        rise = calibrated(level + step, rest) - calibrated(level - step, rest)
        expected = slope(level, rest) if level > rest else 0.0
        assert rise / (2 * step) == pytest.approx(expected, abs=1e-3)
    assert slope(rest, rest) == 1  # jitter about rest is not stretched


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 3.5))
def test_calibration_keeps_order_and_range(first: float, second: float, rest: float) -> None:
    low, high = calibrated(sorted([first, second]), rest)
    assert 0 <= low <= high <= 5
    assert calibrated(rest, rest) == 0
    assert calibrated(5.0, rest) == pytest.approx(5, abs=1e-12)


def test_a_resting_reading_near_the_top_leaves_room() -> None:
    assert calibrated(4.5, 5.0) == calibrated(4.5, 3.5) == pytest.approx(1 + 3.5 / 1.5**2)
    assert calibrated(5.0, 5.0) == 5


def test_a_face_is_calibrated_as_a_whole(people: list[Face]) -> None:
    """Intensity, heatmap, deviation; what was read stays in `raw`; presence follows."""
    (read,) = grey_predictor([people[:1]]).predict(np.full((240, 320, 3), 100, np.uint8))
    read = replace(read, std=dict.fromkeys(SMALL.aus, 0.4))
    done = calibrate(read, PersonBaseline(REST))
    assert done.intensities == pytest.approx({"AU04": 1.0625, "AU09": 1.0, "AU12": 0.6})
    assert done.raw == pytest.approx({"AU04": 2.0, "AU09": 1.0, "AU12": 3.0})
    assert done.std == pytest.approx({"AU04": 0.45, "AU09": 0.4, "AU12": 0.56})
    for au, level in done.intensities.items():
        assert done.heatmaps[au].max() == pytest.approx(level, rel=1e-5)
    (row,) = TableSchema("image", SMALL.aus, extras=("raw",)).rows(_frame(done))
    assert (row["AU04_c"], row["AU12_c"]) == (1, 0)
    assert (row["AU04_raw"], row["AU12_raw"]) == pytest.approx((2.0, 3.0))
    (at_rest,) = grey_predictor([people[:1]]).predict(np.full((240, 320, 3), 50, np.uint8))
    still = calibrate(at_rest, PersonBaseline(REST))
    assert still.intensities["AU04"] == 0
    assert still.heatmaps["AU04"].max() == 0
    assert calibrate(read, None) is read
    again = calibrate(done, PersonBaseline(dict.fromkeys(SMALL.aus, 0.5)))
    assert again.raw == read.intensities


def _frame(*faces: Any) -> Any:
    from auheat.results import FrameResult

    return FrameResult(1, 0.0, faces=tuple(faces))


def test_auto_and_smoothing_on_a_video(people: list[Face]) -> None:
    """Smoothed first, then calibrated; images take a second pass, tables do not."""
    greys = [50] * 20 + [60, 120, 180, 200, 200, 190, 130, 70] + [50] * 12
    source = Greys(greys)
    processing = PostProcessing(baseline="auto", smooth=True)
    video = VideoPrediction(source, grey_predictor([people[:1]]), processing=processing)
    table = video.to_pandas()
    assert source.passes == 1
    times, raw = np.arange(40) / 25, np.array([intensities_of(grey) for grey in greys])
    expected = calibrated(smooth(times, raw), [1.0, 1.0, 2.5])
    found = table[[f"{au}_r" for au in SMALL.aus]].to_numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    kept = table[[f"{au}_raw" for au in SMALL.aus]].to_numpy()
    np.testing.assert_allclose(kept, raw, atol=1e-5)
    assert video.baseline is not None
    assert video.baseline.method.startswith("auto")
    assert set(video.baseline.faces[0].frames) < {*range(1, 21), *range(29, 41)}
    iterated = [list(result.faces[0].intensities.values()) for result in video]
    assert source.passes == 3
    np.testing.assert_allclose(iterated, expected, atol=1e-5)


def test_frames_come_with_images_only_if_wanted(people: list[Face]) -> None:
    predictor = grey_predictor([people, [], people[1:]])
    for processing in (PostProcessing(), PostProcessing(baseline=1), PostProcessing("auto", True)):
        source = Greys([50] * 33)
        with_images = list(PostProcessedFrames(source, predictor, processing=processing))
        assert all(frame is not None for frame, _ in with_images)
        assert all(face.heatmaps for _, result in with_images for face in result)
        assert [len(result) for _, result in with_images] == [2, 0, 1] * 11
    bare = list(PostProcessedFrames(source, predictor, processing=processing, images=False))
    assert all(frame is None for frame, _ in bare)
    assert [[face.face_id for face in result] for _, result in bare] == [[0, 1], [], [1]] * 11


def test_predict_video_takes_a_baseline(tmp_path: Path, people: list[Face]) -> None:
    for index, grey in enumerate([50, 100, 150]):
        Pillow.new("RGB", (320, 240), (grey,) * 3).save(tmp_path / f"{index}.png")
    baseline = Baseline({0: PersonBaseline(REST | {"AU25": 1.0})}, "image", source="x", shared=True)
    video = grey_predictor([people]).predict_video(tmp_path, baseline=baseline)
    table = video.to_pandas()
    assert table["AU04_r"].tolist() == pytest.approx([0, 0, 1.0625, 1.0625, 2.25, 2.25])
    assert table["AU04_c"].tolist() == [0, 0, 1, 1, 1, 1]
    numbered = grey_predictor([people]).predict_video(tmp_path, baseline=1).to_pandas()
    assert numbered["AU04_raw"].tolist() == pytest.approx([1, 1, 2, 2, 3, 3])
