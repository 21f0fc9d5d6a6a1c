"""Consoles, homes, folders and libraries that make trouble to a call: one line, or none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.inference import predictor
from cli_calls import lines, predict, started
from small_media import clip, image
from stand_ins import KnownFaces

pytestmark = pytest.mark.usefixtures("known_face")


@pytest.mark.filterwarnings("always")
def test_no_warning_of_python_is_seen(tmp_path: Path, weights: Path) -> None:
    """Of pandas with hundreds of columns, or of anybody: they go to the log."""
    path = clip(tmp_path / "a.mp4")
    result = predict(weights, path, "-o", tmp_path / "out", "--report", "--landmarks", "--pose")
    assert (result.exit_code, result.stderr) == (0, "")
    code = (
        "import warnings; from auheat.cli import console\n"
        "with console.quiet(): warnings.warn('unsafe', ResourceWarning, stacklevel=1)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        capture_output=True,
        check=False,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert "ResourceWarning: unsafe" in (tmp_path / "state").rglob("*.log").__next__().read_text()


def test_a_home_that_cannot_be_written(tmp_path: Path, weights: Path) -> None:
    """Matplotlib said so in three lines."""
    (tmp_path / "home").write_text("a file, in which nobody makes a folder")
    path = image(tmp_path / "a.png")
    process = subprocess.run(
        [sys.executable, "-m", "auheat", "predict", str(path), "-o", str(tmp_path / "out")],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
        | {key: value for key, value in os.environ.items() if key == "PYTHONPATH"},
    )
    assert (process.returncode, process.stderr) == (0, b"")


def test_a_defect_is_one_line_and_debug_shows_its_cause(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> KnownFaces:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(predictor, "default_detector", broken)
    path = image(tmp_path / "a.png")
    (line,) = lines(predict(weights, path, "-o", tmp_path / "out"), 1)
    assert "unexpected ImportError: libGL.so.1" in line
    monkeypatch.setenv("AUHEAT_DEBUG", "")
    options = ["--debug", "predict", str(path), "--weights", str(weights)]
    shown = CliRunner().invoke(main, options)
    assert shown.exit_code == 2
    assert "Traceback (most recent call last)" in shown.stderr


def test_a_console_that_lacks_letters(tmp_path: Path) -> None:
    process = started(tmp_path, "predict", tmp_path / "ж.mp4", PYTHONIOENCODING="cp1252")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.rstrip().endswith(rb"no file at " + os.fsencode(tmp_path) + rb"/\u0436.mp4")


def test_without_standard_error(tmp_path: Path) -> None:
    code = (
        "import sys; sys.stderr = None; from auheat.cli import main; "
        f"main(['predict', {str(tmp_path / 'none.mp4')!r}, '-o', {str(tmp_path)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 2


def test_a_working_folder_that_was_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    code = (
        f"import os; os.chdir({str(folder)!r}); os.rmdir({str(folder)!r}); "
        "from auheat.cli import main; main(['predict', 'a.mp4'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"the working folder was deleted" in done.stderr
