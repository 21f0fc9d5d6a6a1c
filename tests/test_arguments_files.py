"""Files to read and to write, and baselines, that make no sense: one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import auheat
from auheat.cli import main
from auheat.errors import AuheatError
from auheat.inference.baselines import resolve_baseline
from auheat.inference.calibration import read_baseline
from auheat.inference.video import VideoPrediction
from grey_video import Greys, grey_predictor

BASELINE = auheat.Baseline({0: auheat.PersonBaseline({"AU04": 1.0})}, "image", source="clip.mp4")


@pytest.mark.parametrize("path", [3, None])
def test_a_file_to_write_is_a_path(path: Any) -> None:
    video = VideoPrediction(Greys([50]), grey_predictor([[]]))
    for write in (video.save, video.save_overlay):
        with pytest.raises(AuheatError, match=f"^the file to write is {path}: give the path"):
            write(path)


@pytest.mark.parametrize("baseline", [1.5, True, []])
def test_what_is_no_baseline(baseline: Any) -> None:
    with pytest.raises(AuheatError, match=r"the baseline is .*: give a frame's number, 'auto'"):
        resolve_baseline(baseline, grey_predictor([[]]))


@pytest.mark.parametrize("path", ["", "a\0b", None, 3])
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda path: grey_predictor([[]]).predict_video(path), "video"),
        (lambda path: auheat.read_table(path), "table"),
        (lambda path: auheat.find_events(path), "table"),
        (lambda path: auheat.evaluate("no.csv", path), "dataset"),
        (lambda path: auheat.evaluate(path, "no"), "target"),
        (lambda path: grey_predictor([[]]).predict(path), "image"),
        (lambda path: grey_predictor([[]]).tracker(baseline=path or ""), "baseline"),
        (lambda path: BASELINE.write(path), "file to write"),
    ],
)
def test_what_is_no_path_is_one_line(read: Callable[[Any], Any], name: str, path: Any) -> None:
    """An empty one was taken for the working folder, a null character raised ValueError."""
    with pytest.raises(AuheatError) as caught:
        read(path)
    said = str(caught.value)
    assert "\n" not in said
    if isinstance(path, str) and not (name == "target" and path):
        assert said == f"the {name} is {path!r}: give the path of a file or folder"


def test_what_is_written_has_the_ending_of_its_format(tmp_path: Path) -> None:
    """A table was written as CSV under `c.xlsx`, a video as MP4 under `o.txt`, and a baseline in
    the place of the video that it was taken from."""
    video = VideoPrediction(Greys([50]), grey_predictor([[]]))
    for name in ("c.xlsx", "c.txt", "c.csv.gz", "c", "c.mp4"):
        with pytest.raises(AuheatError, match=rf"{name}: give a name that ends in \.csv or \.par"):
            video.save(tmp_path / name)
    for name in ("o.txt", "o", "o.avi"):
        with pytest.raises(AuheatError, match=rf"video to .*{name}: give a name .* \.mp4$"):
            video.save_overlay(tmp_path / name)
    (tmp_path / "clip.mp4").write_bytes(b"frames")
    with pytest.raises(AuheatError, match=r"clip\.mp4: give a name that ends in \.json$"):
        BASELINE.write(tmp_path / "clip.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    assert (tmp_path / "clip.mp4").read_bytes() == b"frames"
    video.save(tmp_path / "C.CSV")
    BASELINE.write(str(tmp_path / "b.JSON"))
    assert read_baseline(str(tmp_path / "b.JSON")).faces == BASELINE.faces
    for arguments in (
        ["events", tmp_path / "C.CSV", "-o", tmp_path / "e.xlsx"],
        ["report", tmp_path / "C.CSV", "-o", tmp_path / "r.pdf"],
        ["evaluate", tmp_path / "C.CSV", "--data", tmp_path, "-o", tmp_path / "r.txt"],
        ["table", tmp_path / "C.CSV", "--pool", tmp_path / "r.csv"],
        ["predict", tmp_path / "clip.mp4", "--baseline", 1, "--save-baseline", tmp_path / "b.csv"],
    ):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
        assert f"{arguments[-1]}: give a name that ends in " in result.stderr


@pytest.mark.parametrize(
    ("intensities", "reason"),
    [(5, "go by AU, not 5"), ({"AU04": "1"}, "AU04 at rest is '1'"), ({"AU04": 5.1}, "give 0 to 5"),
     ({"AU04": float("nan")}, "give 0 to 5")],
)  # fmt: skip
def test_intensities_at_rest_are_numbers_by_au(intensities: Any, reason: str) -> None:
    with pytest.raises(AuheatError, match=reason):
        auheat.PersonBaseline(intensities)


def test_baselines_are_by_person() -> None:
    with pytest.raises(AuheatError, match="by face_id, not 5"):
        auheat.Baseline(5, "image", source="x")  # type: ignore[arg-type]
    with pytest.raises(AuheatError, match="of one person, not of 0"):
        auheat.Baseline({}, "image", source="x", shared=True)
    nothing: tuple[Any, ...] = ("AU04", None, [])
    for aus in nothing:
        with pytest.raises(AuheatError, match="Action Units are"):
            BASELINE.only(aus)
