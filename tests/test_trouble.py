"""A corpus of trouble: thousands of files that are damaged, unusual or misnamed. Slow.

All of them are made here, from fixed seeds, and small. Each must end in a table or in one line, in
time, with as many frames as FFmpeg's own program gives: another build than the one in PyAV, with
its own way through a file (`imageio-ffmpeg`, or `ffmpeg` of the system). `AUHEAT_TROUBLE=200` makes
that many cases of each kind of damage instead of the usual number.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.inputs import Input
from auheat.inference.jobs import PredictionJob
from auheat.inference.outcome import Outcome
from auheat.inference.predictor import load
from auheat.inference.writers import Outputs
from auheat.media.frames import VideoFile
from auheat.media.images import is_image, read_image
from corpus_clips import frames as smiles
from stand_ins import KnownFaces, small_checkpoint, write_video

pytestmark = pytest.mark.slow

PER_KIND = int(os.environ.get("AUHEAT_TROUBLE", "30"))
LIMIT_S = 20  # for one case of some 20 frames
HEIGHT, WIDTH, FRAMES = 48, 64, 25

# Name of the file: container, codec, format of pixels, options.
VIDEOS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "a.mp4": ("mp4", "mpeg4", "yuv420p", {}),
    "b.mp4": ("mp4", "libx264", "yuv420p", {"movflags": "faststart"}),
    "c.mp4": ("mp4", "libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    "d.mp4": ("mp4", "libx264", "yuv420p10le", {}),
    "e.mp4": ("mp4", "libx264", "yuv444p", {}),
    "a.mov": ("mov", "mpeg4", "yuv420p", {}),
    "b.mov": ("mov", "prores_ks", "yuv422p10le", {}),
    "c.mov": ("mov", "png", "rgba", {}),
    "a.mkv": ("matroska", "libx264", "yuv420p", {}),
    "b.mkv": ("matroska", "ffv1", "gray16le", {}),
    "c.mkv": ("matroska", "ffv1", "yuva420p", {}),
    "a.webm": ("webm", "libvpx", "yuv420p", {}),
    "b.webm": ("webm", "libvpx-vp9", "yuv420p", {"cpu-used": "8"}),
    "a.avi": ("avi", "mpeg4", "yuv420p", {}),
    "b.avi": ("avi", "mjpeg", "yuvj420p", {}),
    "a.ts": ("mpegts", "mpeg2video", "yuv420p", {}),
    "b.ts": ("mpegts", "libx264", "yuv420p", {}),
    "a.mpg": ("mpeg", "mpeg2video", "yuv420p", {}),
    "a.vob": ("vob", "mpeg2video", "yuv420p", {}),
    "a.m2v": ("mpeg2video", "mpeg2video", "yuv420p", {}),
    "a.flv": ("flv", "flv", "yuv420p", {}),
    "b.flv": ("flv", "libx264", "yuv420p", {}),
    "a.wmv": ("asf", "wmv2", "yuv420p", {}),
    "a.asf": ("asf", "msmpeg4", "yuv420p", {}),
    "a.mxf": ("mxf", "mpeg2video", "yuv420p", {}),
    "a.ogv": ("ogg", "libvpx", "yuv420p", {}),
    "a.3gp": ("3gp", "mpeg4", "yuv420p", {}),
    "a.m4v": ("m4v", "mpeg4", "yuv420p", {}),
    "a.gif": ("gif", "gif", "rgb8", {}),
    "a.nut": ("nut", "mpeg4", "yuv420p", {}),
    "a.ivf": ("ivf", "libvpx", "yuv420p", {}),
}
IMAGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a.jpg": ("JPEG", "RGB", {}),
    "b.jpg": ("JPEG", "CMYK", {}),
    "c.jpg": ("JPEG", "L", {"progressive": True}),
    "a.png": ("PNG", "RGB", {}),
    "b.png": ("PNG", "RGBA", {}),
    "c.png": ("PNG", "I;16", {}),
    "d.png": ("PNG", "P", {}),
    "a.bmp": ("BMP", "RGB", {}),
    "a.tif": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "b.tif": ("TIFF", "CMYK", {}),
    "c.tif": ("TIFF", "I;16", {}),
    "a.webp": ("WEBP", "RGBA", {}),
    "a.gif": ("GIF", "P", {}),
    "a.jp2": ("JPEG2000", "RGB", {}),
    "a.avif": ("AVIF", "RGB", {}),
    "a.ppm": ("PPM", "RGB", {}),
}


def noise(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(count)]


@cache
def video(name: str) -> bytes:
    """A whole video of `FRAMES` frames."""
    kind, codec, pixels, options = VIDEOS[name]
    with (
        tempfile.TemporaryDirectory() as folder,
        av.open(path := f"{folder}/{name}", "w", format=kind, options=options) as container,
    ):
        track: Any = container.add_stream(codec, rate=25)
        track.height, track.width, track.pix_fmt = HEIGHT, WIDTH, pixels
        if codec not in ("gif", "png", "prores_ks", "ffv1"):
            track.options = {"g": "6"}
        for index, image in enumerate(noise(FRAMES)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(track.encode(frame))
        container.mux(track.encode())
        container.close()
        return Path(path).read_bytes()


@cache
def image_file(name: str) -> bytes:
    """A whole image."""
    kind, mode, options = IMAGES[name]
    (image,) = noise(1)
    opened = Pillow.fromarray(image)
    if mode == "I;16":
        opened = Pillow.fromarray(image[..., 0].astype(np.uint16) * 257)
    elif mode != "RGB":
        opened = opened.convert(mode)
    stream = io.BytesIO()
    opened.save(stream, kind, **options)
    return stream.getvalue()


def truncated(content: bytes, generator: np.random.Generator) -> bytes:
    return content[: int(generator.integers(1, len(content)))]


def flipped(content: bytes, generator: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(generator.integers(1, 30))):
        changed[int(generator.integers(len(changed)))] ^= 1 << int(generator.integers(8))
    return bytes(changed)


def zeroed(content: bytes, generator: np.random.Generator) -> bytes:
    start = int(generator.integers(len(content)))
    length = int(generator.integers(1, max(len(content) // 3, 2)))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "truncated": truncated,
    "flipped": flipped,
    "zeroed": zeroed,
}


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Whatever takes longer is a hang."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it takes more than {seconds} s")

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def ffmpeg() -> str | None:
    """FFmpeg's own program."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return shutil.which("ffmpeg")
    found: str = imageio_ffmpeg.get_ffmpeg_exe()
    return found


