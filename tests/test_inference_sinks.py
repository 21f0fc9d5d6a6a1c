from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from auheat.drawing.overlay import Overlay
from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.inference.sinks import OverlayVideoSink, write_overlay_image
from auheat.results import FacePrediction, FrameResult
from auheat.tables.schema import TableSchema
from auheat.tables.writing import CsvSink
from stand_ins import face_from, texture

AUS = ("AU04", "AU12")
SCHEMA = TableSchema("video", AUS)


def prediction(face_id: int, levels: tuple[float, float], confidence: float) -> FacePrediction:
    landmarks = np.random.default_rng(face_id).uniform(20, 70, (68, 2))
    maps = {au: np.full((8, 8), level, np.float32) for au, level in zip(AUS, levels, strict=True)}
    intensities = dict(zip(AUS, levels, strict=True))
    to_frame = np.array([[8.0, 0, 20], [0, 8.0, 20]])
    return FacePrediction(
        face_from(landmarks, face_id),
        intensities,
        heatmaps=maps,
        heatmap_to_frame=to_frame,
        confidence=confidence,
    )


RESULTS = [
    FrameResult(
        1, 0.0, faces=(prediction(0, (0.994, 0.995), 0.987), prediction(2, (5.0, 0.0), 1.0))
    ),
    FrameResult(2, 1 / 30, faces=()),
    FrameResult(3, 12.3456, faces=(prediction(2, (1.0, 2.345678), 0.5),)),
]


def test_csv_in_full(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", SCHEMA) as sink:
        for result in RESULTS:
            sink.write(result)
    assert (tmp_path / "a.csv").read_bytes() == (
        b"frame,face_id,timestamp,confidence,success,AU04_r,AU12_r,AU04_c,AU12_c\n"
        b"1,0,0.000,0.99,1,0.99,0.99,0,0\n"
        b"1,2,0.000,1.00,1,5.00,0.00,1,0\n"
        b"2,0,0.033,0.00,0,,,,\n"
        b"3,2,12.346,0.50,1,1.00,2.35,1,1\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_names_of_images_are_quoted_where_they_must(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", TableSchema("folder", AUS)) as sink:
        sink.write(FrameResult(1, 0.0, faces=(), input="one, two.jpg"))
        sink.write(FrameResult(2, 0.0, faces=(), input="größe.jpg"))
    lines = (tmp_path / "a.csv").read_text("utf-8").splitlines()
    assert lines[1:] == ['"one, two.jpg",0,0.00,0,,,,', "größe.jpg,0,0.00,0,,,,"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_half_written_is_left(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.csv").write_text("from an earlier run")
    with (
        pytest.raises(error),
        CsvSink(tmp_path / "a.csv", SCHEMA) as table,
        OverlayVideoSink(tmp_path / "a.mp4", AUS, Fraction(30)) as video,
    ):
        table.write(RESULTS[0])
        video.write(texture(0), RESULTS[0])
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "from an earlier run"


def test_results_appear_only_when_complete(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", SCHEMA) as sink:
        sink.write(RESULTS[0])
        assert not (tmp_path / "a.csv").exists()
        assert len(list(tmp_path.iterdir())) == 1
    assert (tmp_path / "a.csv").exists()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "file" / "a.csv", tmp_path / "none" / "a.csv", tmp_path / "folder.csv"):
        with pytest.raises(AuheatError, match="cannot write"), CsvSink(path, SCHEMA) as sink:
            sink.write(RESULTS[0])
    with (
        pytest.raises(AuheatError, match="cannot write"),
        OverlayVideoSink(tmp_path / "none" / "a.mp4", AUS, Fraction(30)),
    ):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.csv"]


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(AuheatError, match="No space left"),
        atomic_write(tmp_path / "a.csv") as path,
    ):
        path.write_text("half")
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_what_no_jpeg_or_video_can_hold_is_refused(tmp_path: Path) -> None:
    """The libraries wrote lines of their own to the terminal, and kept none of the pixels."""
    flat = np.zeros((3, 66_000, 3), np.uint8)
    with pytest.raises(AuheatError, match=r"have 66002x4 pixels, and a JPEG has at most 65,500"):
        write_overlay_image(tmp_path / "a.jpg", AUS, image=flat, result=RESULTS[1])
    with (
        pytest.raises(AuheatError, match=r"66002x4 pixels, and have at most (16,384|8,191) a side"),
        OverlayVideoSink(tmp_path / "a.mp4", AUS, Fraction(30)) as video,
    ):
        video.write(flat, RESULTS[1])
    assert not list(tmp_path.iterdir())


TIMES = [0.0, 0.0333667, 0.5, 0.5416667, 3.0]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_overlay_video(tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames keep their times, size and colours, with either codec."""
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    monkeypatch.setattr(av, "codecs_available", {codec})
    images = [texture(seed, 360, 640) for seed in range(5)]
    with OverlayVideoSink(tmp_path / "a.overlay.mp4", AUS, Fraction(30000, 1001)) as sink:
        for image, time in zip(images, TIMES, strict=True):
            sink.write(image, FrameResult(1, time, faces=(prediction(0, (1.0, 2.0), 1.0),)))
    with av.open(str(tmp_path / "a.overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == {"libx264": "h264"}.get(codec, codec)
        assert stream.codec_context.pix_fmt == "yuv420p"
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx(TIMES, abs=2e-5)
    drawn = Overlay(AUS, 360, 640)
    for frame, image in zip(frames, images, strict=True):
        shown = frame.to_ndarray(format="rgb24")
        assert shown.shape == (*drawn.size, 3)
        corner = (slice(200, 340), slice(200, 600))  # beside the face
        assert np.abs(shown[corner].astype(int) - image[corner]).mean() < 6


@pytest.mark.parametrize("rate", [Fraction(519168, 19667), Fraction(1, 86400), Fraction(1000)])
def test_frames_that_share_a_time_do_not_stop_the_video(tmp_path: Path, rate: Fraction) -> None:
    with OverlayVideoSink(tmp_path / "a.mp4", AUS, rate) as sink:
        for _ in range(3):
            sink.write(texture(0), FrameResult(1, 0.5, faces=()))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert len(list(container.decode(video=0))) == 3


def test_a_video_may_change_its_size(tmp_path: Path) -> None:
    with OverlayVideoSink(tmp_path / "a.mp4", AUS, Fraction(30)) as sink:
        for i, image in enumerate((texture(0), texture(0, 180, 160), texture(0, 90, 320))):
            sink.write(image, FrameResult(i + 1, i / 30, faces=(prediction(0, (1.0, 2.0), 1.0),)))
    with av.open(str(tmp_path / "a.mp4")) as container:
        sizes = {(frame.height, frame.width) for frame in container.decode(video=0)}
    assert sizes == {Overlay(AUS, 90, 160).size}


def test_overlay_image(tmp_path: Path) -> None:
    image = texture(0, 360, 640)
    write_overlay_image(tmp_path / "a.jpg", AUS, image=image, result=RESULTS[0])
    expected = Overlay(AUS, 360, 640).draw(image, RESULTS[0])
    with Pillow.open(tmp_path / "a.jpg") as stored:
        shown = np.asarray(stored)
    assert np.abs(shown.astype(int) - expected).mean() < 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
