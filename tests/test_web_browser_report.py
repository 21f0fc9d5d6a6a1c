"""Reports in a real browser: what they do, and that they fit a store and a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auheat.drawing.palette import PEOPLE
from auheat.drawing.panel import colour_scale
from auheat.web.report.build import report_html
from auheat.web.report.provenance import Source
from chromium import Page, browse, find_chromium
from report_content import VIDEO_HEAD, readings_of

pytestmark = pytest.mark.slow

AUS = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU09", "AU10", "AU12", "AU14", "AU15", "AU17")
COLUMNS = ",".join(f"{au}_r" for au in AUS)
GONE = "," * len(AUS)


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
    """The page on the report of a table. rows: without intensities, which are drawn."""
    generator = np.random.default_rng(0)
    intensities = generator.uniform(0, 5, (len(rows), len(AUS)))
    lines = [
        f"{row},{','.join(f'{x:.2f}' for x in own)}" if row.endswith(",1") else row + GONE
        for row, own in zip(rows, intensities, strict=True)
    ]
    readings = readings_of(folder / "table.csv", lines, f"{head},{COLUMNS}")
    out = folder / "table.html"
    text = report_html(readings, None, Source("table.csv"), "default", no_images="No images.")
    out.write_text(text, "utf-8")
    page.open(out.as_uri())
    return page


@pytest.fixture
def images(page: Page, tmp_path: Path) -> Page:
    rows = [f"{'a_very_long_name_' * 4}{i}.jpg,0,0.9,1" for i in range(12)]
    return shown(page, tmp_path, "input,face,confidence,success", rows)


@pytest.fixture
def video(page: Page, tmp_path: Path) -> Page:
    """Six people for two seconds; from 0.5 to 0.8 s nobody."""
    rows = [
        f"{i + 1},{who},{i / 10},0.9,{int(not 5 <= i < 8)}" for i in range(20) for who in range(6)
    ]
    return shown(page, tmp_path, VIDEO_HEAD, rows)


def column(page: Page, index: int) -> list[float]:
    script = "[...document.querySelectorAll('.grid tbody tr')].map((r) => +r.cells[{}].textContent)"
    return [float(level) for level in page.run(script.format(index))]


def test_a_press_on_an_au_sorts_by_it(images: Page) -> None:
    came = column(images, 3)
    images.run("document.querySelectorAll('.grid button')[2].focus()")
    images.press("Enter")
    assert column(images, 3) == sorted(came, reverse=True) != came
    assert images.run("document.querySelectorAll('.grid thead th')[3].ariaSort") == "descending"
    images.press("Enter")
    assert column(images, 3) == came


@pytest.mark.parametrize("kind", ["images", "video"])
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
    video.click(".chip[data-person='1']")
    lines = (
        "[...document.querySelectorAll('.chip')]"
        ".filter((l) => getComputedStyle(l).textDecorationLine === 'line-through')"
        ".map((l) => l.textContent)"
    )
    assert video.run(lines) == ["Person 1"]
    video.wait("!document.querySelector('.plot path[data-person=\"1\"]')")
    assert video.run("document.querySelectorAll('.plot path').length") == 5 * len(AUS)


def test_arrow_keys_move_the_cursor_and_no_lane_grows(video: Page) -> None:
    height = video.run("document.querySelector('.lanes').scrollHeight")
    video.run("document.querySelector('.lanes').focus()")
    for _ in range(3):
        video.press("ArrowRight")
    video.press("ArrowLeft")
    assert video.text(".clock") == "frame 3 · 0.20 s"
    assert video.run("document.querySelectorAll('.row:first-child output').length") == 6
    assert video.run("document.querySelector('.lanes').scrollHeight") == height


def test_curves_break_where_nobody_is_seen(video: Page) -> None:
    """Two runs for each person; the gap is shaded from 0.5 to 0.8 of 2 seconds."""
    path = "document.querySelector('.plot path').getAttribute('d')"
    video.wait("!!document.querySelector('.plot path')")
    assert video.run(path).count("M") == 2
    gap = "document.querySelector('.plot .gap')"
    x, width = (float(video.run(f"{gap}.getAttribute('{name}')")) for name in ("x", "width"))
    assert (x, width) == pytest.approx((250, 150))


def test_a_curve_is_where_its_values_are(video: Page) -> None:
    """The first point of AU01 of person 0, drawn as in the table."""
    video.wait("!!document.querySelector('.plot path')")
    value = video.run("report.store.intensity(0, 0, 0)")
    first = video.run("document.querySelector('.plot path').getAttribute('d')").split("L")[0]
    assert first == f"M0 {100 * (1 - value / 5):.1f}"
    generator = np.random.default_rng(0)
    assert value == pytest.approx(generator.uniform(0, 5, (120, len(AUS)))[0, 0], abs=0.006)


def test_a_strip_leaves_gaps_empty(video: Page) -> None:
    pixel = (
        "(() => {{ const strip = document.querySelector('.strip canvas');"
        "const pen = new OffscreenCanvas(strip.width, strip.height)"
        ".getContext('2d', {{willReadFrequently: true}}); pen.drawImage(strip, 0, 0);"
        "return [...pen.getImageData({}, 0, 1, 1).data]; }})()"
    )
    assert video.run(pixel.format(6))[3] == 0
    red, green, blue, alpha = video.run(pixel.format(0))
    value = video.run("report.store.intensity(0, 0, 0)")
    expected = colour_scale()[round(255 * value / 5)].tolist()
    assert ([red, green, blue], alpha) == (expected, 255)


def edges(page: Page, selector: str) -> set[tuple[float, float]]:
    """Left and right edges of all elements."""
    script = (
        f"[...document.querySelectorAll('{selector}')].map((e) => e.getBoundingClientRect())"
        ".map((box) => [box.left, box.right])"
    )
    return {(round(left, 1), round(right, 1)) for left, right in page.run(script)}


@pytest.mark.parametrize(("width", "medium"), [(1280, ""), (390, ""), (718, "print")])
def test_strips_stand_below_the_curves_at_the_same_times(
    video: Page, width: int, medium: str
) -> None:
    """The strip began 128 pixels left of the curves, and had no axis."""
    video.size(width, 900)
    video.call("Emulation.setEmulatedMedia", media=medium)
    try:
        video.wait("!!document.querySelector('.timed .ticks span')")
        (plot,) = edges(video, ".plot")
        assert edges(video, ".timed canvas") == {plot} == edges(video, ".ticks")
        assert plot[1] - plot[0] > 250
        ticks = "[...document.querySelectorAll('{} .ticks span')].map((mark) => mark.textContent)"
        video.wait(f"{ticks.format('.timed')}.length === 6 * {ticks.format('.axis')}.length")
        curves, strips = (video.run(ticks.format(place)) for place in (".axis", ".timed"))
        assert curves[0] == "0 s" and len(curves) > 1
        assert strips == 6 * curves  # of six people
    finally:
        video.call("Emulation.setEmulatedMedia", media="")
        video.size(1280, 900)


def test_an_event_that_the_end_cuts_says_so(video: Page) -> None:
    rows = "[...document.querySelectorAll('.events tbody tr')].map((r) => r.lastChild.textContent)"
    events = "report.content.events.map((event) => event.at(-1) ? 'whole' : 'cut off')"
    shown = video.run(rows)
    assert shown == video.run(events)
    assert set(shown) == {"whole", "cut off"}


def test_colours_of_people_are_those_of_drawings(video: Page) -> None:
    video.scheme("dark")
    try:
        for person, colour in enumerate(PEOPLE):
            dot = f"document.querySelector('.chip[data-person=\"{person}\"] .dot')"
            shown = video.run(f"getComputedStyle({dot}).backgroundColor")
            assert shown == f"rgb({', '.join(map(str, colour.on_dark))})"
    finally:
        video.scheme("light")