FFMPEG = ffmpeg()


def frames_of(path: Path) -> int:
    """What FFmpeg's program gives for the first video, in one thread."""
    if FFMPEG is None:
        return frames_of_a_loop(path)
    words = ["-nostdin", "-v", "quiet", "-threads", "1", "-i", f"file:{path}", "-map", "0:v:0"]
    words += ["-fps_mode", "passthrough", "-f", "framecrc", "-"]
    done = subprocess.run([FFMPEG, *words], capture_output=True, timeout=LIMIT_S, check=False)
    return sum(1 for line in done.stdout.splitlines() if line and not line.startswith(b"#"))


def frames_of_a_loop(path: Path) -> int:
    """The same by a plain loop, in one thread, where the program is missing."""
    count = 0
    with (
        suppress(av.FFmpegError, OSError, ValueError, IndexError),
        av.open(f"file:{path}", metadata_errors="replace") as container,
    ):
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        packets = container.demux(stream)
        with suppress(av.FFmpegError, OSError):
            while (packet := next(packets, None)) is not None:
                with suppress(av.FFmpegError, OSError):
                    count += len(packet.decode())
        count += len(stream.decode(None))
    return count


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> PredictionJob:
    """Nobody is in these images, as faces and network are not the point."""
    predictor = FacePredictor(small_checkpoint(), KnownFaces([[]]))
    return PredictionJob(predictor, Outputs(tmp_path_factory.mktemp("out")))


