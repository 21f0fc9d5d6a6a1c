"""Writing videos: AVI gives back a frame for each one written, MP4 keeps its times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from auheat.errors import AuheatError
from auheat.media.frames import VideoFile
from auheat.media.video_writer import VideoWriter
from stand_ins import texture

IMAGES = [texture(seed) for seed in range(7)]


def written(path: Path, times: list[float], rate: int = 20) -> Path:
    with VideoWriter(path, Fraction(rate)) as video:
        for image, time in zip(IMAGES, times, strict=True):
            video.write(image, time)
    return path


@pytest.mark.parametrize("name", ["a.avi", "a.AVI"])
@pytest.mark.parametrize("spacing", [0.0, 1 / 20, 1.0])
def test_an_avi_has_a_frame_for_each_one_written(tmp_path: Path, name: str, spacing: float) -> None:
    """Whatever their timestamps, for both of the libraries that people read videos with."""
    path = written(tmp_path / name, [spacing * i for i in range(7)])
    video = VideoFile(path)
    frames = list(video)
    assert (len(frames), video.count, float(video.rate)) == (7, 7, 20.0)
    assert video.problem is None
    assert [frame.timestamp for frame in frames] == pytest.approx([i / 20 for i in range(7)])
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    assert count == 7
    with av.open(str(path)) as container:
        assert container.format.name == "avi"
        assert container.streams.video[0].codec_context.name == "mjpeg"


def test_large_frames_do_not_wait_in_the_encoder(tmp_path: Path) -> None:
    """x264 looks some twenty frames ahead by itself; all come out in time and order anyway."""
    times, sizes = [0.0, 0.04, 0.5, 0.51, 2.0], list[int]()
    noise = np.random.default_rng(0).integers(0, 256, (2000, 1000, 3), np.uint8)
    with VideoWriter(tmp_path / "a.mp4", Fraction(25)) as video:
        for number, time in enumerate(times):
            image = np.full((2000, 2002, 3), 40 * number, np.uint8)
            image[:, :1000] = noise
            video.write(image, time)
            sizes.append(max(path.stat().st_size for path in tmp_path.iterdir()))
    assert sizes[-1] > 100_000  # FFmpeg has written some, so the encoder has given some
    frames = list(VideoFile(tmp_path / "a.mp4"))
    assert [frame.timestamp for frame in frames] == pytest.approx(times, abs=1e-3)
    assert [round(frame.image[:, 1500:].mean() / 40) for frame in frames] == [0, 1, 2, 3, 4]


def test_an_avi_keeps_order_and_colours(tmp_path: Path) -> None:
    """A wrong range or matrix would shift saturated colours by more than ten."""
    frames = list(VideoFile(written(tmp_path / "a.avi", [i / 20 for i in range(7)])))
    for frame, image in zip(frames, IMAGES, strict=True):
        others = [np.abs(frame.image.astype(int) - other).mean() for other in IMAGES]
        assert np.argmin(others) == frame.number - 1
        assert np.abs(frame.image.astype(int) - image).mean() < 6
    flat = np.zeros((64, 96, 3), np.uint8) + np.array([250, 30, 5], np.uint8)
    with VideoWriter(tmp_path / "b.avi", Fraction(20)) as video:
        video.write(flat, 0)
    (frame,) = VideoFile(tmp_path / "b.avi")
    assert np.abs(frame.image.astype(int) - flat).max() <= 5


def test_an_mp4_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 0.05, 0.1, 0.5, 0.55, 1.5, 1.55]
    frames = list(VideoFile(written(tmp_path / "a.mp4", times)))
    assert [frame.timestamp for frame in frames] == pytest.approx(times, abs=1e-4)


@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_an_error_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / name, Fraction(20)) as video:
        video.write(IMAGES[0], 0)
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with (
        pytest.raises(AuheatError, match="cannot write"),
        VideoWriter(tmp_path / "none" / name, Fraction(20)) as video,
    ):
        video.write(IMAGES[0], 0)
