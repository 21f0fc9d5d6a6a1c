"""The website: links that lead somewhere, nothing from afar."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import auheat
from chromium import browse, find_chromium

ROOT = Path(__file__).resolve().parents[1]
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


def test_relative_links_of_the_documents_lead_to_files() -> None:
    beside = ("README.md", "CONTRIBUTING.md", "RELEASING.md", "examples/README.md")
    pages = [*map(ROOT.joinpath, beside), *(ROOT / "docs").rglob("*.md")]
    count = 0
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            if not urlsplit(target).scheme and not target.startswith("#"):
                count += 1
                assert (page.parent / target.partition("#")[0]).exists(), f"{page}: {target}"
    assert count > 50


class Page(HTMLParser):
    """What a page refers to: what it loads, where it links to, and its own anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (tag, name) in LOADED and value:
                self.loads.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    built = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def pages(site: Path) -> Iterator[tuple[Path, Page]]:
    for path in site.rglob("*.html"):
        if path.name != "404.html":  # served for any address, so that its links begin at the root
            yield path, Page(path)


@pytest.mark.slow
def test_every_link_leads_somewhere_and_nothing_comes_from_outside(site: Path) -> None:
    read = dict(pages(site))
    assert len(read) > 15
    for path, page in read.items():
        assert not [address for address in page.loads if "//" in address], path
        for address in [*page.loads, *page.links]:
            parts = urlsplit(address)
            if parts.scheme in ("http", "https", "data", "mailto"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path}: {address}"
            if target in read and address in page.links:
                assert unquote(parts.fragment) in read[target].anchors, f"{path}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text("utf-8"))


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Path) -> None:
    html = (site / "api.html").read_text("utf-8")
    for name in set(auheat.__all__) - {"__version__"}:
        assert f'id="auheat.{name}"' in html
    words = re.sub(r"<[^>]+>", " ", html)
    fps = r"fps\s+\(\s*float\s*,\s*default:\s*DEFAULT_FPS\s*\)\s*–\s*Frames per second"
    assert re.search(fps + r"[^()]*30 unless given", words)


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="needs Chromium or Chrome on the path")
def test_pages_and_search_work_from_files(site: Path, tmp_path: Path) -> None:
    program = find_chromium()
    assert program
    with browse(program, tmp_path) as page:
        for width in (1280, 390):
            page.size(width, 900)
            for path in sorted(site.rglob("*.html")):
                if path.name != "404.html":
                    page.open(path.as_uri())
                    assert page.run("document.documentElement.scrollWidth") == width, path
        page.size(1280, 900)
        page.open((site / "index.html").as_uri())
        page.run("document.querySelector('[data-md-component=search-query]').focus()")
        page.call("Input.insertText", text="sunglasses")
        page.wait("!!document.querySelector('.md-search-result__item a')")
        assert "faces.html" in page.run("document.querySelector('.md-search-result__item a').href")
        assert not page.complaints
        assert {urlsplit(address).scheme for address in page.requests} <= {"file", "data", "blob"}
