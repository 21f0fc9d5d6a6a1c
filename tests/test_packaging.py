"""What is published: the citation, the source archive, the wheel, and what the wheel alone does."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import auheat

ROOT = Path(__file__).resolve().parents[1]
PAPER = (
    "Facial Action Unit Intensity Estimation via Semantic Correspondence Learning with Dynamic "
    "Graph Convolution"
)


def test_the_citation_names_this_version_and_the_paper() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert (cited["title"], cited["version"]) == ("auheat", auheat.__version__)
    (paper,) = cited["references"]
    assert (paper["title"], paper["year"]) == (PAPER, 2020)
    assert [author["family-names"] for author in paper["authors"]] == ["Fan", "Lam", "Li"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    done([sys.executable, "-m", "build", "--outdir", folder, ROOT], folder)
    return folder


def done(command: list[str | Path], folder: Path) -> str:
    """What a command prints in a folder, with nothing of this checkout on the module path."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def in_checkout(folder: str, prefix: str) -> set[str]:
    """Names of the files that the folder has, without what is built when it runs."""
    built_here = (".pyc", ".nbi", ".nbc")
    return {
        f"{prefix}/{path.relative_to(ROOT / folder).as_posix()}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in built_here
    }


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        about = f"auheat-{auheat.__version__}.dist-info"
        header = HeaderParser().parsestr(wheel.read(f"{about}/METADATA").decode())
        assert b"auheat = auheat.__main__:main" in wheel.read(f"{about}/entry_points.txt")
    expected = in_checkout("src/auheat", "auheat")
    for name in ("paper", "presets"):
        expected |= in_checkout(f"configs/{name}", f"auheat/configs/{name}")
    assert {name for name in names if not name.startswith(about)} == expected
    assert {f"{about}/licenses/LICENSE", f"{about}/licenses/NOTICE"} <= names
    assert header["License-Expression"] == "Apache-2.0"
    for needed in (
        "auheat/weights/default.onnx",
        "auheat/weights/default.safetensors",
        "auheat/weights/default.uncertainty.json",
        "auheat/doctor/face.jpg",
        "auheat/configs/paper/scc-heatmap.toml",
        "auheat/py.typed",
    ):
        assert needed in names
    assert any(name.startswith("auheat/web/static/") for name in names)
    assert path.stat().st_size < 40e6  # 35 of it networks


@pytest.mark.slow
def test_the_source_archive_is_complete(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("src", "tests", "configs", "examples", "docs", "scripts", "benchmarks"):
        assert in_checkout(folder, folder) <= names
    single = ("README.md", "LICENSE", "NOTICE", "CITATION.cff", "Makefile", "mkdocs.yml")
    assert set(single) <= names
    rooms = {"src", "tests", "configs", "examples", "docs", "scripts", "benchmarks"}
    assert {name.partition("/")[0] for name in names if "/" in name} <= rooms


@pytest.mark.slow
def test_the_wheel_alone_reads_a_video(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    tools = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip: list[str | Path] = [tools / "python", "-m", "pip", "install", "-q", "--no-cache-dir"]
    done([*pip, "-c", ROOT / "constraints.txt", wheel], tmp_path)
    assert done([tools / "auheat", "--version"], tmp_path) == f"auheat {auheat.__version__}\n"
    done([tools / "auheat", "predict", ROOT / "examples" / "smiles.mp4"], tmp_path)
    read = pd.read_csv(tmp_path / "out" / "smiles.csv")
    truth = pd.read_csv(ROOT / "examples" / "smiles.labels.csv")
    assert len(read) == len(truth)
    assert read["AU12_r"].corr(truth["AU12"]) > 0.9
    lines = done([tools / "auheat", "doctor"], tmp_path).splitlines()
    assert sum(line.startswith("missing  ") for line in lines) >= 5  # no extra was installed
    assert lines[-1].startswith("auheat works here")


def test_the_versions_that_are_tested_fit_each_other() -> None:
    """Of what is installed here: a pin that another package refuses ends every new installation."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    compared, refused = 0, []
    for name, version in pinned.items():
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if found.version != version:
            continue
        for text in found.requires or ():
            wanted = Requirement(text)
            needed = pinned.get(canonicalize_name(wanted.name))
            if needed is None or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
                continue
            compared += 1
            if not wanted.specifier.contains(needed, prereleases=True):
                refused.append(f"{name} {version} wants {text}, pinned is {needed}")
    assert not refused
    assert compared > 50
