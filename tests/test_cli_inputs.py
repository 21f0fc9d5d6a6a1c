"""Inputs, and names of inputs, that make trouble to `auheat predict`: the others are read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from auheat.cli import main
from auheat.inference import jobs, predictor
from auheat.media.images import read_image
from auheat.results import Face
from cli_calls import lines, predict
from folder_contents import results
from small_media import clip, image
from stand_ins import KnownFaces, face_from

pytestmark = pytest.mark.usefixtures("known_face")


@pytest.mark.parametrize(
    "error",
    [RuntimeError("x"), IndexError(), TypeError("x\ny"), MemoryError(), SystemError()],
)
def test_whatever_an_input_raises_the_others_are_read(
    tmp_path: Path, weights: Path, media: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Seen from damaged AVIF, GIF, TIFF and JPEG 2000."""
    real = read_image

    def read(path: Path) -> object:
        if path.name.startswith("bad"):
            raise error
        return real(path)

    monkeypatch.setattr(jobs, "read_image", read)
    inputs = [image(media / "bad.png"), image(media / "good.png"), clip(tmp_path / "c.mp4")]
    result = predict(weights, *inputs, "-o", tmp_path / "out")
    first, _ = lines(result, 2)
    assert f"{media / 'bad.png'}: unexpected {type(error).__name__}" in first
    assert str(tmp_path / "state") in first
    assert results(tmp_path / "out") == ["c.csv", "good.csv"]
    folder = predict(weights, media, "-o", tmp_path / "out")
    line, named = lines(folder, 2)
    assert line.endswith("media: 1 of 2 images are left out")
    assert f"{media / 'bad.png'}: unexpected {type(error).__name__}" in named
    assert len((tmp_path / "out" / "media.csv").read_text().splitlines()) == 2


def test_an_error_in_the_middle_of_a_video(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, face: NDArray[np.float64]
) -> None:
    class Broken(KnownFaces):
        def tracker(self) -> Broken:
            return self

        def update(self, image: object, timestamp: float | None = None) -> tuple[Face, ...]:
            raise ValueError("no such matrix")

    monkeypatch.setattr(predictor, "default_detector", lambda _: Broken([[face_from(face)]]))
    inputs = [clip(tmp_path / "a.mp4"), image(tmp_path / "b.png")]
    first, _ = lines(predict(weights, *inputs, "-o", tmp_path / "out", "--overlay"), 2)
    assert "a.mp4: unexpected ValueError: no such matrix" in first
    assert results(tmp_path / "out") == ["b.csv", "b.overlay.jpg"]


def test_paths_that_cannot_be_looked_at(tmp_path: Path, weights: Path, media: Path) -> None:
    loop, fifo = tmp_path / "loop.mp4", tmp_path / "fifo.mp4"
    loop.symlink_to(loop)
    os.mkfifo(fifo)
    good = image(media / "a.png")
    long = tmp_path / (300 * "a" + ".mp4")
    result = predict(weights, loop, fifo, long, "nul\0.mp4", good, "-o", tmp_path / "out")
    found = lines(result, 5)
    assert "loop.mp4" in found[0]
    assert "fifo.mp4 is a device, pipe or socket: save what it gives" in found[1]
    assert "File name too long" in found[2]
    assert "nul" in found[3]
    assert "4 of 5 inputs are not complete" in found[4]
    assert results(tmp_path / "out") == ["a.csv"]


def test_standard_input_is_refused_in_one_line(tmp_path: Path) -> None:
    """What a pipe gives can be read once; it was called empty."""
    content = clip(tmp_path / "a.mp4").read_bytes()
    for name in ("/dev/stdin", "/dev/fd/0", "-"):
        command = [sys.executable, "-m", "auheat", "predict", name, "-o", str(tmp_path / "out")]
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=60)
        (line,) = done.stderr.decode().splitlines()
        assert done.returncode == 2
        expected = "no file at -" if name == "-" else "is a device, pipe or socket: save what it"
        assert expected in line, line


def test_a_folder_that_may_not_be_read(
    tmp_path: Path, weights: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path == media:  # root, who runs some of these tests, may read every folder
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    (line, _) = lines(predict(weights, media, image(tmp_path / "a.png"), "-o", tmp_path / "o"), 2)
    assert "Permission denied" in line


def test_names_that_are_not_utf_8(tmp_path: Path, weights: Path, media: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    image(media / "a.png").rename(media / name)
    for extra in ((), ("--format", "tidy"), ("--format", "fex"), ("--report",)):
        result = predict(weights, media, "-o", tmp_path / "out", *extra)
        assert result.exit_code == 0, result.output
    assert r"caf\udce9.png" in (tmp_path / "out" / "media.csv").read_text("utf-8")
    single = predict(weights, media / name, "-o", tmp_path / "out")
    assert single.exit_code == 0, single.output
    assert r"caf\udce9.png: a face in 1 of 1 image" in single.stdout


def test_names_that_command_a_terminal_or_a_spreadsheet(
    tmp_path: Path, weights: Path, media: Path
) -> None:
    image(media / "=cmd|' !A0.png")
    evil = media / "a\x1b]0;owned\x07\n.mp4"
    evil.write_text("no video")
    result = predict(weights, media, "-o", tmp_path / "out")
    (line, _) = lines(result, 2)
    assert r"a\x1b]0;owned\x07\n.mp4" in line
    rows = (tmp_path / "out" / "media.csv").read_text().splitlines()
    assert rows[1].startswith("'=cmd|' !A0.png,")


def test_files_that_are_left_out_of_a_folder_are_named(
    tmp_path: Path, weights: Path, media: Path
) -> None:
    image(media / "a.png")
    for name in ("b.braw", "notes.txt", "old.csv", "c.R3D"):
        (media / name).touch()
    result = predict(weights, media, "-o", tmp_path / "out")
    (note,) = lines(result, 1, code=0)
    assert note.endswith("left out are files that end in .braw, .r3d")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("predict a.mp4 -o out --baseline {}", "a.json"),
        ("predict a.mp4 -o out --baseline {}", "a.png"),
        ("predict a.mp4 -o out --weights {}", "a.safetensors"),
        ("events {} -o e.csv", "t.csv"),
        ("report {} -o r.html", "t.csv"),
        ("evaluate {} --data data", "t.csv"),
        ("corpus {} -o set --workers 0", "a.txt"),
        ("corpus {} -o set --workers 0", "a.parquet"),
        ("train {}", "a.toml"),
    ],
)
def test_no_file_that_is_named_is_a_pipe_that_is_waited_for(
    tmp_path: Path, command: str, name: str
) -> None:
    clip(tmp_path / "a.mp4")
    os.mkfifo(tmp_path / name)
    words = command.format(name).split()
    done = subprocess.run(
        [sys.executable, "-m", "auheat", *words], cwd=tmp_path, capture_output=True, timeout=300
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert name.encode() in done.stderr


@pytest.mark.parametrize("words", [["predict", "", "-o", "out"], ["corpus", "", "-o", "set"]])
def test_an_empty_name_is_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """As of a variable of a shell that is not set: the whole folder was read."""
    clip(tmp_path / "a.mp4")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "is empty" in result.output
    assert "a.mp4" not in result.output and not list(tmp_path.rglob("a.csv"))
