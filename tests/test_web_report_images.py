"""Reports on images: the rows of faces, in tables of every convention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.cli import main
from auheat.drawing.panel import colour_scale
from auheat.inference import predictor
from auheat.web.components import luminance, shared_constants
from auheat.web.report.content import MAX_ROWS, MIN_FACES, content
from report_content import content_of, readings_of
from stand_ins import KnownFaces, face_from, save_small, texture

HEAD = "input,face,confidence,success,AU04_r,AU12_r"
ROWS = [
    "b.jpg,0,0.9,1,0.10,4.00",
    "b.jpg,1,0.9,1,2.50,3.00",
    "none.jpg,0,0.0,0,,",
    "a.jpg,0,0.9,1,0.30,0.20",
]


def content_from(path: Path, lines: list[str], head: str = HEAD) -> dict[str, Any]:
    return content(readings_of(path / "day.csv", lines, head))


def grid(shown: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [(row["name"], row["face"], row["intensities"]) for row in shown["faces"]]


def test_one_row_for_each_face_in_order(tmp_path: Path) -> None:
    shown = content_from(tmp_path, ROWS)
    assert shown["kind"] == "folder"
    assert grid(shown) == [
        ("b.jpg", "face 0", [0.1, 4.0]),
        ("b.jpg", "face 1", [2.5, 3.0]),
        ("none.jpg", "", None),
        ("a.jpg", "", [0.3, 0.2]),
    ]
    assert shown["facts"] == "3 images · 3 faces · a face in 2 of 3"
    assert [gap[:2] for gap in shown["gaps"]] == [[2, 2]]


def test_the_summary_names_the_image(tmp_path: Path) -> None:
    [table] = content_from(tmp_path, ROWS)["summary"]
    places = [(row["max"], row["at"], row["present"]) for row in table["rows"]]
    assert places == [(2.5, "b.jpg, face 1", 33), (4.0, "b.jpg, face 0", 67)]


def test_peaks_name_image_and_face(tmp_path: Path) -> None:
    found = content_from(tmp_path, ROWS)["peaks"]
    assert [(peak["au"], peak["where"]) for peak in found] == [
        ("AU04", "b.jpg, face 1"),
        ("AU12", "b.jpg, face 0"),
    ]


def test_numbers_are_readable_on_every_colour_of_the_scale() -> None:
    """WCAG 2.1 asks for a contrast of 4.5 to 1."""
    colours = shared_constants()["colours"]
    assert bytes.fromhex(colours["hex"]) == colour_scale().tobytes()
    for step, rgb in enumerate(colour_scale()):
        ground, ink = luminance(rgb), 0.0 if step >= colours["darkInkFrom"] else 1.0
        assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 4.5


def test_luminance_of_known_colours() -> None:
    """The weights of WCAG 2.1; a grey of 127 by hand: ((127 / 255 + 0.055) / 1.055) ** 2.4."""
    assert luminance((255, 255, 255)) == pytest.approx(1)
    assert luminance((0, 255, 0)) == pytest.approx(0.7152)
    assert luminance((127, 127, 127)) == pytest.approx(0.2122, abs=1e-4)


def test_what_goes_together_takes_enough_faces(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = [
        f"{i}.jpg,0,0.9,1,{a:.2f},{b:.2f}"
        for i, (a, b) in enumerate(generator.uniform(0, 5, (MIN_FACES, 2)))
    ]
    few, enough = content_from(tmp_path, lines[1:]), content_from(tmp_path, lines)
    assert few["together"] == {"note": "it takes at least 10 faces"}
    values = np.array([[float(x) for x in line.split(",")[4:]] for line in lines])
    expected = np.corrcoef(values.T)[0, 1]
    assert enough["together"]["correlation"][0][1] == pytest.approx(expected, abs=1e-4)


def test_a_single_face_has_no_empty_sections(tmp_path: Path) -> None:
    shown = content_from(tmp_path, ["0,0.9,1,0.10,4.00"], HEAD[6:])
    assert (shown["kind"], shown["together"], shown["gaps"]) == ("image", {}, [])
    assert [row["mean"] for row in shown["summary"][0]["rows"]] == [0.1, 4.0]


def test_several_faces_of_an_image(tmp_path: Path) -> None:
    lines = ["0,0.9,1,0.10,4.00", "1,0.9,1,0.20,3.00"]
    shown = content_from(tmp_path, lines, HEAD[6:])
    assert grid(shown) == [("", "face 0", [0.1, 4.0]), ("", "face 1", [0.2, 3.0])]


def test_an_image_without_a_face(tmp_path: Path) -> None:
    shown = content_from(tmp_path, ["0,0.0,0,,"], HEAD[6:])
    assert (shown["totalFaces"], shown["peaks"], shown["summary"]) == (0, [], [])


def test_very_many_images_stay_readable(tmp_path: Path) -> None:
    lines = [f"{i}.jpg,0,0.9,1,{i % 50 / 10:.2f},1.00" for i in range(MAX_ROWS + 3)]
    shown = content_from(tmp_path, lines)
    assert (len(shown["faces"]), shown["totalFaces"]) == (MAX_ROWS, MAX_ROWS + 3)
    assert shown["overview"] is not None
    assert content_from(tmp_path, lines[:MAX_ROWS])["overview"] is None


@pytest.mark.parametrize(("kind", "end"), [("fex", "csv"), ("tidy", "parquet")])
def test_other_conventions_find_their_images(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    face: NDArray[np.float64],
    kind: str,
    end: str,
) -> None:
    """Their tables tell the paths, so the images are found wherever the table lies."""
    known = KnownFaces([[face_from(face)]])
    monkeypatch.setattr(predictor, "default_detector", lambda max_faces: known)
    options = ["--weights", str(save_small(tmp_path / "small.safetensors")), "--device", "cpu"]
    folder, out = tmp_path / "day", tmp_path / "far" / "away"
    folder.mkdir()
    for i in range(2):
        Pillow.fromarray(texture(i, 270, 480)).save(folder / f"{i}.png")
    runner = CliRunner()
    asked = ["predict", *options, str(folder), "-o", str(out), "--format", kind]
    assert runner.invoke(main, asked).exit_code == 0
    result = runner.invoke(main, ["report", *options, str(out / f"day.{end}")])
    assert result.exit_code == 0, result.output
    shown = content_of((out / "day.html").read_text("utf-8"))
    assert [row["name"] for row in shown["faces"]] == ["0.png", "1.png"]
    assert all(0 <= x <= 5 for row in shown["faces"] for x in row["intensities"])
    assert dict(shown["settings"])["made from"] == "day"
    assert all(peak["image"] for peak in shown["peaks"])
