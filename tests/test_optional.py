from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import auheat
from auheat.cli import main
from auheat.errors import AuheatError
from auheat.optional import EXTRAS, explained, needing, require


def test_what_is_installed_is_given() -> None:
    assert require("pyarrow").__name__ == "pyarrow"
    assert require("pyarrow.parquet").__name__ == "pyarrow.parquet"


@pytest.mark.parametrize("module", ["torch", "pyarrow.parquet"])
def test_the_extra_of_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    package = module.partition(".")[0]
    for name in (module, package):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(AuheatError) as caught:
        require(module)
    extra = {"torch": "torch", "pyarrow": "parquet"}[package]
    assert str(caught.value) == f'{package} is not installed: pip install "auheat[{extra}]"'


def test_other_failures_are_not_explained() -> None:
    assert (
        explained(ModuleNotFoundError("No module named 'auheat.gone'", name="auheat.gone")) is None
    )
    assert explained(ImportError("libtorch.so is damaged")) is None
    with pytest.raises(ModuleNotFoundError):
        require("no_such_module")


@pytest.mark.parametrize(
    ("package", "extra", "command"),
    [
        ("lightning", "train", "train x.toml"),
        ("torch", "train", "train x.toml"),
        ("fastapi", "serve", "serve"),
        ("onnx", "export", "export"),
        ("pandas", "evaluate", "evaluate nowhere --data nowhere"),
        ("pyarrow", "evaluate", "prepare disfa nowhere -o nowhere"),
        ("torch", "torch", "predict examples/smiles.mp4 --runtime torch"),
        ("openvino", "openvino", "predict examples/smiles.mp4 --runtime openvino"),
        ("pyarrow", "parquet", "predict examples/smiles.mp4 --format tidy"),
    ],
)
def test_a_subcommand_without_its_extra_ends_in_one_line(
    tmp_path: Path, package: str, extra: str, command: str
) -> None:
    """In a process of its own, where the package was never imported."""
    others = {"train": ("lightning", "torch"), "export": ("torch",), "evaluate": ("pandas",)}
    for other in others.get(extra, ()):
        pytest.importorskip(other)
    code = "import sys; sys.modules[sys.argv.pop(1)] = None\nfrom auheat.cli import main\nmain()\n"
    arguments = [*command.split(), "-o", str(tmp_path)] if "predict" in command else command.split()
    root = Path(__file__).resolve().parents[1]
    result = subprocess.run(
        [sys.executable, "-c", code, package, *arguments],
        capture_output=True, text=True, check=False, cwd=root,
    )  # fmt: skip
    line = f'auheat: {package} is not installed: pip install "auheat[{extra}]"'
    assert (result.returncode, result.stderr) == (2, f"{line}\n")
    assert not list(tmp_path.iterdir())


