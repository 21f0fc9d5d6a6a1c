"""Whether all that the core of auheat needs comes as wheels, on every system and Python.

    python scripts/check_wheels.py [--python 3.13] [--system "Linux ARM"]

Asks pip what it would install for each, dependencies of dependencies included, and installs
nothing. Ends with 1 if a wheel is missing anywhere.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# What pip calls each system: the oldest that it must run on comes last, wheels for any will do.
SYSTEMS = {
    "Linux x86-64": [f"manylinux_2_{glibc}_x86_64" for glibc in (28, 27, 24, 17)]
    + ["manylinux2014_x86_64"],
    "Linux ARM": [f"manylinux_2_{glibc}_aarch64" for glibc in (28, 27, 24, 17)]
    + ["manylinux2014_aarch64"],
    "macOS ARM": [f"macosx_{release}_0_arm64" for release in (14, 13, 12, 11)],
    "Windows": ["win_amd64"],
}


def core(version: str) -> list[str]:
    """What auheat depends on without extras, under a version of Python."""
    from packaging.requirements import Requirement

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    needed = map(Requirement, tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"])
    return [
        f"{one.name}{one.specifier}"
        for one in needed
        if one.marker is None or one.marker.evaluate({"python_version": version})
    ]


def resolve(requirements: list[str], version: str, platforms: list[str]) -> dict[str, str]:
    """Name and version of all that pip would install.

    Raises:
        RuntimeError: Something has no wheel; the message is pip's last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--quiet",
            "--target",
            folder,
        ]
        command += ["--ignore-installed", "--only-binary", ":all:", "--report", str(report)]
        command += ["--implementation", "cp", "--python-version", version]
        command += [argument for name in platforms for argument in ("--platform", name)]
        done = subprocess.run(
            [*command, *requirements], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        found = json.loads(report.read_text("utf-8"))["install"]
    return {one["metadata"]["name"]: one["metadata"]["version"] for one in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    again = "; may be given again (default: all)"
    parser.add_argument(
        "--python", choices=VERSIONS, action="append", help=f"look at this Python alone{again}"
    )
    parser.add_argument(
        "--system", choices=SYSTEMS, action="append", help=f"look at this system alone{again}"
    )
    options = parser.parse_args()
    try:
        failed = check(options)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        parser.exit(2, f"{package} is not installed: pip install {package}\n")
    sys.exit(1 if failed else 0)


def check(options: argparse.Namespace) -> int:
    """Says of every system and Python what pip would install; gives how many lack a wheel."""
    failed = 0
    for version in options.python or VERSIONS:
        for system in options.system or SYSTEMS:
            try:
                found = resolve(core(version), version, SYSTEMS[system])
            except RuntimeError as error:
                failed += 1
                print(f"FAILED  Python {version}, {system}: {error}")
            else:
                listed = ", ".join(f"{name} {number}" for name, number in sorted(found.items()))
                print(f"ok      Python {version}, {system}: {len(found)} packages: {listed}")
    return failed


if __name__ == "__main__":
    main()
