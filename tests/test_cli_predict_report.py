"""`auheat predict --report`: from a video to an image of curves with one command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.cli import main
from auheat.inference import predictor
from report_content import content_of
from stand_ins import KnownFaces, face_from, save_small, texture, write_video


@pytest.fixture
def weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: NDArray[np.float64]
) -> Iterator[Path]:
    known = KnownFaces([[face_from(face)]])
    loaded = list[int]()

    def load(most: int) -> KnownFaces:
        loaded.append(most)
        return known

    monkeypatch.setattr(predictor, "default_detector", load)
    yield save_small(tmp_path / "small.safetensors")
    assert len(loaded) == 1


def predict(*arguments: object) -> Result:
    command = ["predict", "--report", "--device", "cpu", *map(str, arguments)]
    return CliRunner().invoke(main, command)


@pytest.mark.parametrize("format", ["openface", "fex", "tidy"])
def test_a_video_becomes_a_table_and_a_page(tmp_path: Path, weights: Path, format: str) -> None:
    video = write_video(tmp_path / "clip.mp4", [texture(i, 270, 480) for i in range(4)])
    out = tmp_path / "out"
    result = predict(video, "-o", out, "--weights", weights, "--format", format)
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith(f", {out / 'clip.html'}")
    content = content_of((out / "clip.html").read_text("utf-8"))
    assert content["facts"].startswith("4 frames, 25 frames/s")
    assert all(peak["image"] for peak in content["peaks"])


@pytest.mark.parametrize("sequence", [False, True])
def test_a_folder_becomes_a_page(tmp_path: Path, weights: Path, sequence: bool) -> None:
    """As images, or as the frames of a video."""
    shots = tmp_path / "shots"
    shots.mkdir()
    for i in range(3):
        Pillow.fromarray(texture(i, 270, 480)).save(shots / f"{i}.png")
    options = ["--sequence"] if sequence else []
    result = predict(shots, "-o", tmp_path / "out", "--weights", weights, *options)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "shots.html").read_text("utf-8")
    content = content_of(page)
    assert all(peak["image"] for peak in content["peaks"])
    assert content["kind"] == ("video" if sequence else "folder")
    assert dict(content["settings"])["made from"] == "shots"


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path, weights: Path) -> None:
    """The table and the other inputs stay."""
    videos = [
        write_video(tmp_path / name, [texture(i, 270, 480) for i in range(2)])
        for name in ("a.mp4", "b.mp4")
    ]
    (tmp_path / "out" / "a.html").mkdir(parents=True)
    result = predict(*videos, "-o", tmp_path / "out", "--weights", weights)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert f"auheat: cannot write {tmp_path / 'out' / 'a.html'}" in result.stderr
    assert {path.name for path in (tmp_path / "out").glob("*.csv")} == {"a.csv", "b.csv"}
    assert (tmp_path / "out" / "b.html").is_file()


def test_a_video_is_decoded_once(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its report, too: the images of the peaks are kept on the way."""
    from auheat.media.frames import VideoFile

    decoded = list[int]()
    real = VideoFile.__iter__

    def counted(self: VideoFile) -> Iterator[Any]:
        for frame in real(self):
            decoded.append(frame.number)
            yield frame

    monkeypatch.setattr(VideoFile, "__iter__", counted)
    video = write_video(tmp_path / "clip.mp4", [texture(i, 270, 480) for i in range(6)])
    assert predict(video, "-o", tmp_path / "out", "--weights", weights).exit_code == 0
    assert decoded == [1, 2, 3, 4, 5, 6]


def test_what_was_subtracted_is_in_the_report(tmp_path: Path, weights: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", [texture(i, 270, 480) for i in range(6)])
    out = tmp_path / "out"
    assert predict(video, "-o", out, "--weights", weights, "--baseline", "2").exit_code == 0
    settings = dict(content_of((out / "clip.html").read_text("utf-8"))["settings"])
    assert settings["baseline"] == "frame 2, median of the frames up to 0.25 s around it"
