"""Frames of videos: in order, at their times, upright, and of square pixels."""

from __future__ import annotations

import errno
import gc
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.inference.sources import open_source
from auheat.media import containers, limits
from auheat.media import frames as module
from auheat.media.frames import VideoFile
from stand_ins import texture, timestamps, write_video


def test_frames_come_in_order_with_their_colours(tmp_path: Path) -> None:
    images = [texture(seed) for seed in range(5)]
    frames = list(VideoFile(write_video(tmp_path / "a.mp4", images)))
    assert [frame.number for frame in frames] == [1, 2, 3, 4, 5]
    for frame, image in zip(frames, images, strict=True):
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == image.shape
        assert np.abs(frame.image.astype(int) - image).mean() < 16  # lossy, and colour at half size
        others = [np.abs(frame.image.astype(int) - other).mean() for other in images]
        assert np.argmin(others) == frame.number - 1


def test_no_frame_waits_for_the_collector_of_cycles(tmp_path: Path) -> None:
    """Each held its pixels and threads that convert them: a server grew by 38 MB a video."""
    path = write_video(tmp_path / "a.mp4", [texture(0)] * 10)
    gc.collect()

    def frames() -> set[int]:
        return {id(kept) for kept in gc.get_objects() if type(kept) is av.VideoFrame}

    before = frames()  # of tests that keep theirs
    gc.disable()
    try:
        assert len(list(VideoFile(path))) == 10
        assert frames() <= before
    finally:
        gc.enable()


