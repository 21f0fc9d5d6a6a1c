"""Calibration from the formula to the files. Frames are grey; their grey decides the readings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.facs import PointLayout
from auheat.inference.baseline import Baseline, Rest, read_baseline
from auheat.inference.calibration import (
    at_frame,
    calibrate,
    calibrated,
    from_video,
    neutral_of,
    quietest,
    slope,
)
from auheat.inference.curves import Recorder
from auheat.inference.predictor import Predictor
from auheat.inference.refining import RefinedFrames, Refinement
from auheat.inference.smoothing import smooth
from auheat.inference.video import VideoPrediction, predict_video
from auheat.media.frames import Frame
from auheat.models.heatmap_net import codec_of
from auheat.models.map_net import Maps
from auheat.results import Face
from auheat.tables.schema import TableSchema
from stand_ins import SMALL, KnownFaces, MapsFrom, checkpoint_of, face_from

Points = NDArray[np.float64]
REST = {"AU04": 1.0, "AU09": 0.0, "AU12": 2.5}


class Greys:
    """A frame source of plain pictures, 25 frames a second."""

    def __init__(self, greys: Sequence[int]) -> None:
        self.name, self.rate, self.problem = "clip", Fraction(25), None
        self.count, self._greys = len(greys), greys
        self.passes = 0

    def __iter__(self) -> Iterator[Frame]:
        self.passes += 1
        for index, grey in enumerate(self._greys):
            yield Frame(index + 1, index / 25, np.full((240, 320, 3), grey, np.uint8))


def readings(grey: float) -> list[float]:
    """AU04 is grey / 50, AU09 always 1, AU12 is 2 + grey / 100."""
    return [grey / 50, 1.0, 2 + grey / 100]


def grey_predictor(known: Sequence[Sequence[Face]]) -> Predictor:
    layout, codec = PointLayout.of(SMALL.aus), codec_of(SMALL)

    def draw(crops: torch.Tensor) -> Maps:
        grey = crops[:, 0, 32, 32].float()
        levels = torch.stack([grey / 50, torch.ones_like(grey), 2 + grey / 100], 1)
        at_points = levels[:, list(layout.au_of_point)] * codec.scale
        maps = torch.zeros(*at_points.shape, *codec.map_size)
        maps[:, :, 4, 4] = at_points
        return Maps(maps, None)

    return Predictor(checkpoint_of(MapsFrom(draw)), KnownFaces(known), "cpu")


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
    assert slope(rest, rest) == 1  # trembling about rest is not stretched


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0, 3.5))
def test_calibration_keeps_order_and_range(first: float, second: float, rest: float) -> None:
    low, high = calibrated(sorted([first, second]), rest)
    assert 0 <= low <= high <= 5
    assert calibrated(rest, rest) == 0
    assert calibrated(5.0, rest) == 5


def test_a_resting_reading_near_the_top_leaves_room() -> None:
    assert calibrated(4.5, 5.0) == calibrated(4.5, 3.5) == pytest.approx(1 + 3.5 / 1.5**2)
    assert calibrated(5.0, 5.0) == 5


def test_a_face_is_calibrated_as_a_whole(people: list[Face]) -> None:
    """Intensity, heatmap, deviation; what was read stays in `raw`; presence follows."""
    (read,) = grey_predictor([people[:1]]).predict(np.full((240, 320, 3), 100, np.uint8))
    read = replace(read, deviations=dict.fromkeys(SMALL.aus, 0.4))
    done = calibrate(read, Rest(REST))
    assert done.intensities == pytest.approx({"AU04": 1.0625, "AU09": 1.0, "AU12": 0.6})
    assert done.raw == pytest.approx({"AU04": 2.0, "AU09": 1.0, "AU12": 3.0})
    assert done.deviations == pytest.approx({"AU04": 0.45, "AU09": 0.4, "AU12": 0.56})
    for au, level in done.intensities.items():
        assert done.heatmaps[au].max() == pytest.approx(level, rel=1e-5)
    (row,) = TableSchema("photo", SMALL.aus, ("raw",)).rows(_frame(done))
    assert (row["AU04_c"], row["AU12_c"]) == (1, 0)
    assert (row["AU04_raw"], row["AU12_raw"]) == pytest.approx((2.0, 3.0))
    (at_rest,) = grey_predictor([people[:1]]).predict(np.full((240, 320, 3), 50, np.uint8))
    still = calibrate(at_rest, Rest(REST))
    assert still.intensities["AU04"] == 0
    assert still.heatmaps["AU04"].max() == 0
    assert calibrate(read, None) is read
    again = calibrate(done, Rest(dict.fromkeys(SMALL.aus, 0.5)))
    assert again.raw == read.intensities


def _frame(*faces: Any) -> Any:
    from auheat.results import FrameResult

    return FrameResult(1, 0.0, tuple(faces))


def test_a_neutral_frame_is_the_median_about_it(people: list[Face]) -> None:
    """A quarter of a second at 25 frames is six frames before and six after."""
    greys = [200] * 10 + [50, 52, 51, 53, 55, 54, 50, 57, 58, 59, 60, 61, 62] + [200] * 20
    source = Greys(greys)
    found = at_frame(17, source, grey_predictor([people[:1]]))
    assert list(found.faces) == [0]
    assert found.faces[0].frames == tuple(range(11, 24))
    middle = float(np.median(greys[10:23]))
    assert list(found.faces[0].readings.values()) == pytest.approx(readings(middle), abs=1e-5)
    assert found.source == "clip"
    first = at_frame(1, source, grey_predictor([people[:1]]))
    assert first.faces[0].frames == tuple(range(1, 8))


def test_a_neutral_frame_knows_only_who_is_in_it(people: list[Face]) -> None:
    script = [people[:1], people[:1], people, people]
    source = Greys([50, 50, 100, 100])
    assert list(at_frame(2, source, grey_predictor(script)).faces) == [0]
    assert sorted(at_frame(3, source, grey_predictor(script)).faces) == [0, 1]
    video = VideoPrediction(source, grey_predictor(script), Refinement(neutral=2))
    table = video.table()
    assert table.loc[table.face_id == 0, "AU09_r"].tolist() == [0.0] * 4
    assert table.loc[table.face_id == 1, "AU09_r"].tolist() == pytest.approx([1.0] * 2)


def test_neutral_frames_that_are_not_there(people: list[Face]) -> None:
    source = Greys([50] * 4)
    with pytest.raises(AuheatError, match="clip has 4 frames: there is no neutral frame 5"):
        at_frame(5, source, grey_predictor([people]))
    with pytest.raises(AuheatError, match="frame 2 of clip shows no face"):
        at_frame(2, source, grey_predictor([people, []]))


def test_the_quietest_frames() -> None:
    """Of 100 frames 15 are at rest; the second AU reads high then and falls in any expression."""
    random = np.random.default_rng(0)
    quiet = random.normal([1.0, 2.8, *[0.2] * 10], 0.02, (15, 12))
    active = random.uniform([2, 0, *[1] * 10], [4, 0.2, *[4] * 10], (85, 12))
    order = random.permutation(100)
    levels = np.concatenate([quiet, active])[order]
    found = quietest(levels)
    assert found.tolist() == sorted(found)
    assert len(found) == 10
    assert (order[found] < 15).all()
    assert quietest(levels[:12]).size == 5


def test_auto_leaves_out_who_is_hardly_seen(people: list[Face]) -> None:
    recorder = Recorder(("AU04",))
    for frame in range(1, 31):
        recorder.add_reading(0, [frame, frame / 25, 0.9 if frame > 10 else 0.5, float(frame > 10)])
        if frame < 10:
            recorder.add_reading(1, [frame, frame / 25, 0.9, 2.0])
    found = from_video(recorder, "clip.mp4")
    assert list(found.faces) == [0]
    assert found.faces[0].readings == {"AU04": 1.0}  # not the unsure frames' 0
    assert min(found.faces[0].frames) > 10
    with pytest.raises(AuheatError, match=r"nobody is seen well enough in clip\.mp4"):
        from_video(Recorder(("AU04",)), "clip.mp4")


def test_auto_and_smoothing_on_a_video(people: list[Face]) -> None:
    """Smoothed first, then calibrated; pictures take a second pass, tables do not."""
    greys = [50] * 20 + [60, 120, 180, 200, 200, 190, 130, 70] + [50] * 12
    source = Greys(greys)
    refinement = Refinement(neutral="auto", smooth=True)
    video = VideoPrediction(source, grey_predictor([people[:1]]), refinement)
    table = video.table()
    assert source.passes == 1
    times, raw = np.arange(40) / 25, np.array([readings(grey) for grey in greys])
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


def test_frames_come_with_pictures_only_if_wanted(people: list[Face]) -> None:
    predictor = grey_predictor([people, [], people[1:]])
    for refinement in (Refinement(), Refinement(neutral=1), Refinement("auto", True)):
        source = Greys([50] * 33)
        pictured = list(RefinedFrames(source, predictor, refinement))
        assert all(frame is not None for frame, _ in pictured)
        assert all(face.heatmaps for _, result in pictured for face in result)
        assert [len(result) for _, result in pictured] == [2, 0, 1] * 11
    bare = list(RefinedFrames(source, predictor, refinement, images=False))
    assert all(frame is None for frame, _ in bare)
    assert [[face.face_id for face in result] for _, result in bare] == [[0, 1], [], [1]] * 11


def test_what_the_user_may_call_neutral(tmp_path: Path, people: list[Face]) -> None:
    predictor = grey_predictor([people[:1]])
    Pillow.new("RGB", (320, 240), (50, 50, 50)).save(tmp_path / "rest.png")
    assert neutral_of(None, predictor) is None
    assert neutral_of("none", predictor) is None
    assert neutral_of("auto", predictor) == "auto"
    assert neutral_of("12", predictor) == neutral_of(12, predictor) == 12
    photo = neutral_of(tmp_path / "rest.png", predictor)
    assert isinstance(photo, Baseline)
    assert photo.shared
    assert list(photo.of(7).readings.values()) == pytest.approx(readings(50))  # type: ignore[union-attr]
    photo.write(tmp_path / "a.json")
    saved = neutral_of(str(tmp_path / "a.json"), predictor)
    assert isinstance(saved, Baseline)
    assert saved.of(3) == photo.of(0)


def test_wrong_names_for_neutral_are_one_line(tmp_path: Path, people: list[Face]) -> None:
    one, two, nobody = (grey_predictor([known]) for known in (people[:1], people, []))
    Pillow.new("RGB", (320, 240)).save(tmp_path / "photo.png")
    (tmp_path / "other.json").write_text('{"auheat_neutral": 1}')
    (tmp_path / "text.json").write_text("not json")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "new.json").write_text('{"auheat_neutral": 2}')
    Baseline({0: Rest({"AU01": 1.0})}, "photo", "b.png").write(tmp_path / "aus.json")
    Baseline({0: Rest(REST), 1: Rest(REST)}, "auto", "b.mp4").write(tmp_path / "two.json")
    text = (tmp_path / "two.json").read_text().replace('"1": ', '"x": ')
    (tmp_path / "who.json").write_text(text)
    (tmp_path / "range.json").write_text(text.replace("2.5", "7.5"))
    for named, predictor, reason in (
        (0, one, "frames count from 1"),
        ("-3", one, "frames count from 1"),
        (tmp_path / "none.png", one, "no file at"),
        (tmp_path / "none.json", one, "no file at"),
        (tmp_path / "photo.png", two, "shows 2 faces"),
        (tmp_path / "photo.png", nobody, "shows no face"),
        (tmp_path / "other.json", one, "holds no neutral readings"),
        (tmp_path / "text.json", one, "holds no neutral readings"),
        (tmp_path / "list.json", one, "holds no neutral readings"),
        (tmp_path / "who.json", one, "holds no neutral readings"),
        (tmp_path / "range.json", one, "holds no neutral readings"),
        (tmp_path / "new.json", one, "has format 2"),
        (tmp_path / "aus.json", one, "lack AU04, AU09, AU12"),
        (tmp_path / "two.json", one, "2 people"),
    ):
        with pytest.raises(AuheatError, match=reason) as refused:
            neutral_of(named, predictor)
        assert "\n" not in str(refused.value)


def test_a_baseline_file_in_full(tmp_path: Path) -> None:
    Baseline({2: Rest({"AU04": 1.06, "AU12": 0.12345}, (1, 2, 3))}, "frame 2", "clip.mp4").write(
        tmp_path / "a.json"
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "auheat_neutral": 1,
        "method": "frame 2",
        "source": "clip.mp4",
        "aus": ["AU04", "AU12"],
        "faces": {"2": {"frames": [1, 2, 3], "readings": {"AU04": 1.06, "AU12": 0.1235}}},
    }
    found = read_baseline(tmp_path / "a.json")
    assert found.only(["AU12"]).of(0) == Rest({"AU12": 0.1235}, (1, 2, 3))


def test_predict_video_takes_a_baseline(tmp_path: Path, people: list[Face]) -> None:
    for index, grey in enumerate([50, 100, 150]):
        Pillow.new("RGB", (320, 240), (grey,) * 3).save(tmp_path / f"{index}.png")
    baseline = Baseline({0: Rest(REST | {"AU25": 1.0})}, "photo", "x", shared=True)
    video = predict_video(tmp_path, grey_predictor([people]), neutral=baseline)
    table = video.table()
    assert table["AU04_r"].tolist() == pytest.approx([0, 0, 1.0625, 1.0625, 2.25, 2.25])
    assert table["AU04_c"].tolist() == [0, 0, 1, 1, 1, 1]
    numbered = predict_video(tmp_path, grey_predictor([people]), neutral=1).table()
    assert numbered["AU04_raw"].tolist() == pytest.approx([1, 1, 2, 2, 3, 3])
