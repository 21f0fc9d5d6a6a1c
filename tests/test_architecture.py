"""What the package keeps to, read from its source. Layers: import-linter, in pyproject.toml."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "auheat"
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "core", "manager", "common", "misc"}
HEAVY = {"torch", "mediapipe", "cv2", "pandas", "lightning", "numba", "scipy", "av", "pyarrow"}
MODULES = [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))]


def test_imports_go_down_and_not_in_circles() -> None:
    pytest.importorskip("importlinter")
    program = "from importlinter.cli import lint_imports_command as main; main(['--no-cache'])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_public_face_is_for_the_outermost_rooms() -> None:
    """Others name the module: what `auheat` itself offers is above them."""
    import auheat

    one = re.compile(
        rf"^\s*from auheat import .*\b(?:{'|'.join({*auheat.__all__} - {'__version__'})})\b", re.M
    )
    inner = [name for name in MODULES if not name.startswith(("__", "cli/", "web/"))]
    assert not [name for name in inner if one.search((PACKAGE / name).read_text("utf-8"))]


def _layers() -> list[str]:
    """Rooms and modules of the package, from the highest layer down, as pyproject.toml has them."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^layers = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    return re.findall(r"\w+", block[1])


def test_newcomers_find_every_room() -> None:
    """The tables of CONTRIBUTING name all there is, those of the documents every folder."""
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for name in _layers():
        if name == "__main__":
            continue
        is_folder = (PACKAGE / name).is_dir()
        shown = f"`{name}/`" if is_folder else f"`{name}`"
        assert shown in contributing, f"CONTRIBUTING.md: {shown}"
        assert shown in page or not is_folder, f"docs/architecture.md: {shown}"


def test_files_that_the_documents_walk_through_are_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    walked = re.findall(r"`([\w/]+\.py)`", page)
    assert len(walked) > 20
    assert not [path for path in walked if not (PACKAGE / path).is_file()]
    for title in ("a video", "a dataset", "a checkpoint", "a table of the paper"):
        steps = page.split(f"## The walk of {title}\n")[1].split("\n## ")[0]
        assert len(re.findall(r"^\d\. ", steps, re.MULTILINE)) == 5, title
        for name in re.findall(r"`([A-Z]\w+)`", steps):
            defined = rf"^(?:class {name}\b|{name}\b.*=)"
            assert any(
                re.search(defined, (PACKAGE / path).read_text("utf-8"), re.MULTILINE)
                for path in MODULES
            ), name


def test_files_stay_short() -> None:
    files = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".html", ".css", ".js")]
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {name: lines for name, lines in lengths.items() if lines > 305}


def test_names_say_what_a_thing_is() -> None:
    vague = [name for name in MODULES if FORBIDDEN_NAMES & set(re.split(r"[/._]", name))]
    assert not vague


def test_choices_are_those_of_literals() -> None:
    own = [name for name in MODULES if name.startswith("cli/") and name != "cli/options.py"]
    assert len(own) > 10
    assert not [name for name in own if "click.Choice" in (PACKAGE / name).read_text("utf-8")]


_IMPORT = """
import json, os, sys
before = dict(os.environ)
import auheat
print(json.dumps({
    "modules": sorted(sys.modules),
    "environment": dict(os.environ) == before,
}))
"""


def test_import_has_no_side_effects(tmp_path: Path) -> None:
    """Nothing heavy is loaded, no file appears, no variable or thread count is set, no warning."""
    environment = os.environ | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", _IMPORT],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    seen = json.loads(result.stdout)  # anything else printed would not parse
    assert not HEAVY & set(seen["modules"])
    assert seen["environment"]
    assert not list(tmp_path.iterdir())


def test_public_names_exist() -> None:
    import auheat

    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", auheat.__version__)
    public = getattr(auheat, "__all__", [])
    assert len(set(public)) == len(public)
    for name in public:
        assert getattr(auheat, name) is not None
        assert name in dir(auheat)
    with pytest.raises(AttributeError):
        getattr(auheat, "no_such_name")  # noqa: B009


def test_no_file_names_a_folder_of_a_machine() -> None:
    """No path of a home, of this checkout or of what surrounds it."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    folders = {ROOT, ROOT.parent, Path.home()} - {Path("/"), Path(tempfile.gettempdir())}
    named = [re.escape(folder.as_posix()) for folder in folders] + ["/(?:home|Users)"]
    path_there = re.compile(rf"(?<![\w.~*-])(?:{'|'.join(named)})/\w")
    found = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" in content:  # binary, or deleted
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if path_there.search(line):
                found.append(f"{name}:{number}")
    assert not found
