"""The layers, names and sizes that the package keeps to, read from its source."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "auheat"

# From the lowest to the highest. A name is a module of the package or a folder in it.
LAYERS = (
    (
        "errors",
        "facs",
        "landmarks",
        "geometry",
        "heatmap",
        "metrics",
        "results",
        "tables",
        "progress",
        "config",
        "files",
        "system",
    ),
    ("models", "faces", "synthesis", "media", "drawing"),
    ("data",),
    ("inference", "evaluation", "export"),
    ("training",),
    ("bench", "doctor", "figures", "web", "cli", "__main__"),
)
LAYER = {name: level for level, names in enumerate(LAYERS) for name in names}
# The command line opens the other rooms of its layer: a verb is how they are started.
OPENS = {("cli", room) for room in ("bench", "doctor", "figures", "web")} | {("__main__", "cli")}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "core", "manager", "common", "misc"}
HEAVY = {"torch", "mediapipe", "cv2", "pandas", "lightning", "numba", "scipy", "av", "pyarrow"}

FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def place(module: str) -> str:
    """The module or folder directly below the package, `` for the package itself."""
    return [*module.split("."), ""][1]


def imports(
    source: str, module: str, is_package: bool, at_start: bool = False
) -> Iterator[tuple[str, int]]:
    """Names below `auheat` that a source imports, with their lines.

    at_start: only what runs when the module is imported: nothing inside functions or under
        TYPE_CHECKING.
    """
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if at_start and _runs_later(node):
            continue
        pending += ast.iter_child_nodes(node)
        for name in _imported(node, module, is_package):
            if name.split(".")[0] == "auheat":
                yield name, node.lineno  # type: ignore[attr-defined]


def _runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _imported(node: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parents = module.split(".")[: None if is_package else -1]
            parents = parents[: len(parents) - node.level + 1]
            base = ".".join([*parents, *([base] if base else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args:
        called = ast.unparse(node.func).split(".")[-1]
        first = node.args[0]
        if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
            yield str(first.value)


def breaches(source: str, module: str, is_package: bool = False) -> list[str]:
    """Imports that do not go to a lower layer or stay in the module's own folder."""
    here, wrong = place(module), []
    for name, line in imports(source, module, is_package):
        there = place(name)
        if there == "__version__":
            continue
        level = LAYER.get(there, len(LAYERS) - 2)  # the package itself is for the outermost layer
        lower = level < LAYER[here]
        same_folder = there == here or level == LAYER[here] == 0
        if not (lower or same_folder or (here, there) in OPENS):
            wrong.append(f"{module}:{line} imports {name}")
    return wrong


def target(name: str) -> str | None:
    """The module that an imported name stands in: itself, or the one that offers it."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def test_every_module_belongs_to_a_layer() -> None:
    stray = {place(module) for module in MODULES} - set(LAYER) - {""}
    assert not stray, f"give these a layer in the architecture: {sorted(stray)}"


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"auheat"}))
def test_imports_go_down(module: str) -> None:
    path = MODULES[module]
    assert not breaches(path.read_text("utf-8"), module, path.name == "__init__.py")


def test_the_package_itself_starts_light() -> None:
    """`import auheat` may run only the lowest layer."""
    source = (PACKAGE / "__init__.py").read_text("utf-8")
    started = {place(name) for name, _ in imports(source, "auheat", True, at_start=True)}
    assert {name for name in started if name in LAYER} <= set(LAYERS[0])


def test_no_circles_at_import() -> None:
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        is_package = path.name == "__init__.py"
        found = imports(path.read_text("utf-8"), module, is_package, at_start=True)
        graph[module] = {found for name, _ in found if (found := target(name))} - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("auheat.facs", "from auheat.models import scc"),
        ("auheat.models.scc", "from auheat.faces.crop import CropSpec"),
        ("auheat.models.scc", "from auheat import faces"),
        ("auheat.models.scc", "import auheat.data.manifest as m"),
        ("auheat.models.scc", "from ..synthesis import camera"),
        ("auheat.models.scc", "def f():\n    from auheat.training import fit"),
        ("auheat.models.scc", "if TYPE_CHECKING:\n    from auheat.training import fit"),
        ("auheat.models.scc", "try:\n    import auheat.cli\nexcept ImportError:\n    pass"),
        ("auheat.models.scc", "m = importlib.import_module('auheat.web.server')"),
        ("auheat.data.disfa", "class A:\n    def f(self):\n        from auheat import export"),
        ("auheat.evaluation.run", "from auheat.inference import predictor"),
        ("auheat.training.fit", "from auheat.cli import main"),
        ("auheat.web.server", "from auheat.cli import main"),
        ("auheat.figures", "from auheat.web import server"),
        ("auheat.models.scc", "from auheat import Predictor"),
        ("auheat.models.scc", "import auheat"),
    ],
)
def test_the_guard_sees_a_breach(module: str, source: str) -> None:
    assert len(breaches(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("auheat.facs", "from auheat.errors import AuheatError"),
        ("auheat.models.scc", "from .resnet import ResNet\nfrom . import deconv"),
        ("auheat.models.scc", "from auheat import __version__, facs"),
        ("auheat.training.fit", "from auheat.data.manifest import Manifest\nimport torch"),
        ("auheat.cli.serve", "from auheat.web import server"),
        ("auheat.cli.predict", "from auheat import Predictor"),
    ],
)
def test_the_guard_lets_good_imports_pass(module: str, source: str) -> None:
    assert not breaches(source, module)


def test_the_guard_tells_start_from_later() -> None:
    source = (
        "from auheat import facs\ndef f():\n    import auheat.cli\n"
        "if TYPE_CHECKING:\n    import auheat.web\nclass A:\n    import auheat.data\n"
    )
    started = {name for name, _ in imports(source, "auheat.x", False, at_start=True)}
    assert started == {"auheat.facs", "auheat.data"}


def test_files_stay_short() -> None:
    files = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".html", ".css", ".js")]
    lengths = {module_name(path): len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {module: lines for module, lines in lengths.items() if lines > 300}


def test_names_say_what_a_thing_is() -> None:
    vague = [name for name in MODULES if FORBIDDEN_NAMES & set(re.split(r"[._]", name))]
    assert not vague


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
        auheat.no_such_name  # noqa: B018


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
