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
from auheat.media import containers, limits
from auheat.media import frames as module
from auheat.media.frames import Frame, ImageSequence, VideoFile
from stand_ins import texture, write_video


def timestamps(frames: VideoFile | ImageSequence) -> list[float]:
    return [frame.timestamp for frame in frames]


def noise(count: int, height: int = 96, width: int = 128) -> list[NDArray[Any]]:
    """Images that do not compress, so that a cut-off file has lost frames."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (height, width, 3)).astype(np.uint8) for _ in range(count)]


def cut_short(path: Path, fraction: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
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


def test_an_animated_gif_is_a_video(tmp_path: Path) -> None:
    images = [Pillow.fromarray(texture(seed)) for seed in range(3)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=200)
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
    images = [Pillow.fromarray(texture(seed)) for seed in range(3)]
    times = [100, 100, 5000]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=times)
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
    Pillow.fromarray(texture(0)).save(tmp_path / "image.png")
    (tmp_path / "image.png").rename(tmp_path / "image.mp4")
    headless = cut_short(write_video(tmp_path / "headless.mp4", noise(10)), 0.5)
    for path, reason in (
        (tmp_path / "none.mp4", "no file"),
        (tmp_path, "cannot read"),
        (tmp_path / "empty.mp4", "empty"),
        (tmp_path / "text.mp4", "damaged or holds no video"),
        (tmp_path / "text.txt", "damaged or holds no video"),
        (tmp_path / "list.m3u8", "damaged or holds no video"),
        (tmp_path / "image.mp4", "damaged or holds no video"),
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


def image_files(folder: Path, *images: NDArray[Any]) -> list[Path]:
    paths = [folder / f"{i}.png" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Pillow.fromarray(image).save(path)
    return paths


def test_a_sequence_of_images(tmp_path: Path) -> None:
    images = [texture(seed) for seed in range(3)]
    sequence = ImageSequence(image_files(tmp_path, *images), "walk", fps=12.5)
    frames = list(sequence)
    assert (sequence.name, sequence.count, sequence.rate) == ("walk", 3, Fraction(25, 2))
    assert [frame.number for frame in frames] == [1, 2, 3]
    assert [frame.timestamp for frame in frames] == pytest.approx([0, 0.08, 0.16])
    np.testing.assert_array_equal(frames[2].image, images[2])
    assert sequence.problem is None


def test_a_sequence_keeps_one_size(tmp_path: Path) -> None:
    sequence = ImageSequence(
        image_files(tmp_path, texture(0), texture(1), texture(2, 90, 144)), "walk", fps=30
    )
    assert len(list(sequence)) == 2
    assert sequence.problem is not None
    assert "2.png has 144x90 pixels" in sequence.problem
    assert "160x90" in sequence.problem


def test_a_sequence_ends_at_what_cannot_be_read(tmp_path: Path) -> None:
    paths = image_files(tmp_path, texture(0), texture(1), texture(2))
    paths[1].write_text("not an image")
    sequence = ImageSequence(paths, "walk", fps=30)
    assert [type(frame) for frame in sequence] == [Frame]
    assert sequence.problem is not None
    assert "after frame 1" in sequence.problem
    with pytest.raises(AuheatError, match="not an image"):
        list(ImageSequence(paths[1:], "walk", fps=30))


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sequence_needs_a_rate(fps: float) -> None:
    with pytest.raises(AuheatError, match="more than 0"):
        ImageSequence([], "walk", fps=fps)


def test_slow_sequences(tmp_path: Path) -> None:
    """One image a day."""
    paths = image_files(tmp_path, texture(0), texture(1))
    assert timestamps(ImageSequence(paths, "plants", fps=1 / 86400)) == pytest.approx([0, 86400])


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


def moving(seconds: float) -> NDArray[np.float64]:
    """(180, 320, 3): rings that go to and fro."""
    y, x = np.mgrid[:180, :320].astype(float)
    across = x - 160 - 60 * np.sin(2 * np.pi * seconds * 1.2)
    distance = np.hypot(across, y - 90 - 15 * np.sin(2 * np.pi * seconds * 0.7))
    grey = np.where(distance < 60, 160 + 60 * np.sin(distance / 4), 60 + 30 * np.sin(x / 9))
    return np.repeat(grey[..., np.newaxis], 3, 2)


def test_the_fields_of_interlaced_video_become_one_image(tmp_path: Path) -> None:
    """Bottom fields lie at the frame's time, top fields 20 ms later. As it is, it is off by 5.3."""
    images = []
    for index in range(25):
        image = moving(index / 25)
        image[0::2] = moving(index / 25 + 0.02)[0::2]
        images.append(image.clip(0, 255).astype(np.uint8))
    path = tmp_path / "a.mp4"
    settings = {"crf": "5", "flags": "+ildct+ilme", "x264opts": "bff=1"}
    write_video(path, images, codec="libx264", options=settings)
    video = VideoFile(path)
    frames = list(video)
    assert timestamps(video) == pytest.approx([i / 25 for i in range(25)], abs=1e-6)
    assert video.problem is None
    assert [note.split(";")[0] for note in video.notes] == ["it is interlaced"]
    off = [
        np.abs(frame.image - moving(index / 25).clip(0, 255)).mean()
        for index, frame in enumerate(frames)
    ]
    assert np.mean(off) < 1.5  # .5 if it is recorded frame by frame


