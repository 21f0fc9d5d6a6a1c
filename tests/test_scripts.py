"""Chores of maintainers: images of the faces, and face assets from a clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import gallery
from auheat.facs import ALL_AUS

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.mark.slow
def test_the_gallery_of_faces(tiny_folder: Path, tmp_path: Path) -> None:
    gallery.draw(tiny_folder, tmp_path, seed=1, subject=3, size=64)
    assert size(tmp_path / "contact-sheet.jpg") == (640, 384)
    assert size(tmp_path / "au-levels.jpg") == (2 * 384 + 12, len(ALL_AUS) // 2 * (64 + 24))
    strips = sorted((tmp_path / "levels").iterdir())
    assert [path.stem for path in strips] == list(ALL_AUS)
    assert size(strips[0]) == (384, 64)


@pytest.mark.parametrize("script", ["convert_mediapipe.py", "tflite_to_onnx.py"])
def test_help_needs_no_extra(script: str) -> None:
    """In a process of its own, where what only the conversion needs cannot be imported."""
    code = (
        "import runpy, sys\n"
        "for name in ('onnx', 'mediapipe', 'flatbuffers', 'ai_edge_litert'):\n"
        "    sys.modules[name] = None\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "sys.argv[:] = [sys.argv[2], '--help']\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPTS), str(SCRIPTS / script)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "ONNX" in done.stdout


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
