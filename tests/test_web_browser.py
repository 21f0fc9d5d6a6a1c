"""The page in a real browser, used as a person would, with the weights that come with auheat."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auheat.facs import ALL_AUS
from auheat.inference.predictor import load
from auheat.web.limits import DEFAULT_LIMITS
from auheat.web.sessions import SessionStore
from chromium import Page, browse, find_chromium
from web_sessions import eventually, running

pytestmark = pytest.mark.slow

CLIP = Path(__file__).resolve().parent.parent / "examples" / "smiles.mp4"
DONE = "document.body.dataset.state === 'done'"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A running server."""
    limits = replace(DEFAULT_LIMITS, upload_bytes=5_000_000)
    with SessionStore(load(device="cpu"), limits=limits) as store, running(store) as address:
        yield address


@pytest.fixture(scope="module")
def page(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome on the path: install one to test the page")
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with browse(program, tmp_path_factory.mktemp("profile"), fake) as page:
        page.size(1280, 860)
        page.open(address)
        page.wait("window.auheat")
        yield page


@pytest.fixture(scope="module")
def downloads(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("downloads")
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    return folder


@pytest.fixture(scope="module")
def done(page: Page) -> Page:
    """The page after the example was dropped and read."""
    page.drop(".target", CLIP)
    page.wait("document.querySelector('#bar').value > 0", 240)
    assert page.text("#status").startswith("Reading: ")
    page.wait(DONE, 600)
    return page


@pytest.fixture(autouse=True)
def nothing_to_complain(page: Page, address: str) -> Iterator[None]:
    """No error on the console, and no request to anyone else."""
    yield
    page.run("1")
    assert page.complaints == []
    foreign = [url for url in page.requests if not url.startswith((address, "blob:", "data:"))]
    assert foreign == []


def level(page: Page, au: str) -> float:
    """The number beside an AU's bar."""
    index = page.run(f"auheat.store.aus.findIndex((unit) => unit.name === '{au}')")
    return float(page.text(f".row:nth-child({index + 1}) output"))


def frame(page: Page) -> int:
    return int(page.text("#clock").split()[1])


def heat(page: Page) -> int:
    """How many pixels of the heatmap's canvas are not empty."""
    return int(
        page.run(
            "(() => { const c = document.getElementById('heat');"
            "const pen = new OffscreenCanvas(c.width, c.height)"
            ".getContext('2d', {willReadFrequently: true}); pen.drawImage(c, 0, 0);"
            "const d = pen.getImageData(0, 0, c.width, c.height).data; let n = 0;"
            "for (let i = 3; i < d.length; i += 4) n += d[i] > 40; return n; })()"
        )
    )


def saved(folder: Path, name: str) -> Path:
    """A downloaded file, once it is whole: Chromium renames it then."""
    eventually((folder / name).exists, 120)
    return folder / name


def test_a_dropped_video_is_read(done: Page) -> None:
    assert done.text("#facts") == (
        "125 frames, 25 frames/s, 5.00 s · 1 person · a face in 125 of 125 frames"
    )
    assert done.run("document.querySelectorAll('.row').length") == len(ALL_AUS)
    assert done.run("document.querySelector('#video').videoWidth") == 480


def test_a_click_on_a_curve_goes_there(done: Page) -> None:
    """The example smiles about the second second and shows AU14 about the fourth."""
    done.click("#rows .plot", 0.42)
    done.wait("document.querySelector('#video').currentTime > 2")
    assert 51 <= frame(done) <= 55
    smile = level(done, "AU12")
    assert smile > 3
    done.wait("auheat.heat.pieces.has(3)")
    assert heat(done) > 3000
    done.click(".row:nth-child(3) .plot", 0.82)
    assert 100 <= frame(done) <= 106
    assert level(done, "AU12") < 1 < level(done, "AU14")


def test_an_au_can_be_switched_off(done: Page) -> None:
    done.click("#rows .plot", 0.42)
    done.wait("auheat.heat.pieces.has(3)")
    before = heat(done)
    done.click("[data-au=AU12]")
    assert (
        done.run("document.querySelector('[data-au=AU12]').getAttribute('aria-pressed')") == "false"
    )
    assert heat(done) < 0.9 * before
    done.click("#none")
    assert heat(done) < 0.3 * before  # the corners around the face stay
    done.click("#all")
    assert heat(done) == before


def test_a_baseline_is_taken_off(done: Page, downloads: Path) -> None:
    """At rest this face reads AU05 at about 0.3."""
    done.click("#rows .plot", 0.1)
    chosen, before, smile = frame(done), level(done, "AU05"), level(done, "AU12")
    done.click("#baseline")
    done.wait("auheat.store.baseline !== null")
    assert before > 0.2
    assert level(done, "AU05") < before / 2
    assert f"Calibrated with frame {chosen}" in done.text("#baselineNote")
    done.click("#rows .plot", 0.42)
    done.click("#table")
    path = saved(downloads, f"smiles.baseline-{chosen}.csv")
    with path.open(encoding="utf-8") as stream:
        row = list(csv.DictReader(stream))[frame(done) - 1]
    assert float(row["AU05_r"]) == pytest.approx(level(done, "AU05"), abs=0.011)
    assert float(row["AU12_r"]) == pytest.approx(level(done, "AU12"), abs=0.011)
    assert level(done, "AU12") > smile + 3
    done.click("#raw")
    done.wait("auheat.store.baseline === null")
    assert level(done, "AU05") == pytest.approx(float(row["AU05_raw"]), abs=0.011)


def test_the_sections_of_a_report_are_on_the_page(done: Page) -> None:
    titles = done.run("[...document.querySelectorAll('#sections h2')].map((h) => h.textContent)")
    assert titles[:3] == ["Summary", "Heat strip", "Peaks"]
    assert done.run("document.querySelectorAll('#sections .peaks img').length") >= 3


def test_results_can_be_downloaded(done: Page, downloads: Path) -> None:
    done.click("#table")
    assert len(saved(downloads, "smiles.csv").read_text("utf-8").splitlines()) == 126
    done.click("#overlay")
    assert saved(downloads, "smiles.overlay.mp4").stat().st_size > 50_000


def test_the_keyboard_is_enough(done: Page) -> None:
    done.run("document.querySelector('#open').focus()")
    reached = []
    for _ in range(8):
        done.press("Tab")
        reached.append(done.run("document.activeElement.id"))
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert done.run(outline) != "none"
    assert reached[:4] == ["webcam", "play", "seek", "baseline"]
    assert reached[4:] == ["table", "overlay", "report", "all"]
    done.run("document.querySelector('#seek').focus()")
    before = frame(done)
    done.press("ArrowRight")
    assert frame(done) == before + 1
    told = done.run("document.querySelector('#seek').getAttribute('aria-valuetext')")
    assert told.startswith(f"frame {before + 1} ")
    done.run("document.querySelector('[data-au=AU01]').focus()")
    done.press(" ")
    assert (
        done.run("document.querySelector('[data-au=AU01]').getAttribute('aria-pressed')") == "false"
    )
    done.press(" ")


def test_space_plays_and_arrows_step_from_anywhere(done: Page) -> None:
    """But for the keys that a control wants itself: Space of a button, arrows of the slider."""
    done.click("#rows .plot", 0.2)
    before = frame(done)
    for place, forward in (("#play", 1), ("#table", 2), ("[data-au=AU01]", 3)):
        done.run(f"document.querySelector('{place}').focus()")
        done.press("ArrowRight")
        assert frame(done) == before + forward
    for place in ("#seek", "#table"):
        done.run(f"document.querySelector('{place}').focus()")
        done.press(" ")
        done.wait("!document.querySelector('#video').paused", 10)
        done.press(" ")
        done.wait("document.querySelector('#video').paused", 10)


def test_playing_moves_the_cursor(done: Page) -> None:
    done.run("document.querySelector('#seek').value = 0")
    done.click("#rows .plot", 0.05)
    done.click("#play")
    done.wait("auheat.store.at > 20", 30)
    assert done.run("document.querySelector('#play').getAttribute('aria-label')") == "Pause"
    done.click("#play")
    shown = done.run("auheat.store.times[auheat.store.at]")
    assert shown == pytest.approx(
        done.run("document.querySelector('#video').currentTime"), abs=0.25
    )


def test_a_video_may_be_stopped_before_it_has_begun(done: Page) -> None:
    """Play and pause in one breath, while it still loads: nothing is said on the console."""
    for _ in range(5):
        done.run(
            "document.getElementById('video').load();"
            "for (const _ of 'ab') document.getElementById('play').click()"
        )
        done.run("new Promise((resume) => setTimeout(resume, 50))")  # for what must not happen
    done.wait("document.getElementById('video').paused")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(done: Page, width: int) -> None:
    done.size(width, 844)
    try:
        done.wait(f"document.documentElement.scrollWidth <= {width}", 10)
        assert (
            done.run(
                "[...document.querySelectorAll('main *, header *')].filter((e) => "
                f"e.getBoundingClientRect().right > {width} + 1 && e.offsetParent).length"
            )
            == 0
        )
    finally:
        done.size(1280, 860)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("notes.mp4", b"only text\n" * 50, "notes.mp4: this is a text file"),
        ("nothing.mp4", b"", "nothing.mp4: the file is empty"),
        (
            "half.jpg",
            b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(80),
            "half.jpg: this is neither",
        ),
        ("big.mp4", bytes(5_000_001), "big.mp4 is too large: up to 5 MB"),
    ],
)
def test_hostile_files_get_a_clear_line(
    done: Page, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    done.choose("#file", path)
    done.wait("!document.querySelector('#alert').hidden", 30)
    assert done.text("#alert").startswith(reason)
    assert done.text("#name") == "smiles.mp4"  # what was open stays


def test_the_webcam_is_recorded(page: Page) -> None:
    """Chromium's own test image: no face in it, but frames that come back."""
    page.click("#webcam")
    page.wait("auheat.store.session?.kind === 'live' && auheat.store.count >= 3", 90)
    assert page.text("#stop") == "Stop recording"
    page.click("#stop")
    page.wait(DONE, 60)
    assert page.text("#status") == "No face was found."
    assert page.run("document.querySelector('#video').videoWidth") > 0
