"""`auheat report`: from a table alone, whoever wrote it, to one file that needs no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.inference import predictor
from cli_calls import call
from report_content import VIDEO_HEAD, content_of
from stand_ins import KnownFaces, face_from, save_small, texture, write_video

Points = NDArray[Any]
HEAD = f"{VIDEO_HEAD},AU04_r,AU09_r,AU12_r"
ROWS = ["1,0,0.0,0.9,1,0.00,1.00,0.00", "2,0,0.1,0.0,0,,,", "3,0,0.2,0.9,1,0.50,3.00,0.00"]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: Points) -> Path:
    known = KnownFaces([[face_from(face)]])
    monkeypatch.setattr(predictor, "default_detector", lambda max_faces: known)
    return save_small(tmp_path / "small.safetensors")


def report(weights: Path, *arguments: object) -> Result:
    return call("report", "--weights", weights, "--device", "cpu", *arguments)


def predict(weights: Path, source: Path, out: Path) -> Path:
    result = call("predict", "--weights", weights, "--device", "cpu", source, "-o", out)
    assert result.exit_code == 0, result.output
    return out / f"{source.stem}.csv"


def clip(path: Path, count: int = 4) -> Path:
    return write_video(path, [texture(i, 270, 480) for i in range(count)])


def images(content: dict[str, Any]) -> list[bool]:
    return [peak["image"] is not None for peak in content["peaks"]]


def test_a_video_gives_one_file_that_needs_no_other(tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "out"
    table = predict(weights, clip(tmp_path / "clip.mp4"), out)
    result = report(weights, table)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"report: {out / 'clip.html'}\n"
    text = (out / "clip.html").read_text("utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "import " not in text.split("<script>")[1]
    content = content_of(text)
    assert images(content) == [True] * len(content["peaks"]) != []
    assert dict(content["settings"])["made from"] == "clip.mp4"
    assert content["gaps"] == []


def test_without_the_video_a_line_says_so(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    source = clip(tmp_path / "elsewhere" / "clip.mp4")
    table, page = predict(weights, source, tmp_path / "far" / "out"), tmp_path / "r.html"
    assert report(weights, table, "-o", page).exit_code == 0
    content = content_of(page.read_text("utf-8"))
    assert content["noImages"].startswith("Images are left out: what the table was made from is")
    assert not any(images(content))
    assert report(weights, table, "-o", page, "--video", source).exit_code == 0
    content = content_of(page.read_text("utf-8"))
    assert all(images(content))


def test_another_video_is_refused(tmp_path: Path, weights: Path) -> None:
    table = predict(weights, clip(tmp_path / "a.mp4", 6), tmp_path / "far" / "out")
    rows = pd.read_csv(table)
    rows["timestamp"] += 0.5
    rows.to_csv(table, index=False)
    result = report(weights, table, "--video", tmp_path / "a.mp4")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "give the video it was made from" in result.stderr
    assert not list(table.parent.glob("*.html"))


def test_a_report_replaces_neither_its_table_nor_its_video(tmp_path: Path, weights: Path) -> None:
    video = clip(tmp_path / "clip.mp4")
    table = predict(weights, video, tmp_path)
    page = tmp_path / "clip.html"  # the video by another name, which a page might have
    page.hardlink_to(video)
    for target, message in (
        (table, "is read, and cannot be written as well: name another file"),
        (page, "is read, and cannot be written as well: name another file"),
        (video, "give a name that ends in .html"),
    ):
        before = target.read_bytes()
        result = report(weights, table, "--video", video, "-o", target)
        assert result.exit_code == 2
        assert message in result.stderr
        assert target.read_bytes() == before


def test_images_and_folders(tmp_path: Path, weights: Path) -> None:
    folder, out = tmp_path / "day", tmp_path / "out"
    folder.mkdir()
    for i in range(3):
        Pillow.fromarray(texture(i, 270, 480)).save(folder / f"{i}.png")
    assert (
        call("predict", "--weights", weights, "--device", "cpu", folder, "-o", out).exit_code == 0
    )
    assert report(weights, out / "day.csv").exit_code == 0
    content = content_of((out / "day.html").read_text("utf-8"))
    assert content["facts"] == "3 images · 3 faces · a face in 3 of 3"
    assert [row["name"] for row in content["faces"]] == ["0.png", "1.png", "2.png"]
    assert all(images(content))
    table = predict(weights, folder / "1.png", out)
    assert report(weights, table, "--video", folder / "1.png").exit_code == 0
    content = content_of((out / "1.html").read_text("utf-8"))
    assert (content["facts"], content["together"]) == ("image · 1 face", {})


def test_nothing_found_is_a_report_too(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEAD}\n1,0,0.0,0.0,0,,,\n2,0,0.1,0.0,0,,,\n", "utf-8")
    assert report(weights, path).exit_code == 0
    content = content_of(path.with_suffix(".html").read_text("utf-8"))
    assert (content["totalFaces"], content["peaks"], content["summary"]) == (0, [], [])
    assert content["gaps"] == [[1, 2, 0.0, 0.2]]


def test_names_are_escaped(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "<script>alert(1)<!.csv"
    path.write_text("\n".join([HEAD, *ROWS]), "utf-8")
    assert report(weights, path, "-o", tmp_path / "r.html").exit_code == 0
    assert "<script>alert" not in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "no table at"),
        ("a,b\n1,2\n", "is a table of an unknown kind"),
        ("", "it is empty"),
        (f"{VIDEO_HEAD},AU04_r\n", "has no rows"),
        (f"{VIDEO_HEAD},AU04_r\n1,0,0,1,1,x\n", "is damaged"),
        (f"{VIDEO_HEAD},AU04_r\n1,0,,1,1,2\n2,0,0.1,1,1,2\n", "is damaged"),
        (f"{VIDEO_HEAD},AU04_r\n1,0,inf,1,1,2\n", "is damaged"),
    ],
)
def test_what_is_no_table(tmp_path: Path, weights: Path, content: str | None, line: str) -> None:
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_text(content, "utf-8")
    result = report(weights, path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert line in result.stderr
    assert not list(tmp_path.glob("*.html"))


def test_a_table_of_openface(tmp_path: Path, weights: Path) -> None:
    """Blanks in its names, AUs that we do not read, no face id in some of its versions."""
    path = tmp_path / "a.csv"
    lines = ["frame, timestamp, confidence, success, AU12_r, AU45_r, AU12_c"]
    lines += [f"{i + 1}, {i / 30:.3f}, 0.98, {int(i != 2)}, {i}.5, 0.2, 1" for i in range(4)]
    path.write_text("\n".join(lines), "utf-8")
    assert report(weights, path).exit_code == 0
    content = content_of(path.with_suffix(".html").read_text("utf-8"))
    assert [unit["name"] for unit in content["aus"]] == ["AU12", "AU45"]
    assert [peak["intensity"] for peak in content["peaks"]] == [3.5]
    assert [gap[:2] for gap in content["gaps"]] == [[3, 3]]


def test_a_table_of_py_feat(tmp_path: Path, weights: Path) -> None:
    """Probabilities from 0 to 1, frames from 0, no exact times."""
    path = tmp_path / "a.csv"
    lines = ["frame,FaceRectX,FaceScore,AU12,AU25,input"]
    lines += ["0,3,,,,a.mp4", *(f"{i},3,0.9,{0.2 * i:.1f},0.1,a.mp4" for i in range(1, 4))]
    path.write_text("\n".join(lines), "utf-8")
    assert report(weights, path).exit_code == 0
    content = content_of(path.with_suffix(".html").read_text("utf-8"))
    assert content["scale"] == 1
    assert content["facts"].startswith("4 frames, 30 frames/s")
    assert [(peak["au"], peak["intensity"]) for peak in content["peaks"]] == [("AU12", 0.6)]
    assert content["summary"][0]["rows"][0]["present"] == 33  # one of three reaches a half
    assert "of 0.5 or more" in content["presentNote"]
    assert content["events"] == []
    assert dict(content["settings"])["times"].startswith("30 frames/s are assumed")
