"""The numbers on the page are those of the tables, in a real browser, with made-up readings."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from chromium import Page, browse, find_chromium
from web_sessions import running, scripted_store, write_scripted

pytestmark = pytest.mark.slow


@pytest.fixture
def address(face: NDArray[np.float64]) -> Iterator[str]:
    with scripted_store(face) as store, running(store) as address:
        yield address


@pytest.fixture
def page(address: str, tmp_path: Path) -> Iterator[Page]:
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium or Chrome on the path: install one to test the page")
    profile = tmp_path / "profile"
    profile.mkdir()
    with browse(program, profile) as page:
        page.size(1280, 860)
        page.open(address)
        page.wait("window.auheat")
        yield page
        assert page.complaints == []


def test_calibrated_values_are_those_of_the_table(page: Page, address: str, tmp_path: Path) -> None:
    """b = 2: 3 becomes 1 + 2 / 9 = 1.22, 4 becomes 2 + 8 / 9 = 2.89; once the page had others."""
    video = write_scripted(tmp_path / "a.mp4", [2] * 20 + [3] * 20 + [4] * 20)
    page.drop(".target", video)
    page.wait("document.body.dataset.state === 'done'", 120)
    page.run("auheat.player.seek(5)")
    page.click("#baseline")
    page.wait("auheat.store.baseline !== null")
    session = page.run("auheat.store.session.id")
    text = httpx.get(f"{address}api/sessions/{session}/table?baseline=6").text
    table = list(csv.DictReader(io.StringIO(text)))
    for frame, expected in ((5, "0.00"), (30, "1.22"), (50, "2.89")):
        page.run(f"auheat.player.seek({frame})")
        outputs = "[...document.querySelectorAll('.row output')].map((o) => o.textContent)"
        page.wait(f"auheat.store.at === {frame}")
        assert page.run(outputs) == [expected] * 3
        assert [table[frame][f"{au}_r"] for au in ("AU04", "AU09", "AU12")] == [expected] * 3
    first = page.run("document.querySelector('.summary tbody tr').cells[2].textContent")
    assert first == "2.89"


def test_who_is_turned_away_comes_again(
    face: NDArray[np.float64], page: Page, tmp_path: Path
) -> None:
    """The page waits while the server has no room, and says so."""
    video = write_scripted(tmp_path / "a.mp4", [1, 2])
    page.run(
        "window.realFetch = fetch; window.fetch = async (...all) => all[1]?.method === 'POST'"
        ' && !window.room ? new Response(\'{"error": "no room"}\', {status: 503,'
        " headers: {'Retry-After': '1'}}) : realFetch(...all)"
    )
    page.drop(".target", video)
    page.wait("document.querySelector('#alert').textContent === 'no room…'")
    page.run("window.room = true")
    page.wait("document.body.dataset.state === 'done'", 120)
    assert page.run("document.querySelector('#alert').hidden")
