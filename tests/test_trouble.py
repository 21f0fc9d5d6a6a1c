"""A corpus of trouble: thousands of files that are damaged, unusual or misnamed. Slow.

All of them are made from fixed seeds, and small. Each must end in a table or in one line, in
time, with as many frames as FFmpeg's own program gives: another build than the one in PyAV, with
its own way through a file (`imageio-ffmpeg`, or `ffmpeg` of the system). `AUHEAT_TROUBLE=200` makes
that many cases of each kind of damage instead of the usual number.
"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest

from auheat.inference.face_predictor import FacePredictor
from auheat.inference.inputs import Input
from auheat.inference.jobs import PredictionJob
from auheat.inference.outcome import Outcome
from auheat.inference.writers import Outputs
from auheat.media.frames import VideoFile
from ffmpeg_program import frames_of
from stand_ins import KnownFaces, small_checkpoint
from trouble_files import (
    DAMAGES,
    FRAMES,
    HEIGHT,
    IMAGES,
    LIMIT_S,
    PER_KIND,
    VIDEOS,
    WIDTH,
    damaged,
    image_file,
    noise,
    video,
    with_more,
)

pytestmark = pytest.mark.slow


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
