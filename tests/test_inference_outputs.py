"""What a predictor gives users: tables, overlays, cameras, drawings, from one decoding."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

import auheat
from auheat.errors import AuheatError
from auheat.geometry import Points
from auheat.inference.calibration import Baseline, PersonBaseline
from auheat.inference.inputs import gather
from auheat.inference.jobs import PredictionJob
from auheat.inference.postprocess import PostProcessing
from auheat.inference.predictor import Predictor
from auheat.inference.video import VideoPrediction
from auheat.inference.writers import Outputs
from auheat.results import Face
from grey_video import REST, Greys, grey_predictor
from stand_ins import KnownFaces, face_from, small_checkpoint, texture, write_video


@pytest.fixture
def people(face: Points) -> list[Face]:
    return [face_from(face, 0), face_from(face * 0.6 + 80, 1)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(5)])


@pytest.fixture
def predictor(people: list[Face]) -> Predictor:
    return Predictor(small_checkpoint(), KnownFaces([people, []]), device="cpu")


def test_a_video_is_decoded_once_whatever_is_asked_for(tmp_path: Path, people: list[Face]) -> None:
    source = Greys([50, 100, 150, 200])
    overlay = tmp_path / "o.mp4"
    video = VideoPrediction(source, grey_predictor([people]), overlay=overlay)
    assert source.passes == 0
    seen = list(video)
    assert all(face.heatmaps for result in seen for face in result)
    assert overlay.is_file()
    table = video.to_pandas()
    video.save(tmp_path / "a.csv")
    video.save(tmp_path / "a.parquet", pose=True, landmarks=True)
    assert video.to_arrow(format="tidy").num_rows == 4 * 2 * 3
    assert source.passes == 1
    assert table["AU04_r"].tolist() == pytest.approx([1, 1, 2, 2, 3, 3, 4, 4])
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "a.csv"), table, atol=0.006, check_dtype=False
    )
    assert {"yaw", "x_0", "au"} <= set(pd.read_parquet(tmp_path / "a.parquet"))
    with av.open(str(overlay)) as container:
        assert len(list(container.decode(video=0))) == 4
    video.save_overlay(tmp_path / "again.mp4")
    assert source.passes == 2
    assert (tmp_path / "again.mp4").is_file()


def test_an_overlay_that_is_asked_for_first_leaves_the_table_behind(
    tmp_path: Path, people: list[Face]
) -> None:
    source = Greys([50, 100])
    video = VideoPrediction(source, grey_predictor([people]))
    video.save_overlay(tmp_path / "o.mp4")
    assert len(video.to_pandas()) == 4
    assert source.passes == 1


def test_a_table_with_smoothing_takes_one_pass(tmp_path: Path, people: list[Face]) -> None:
    source = Greys([50] * 30)
    video = VideoPrediction(
        source, grey_predictor([people]), processing=PostProcessing("auto", smooth=True)
    )
    video.save(tmp_path / "a.csv", std=False)
    assert (source.passes, video.baseline is not None) == (1, True)
    assert "AU04_raw" in (tmp_path / "a.csv").read_text()


def test_what_is_broken_off_leaves_nothing_and_starts_anew(
    tmp_path: Path, people: list[Face]
) -> None:
    source = Greys([50] * 20)
    video = VideoPrediction(source, grey_predictor([people]), overlay=tmp_path / "o.mp4")
    results = iter(video)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []
    assert len(video.to_pandas()) == 40
    assert (tmp_path / "o.mp4").is_file()


def test_files_are_those_of_the_command_line(
    tmp_path: Path, clip: Path, predictor: Predictor
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (outcome,) = PredictionJob(predictor, Outputs(out)).run(gather([clip], out, sequence=False))
    predictor.predict_video(str(clip)).save(str(tmp_path / "own.csv"))
    assert (tmp_path / "own.csv").read_bytes() == outcome.files[0].read_bytes()


def _write_onto(video: VideoPrediction, way: str, path: Path) -> None:
    {"table": video.save, "overlay": video.save_overlay}[way](path)


@pytest.mark.parametrize("way", ["table", "overlay", "passing overlay"])
@pytest.mark.parametrize("named", ["a.mp4", "./a.mp4", "link.mp4", "frames/2.png", "rest.png"])
def test_nothing_that_is_read_is_replaced(
    tmp_path: Path, clip: Path, people: list[Face], way: str, named: str
) -> None:
    """The video, an image of a folder and the image of the baseline, by whatever name."""
    frames, rest = tmp_path / "frames", tmp_path / "rest.png"
    frames.mkdir()
    for path in (frames / "1.png", frames / "2.png", rest):
        Pillow.fromarray(texture(0, 270, 480)).save(path)
    (tmp_path / "link.mp4").symlink_to(clip)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    predictor = Predictor(small_checkpoint(), KnownFaces([people[:1]]), device="cpu")
    source, output = frames if "frames" in named else clip, f"{tmp_path}/{named}"
    with pytest.raises(AuheatError, match="is read, and cannot be written as well"):
        if way == "passing overlay":
            predictor.predict_video(source, baseline=rest, overlay=output)
        else:
            _write_onto(predictor.predict_video(source, baseline=rest), way, Path(output))
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("way", ["table", "overlay"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, people: list[Face], way: str
) -> None:
    source = Greys([50, 100])
    source.paths = (tmp_path / "clip.mp4",)
    video = VideoPrediction(source, grey_predictor([people]))
    for path, reason in (
        (tmp_path / "clip.mp4", "is read, and cannot be written"),
        (tmp_path / "gone" / "a.csv", "there is no folder"),
        (tmp_path, "it is a folder"),
    ):
        with pytest.raises(AuheatError, match=reason):
            _write_onto(video, way, path)
    assert source.passes == 0
    assert len(video.to_pandas()) == 4  # what was refused is not tried again


def test_frames_in_memory(tmp_path: Path, predictor: Predictor) -> None:
    images = [texture(i, 270, 480) for i in range(4)]
    table = predictor.predict_video(images, fps=10).to_pandas()
    assert table["timestamp"].unique().tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    made = (image for image in images)
    video = predictor.predict_video(made, overlay=tmp_path / "o.mp4")
    assert [len(result) for result in video] == [2, 0, 2, 0]
    pd.testing.assert_frame_equal(video.to_pandas(), predictor.predict_video(images).to_pandas())
    with pytest.raises(AuheatError, match="can be iterated over once"):
        list(video)
    for wrong, reason in (
        ([images[0], images[0][:-1]], "frame 2 has size"),
        ([images[0], images[0].astype(float)], "^frame 2 is of shape .* and type float64: give"),
    ):
        with pytest.raises(AuheatError, match=reason):
            predictor.predict_video(wrong).to_pandas()
    with pytest.raises(AuheatError, match="0 frames per second"):
        predictor.predict_video(images, fps=0)


def test_a_result_as_tables(tmp_path: Path, predictor: Predictor) -> None:
    path = tmp_path / "photo.png"
    Pillow.fromarray(texture(0, 270, 480)).save(path)
    result = predictor.predict(str(path))
    assert (result.frame, result.input, result.aus) == (0, "photo.png", predictor.aus)
    table = result.to_pandas()
    assert list(table)[:3] == ["face", "confidence", "success"]
    assert table["AU12_r"].tolist() == [face.intensities["AU12"] for face in result]
    assert result.to_arrow(format="tidy", pose=True).num_rows == 6
    polars = pytest.importorskip("polars")
    assert isinstance(result.to_polars(), polars.DataFrame)
    nobody = Predictor(small_checkpoint(), KnownFaces([[]]), device="cpu").predict(path)
    empty = nobody.to_pandas()
    assert list(empty) == list(table)
    assert empty[["success", "AU12_r"]].fillna(-1).to_numpy().tolist() == [[0, -1]]


def test_supervision(predictor: Predictor, tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision")
    result = predictor.predict(texture(0, 270, 480))
    found = result.to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_allclose(found.xyxy, [face.box for face in result], rtol=1e-6)
    assert found.tracker_id.tolist() == [0, 1]
    assert found.data["AU12"].tolist() == [face.intensities["AU12"] for face in result]
    drawn = supervision.BoxAnnotator().annotate(texture(0, 270, 480), found)
    assert drawn.shape == (270, 480, 3)
    nobody = Predictor(small_checkpoint(), KnownFaces([[]]), device="cpu")
    assert len(nobody.predict(texture(0, 270, 480)).to_supervision()) == 0


def test_a_camera(people: list[Face]) -> None:
    tracker = grey_predictor([people[:1], people]).tracker()
    image = np.full((240, 320, 3), 100, np.uint8)
    first, second = tracker.update(image, timestamp=0.5), tracker.update(image)
    assert [face.face_id for face in first] == [0]
    assert [face.face_id for face in second] == [0, 1]
    assert (first.frame, second.frame, first.timestamp) == (1, 2, 0.5)
    assert second.to_pandas()["AU04_r"].tolist() == pytest.approx([2.0, 2.0])
    with pytest.raises(AuheatError, match="changed the size"):
        tracker.update(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(AuheatError, match="give an RGB array of shape"):
        tracker.update(np.zeros((240, 320), np.uint8))
    times: tuple[Any, ...] = ("a", float("nan"), float("inf"), True, [], 0.25)
    for when in times:
        with pytest.raises(AuheatError, match=r"timestamp is .*give (a number|seconds)"):
            tracker.update(image, timestamp=when)
    assert tracker.update(image, timestamp=0.5).frame == 3  # nothing that was refused counts


def test_a_camera_with_a_baseline(people: list[Face]) -> None:
    known = Baseline({0: PersonBaseline(REST)}, "image", source="x", shared=True)
    tracker = grey_predictor([people[:1]]).tracker(baseline=known)
    (face,) = tracker.update(np.full((240, 320, 3), 100, np.uint8))
    assert face.intensities["AU04"] == pytest.approx(1.0625)
    assert face.raw is not None and face.raw["AU04"] == pytest.approx(2.0)
    with pytest.raises(AuheatError, match="a camera has no frame to look back at"):
        grey_predictor([people]).tracker(baseline="auto")


def test_drawing(predictor: Predictor) -> None:
    image = texture(0, 270, 480)
    before = image.copy()
    result = predictor.predict(image)
    drawn, bare = auheat.draw(image, result), auheat.draw(image, result, panel=False)
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] == bare.shape[0] and drawn.shape[1] > bare.shape[1]
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(drawn[:, : bare.shape[1]], bare)
    nobody = Predictor(small_checkpoint(), KnownFaces([[]]), device="cpu").predict(image)
    assert auheat.draw(image, nobody).shape == drawn.shape
    foot = (slice(-40, None), slice(bare.shape[1], bare.shape[1] + 120))
    video = replace(result, frame=7)
    assert np.ptp(drawn[foot][..., 0]) == 0  # an array has no name and no time
    assert np.ptp(auheat.draw(image, video)[foot][..., 0]) > 50
    with pytest.raises(AuheatError, match="give an RGB array of shape"):
        auheat.draw(image.astype(float), result)


def test_events_of_a_table(tmp_path: Path, people: list[Face]) -> None:
    greys = [50] * 5 + [150] * 5 + [10] * 5
    video = VideoPrediction(Greys(greys), grey_predictor([people[:1]]))
    video.save(tmp_path / "a.csv")
    for table in (video.to_pandas(), tmp_path / "a.csv", str(tmp_path / "a.csv")):
        events = auheat.find_events(table)
        (row,) = events[events["au"] == "AU04"].to_dict("records")
        assert (row["onset"], row["apex_frame"], row["peak"]) == (0.0, 6, pytest.approx(3.0))
    empty = auheat.find_events(video.to_pandas(), enter=5.0, leave=5.0)
    assert len(empty) == 0
    assert empty["onset"].dtype == np.float64
    with pytest.raises(AuheatError, match="an event cannot"):
        auheat.find_events(video.to_pandas(), enter=0)


def test_nothing_is_left_open(clip: Path, predictor: Predictor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        video = predictor.predict_video(clip)
        video.to_pandas()
        assert video._kept is not None
        kept = video._kept._file
        assert kept is not None
        assert not kept.closed
        del video
        assert kept.closed


def test_times_of_a_camera_are_floats_from_0_up(people: list[Face]) -> None:
    predictor, image = grey_predictor([people]), np.full((240, 320, 3), 100, np.uint8)
    for given in (2, np.float32(2), np.int64(2)):
        when = predictor.tracker().update(image, timestamp=given).timestamp  # type: ignore[arg-type]
        assert (when, type(when)) == (2.0, float)
    tracker = predictor.tracker()
    with pytest.raises(AuheatError, match=r"^timestamp is -5: give seconds from 0 up$"):
        tracker.update(image, timestamp=-5.0)
    assert tracker.update(image, timestamp=0).frame == 1
    assert tracker.update(image).timestamp >= 0.0
