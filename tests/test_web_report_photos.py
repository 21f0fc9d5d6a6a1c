"""Reports on photos: the grid of faces, in tables of every convention."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from auheat.cli import main
from auheat.drawing.panel import colour_scale
from auheat.inference import predictor
from auheat.web.report.page import report_html
from auheat.web.report.photos import MAX_ROWS, MIN_FACES, face_names, luminance
from auheat.web.report.table import ResultTable, read_table
from stand_ins import KnownFaces, face_from, save_small, texture

HEAD = "input,face,confidence,success,AU04_r,AU12_r"
ROWS = [
    "b.jpg,0,0.9,1,0.10,4.00",
    "b.jpg,1,0.9,1,2.50,3.00",
    "none.jpg,0,0.0,0,,",
    "a.jpg,0,0.9,1,0.30,0.20",
]


class Cells(HTMLParser):
    """The rows of the grid, as the texts of their cells, and the cells' classes and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.styles: list[tuple[str, str, str]] = []
        self._within = False
        self.feed(text[text.index('<table class="grid"') : text.index("</table></div>")])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            known = dict(attrs)
            self.styles.append((tag, known.get("class") or "", known.get("style") or ""))

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data


def table_of(path: Path, lines: list[str], head: str = HEAD) -> ResultTable:
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return read_table(path)


def page_of(table: ResultTable) -> str:
    return report_html(table, "Pictures are left out.", {}, "test")


def titles(text: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", text)


def test_one_row_for_each_face_in_order(tmp_path: Path) -> None:
    table = table_of(tmp_path / "day.csv", ROWS)
    assert face_names(table) == ["b.jpg, face 0", "b.jpg, face 1", "a.jpg"]
    assert Cells(page_of(table)).rows == [
        ["Photo", "AU04", "AU12"],
        ["b.jpgface 0", "0.10", "4.00"],
        ["b.jpgface 1", "2.50", "3.00"],
        ["none.jpg", "no face"],
        ["a.jpg", "0.30", "0.20"],
    ]


def test_the_summary_names_the_photo(tmp_path: Path) -> None:
    text = page_of(table_of(tmp_path / "day.csv", ROWS))
    places = re.findall(r'<td>([\d.]+)</td><td class="at">(.*?)</td><td>(\d+%)', text)
    assert places == [("2.50", "b.jpg, face 1", "33%"), ("4.00", "b.jpg, face 0", "67%")]


def test_cells_have_the_colours_of_the_scale_and_readable_numbers(tmp_path: Path) -> None:
    """WCAG 2.1 asks for a contrast of 4.5 to 1."""
    lines = [f"{i}.jpg,0,0.9,1,{i / 20:.2f},{5 - i / 20:.2f}" for i in range(101)]
    cells = Cells(page_of(table_of(tmp_path / "day.csv", lines)))
    shown = [(kind, style) for tag, kind, style in cells.styles if tag == "td"]
    assert len(shown) == 202
    assert shown[0][1] == f"background:#{bytes(colour_scale()[0]).hex()}"
    assert shown[1][1] == f"background:#{bytes(colour_scale()[255]).hex()}"
    for kind, style in shown:
        red, green, blue = bytes.fromhex(style[-6:])
        ground, ink = luminance((red, green, blue)), 0.0 if kind == "dark" else 1.0
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
    few = page_of(table_of(tmp_path / "few.csv", lines[1:]))
    enough = page_of(table_of(tmp_path / "day.csv", lines))
    assert titles(few)[:3] == ["Faces", "Summary", "Peaks"]
    assert "Which Action Units go together is left out: it takes at least 10 faces." in few
    assert "Which Action Units go together" in titles(enough)
    assert "own mean" not in enough  # there are no persons in photos
    assert "Without a face" not in titles(enough)


def test_a_single_face_has_no_empty_sections(tmp_path: Path) -> None:
    text = page_of(table_of(tmp_path / "one.csv", ["0,0.9,1,0.10,4.00"], HEAD[6:]))
    assert titles(text) == ["Intensities", "Peaks", "Settings", "Model card"]
    assert re.findall(r"</i>([\d.]+)</td>", text) == ["0.10", "4.00"]


def test_several_faces_of_a_photo(tmp_path: Path) -> None:
    lines = ["0,0.9,1,0.10,4.00", "1,0.9,1,0.20,3.00"]
    cells = Cells(page_of(table_of(tmp_path / "one.csv", lines, HEAD[6:])))
    assert cells.rows[1:] == [["face 0", "0.10", "4.00"], ["face 1", "0.20", "3.00"]]


def test_a_photo_without_a_face(tmp_path: Path) -> None:
    text = page_of(table_of(tmp_path / "one.csv", ["0,0.0,0,,"], HEAD[6:]))
    assert titles(text) == ["Summary", "Settings", "Model card"]


def test_very_many_photos_stay_readable(tmp_path: Path) -> None:
    lines = [f"{i}.jpg,0,0.9,1,{i % 50 / 10:.2f},1.00" for i in range(MAX_ROWS + 3)]
    text = page_of(table_of(tmp_path / "day.csv", lines))
    assert len(Cells(text).rows) == 1 + MAX_ROWS
    assert f"The first {MAX_ROWS} of {MAX_ROWS + 3} rows are here" in text
    assert f'alt="Intensities of {MAX_ROWS + 3} faces"' in text


def test_names_of_photos_are_escaped(tmp_path: Path) -> None:
    lines = ["<b>&.jpg,0,0.9,1,0.10,4.00", ROWS[0], "<i>.jpg,0,0,0,,"]
    text = page_of(table_of(tmp_path / "day.csv", lines))
    assert "<b>&" not in text
    assert "<i>.jpg" not in text
    assert Cells(text).rows[1][0] == "<b>&.jpg"


@pytest.mark.parametrize(("kind", "end"), [("fex", "csv"), ("tidy", "parquet")])
def test_other_conventions_find_their_photos(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    face: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    kind: str,
    end: str,
) -> None:
    """Their tables tell the paths, so the pictures are found wherever the table lies."""
    monkeypatch.setattr(predictor, "default_detector", lambda most: KnownFaces([[face_from(face)]]))
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
    text = (out / "day.html").read_text("utf-8")
    rows = Cells(text).rows
    assert [row[0] for row in rows] == ["Photo", "0.png", "1.png"]
    assert all(0 <= float(cell) <= 5 for row in rows[1:] for cell in row[1:])
    assert "made from</dt><dd>day</dd>" in text
    assert 'src="data:image/jpeg' in text
