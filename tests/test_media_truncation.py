"""Videos that break off, are damaged, or are none: what is read of them, and what is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.media.endings import breaks_off
from auheat.media.frames import VideoFile
from stand_ins import texture, timestamps, write_video


def noise(count: int, height: int = 96, width: int = 128) -> list[NDArray[Any]]:
    """Images that do not compress, so that a cut-off file has lost frames."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (height, width, 3)).astype(np.uint8) for _ in range(count)]


def cut_short(path: Path, fraction: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    return path


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
    for name in ("text.mp4", "text.txt", "list.m3u8", "text.tif"):
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
        (tmp_path / "text.tif", "damaged or of a kind that is not read"),
        (tmp_path / "list.m3u8", "damaged or holds no video"),
        (tmp_path / "image.mp4", "damaged or holds no video"),
        (headless, "damaged or holds no video"),
        (sound_only(tmp_path / "sound.mp4"), "damaged or holds no video"),
    ):
        with pytest.raises(AuheatError, match=reason) as caught:
            VideoFile(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize(
    ("kind", "codec", "headers"),
    [
        *(("mpeg2video", "mpeg2video", 8), ("m4v", "mpeg4", 15)),
        *(("h264", "libx264", 12), ("hevc", "libx265", 20)),
    ],
)
def test_headers_that_no_frame_follows(tmp_path: Path, kind: str, codec: str, headers: int) -> None:
    """A bare stream may end behind any frame, but not behind what announces one."""
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = tmp_path / "a"
    with av.open(str(path), "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.options = {"g": "4", "bf": "0", "x265-params": "log-level=none"}
        for image in noise(9):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    content = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.is_keyframe]
    begins = [packet.pos for packet in packets if packet.pos is not None]
    for at in begins[-2:]:
        for more, says in ((0, False), (headers, True)):
            path.write_bytes(content[: at + more])
            video = VideoFile(path)
            assert 0 < len(list(video)) < 9
            assert bool(video.problem) == says, (at, more)
    path.write_bytes(content)
    whole = VideoFile(path)
    assert (len(list(whole)), whole.problem) == (9, None)


@pytest.mark.parametrize(
    ("colours", "samples"),
    [
        *(("C420jpeg", 1.5), ("C422", 2), ("C411", 1.5), ("C444", 3), ("Cmono", 1), ("", 1.5)),
        *(("C420p10", 3), ("C444p12", 6), ("Cmono10", 2), ("C444alpha", 4)),
    ],
)
def test_a_cut_y4m_is_said_to_be_one(tmp_path: Path, colours: str, samples: float) -> None:
    path = tmp_path / "a.y4m"
    frame = b"FRAME\n" + bytes(int(96 * 48 * samples))
    head = f"YUV4MPEG2 W96 H48 F25:1 Ip A1:1 {colours}\n".encode()
    for more in (-1, 0, 3, 6, 500):
        path.write_bytes(head + 3 * frame + frame[: max(more, 0)])
        if more < 0:
            path.write_bytes((head + 3 * frame)[:more])
        assert breaks_off(path, "yuv4mpegpipe") == (more != 0), more
        if colours == "C420jpeg":
            video = VideoFile(path)
            assert len(list(video)) == (2 if more < 0 else 3)
            assert bool(video.problem) == (more != 0)


@pytest.mark.parametrize("end", ["gif", "mxf"])
def test_a_cut_is_said_wherever_it_is(tmp_path: Path, end: str) -> None:
    """A GIF may break off behind a byte that ends GIFs; an MXF file in its last half second."""
    codec, pixels = {"gif": ("gif", "rgb8"), "mxf": ("mpeg2video", "yuv420p")}[end]
    path = tmp_path / f"a.{end}"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, pixels
        for image in noise(6):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = path.read_bytes()
    assert not breaks_off(path, end)
    last = content.rfind(b"\x0d\x01\x02\x01\x01\x04") + 32  # in the footer
    if end == "gif":
        ends = [at for at in range(len(content) // 2, len(content)) if content[at - 1] == 0x3B]
    else:
        ends = [*range(len(content) // 2, last, 97)]
    assert len(ends) > 20
    for at in ends:
        path.write_bytes(content[:at])
        assert breaks_off(path, end), at


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
