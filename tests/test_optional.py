from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.errors import AuheatError
from auheat.optional import EXTRAS, explained, require


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
    for other in {"train": ("lightning", "torch"), "export": ("torch",)}.get(extra, ()):
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


def test_help_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EXTRAS:
        if name not in sys.modules:
            monkeypatch.setitem(sys.modules, name, None)
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0, result.output
