"""Takes the screenshots of the documentation, docs/images/report.png and serve.png, of an example.

    python scripts/screenshots.py -o docs/images

What they show depends on the default weights: run it again once others are shipped. It needs
Chromium or Chrome, and drives it as the tests of the page do (tests/chromium.py).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # for what drives the browser

from auheat.inference.predictor import load  # noqa: E402
from auheat.web.sessions import SessionStore  # noqa: E402
from chromium import Page, browse, find_chromium  # noqa: E402
from web_sessions import running  # noqa: E402

CLIP = ROOT / "examples" / "smiles.mp4"
# The sections of a report that are shown, by their headings.
SECTIONS = ("Summary", "Curves", "Heat strip", "Peaks")
SMILE_FRAME = 51  # from 1


def shoot_report(page: Page, folder: Path, out: Path) -> None:
    """What `auheat predict --report` makes: its first sections."""
    command = [sys.executable, "-m", "auheat", "predict", str(CLIP), "-o", str(folder), "--report"]
    subprocess.run(command, check=True)
    page.size(1160, 900)
    page.open((folder / f"{CLIP.stem}.html").as_uri())
    page.wait("document.querySelectorAll('.row').length > 0")
    page.run(
        f"for (const section of document.querySelectorAll('section')) if (!{list(SECTIONS)}"
        ".includes(section.querySelector('h2')?.innerText)) section.remove();"
        "document.querySelector('footer')?.remove()"
    )
    page.screenshot(out)


def shoot_page(page: Page, out: Path) -> None:
    """What `auheat serve` shows of a video, at a frame of the smile."""
    with SessionStore(load(device="cpu")) as store, running(store) as address:
        page.size(1280, 1130)
        page.open(address)
        page.wait("window.auheat")
        page.drop(".target", CLIP)
        page.wait("document.body.dataset.state === 'done'", 600)
        for _ in range(SMILE_FRAME - 1):
            page.press("ArrowRight")
        page.wait(f"document.querySelector('#clock').innerText.includes('frame {SMILE_FRAME} ')")
        page.wait("!document.querySelector('video').seeking")
        page.run("new Promise((done) => setTimeout(done, 2000))")  # until the frame is painted
        page.screenshot(out, whole=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the images")
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        sys.exit("screenshots.py: no Chromium or Chrome on the path: install one")
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile"
        profile.mkdir()
        with browse(program, profile) as page:
            shoot_report(page, Path(folder), options.out / "report.png")
            shoot_page(page, options.out / "serve.png")
    print(f"images: {options.out / 'report.png'}, {options.out / 'serve.png'}")


if __name__ == "__main__":
    main()
