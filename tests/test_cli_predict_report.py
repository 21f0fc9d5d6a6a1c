"""`auheat predict --report`: from a video to a picture of curves with one command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.cli import main
from auheat.inference import predictor
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
    assert len(loaded) == 1  # the report reads its peaks with the predictor that is there


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
    page = (out / "clip.html").read_text("utf-8")
    assert "4 frames" in page
    assert page.count("data:image/jpeg") >= 1  # the frames of the peaks


@pytest.mark.parametrize("sequence", [False, True])
def test_a_folder_becomes_a_page(tmp_path: Path, weights: Path, sequence: bool) -> None:
    """Read as a video its page goes without the frames of the peaks."""
    shots = tmp_path / "shots"
    shots.mkdir()
    for i in range(3):
        Pillow.fromarray(texture(i, 270, 480)).save(shots / f"{i}.png")
    options = ["--sequence"] if sequence else []
    result = predict(shots, "-o", tmp_path / "out", "--weights", weights, *options)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "shots.html").read_text("utf-8")
    assert ("data:image/jpeg" in page) != sequence
    assert ("3 frames" in page) == sequence


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
