"""Reports in a real browser: what they do, and that they fit a store and a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auheat.web.report.page import report_html
from auheat.web.report.table import read_table
from chromium import Page, browse, find_chromium

pytestmark = pytest.mark.slow

AUS = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU09", "AU10", "AU12", "AU14", "AU15", "AU17")
LEVELS = ",".join(f"{au}_r" for au in AUS)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome on the path: install one to test the page")
    with browse(program, tmp_path_factory.mktemp("profile")) as page:
        page.size(1280, 900)
        yield page
        assert page.complaints == []


def shown(page: Page, folder: Path, head: str, rows: list[str]) -> Page:
    """The page on the report of a table. rows: without levels, which are drawn."""
    generator = np.random.default_rng(0)
    levels = generator.uniform(0, 5, (len(rows), len(AUS)))
    lines = [
        f"{row},{','.join(f'{level:.2f}' for level in own)}"
        for row, own in zip(rows, levels, strict=True)
    ]
    path = folder / "table.csv"
    path.write_text("\n".join([f"{head},{LEVELS}", *lines]) + "\n", "utf-8")
    out = folder / "table.html"
    out.write_text(report_html(read_table(path), "No pictures.", {}, "test"), "utf-8")
    page.open(out.as_uri())
    return page


@pytest.fixture
def photos(page: Page, tmp_path: Path) -> Page:
    rows = [f"{'a_very_long_name_' * 4}{i}.jpg,0,0.9,1" for i in range(12)]
    return shown(page, tmp_path, "input,face,confidence,success", rows)


@pytest.fixture
def video(page: Page, tmp_path: Path) -> Page:
    rows = [f"{i + 1},{who},{i / 10},0.9,1" for i in range(20) for who in range(6)]
    return shown(page, tmp_path, "frame,face_id,timestamp,confidence,success", rows)


def column(page: Page, index: int) -> list[float]:
    script = "[...document.querySelectorAll('.grid tbody tr')].map((r) => +r.cells[{}].textContent)"
    return [float(level) for level in page.run(script.format(index))]


def test_a_press_on_an_au_sorts_by_it(photos: Page) -> None:
    came = column(photos, 3)
    photos.run("document.querySelectorAll('.grid button')[2].focus()")
    photos.press("Enter")
    assert column(photos, 3) == sorted(came, reverse=True) != came
    assert photos.run("document.querySelectorAll('.grid thead th')[3].ariaSort") == "descending"
    photos.press("Enter")
    assert column(photos, 3) == came


@pytest.mark.parametrize("kind", ["photos", "video"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(
    kind: str, width: int, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(kind)
    page.size(width, 844)
    try:
        assert page.run("document.documentElement.scrollWidth") <= width
    finally:
        page.size(1280, 900)


def test_only_people_who_are_off_are_struck_out(video: Page) -> None:
    video.run("document.querySelector('.switches input[value=\"1\"]').click()")
    lines = (
        "[...document.querySelectorAll('.switches label')]"
        ".filter((l) => getComputedStyle(l).textDecorationLine === 'line-through')"
        ".map((l) => l.textContent)"
    )
    assert video.run(lines) == ["person 1"]
    drawn = (
        "[...document.querySelectorAll('.plot path')].filter((p) => !p.checkVisibility()).length"
    )
    assert video.run(drawn) == len(AUS)


def test_arrow_keys_move_the_cursor_and_no_lane_grows(video: Page) -> None:
    height = video.run("document.querySelector('.lanes').scrollHeight")
    video.run("document.querySelector('.lanes').focus()")
    for _ in range(3):
        video.press("ArrowRight")
    video.press("ArrowLeft")
    assert video.run("document.querySelector('.now').dataset.time") == "0.20 s"
    assert video.run("document.querySelectorAll('.lane:first-child output span').length") == 6
    assert video.run("document.querySelector('.lanes').scrollHeight") == height