def hdr_video(path: Path, image: NDArray[np.uint8], transfer: int) -> Path:
    """An image as HDR would have it, by the formulas of BT.2100 and BT.2020, in 10 bits."""
    to_2020 = np.linalg.inv(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    )
    light = np.clip((image / 255) ** 2.4 @ to_2020.T, 0, None) * 203  # cd/m2
    if transfer == 16:
        y = (light / 10000) ** (2610 / 16384)
        signal = ((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32)
    else:
        shown = light / 1000
        luminance = np.maximum(shown @ [0.2627, 0.6780, 0.0593], 1e-9)[..., np.newaxis]
        scene = shown / luminance ** (0.2 / 1.2)
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        bright = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
        signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    luma = signal @ [0.2627, 0.6780, 0.0593]
    blue, red = (signal[..., 2] - luma) / 1.8814, (signal[..., 0] - luma) / 1.4746
    height, width = luma.shape
    frame = av.VideoFrame(width, height, "yuv444p10le")
    planes = 64 + 876 * luma, 512 + 896 * blue, 512 + 896 * red
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((height, plane.line_size // 2), np.uint16)
        padded[:, :width] = np.rint(values)
        plane.update(padded.tobytes())
    tags = {"colorspace": 9, "color_range": 1, "color_trc": transfer, "color_primaries": 9}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv444p10le"
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
            setattr(frame, name, value)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_colours_come_out_as_they_were_before(tmp_path: Path, transfer: int, name: str) -> None:
    image = texture(3)
    video = VideoFile(hdr_video(tmp_path / "a.mkv", image, transfer))
    (frame,) = video
    assert np.abs(frame.image.astype(int) - image).max() <= 4  # 10 bits hold it so well
    (note,) = video.notes
    assert f"HDR ({name})" in note


ENDINGS = {
    "a.ts": ("mpegts", "mpeg2video", {}),
    "b.ts": ("mpegts", "libx264", {}),
    "a.ogv": ("ogg", "libvpx", {}),
    "a.flv": ("flv", "flv", {}),
    "a.wmv": ("asf", "wmv2", {}),
    "a.mpg": ("mpeg", "mpeg2video", {}),
    "a.vob": ("vob", "mpeg2video", {}),
    "a.mxf": ("mxf", "mpeg2video", {}),
    "a.mkv": ("matroska", "libx264", {}),
    "a.avi": ("avi", "mpeg4", {}),
    "a.gif": ("gif", "gif", {"pix_fmt": "rgb8"}),
}


def encoded(path: Path, images: list[NDArray[Any]]) -> Path:
    """A video of the container and codec that `ENDINGS` names for its file."""
    kind, codec, settings = ENDINGS[path.name]
    with av.open(str(path), "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = settings.get("pix_fmt", "yuv420p")
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", list(ENDINGS))
@pytest.mark.parametrize("fraction", [0.5, 0.75, 0.9])
def test_every_container_says_that_it_breaks_off(
    tmp_path: Path, name: str, fraction: float
) -> None:
    """Those that state no length were taken for whole: ts, mpg, ogv, flv and wmv."""
    path = encoded(tmp_path / name, noise(50))
    whole = VideoFile(path)
    assert len(list(whole)) == 50
    assert whole.problem is None
    cut = VideoFile(cut_short(path, fraction))
    assert 0 < len(list(cut)) < 50
    assert cut.problem is not None


@pytest.mark.parametrize("name", ["a.ts", "b.ts", "a.avi", "a.flv", "a.mpg"])
def test_damage_inside_is_said(tmp_path: Path, name: str) -> None:
    """A decoder conceals it: 85 of 125 frames were off, without a word."""
    path = encoded(tmp_path / name, noise(50))
    content = bytearray(path.read_bytes())
    for at in range(20):
        content[int(len(content) * (0.3 + 0.02 * at))] ^= 0xFF
    path.write_bytes(content)
    video = VideoFile(path)
    assert list(video)
    assert video.problem is not None
    assert "damaged" in video.problem


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
