"""Chores of maintainers: pictures of the faces, and face assets from a clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import gallery
from auheat.facs import PAPER_AUS

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.mark.slow
def test_the_gallery_of_faces(tiny_folder: Path, tmp_path: Path) -> None:
    gallery.draw(tiny_folder, tmp_path, seed=1, subject=3, size=64)
    assert size(tmp_path / "contact-sheet.jpg") == (640, 384)
    assert size(tmp_path / "au-levels.jpg") == (2 * 384 + 12, 7 * (64 + 24))
    strips = sorted((tmp_path / "levels").iterdir())
    assert [path.stem for path in strips] == list(PAPER_AUS)
    assert size(strips[0]) == (384, 64)


@pytest.mark.parametrize(
    "command",
    [
        ("convert_face_assets.py", "FOLDER", "-o", "OUT"),
        ("gallery.py", "--assets", "FOLDER", "-o", "OUT"),
    ],
)
def test_what_a_script_cannot_use_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    places = {"FOLDER": str(tmp_path), "OUT": str(tmp_path / "out")}
    words = [str(SCRIPTS / command[0]), *(places.get(word, word) for word in command[1:])]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and str(tmp_path) in done.stderr
    assert not (tmp_path / "out").exists()