# How many cases every test made, by its name.
CASES = Counter[str]()


@pytest.fixture(autouse=True)
def _named(request: pytest.FixtureRequest) -> None:
    Trouble.test = request.node.name


class Trouble:
    """Reads cases, and counts what became of them."""

    test = ""

    def __init__(self, job: PredictionJob) -> None:
        self._job, self.seen = job, Counter[str]()

    def read(self, path: Path, name: str) -> Outcome:
        """One case, which must end in time, in a table or one line."""
        CASES[self.test] += 1
        with limited(LIMIT_S):
            outcome = self._job.read(Input(path, "file", name))
        if outcome.problem:
            assert "\n" not in outcome.problem
            assert "unexpected" not in outcome.problem, outcome.problem
        left = [p for p in self._job.outputs.folder.iterdir() if p.name.startswith(".")]
        assert not left, left
        self.seen["read" if outcome.files else "refused"] += 1
        self.seen["said"] += outcome.problem is not None
        return outcome


def damaged(content: bytes, how: str, number: int, path: Path) -> Path:
    """A case; the same number gives the same file."""
    generator = np.random.default_rng([number, len(how), len(content)])
    path.write_bytes(DAMAGES[how](content, generator))
    return path


@pytest.mark.parametrize("name", list(VIDEOS))
def test_damaged_videos(job: PredictionJob, tmp_path: Path, name: str) -> None:
    """As many rows as the decoder gives frames; where one is missing at the end, that is said."""
    trouble, memory = Trouble(job), psutil.Process()
    whole = tmp_path / name
    whole.write_bytes(video(name))
    outcome = trouble.read(whole, "whole")
    assert (outcome.frames, outcome.problem) == (FRAMES, None)
    before = memory.memory_info().rss
    for how in DAMAGES:
        for number in range(PER_KIND // 2):
            path = damaged(video(name), how, number, whole)
            found = trouble.read(path, "case")
            expected = frames_of(path)
            if found.files:
                assert found.frames == expected, (how, number)
                is_whole = found.frames == FRAMES or may_be_silent(name, path.stat().st_size)
                if how == "truncated" and not is_whole:
                    assert found.problem, (how, number, found.frames)
            else:
                assert expected == 0 or found.problem, (how, number, found.problem)
    assert memory.memory_info().rss - before < 200e6
    print(f"{name}: {dict(trouble.seen)}")


# Bare streams have no end of their own, program streams need none, and the index of NUT is
# optional: what ends between two packets is whole. The first bytes of MPEG-4 frames say nothing.
ENDS_ANYWHERE = {"a.m2v": 0, "a.m4v": 16, "a.mpg": 0, "a.vob": 0, "a.nut": 16}


@cache
def packet_starts(name: str) -> tuple[int, ...]:
    opened: Any = av.open(io.BytesIO(video(name)))
    with opened as container:
        return tuple(packet.pos for packet in container.demux(video=0) if packet.pos is not None)


def may_be_silent(name: str, length: int) -> bool:
    """Whether a file may be cut to so many bytes without a word."""
    into = [length - start for start in packet_starts(name) if start <= length]
    return name in ENDS_ANYWHERE and bool(into) and min(into) <= ENDS_ANYWHERE[name]


@pytest.mark.parametrize("name", list(IMAGES))
def test_damaged_images(job: PredictionJob, tmp_path: Path, name: str) -> None:
    trouble = Trouble(job)
    path = tmp_path / name
    path.write_bytes(image_file(name))
    assert trouble.read(path, "whole").frames == 1
    for how in DAMAGES:
        for number in range(PER_KIND // 2):
            path = damaged(image_file(name), how, number, path)
            outcome = trouble.read(path, "case")
            assert outcome.frames <= max(1, frames_of(path))
    print(f"{name}: {dict(trouble.seen)}")


def test_wrong_endings(job: PredictionJob, tmp_path: Path) -> None:
    """What a file is, its content says."""
    trouble = Trouble(job)
    for name in VIDEOS:
        for end in (".jpg", ".mp4", ".avi", ".ts", ".csv", ""):
            path = tmp_path / f"x{end}"
            path.write_bytes(video(name))
            outcome = trouble.read(path, "case")
            assert outcome.frames == frames_of(path) or outcome.problem, (name, end)
    for name in IMAGES:
        for end in (".mp4", ".png", ".mkv", ".txt"):
            path = tmp_path / f"x{end}"
            path.write_bytes(image_file(name))
            assert trouble.read(path, "case").frames == 1, (name, end)


@pytest.mark.parametrize("start", [0, 1000, 90_000])
def test_variable_rates_and_late_starts(job: PredictionJob, tmp_path: Path, start: int) -> None:
    trouble = Trouble(job)
    generator = np.random.default_rng(start)
    for number in range(PER_KIND // 2):
        name = ("a.mp4", "a.mkv", "a.mov", "b.ts")[number % 4]
        kind, codec, pixels, _ = VIDEOS[name]
        times = start + np.cumsum(generator.integers(5, 400, FRAMES))
        path = tmp_path / name
        with av.open(str(path), "w", format=kind) as container:
            track: Any = container.add_stream(codec, rate=25)
            track.height, track.width, track.pix_fmt = HEIGHT, WIDTH, pixels
            track.codec_context.time_base = Fraction(1, 1000)
            for image, time in zip(noise(FRAMES), times.tolist(), strict=True):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = int(time), Fraction(1, 1000)
                container.mux(track.encode(frame))
            container.mux(track.encode())
        stamps = [frame.timestamp for frame in VideoFile(path)]
        expected = (times - times[0]) / 1000
        assert stamps == pytest.approx(expected.tolist(), abs=0.002), (name, number)
        assert trouble.read(path, "case").frames == FRAMES


@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 7, 9])
@pytest.mark.parametrize("full", [0, 1])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_colours_are_those_that_were_recorded(
    tmp_path: Path, matrix: int, full: int, pixels: str
) -> None:
    """Every matrix and range, by the formulas of H.273, against the image that was encoded."""
    kr, kb = {1: (0.2126, 0.0722), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}.get(
        matrix, (0.299, 0.114)
    )
    image = np.kron(noise(1)[0][::16, ::16], np.ones((16, 16, 1), np.uint8))
    red, green, blue = np.moveaxis(image / 255, 2, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    parts = [luma, (blue - luma) / (2 - 2 * kb) + 0.5, (red - luma) / (2 - 2 * kr) + 0.5]
    deep = pixels.endswith("10le")
    scale = 1023 if deep else 255
    if not full:
        black, white, chroma = (64, 876, 896) if deep else (16, 219, 224)
        middle = 512 if deep else 128
        values = [black + white * parts[0], *(middle + chroma * (p - 0.5) for p in parts[1:])]
    else:
        values = [scale * p for p in parts]
    steps = {"yuv420p": (2, 2), "yuv422p10le": (1, 2), "yuv444p": (1, 1)}[pixels]
    drawn = av.VideoFrame(WIDTH, HEIGHT, pixels)
    for index, (plane, value) in enumerate(zip(drawn.planes, values, strict=True)):
        part = value[:: steps[0], :: steps[1]] if index else value
        kind = np.uint16 if deep else np.uint8
        padded = np.zeros((part.shape[0], plane.line_size // kind().itemsize), kind)
        padded[:, : part.shape[1]] = np.rint(part).clip(0, scale)
        plane.update(padded.tobytes())
    drawn.colorspace, drawn.color_range = matrix, 2 if full else 1
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        track: Any = container.add_stream("ffv1", rate=25)
        track.height, track.width, track.pix_fmt = HEIGHT, WIDTH, pixels
        track.codec_context.colorspace = matrix
        track.codec_context.color_range = 2 if full else 1
        drawn.pts, drawn.time_base = 0, Fraction(1, 25)
        container.mux(track.encode(drawn))
        container.mux(track.encode())
    (frame,) = VideoFile(path)
    inner = np.s_[4:12, 4:12]  # away from edges, where chroma of half size is blurred
    off = np.abs(frame.image.astype(int) - image)
    assert off[inner].max() <= 4, off[inner].max()


def test_all_turns(tmp_path: Path) -> None:
    """Display matrices of right angles, mirrored or not, and ones that make no sense."""
    content = video("a.mp4")
    at = content.index(b"tkhd")
    place = at + 4 + 4 + 20 + 16
    upright = struct.unpack(">9i", content[place : place + 36])
    assert upright == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    path = tmp_path / "a.mp4"
    generator = np.random.default_rng(0)
    path.write_bytes(content)
    image = next(iter(VideoFile(path))).image
    for a, b, c, d in ((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)) * 2:
        matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        path.write_bytes(content[:place] + matrix + content[place + 36 :])
        quarters = {(0, 1): -1, (-1, 0): 2, (0, -1): 1}.get((a, b), 0)
        found = next(iter(VideoFile(path))).image
        np.testing.assert_array_equal(found, np.rot90(image, quarters))
    for _ in range(PER_KIND):
        matrix = generator.integers(-(1 << 31), 1 << 31, 9).astype(">i4").tobytes()
        path.write_bytes(content[:place] + matrix + content[place + 36 :])
        assert sum(1 for _ in VideoFile(path)) == FRAMES


def with_more(path: Path, *, audio: int = 0, videos: int = 1) -> Path:
    """A Matroska file with so many tracks of each kind."""
    with av.open(str(path), "w", format="matroska") as container:
        tracks: list[Any] = [container.add_stream("mpeg4", rate=25) for _ in range(videos)]
        sounds: list[Any] = [container.add_stream("pcm_s16le", rate=8000) for _ in range(audio)]
        for track in tracks:
            track.height, track.width, track.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for sound in sounds:
            samples = np.zeros((1, 8000), np.int16)
            sound_frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            sound_frame.sample_rate, sound_frame.pts, sound_frame.time_base = (
                8000,
                0,
                Fraction(1, 8000),
            )
            container.mux(sound.encode(sound_frame))
            container.mux(sound.encode())
        for number, track in enumerate(tracks):
            for index, image in enumerate(noise(3 + number)):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


def test_tracks_of_several_kinds(job: PredictionJob, tmp_path: Path) -> None:
    """The first video is read; sound alone is no video."""
    trouble = Trouble(job)
    for audio in range(3):
        for videos in range(3):
            if not audio + videos:
                continue
            path = with_more(tmp_path / "a.mkv", audio=audio, videos=videos)
            outcome = trouble.read(path, "case")
            assert outcome.frames == (3 if videos else 0)
            assert bool(outcome.problem) == (not videos)


def test_odd_files(job: PredictionJob, tmp_path: Path) -> None:
    """Nothing, text, zeros, noise, and playlists that would lead elsewhere."""
    trouble = Trouble(job)
    generator = np.random.default_rng(0)
    contents = [
        *(b"", b"\0", b"\n", b"text\n" * 1000, bytes(100_000), b"\xff" * 5000),
        *(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", b"ffconcat version 1.0\nfile a.mp4\n"),
        *(b"\0\0\0\x18ftypmp42", b"RIFF\xff\xff\xff\xffAVI LIST", b"\x1a\x45\xdf\xa3\xff"),
        *(b"GIF89a\xff\xff\xff\xff\0\0\0", b"BM" + b"\xff" * 60, b"P6\n99999 99999\n255\n"),
        *(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x7f" * 8 + b"\x08\x02\0\0\0" + bytes(8),),
    ]
    contents += [generator.bytes(int(generator.integers(1, 5000))) for _ in range(PER_KIND * 2)]
    for content in contents:
        path = tmp_path / "x.mp4"
        path.write_bytes(content)
        outcome = trouble.read(path, "case")
        assert outcome.problem or outcome.frames
    names = ["ü.mp4", "a b.mp4", "-x.mp4", "a\nb.mp4", "'\".mp4", "\u202egpj.mp4"]
    for name in (*names, "%s.mp4", "a:b.mp4", "x" * 240 + ".mp4"):
        path = tmp_path / name
        path.write_bytes(video("a.mp4"))
        assert trouble.read(path, "case").frames == FRAMES
        link = tmp_path / "link.mp4"
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        assert trouble.read(link, "case").frames == FRAMES


def test_huge_sides_are_refused_or_read(tmp_path: Path) -> None:
    for width, height in ((40_000, 8), (8, 40_000), (65_000, 1), (30_000, 30_000)):
        path = tmp_path / "a.png"
        if width * height < 1e6:
            Pillow.new("L", (width, height)).save(path)
            assert read_image(path).shape == (height, width, 3)
            assert is_image(path)
        else:
            path.write_bytes(b"P5\n%d %d\n255\n" % (width, height))
            with pytest.raises(AuheatError, match="at most 100 million"):
                read_image(path)


def test_long_sides_pass_the_detector(tmp_path: Path) -> None:
    """32,767 pixels and more ended the process in native code."""
    predictor = load()
    for width, height in ((40_000, 8), (8, 40_000), (33_000, 300)):
        assert not predictor.predict(np.full((height, width, 3), 90, np.uint8)).faces


def peak_mb(*arguments: object, code: int = 0) -> float:
    """Memory of `auheat ARGUMENTS` at its most."""
    script = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'auheat', *sys.argv[1:]], check=False)\n"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True)
    status, peak = done.stdout.splitlines()[-1].split()
    assert int(status) == code, done.stderr
    return float(peak)


def test_memory_is_bounded_by_pixels(tmp_path: Path) -> None:
    """The whole command on 200 megapixels, and on an 11-megapixel video with its overlay.

    The video shows a large face, in as many frames as queues and an encoder can hold.
    """
    large = tmp_path / "a.jpg"
    Pillow.new("RGB", (16_320, 12_240), (120, 90, 60)).save(large)
    frames = [cv2.resize(image, (3840, 2880)) for image in smiles()[:30]]
    video = write_video(tmp_path / "b.mp4", [np.asarray(frame, np.uint8) for frame in frames])
    found = {
        "200 megapixels": peak_mb("predict", large, "-o", tmp_path / "out"),
        "video, overlay": peak_mb("predict", video, "-o", tmp_path / "out", "--overlay"),
    }
    print({name: round(peak) for name, peak in found.items()})
    assert max(found.values()) < 1000, found


def test_the_command_itself(tmp_path: Path) -> None:
    """Hundreds of damaged files in one call, through the real faces and network."""
    folder = tmp_path / "in"
    folder.mkdir()
    number = 0
    for name in [*VIDEOS, *IMAGES]:
        content = video(name) if name in VIDEOS and number % 2 == 0 else None
        content = content or (image_file(name) if name in IMAGES else video(name))
        for how in DAMAGES:
            number += 1
            damaged(content, how, number, folder / f"{number:03d}{Path(name).suffix}")
    command = [sys.executable, "-m", "auheat", "predict", str(folder), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr + done.stdout
    assert "unexpected" not in done.stderr
    assert not [sign for sign in done.stderr + done.stdout if ord(sign) < 32 and sign not in "\n\r"]
    assert not list((tmp_path / "out").glob(".*"))


def test_at_least_two_thousand_cases_were_made(request: pytest.FixtureRequest) -> None:
    """Of those that are read in this process; each colour, turn and damaged input is one more."""
    named = {name for name in globals() if name.startswith("test_")}
    asked = {getattr(item, "originalname", "") for item in request.session.items}
    if named - asked:
        pytest.skip("only some of the tests are run")
    print(f"{CASES.total()} cases")
    assert CASES.total() >= 2000 * min(PER_KIND, 30) // 30
