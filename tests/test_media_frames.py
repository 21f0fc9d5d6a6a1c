from __future__ import annotations

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
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.media import frames as module
from auheat.media import limits
from auheat.media.frames import Frame, PhotoSequence, VideoFile
from stand_ins import texture, write_video


def timestamps(frames: VideoFile | PhotoSequence) -> list[float]:
    return [frame.timestamp for frame in frames]


def noise(count: int, height: int = 96, width: int = 128) -> list[NDArray[Any]]:
    """Pictures that do not compress, so that a cut-off file has lost frames."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (height, width, 3)).astype(np.uint8) for _ in range(count)]


def cut_short(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


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
    gc.disable()
    try:
        assert len(list(VideoFile(path))) == 10
        assert [kept for kept in gc.get_objects() if type(kept) is av.VideoFrame] == []
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

    class Picture:
        def __init__(self, pts: int | None) -> None:
            self.pts, self.time_base = pts, Fraction(1, 1000)

    stream = type("Stream", (), {"start_time": 0, "time_base": Fraction(1, 1000)})()
    time, found = 0.0, []
    for number, pts in enumerate([*stalled, None]):
        time = module._timestamp(Picture(pts), stream, video.rate, number, time)
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


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    pictures = [Pillow.fromarray(texture(seed)) for seed in range(3)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=200)
    assert timestamps(VideoFile(tmp_path / "a.gif")) == pytest.approx([0, 0.2, 0.4])


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_a_truncated_video_gives_its_frames_and_says_so(tmp_path: Path, name: str) -> None:
    video = VideoFile(cut_short(write_video(tmp_path / name, noise(50)), 0.5))
    count = len(list(video))
    assert 15 < count < 35
    assert video.problem is not None
    assert f"truncated after frame {count}" in video.problem


def test_damage_in_the_middle_does_not_end_the_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(50), codec="mjpeg", pix_fmt="yuvj420p")
    content = bytearray(path.read_bytes())
    middle = content.index(b"\xff\xd8", len(content) // 2)
    content[middle : middle + 600] = bytes(600)
    path.write_bytes(content)
    video = VideoFile(path)
    numbers = [frame.number for frame in video]
    assert numbers == list(range(1, len(numbers) + 1))
    assert 45 <= len(numbers) < 50
    assert video.problem is not None
    assert "damaged" in video.problem


def test_whole_videos_have_no_problem(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv", "a.avi", "a.ts"):
        video = VideoFile(write_video(tmp_path / name, noise(20)))
        assert len(list(video)) == 20
        assert video.problem is None, name


def test_a_last_frame_that_stays_is_no_truncation(tmp_path: Path) -> None:
    pictures = [Pillow.fromarray(texture(seed)) for seed in range(3)]
    times = [100, 100, 5000]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=times)
    video = VideoFile(tmp_path / "a.gif")
    assert timestamps(video) == pytest.approx([0, 0.1, 0.2])
    assert video.problem is None


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def test_what_is_no_video_is_said_in_one_line(tmp_path: Path) -> None:
    for name in ("text.mp4", "text.txt", "list.m3u8"):
        (tmp_path / name).write_text("#EXTM3U\n#EXTINF:1,\nclip.mp4\n" * 20)
    (tmp_path / "empty.mp4").touch()
    Pillow.fromarray(texture(0)).save(tmp_path / "picture.png")
    (tmp_path / "picture.png").rename(tmp_path / "picture.mp4")
    headless = cut_short(write_video(tmp_path / "headless.mp4", noise(10)), 0.5)
    for path, reason in (
        (tmp_path / "none.mp4", "no file"),
        (tmp_path, "cannot read"),
        (tmp_path / "empty.mp4", "empty"),
        (tmp_path / "text.mp4", "damaged or holds no video"),
        (tmp_path / "text.txt", "damaged or holds no video"),
        (tmp_path / "list.m3u8", "damaged or holds no video"),
        (tmp_path / "picture.mp4", "damaged or holds no video"),
        (headless, "damaged or holds no video"),
        (sound_only(tmp_path / "sound.mp4"), "damaged or holds no video"),
    ):
        with pytest.raises(AuheatError, match=reason) as caught:
            VideoFile(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


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


def pictures(folder: Path, *images: NDArray[Any]) -> list[Path]:
    paths = [folder / f"{i}.png" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Pillow.fromarray(image).save(path)
    return paths


def test_a_sequence_of_pictures(tmp_path: Path) -> None:
    images = [texture(seed) for seed in range(3)]
    sequence = PhotoSequence(pictures(tmp_path, *images), "walk", fps=12.5)
    frames = list(sequence)
    assert (sequence.name, sequence.count, sequence.rate) == ("walk", 3, Fraction(25, 2))
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.08, 0.16])
    np.testing.assert_array_equal(frames[2].image, images[2])
    assert sequence.problem is None


def test_a_sequence_keeps_one_size(tmp_path: Path) -> None:
    sequence = PhotoSequence(
        pictures(tmp_path, texture(0), texture(1), texture(2, 90, 144)), "walk", fps=30
    )
    assert len(list(sequence)) == 2
    assert sequence.problem is not None
    assert "2.png has 144x90 pixels" in sequence.problem
    assert "160x90" in sequence.problem


def test_a_sequence_ends_at_what_cannot_be_read(tmp_path: Path) -> None:
    paths = pictures(tmp_path, texture(0), texture(1), texture(2))
    paths[1].write_text("not a picture")
    sequence = PhotoSequence(paths, "walk", fps=30)
    assert [type(frame) for frame in sequence] == [Frame]
    assert sequence.problem is not None
    assert "after frame 1" in sequence.problem
    with pytest.raises(AuheatError, match="not a picture"):
        list(PhotoSequence(paths[1:], "walk", fps=30))


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sequence_needs_a_rate(fps: float) -> None:
    with pytest.raises(AuheatError, match="more than 0"):
        PhotoSequence([], "walk", fps=fps)


def test_slow_sequences(tmp_path: Path) -> None:
    """One picture a day."""
    paths = pictures(tmp_path, texture(0), texture(1))
    assert timestamps(PhotoSequence(paths, "plants", fps=1 / 86400)) == pytest.approx([0, 86400])


@pytest.mark.parametrize("matrix", range(18))
def test_every_matrix_is_read_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matrix: int
) -> None:
    """All coefficients of H.273. FFmpeg converts 0 to 9; others are near one of them or refused."""
    path = write_video(tmp_path / "a.mp4", [texture(3)] * 3)
    decoded = module._decoded

    def claiming(*arguments: Any) -> Iterator[list[Any] | None]:
        for pictures in decoded(*arguments):
            for picture in pictures or ():
                picture.colorspace = matrix
            yield pictures

    monkeypatch.setattr(module, "_decoded", claiming)
    if matrix in (8, 11, 14, 15, 16, 17):
        with pytest.raises(AuheatError, match=rf"\(matrix coefficients {matrix}, .*BT.709 first$"):
            list(VideoFile(path))
        return
    (frame, *_) = VideoFile(path)
    limit = 200 if matrix == 0 else 40  # 0 says that the planes are green, blue and red
    assert np.abs(frame.image.astype(int) - texture(3)).mean() < limit


def test_what_makes_readings_worse_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", [texture(3)] * 3)
    video = VideoFile(path)
    assert len(list(video)) == 3
    assert video.notes == ()
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        picture = type("Picture", (), {"interlaced_frame": True, "color_trc": transfer})()
        interlaced, hdr = module._notes(picture)
        assert "it is interlaced" in interlaced
        assert f"HDR ({name})" in hdr


def test_a_late_start_is_no_truncation(tmp_path: Path) -> None:
    """Matroska states the time of its end, here 7 s, of which only 2 s are recorded."""
    path = write_video(tmp_path / "a.mkv", noise(50), [5000 + 40 * i for i in range(50)])
    video = VideoFile(path)
    assert len(list(video)) == 50
    assert video.problem is None
    assert video.count == pytest.approx(50, abs=2)


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
