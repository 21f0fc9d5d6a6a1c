"""`auheat doctor` tells a good installation from a bad one; `auheat completion` completes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from auheat import optional
from auheat.cli import main
from auheat.doctor import examination, machine, self_test
from auheat.doctor.machine import Finding, guarded
from auheat.errors import AuheatError
from auheat.faces import model_files
from auheat.facs import ALL_AUS, PAPER_AUS
from auheat.models.weights import default_network, default_weights
from auheat.optional import NEEDED, PACKAGES
from auheat.sums import SUMS, sha256

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


def test_this_installation_works() -> None:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0, result.output
    *lines, last = result.output.splitlines()
    assert {line[:9] for line in lines} <= {"ok       ", "missing  "}
    subjects = {line[9:].split(":")[0] for line in lines}
    assert {
        "python",
        "torch",
        "onnxruntime",
        "openvino",
        "cpu",
        "video",
        "weights",
        "face models",
    } <= subjects
    assert last.startswith("auheat works here")
    seconds = re.search(r"self-test: a rendered face read in ([\d.]+) s", result.output)
    assert seconds and float(seconds[1]) < 10


def test_one_failure_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Finding("FAILED", "video", "no frames", "fix it")
    monkeypatch.setattr(examination, "LOOKS", (machine.python, lambda: iter([bad])))
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 2
    assert result.output.splitlines()[-2:] == [
        "FAILED   video: no frames; fix it",
        "auheat does not work here: video",
    ]


def test_an_error_in_one_look_is_a_line() -> None:
    def some_look() -> Iterator[Finding]:
        yield Finding("ok", "first", "seen")
        raise RuntimeError("cannot load:\nlibGL.so.1: no such file.")

    first, second = guarded(some_look, "fix it")
    assert first.line() == "ok       first: seen"
    assert second.line() == "FAILED   some-look: cannot load: libGL.so.1: no such file; fix it"


def test_what_is_looked_for_is_what_is_declared() -> None:
    assert {distribution for _, distribution in NEEDED} <= names(PROJECT["dependencies"])
    extras = PROJECT["optional-dependencies"]
    for package in PACKAGES:
        assert package.distribution in names(extras[package.extra])
    looked_for = {package.extra for package in PACKAGES}
    assert looked_for == set(extras) - {"all", "dev", "docs", "mediapipe"}
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, machine.OLDEST))


def test_a_missing_extra_is_named_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_installed", lambda name: name != "dlib")
    monkeypatch.setattr(machine, "trouble", lambda name: None)
    monkeypatch.setattr(machine, "_version", lambda *_: "1.0")
    (found,) = [one for one in machine.optional() if one.state != "ok"]
    assert found.line() == (
        "missing  dlib-bin: only needed for auheat prepare --landmarks dlib; "
        'pip install "auheat[dlib]"'
    )
    assert examination.verdict([found]) == "auheat works here; optional and missing: dlib-bin"


def test_a_package_that_does_not_load_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> ModuleType:
        if name in ("cv2", "openvino"):
            raise ImportError(f"{name} is broken")
        return import_module(name)

    monkeypatch.setattr(optional, "import_module", load)
    found = [one for one in (*machine.needed(), *machine.optional()) if one.state != "ok"]
    assert [one.line() for one in found] == [
        "FAILED   opencv-python-headless: cv2 is installed, but cannot be loaded (cv2 is broken): "
        "pip install --force-reinstall opencv-python-headless",
        "FAILED   openvino: openvino is installed, but cannot be loaded (openvino is broken): "
        "pip install --force-reinstall openvino",
    ]


def test_video_that_comes_back_wrong_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from auheat.media.frames import VideoFile

    kept = VideoFile.__iter__
    assert [one.state for one in machine.video()] == ["ok"]
    monkeypatch.setattr(VideoFile, "__iter__", lambda file: iter([*kept(file)][:-1]))
    (found,) = machine.video()
    assert (found.state, found.detail[:14]) == ("FAILED", "4 of 5 frames ")


def test_other_or_damaged_weights_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = pytest.importorskip("onnx")
    copy = tmp_path / "default.onnx"
    shutil.copy(default_weights(), tmp_path)
    monkeypatch.setattr("auheat.models.weights.default_network", lambda: copy)
    whole = default_network().read_bytes()
    other = onnx.load_from_string(whole)
    other.doc_string = "another one"
    for content, said in (
        (whole[:-1000], "ONNX Runtime cannot run"),
        (other.SerializeToString(), "is not that of this version"),
    ):
        copy.write_bytes(content)
        (found,) = guarded(self_test.weights, "fix it")
        assert found.state == "FAILED"
        assert said in found.detail


@pytest.mark.parametrize("name", model_files.NAMES)
@pytest.mark.parametrize("damage", ["missing", "flipped", "no sums"])
def test_every_face_model_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    """Also the mesh with attention, which reading the face of the self-test does without."""
    (fine,) = self_test.face_models()
    assert (fine.state, fine.detail[-8:]) == ("ok", "4 models")
    folder = tmp_path / "models"
    shutil.copytree(model_files.MODELS, folder)
    monkeypatch.setattr(model_files, "MODELS", folder)
    path = model_files.model_file(name)
    if damage == "missing":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    if damage == "no sums":
        (folder / SUMS).unlink()  # of a folder that did not come with auheat: gzip notices
    found = [one.line() for one in self_test.face_models()]
    said = {"missing": "no file at", "flipped": "damaged", "no sums": "cannot run"}[damage]
    assert len(found) == 1
    assert found[0].startswith("FAILED   face models: ")
    assert str(path) in found[0] and said in found[0]
    assert found[0].endswith("give another copy of the file, or install auheat again")


@pytest.mark.parametrize(
    ("above", "error", "end"),
    [
        (False, ValueError("odd"), "FAILED   last-look: odd; install auheat again"),
        (True, ValueError("odd"), "FAILED   last-look: odd; fix what FAILED above first"),
        (False, AuheatError("x is gone: install auheat again"),
         "FAILED   last-look: x is gone: install auheat again"),
        (True, AuheatError("x is gone: install auheat again"),
         "FAILED   last-look: x is gone: install auheat again"),
    ],
)  # fmt: skip
def test_advice_is_given_once_and_fits(
    monkeypatch: pytest.MonkeyPatch, above: bool, error: Exception, end: str
) -> None:
    def last_look() -> Iterator[Finding]:
        raise error
        yield

    first = Finding("FAILED" if above else "ok", "first", "seen")
    monkeypatch.setattr(examination, "LOOKS", (lambda: iter([first]), last_look))
    assert [one.line() for one in examination.examine()][1:] == [end]


def test_the_stored_readings_are_of_the_shipped_weights_and_true() -> None:
    stored = self_test.expectation()
    made_again = "the network changed: run python scripts/make_self_test.py"
    assert stored.network == sha256(default_network()), made_again
    assert tuple(stored.intensities) == ALL_AUS
    assert (self_test.folder() / self_test.FACE).stat().st_size < 20_000
    truth = pd.read_csv(ROOT / "examples" / "smiles.labels.csv").set_index("frame").loc[41]
    off = {au: abs(stored.intensities[au] - truth[au]) for au in PAPER_AUS}
    assert max(off.values()) < 1.1  # AU06 reads 1.0 too low
    assert np.mean(list(off.values())) < 0.3


@pytest.mark.parametrize("wrong", [0.3, -0.3, float("nan")])
def test_a_reading_that_is_off_fails(wrong: float) -> None:
    expected = {"AU06": 3.0, "AU12": 4.0}
    close = self_test.compare({"AU06": 3.1, "AU12": 3.8}, expected, 1.0)
    assert close.state == "ok"
    assert close.detail.endswith("no AU off by more than 0.20")
    assert self_test.compare({"AU06": 3.0 + wrong, "AU12": 4.0}, expected, 1.0).state == "FAILED"
    assert self_test.compare({"AU12": 4.0}, expected, 1.0).state == "FAILED"


def test_bash_completes_verbs_and_options() -> None:
    script = """
        eval "$(auheat completion bash)"
        COMP_WORDS=(auheat pre) COMP_CWORD=1
        _auheat_completion auheat; echo "${COMPREPLY[@]}"
        COMPREPLY=() COMP_WORDS=(auheat predict --ov) COMP_CWORD=2
        _auheat_completion auheat; echo "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["predict prepare", "--overlay"], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_auheat(shell: str) -> None:
    printed = CliRunner().invoke(main, ["completion", shell])
    assert printed.exit_code == 0
    assert f"_AUHEAT_COMPLETE={shell}_complete" in printed.output