def test_header(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4", [texture(0)] * 10))
    assert (video.count, video.rate, video.problem) == (10, Fraction(25), None)
    assert video.name.endswith("a.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path, name: str) -> None:
    times = [0, 33, 66, 100, 900, 950, 2000]
    video = VideoFile(write_video(tmp_path / name, [texture(0)] * 7, times))
    assert timestamps(video) == pytest.approx([t / 1000 for t in times], abs=1e-6)
    assert video.problem is None


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_time_counts_from_the_first_frame(tmp_path: Path, name: str) -> None:
    """A recording that begins at 5 seconds; MPEG-TS adds an offset of its own."""
    path = write_video(tmp_path / name, [texture(0)] * 3, [5000, 5040, 5080])
    assert timestamps(VideoFile(path)) == pytest.approx([0, 0.04, 0.08], abs=1e-6)


def test_missing_timestamps_follow_from_the_rate(tmp_path: Path) -> None:
    """A bare MPEG-4 stream has none."""
    path = write_video(tmp_path / "a.m4v", [texture(0)] * 5)
    video = VideoFile(path)
    assert timestamps(video) == pytest.approx([i / float(video.rate) for i in range(5)])
    assert len(timestamps(video)) == 5


def test_time_always_advances(tmp_path: Path) -> None:
    """Two frames within the same millisecond."""
    path = write_video(tmp_path / "a.mkv", [texture(0)] * 4, [0, 40, 80, 120])
    video = VideoFile(path)
    stalled = [0, 40, 40, 120]

    class Packet:
        def __init__(self, pts: int | None) -> None:
            self.pts, self.time_base = pts, Fraction(1, 1000)

    stream = type("Stream", (), {"start_time": 0, "time_base": Fraction(1, 1000)})()
    time, found = 0.0, []
    for number, pts in enumerate([*stalled, None]):
        time = module._timestamp(Packet(pts), stream, video.rate, number, time)
        found.append(time)
    assert found == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


def rotated(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Puts a matrix into the track header of an MP4 (ISO/IEC 14496-12, 8.3.2)."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    one = 1 << 16
    matrix = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    content[place : place + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("matrix", "turns"),
    [((1, 0, 0, 1), 0), ((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation_and_mirroring_are_undone(
    tmp_path: Path, matrix: tuple[int, ...], turns: int, mirrored: bool
) -> None:
    """(0, 1, -1, 0) asks the player for a quarter turn clockwise, as phones held upright do."""
    stored = texture(3)
    shown = np.rot90(stored, turns)
    if mirrored:  # left and right of what is shown: x' becomes -x'
        a, b, c, d = matrix
        matrix, shown = (-a, b, -c, d), shown[:, ::-1]
    path = rotated(write_video(tmp_path / "a.mp4", [stored] * 3), *matrix)
    (frame, *_) = VideoFile(path)
    assert frame.image.shape == shown.shape
    assert frame.image.flags.c_contiguous
    assert np.abs(frame.image.astype(int) - shown).mean() < 16


def test_pixels_become_square(tmp_path: Path) -> None:
    """Stored 96 wide with pixels twice as wide as high: a player shows 192."""
    image = texture(0, 90, 96)
    path = write_video(
        tmp_path / "a.mp4", [image] * 3, codec="mpeg4", sample_aspect_ratio=Fraction(2, 1)
    )
    (frame, *_) = VideoFile(path)
    assert frame.image.shape == (90, 192, 3)


def test_iterating_again_starts_anew(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.mp4", [texture(i) for i in range(4)]))
    first, again = list(video), list(video)
    assert [frame.number for frame in again] == [1, 2, 3, 4]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_a_video_is_opened_once_for_its_header_and_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[str] = []
    opening = av.open

    def count(*args: Any, **how: Any) -> Any:
        times.append("")
        return opening(*args, **how)

    monkeypatch.setattr(av, "open", count)
    video = VideoFile(write_video(tmp_path / "a.mp4", [texture(i) for i in range(4)]))
    times.clear()
    video = VideoFile(video.path)
    assert video.count == len(list(video)) == 4
    assert len(times) == 1
    assert len(list(video)) == 4
    assert len(times) == 2


@pytest.mark.parametrize(("width", "threaded"), [(1280, False), (1296, True)])
def test_only_large_frames_are_decoded_by_several_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, threaded: bool
) -> None:
    path = write_video(tmp_path / "a.mp4", [np.zeros((720, width, 3), np.uint8)] * 3)
    kept: list[Any] = []
    opening = av.open

    def keep(*args: Any, **how: Any) -> Any:
        kept.append(opening(*args, **how))
        return kept[-1]

    monkeypatch.setattr(av, "open", keep)
    frames = iter(VideoFile(path))
    next(frames)
    assert bool(kept[-1].streams.video[0].thread_type.value) == threaded
    assert len(list(frames)) == 2


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    images = [Pillow.fromarray(texture(seed)) for seed in range(3)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=200)
    assert timestamps(VideoFile(tmp_path / "a.gif")) == pytest.approx([0, 0.2, 0.4])


@pytest.mark.slow
def test_decoding_takes_constant_memory(tmp_path: Path) -> None:
    """Keeping the frames of the longer video would take 150 MB."""
    process = psutil.Process()
    short = write_video(tmp_path / "short.mp4", [texture(0)] * 300)
    long = write_video(tmp_path / "long.mp4", [texture(0)] * 3000)
    sum(1 for _ in VideoFile(short))
    before = process.memory_info().rss
    assert sum(1 for _ in VideoFile(long)) == 3000
    assert process.memory_info().rss - before < 30e6


@pytest.mark.parametrize("matrix", range(18))
def test_every_matrix_is_read_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matrix: int
) -> None:
    """All coefficients of H.273. FFmpeg converts 0 to 9; others are near one of them or refused."""
    path = write_video(tmp_path / "a.mp4", [texture(3)] * 3)
    decoded = containers.decoded

    def claiming(*arguments: Any) -> Iterator[list[Any] | None]:
        for frames in decoded(*arguments):
            for frame in frames or ():
                frame.colorspace = matrix
            yield frames

    monkeypatch.setattr(module, "decoded", claiming)
    if matrix in (8, 11, 14, 15, 16, 17):
        with pytest.raises(AuheatError, match=rf"\(matrix coefficients {matrix}, .*BT.709 first$"):
            list(VideoFile(path))
        return
    (frame, *_) = VideoFile(path)
    limit = 200 if matrix == 0 else 40  # 0 says that the planes are green, blue and red
    assert np.abs(frame.image.astype(int) - texture(3)).mean() < limit


def test_a_name_like_a_protocol_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("P01: a.mp4", "http:a.mp4", "concat:a|b.mp4", "-i.mp4", "a%03d.mp4"):
        write_video(tmp_path / "a.mp4", [texture(3)] * 3).rename(name)
        assert len(list(VideoFile(name))) == 3


def test_frames_that_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", [texture(3)] * 3)
    monkeypatch.setattr(limits, "MAX_PIXELS", 160 * 90 - 1)
    with pytest.raises(AuheatError, match="has 160x90 pixels: at most"):
        list(VideoFile(path))


def test_a_video_that_is_not_read_holds_no_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [texture(i) for i in range(4)])
    videos = [open_source(path, 30.0) for _ in range(3)]
    assert str(path) not in {file.path for file in psutil.Process().open_files()}
    assert [len(list(video)) for video in videos] == [4, 4, 4]
    assert len(list(videos[0])) == 4


@pytest.mark.parametrize("which", ["python", "ffmpeg"])
def test_too_many_open_files_are_not_called_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    path = write_video(tmp_path / "a.mp4", [texture(i) for i in range(4)])

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    if which == "python":
        monkeypatch.setattr(Path, "open", refuse)
    else:
        monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(AuheatError, match=r"^cannot read .*a\.mp4: too many files are open"):
        VideoFile(path)