_CORE = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
from auheat import *
import auheat
print(sorted(set(auheat.__all__) - set(globals())))
for call in (lambda: find_events("a.csv"), lambda: read_table("a.csv"),
             lambda: evaluate("a.csv", "data"), lambda: evaluate("a.onnx", "data")):
    try:
        call()
    except AuheatError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("without", "lines"),
    [
        (set(EXTRAS), ["pandas", "pandas", "evaluate", "evaluate"]),
        ({"pyarrow", "scipy", "torch"}, ["", "", "evaluate", "evaluate"]),
    ],
)
def test_every_public_name_is_there_without_extras(
    tmp_path: Path, without: set[str], lines: list[str]
) -> None:
    """Names can be imported, and what needs an extra says which one when it is called."""
    if "pandas" not in without:
        pytest.importorskip("pandas")
    result = subprocess.run(
        [sys.executable, "-c", _CORE, *sorted(without)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    missing, *said = result.stdout.splitlines()
    assert missing == "[]"
    package = "pandas" if "pandas" in without else "pyarrow"
    assert said == [
        f'{package} is not installed: pip install "auheat[{extra}]"' if extra else
        "no table at a.csv"
        for extra in lines
    ]  # fmt: skip


def broken(folder: Path, package: str, body: str) -> dict[str, str]:
    """The environment of a process in which a package is there, and ends its import by `body`."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(body)
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


@pytest.mark.parametrize(
    ("package", "distribution", "options", "body", "cause"),
    [
        ("openvino", "openvino", "--runtime openvino",
         "raise OSError('libopenvino.so: no\\nsuch file')", "libopenvino.so: no such file"),
        ("torch", "torch", "--runtime torch",
         "import ctypes; ctypes.CDLL('/nowhere.so')", "/nowhere.so: cannot open shared object"),
        ("cv2", "opencv-python-headless", "",
         "raise ImportError('libGL.so.1: gone')", "libGL.so.1: gone"),
        ("av", "av", "", "from av import _core", "cannot import name '_core'"),
        ("onnxruntime", "onnxruntime", "", "import onnxruntime.capi", "No module named 'onnx"),
        ("numpy", "numpy", "", "import no_such_module", "No module named 'no_such_module'"),
    ],
)  # fmt: skip
def test_a_package_that_cannot_be_loaded_is_one_line(
    tmp_path: Path, package: str, distribution: str, options: str, body: str, cause: str
) -> None:
    clip = Path(__file__).resolve().parents[1] / "examples" / "smiles.mp4"
    result = subprocess.run(
        [sys.executable, "-m", "auheat", "predict", str(clip), *options.split()],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env=broken(tmp_path / "site", package, body),
    )  # fmt: skip
    begin = f"auheat: {package} is installed, but cannot be loaded ({cause}"
    end = f"): pip install --force-reinstall {distribution}\n"
    assert result.returncode == 2
    assert result.stderr.startswith(begin), result.stderr
    assert result.stderr.endswith(end), result.stderr
    assert result.stderr.count("\n") == 1


_LOOKS = """
import sys
from auheat.doctor import machine
for look in (machine.optional, machine.devices, machine.runtimes):
    for finding in look():
        if finding.state == "FAILED" or finding.subject in ("cpu", "runtimes", "pandas"):
            print(finding.line())
"""


def test_the_doctor_names_the_package_that_is_broken(tmp_path: Path) -> None:
    """Not another one that imports it, as SciPy, pandas and Numba import NumPy, or Lightning torch;
    and the look goes on."""
    for package in ("pandas", "onnx"):
        pytest.importorskip(package)
    environment = broken(tmp_path, "torch", "raise OSError('libtorch.so: damaged')")
    broken(tmp_path, "openvino", "import torch")
    result = subprocess.run(
        [sys.executable, "-c", _LOOKS], capture_output=True, text=True, check=True, env=environment
    )
    said = result.stdout.splitlines()
    line = (
        "torch is installed, but cannot be loaded (libtorch.so: damaged): "
        "pip install --force-reinstall torch"
    )
    assert said[:2] == [f"FAILED   openvino: {line}", f"FAILED   torch: {line}"]
    assert said[2].startswith("ok       pandas: ")
    assert said[3].startswith("ok       cpu: ")
    assert said[4:] == ["ok       runtimes: onnx"]


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ({"device": "gpu"}, "'gpu' is no device: give one of auto, cpu, cuda, cuda:N, mps"),
        ({"device": "cuda"}, "--device cuda needs torch, which is not installed: pip install "),
        ({"precision": "bf16"}, "--precision bf16 needs torch, which is not installed: pip "),
        ({"runtime": "torch"}, 'torch is not installed: pip install "auheat[torch]"'),
    ],
)
def test_what_needs_torch_says_so(
    monkeypatch: pytest.MonkeyPatch, wish: dict[str, Any], line: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(AuheatError) as caught:
        auheat.load(**wish)
    assert str(caught.value).startswith(line)


def test_errors_of_a_package_that_was_loaded_are_its_own() -> None:
    """An OSError while something is read says nothing against the package that reads."""
    pandas = pytest.importorskip("pandas")
    with pytest.raises(FileNotFoundError) as caught, needing():
        pandas.read_csv("nowhere.csv")
    assert explained(caught.value) is None


def test_measuring_a_network_needs_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        AuheatError, match=r'^torch is not installed: pip install "auheat\[torch\]"$'
    ):
        auheat.evaluate("a.onnx", "data")


def test_help_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXTRAS:
        if name not in sys.modules:
            monkeypatch.setitem(sys.modules, name, None)
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0, result.output
