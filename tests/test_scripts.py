"""Chores of maintainers: images of the faces, and face assets from a clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import check_real
import check_size
import gallery
import measure_rest
from auheat.facs import ALL_AUS

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.mark.slow
def test_the_gallery_of_faces(tiny_folder: Path, tmp_path: Path) -> None:
    gallery.draw(tiny_folder, tmp_path, seed=1, subject=3, size=64)
    assert size(tmp_path / "contact-sheet.jpg") == (640, 384)
    assert size(tmp_path / "augmentations.jpg") == (8 * 42, 15 * (42 + 24))
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
    options = [line.split() for line in done.stdout.partition("options:")[2].splitlines()]
    assert all(len(words) > 4 for words in options if words and words[0][:2] in ("-o", "--"))


def test_a_script_says_which_package_it_lacks() -> None:
    code = (
        "import runpy, sys\n"
        "sys.modules['packaging'] = None\n"
        "sys.argv[:] = [sys.argv[1]]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPTS / "check_wheels.py")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    line = "packaging is not installed: pip install packaging\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


@pytest.mark.parametrize(
    "command",
    [
        ("convert_face_assets.py", "FOLDER", "-o", "OUT"),
        ("gallery.py", "--assets", "FOLDER", "-o", "OUT"),
        ("check_size.py", "--environment", "FOLDER"),
        ("check_size.py", "--python", "FOLDER"),
        ("convert_mediapipe.py", "-o", "FILE/out"),
    ],
)
def test_what_a_script_cannot_use_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    places = {
        "FOLDER": str(tmp_path), "OUT": str(tmp_path / "out"), "FILE/out": f"{tmp_path}/file/out"
    }  # fmt: skip
    words = [str(SCRIPTS / command[0]), *(places.get(word, word) for word in command[1:])]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and str(tmp_path) in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_holds_on_real_faces_is_counted_by_group() -> None:
    """Wilson's interval of 8 in 10 is .490 to .943 (Newcombe 1998, Statistics in Medicine 17)."""
    active, resting = (
        {"file": "a", "au": "AU12", "measure": "mean", "op": op} for op in (">=", "<=")
    )
    held = [(active, n < 8) for n in range(10)] + [(resting, True)]
    held += [({**active, "file": "b"}, False), ({**active, "measure": "count"}, False)]
    lines = list(check_real.group_lines(held, {"a": ["f", "older"], "b": ["f"]}))
    assert lines[2:] == [
        "| f | 8/11 | [0.43, 0.90] | 1/1 | [0.21, 1.00] |",
        "| older | 8/10 | [0.49, 0.94] | 1/1 | [0.21, 1.00] |",
    ]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """With pip, one package of two modules, and one in a single file."""
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for name in ("pip/a.py", "pip-23.0.dist-info/METADATA", "setuptools/b.py", "one/__init__.py",
                 "one/deep/c.so", "one-1.0.dist-info/METADATA", "two.py",
                 "two-2.0.dist-info/METADATA", "pipeline/d.py"):  # fmt: skip
        file = packages / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 5000)
    return tmp_path


def test_what_an_environment_had_before_does_not_count(environment: Path) -> None:
    found = check_size.installed(check_size.site_packages(environment))
    names = ["one", "one-1.0.dist-info", "pipeline", "two-2.0.dist-info", "two.py"]
    assert [path.name for path in found] == names


def test_sizes_are_those_of_du(environment: Path) -> None:
    folder = environment / "lib"
    du = subprocess.run(["du", "-sk", folder], capture_output=True, text=True, check=True)
    size = check_size.size_of(folder)
    assert size.content == 9 * 5000
    assert size.blocks == 1024 * int(du.stdout.split()[0]) > size.content


def test_an_environment_beyond_the_bounds_fails(
    environment: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_size.report(environment)
    assert capsys.readouterr().out.startswith("2 packages (at most 25); 0.")
    monkeypatch.setattr(check_size, "MAX_MIB", 0.03)
    assert not check_size.report(environment)
    monkeypatch.setattr(check_size, "MAX_MIB", 0.1)
    assert check_size.report(environment)
    monkeypatch.setattr(check_size, "MAX_PACKAGES", 1)
    assert not check_size.report(environment)


def test_the_table_of_a_real_face() -> None:
    """By hand: the highest of the resting frames, nobody's left out; the mean of the smile."""
    table = pd.DataFrame(
        {"frame": [1, 2, 3, 4, 5], "success": [1, 1, 0, 1, 1], "AU01_r": [1.5, 2.0, None, 0, 0],
         "AU12_r": [0.1, 0.2, None, 3.0, 3.5], "AU43_r": [0.3, 0.4, None, 5.0, 0],
         "AU45_r": [0.3, 0.4, None, 5.0, 0]}
    )  # fmt: skip
    lower = table.assign(AU01_r=table["AU01_r"] / 4)
    found = measure_rest.measured({"raw": table, "auto": lower}, (1, 3), (4, 5))
    assert found.splitlines() == [
        "|  | AU01 | other AUs | AU12, smile |",
        "| --- | --- | --- | --- |",
        "| raw | 2.00 | 0.40 | 3.25 (at most 3.50) |",
        "| auto | 0.50 | 0.40 | 3.25 (at most 3.50) |",
        "",
        "Readings at rest: AU01 from 1.50 to 2.00.",
    ]
    assert measure_rest.frames("21-69") == (21, 69)
