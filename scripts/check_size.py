"""How many packages the core of auheat brings, and how much disk they take.

    python scripts/check_size.py [--python python3.13]
    python scripts/check_size.py --environment FOLDER

The first form installs the core into an empty environment and measures that; the second measures
one that is there. What the empty environment had (pip, setuptools) does not count. Ends with 1 if
there are more than 25 packages, or more than 450 MiB as `du` counts, in whole blocks of the disk
and with the byte code that pip writes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MAX_PACKAGES, MAX_MIB = 25, 450
# What `python -m venv` puts into an environment.
THERE_BEFORE = ("_distutils_hack", "distutils-precedence", "pip", "pkg_resources", "setuptools")


@dataclass(frozen=True)
class Size:
    """What files take: bytes of their contents, and bytes of whole blocks of the disk."""

    content: int = 0
    blocks: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.content + other.content, self.blocks + other.blocks)


def size_of(path: Path) -> Size:
    """The size of a file or a folder, the folders themselves included."""
    found = Size()
    for each in (path, *(path.rglob("*") if path.is_dir() else ())):
        status = each.lstat()
        # Windows has no blocks.
        blocks = getattr(status, "st_blocks", -(-status.st_size // 512))
        found += Size(0 if each.is_dir() else status.st_size, 512 * blocks)
    return found


def installed(site_packages: Path) -> Iterator[Path]:
    """The files and folders of an environment's packages, without those it began with."""
    for path in sorted(site_packages.iterdir()):
        name = path.name.partition(".")[0]
        if name.partition("-")[0] not in THERE_BEFORE and name not in THERE_BEFORE:
            yield path


def site_packages(environment: Path) -> Path:
    """Where an environment keeps its packages.

    Raises:
        FileNotFoundError: It is no environment.
    """
    for pattern in ("lib/python3*/site-packages", "Lib/site-packages"):
        for path in environment.glob(pattern):
            return path
    raise FileNotFoundError(f"no environment in {environment}")


def report(environment: Path) -> bool:
    """Prints what is there; whether it is within the bounds."""
    sizes = {path.name: size_of(path) for path in installed(site_packages(environment))}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1].blocks):
        if size.blocks >= 2**20:
            print(f"{size.blocks / 2**20:7.1f} MiB  {name}")
    packages = [name for name in sizes if name.endswith(".dist-info")]
    whole = sum(sizes.values(), Size())
    mib = whole.blocks / 2**20
    print(
        f"{len(packages)} packages (at most {MAX_PACKAGES}); {mib:.1f} MiB by blocks (at most "
        f"{MAX_MIB}), {whole.content / 2**20:.1f} MiB of contents; in units of 10^6 bytes "
        f"{whole.blocks / 1e6:.1f} and {whole.content / 1e6:.1f}"
    )
    return len(packages) <= MAX_PACKAGES and mib <= MAX_MIB


def check(python: str, environment: Path | None) -> bool:
    """Measures an environment, or a new one with the core alone; whether it is within bounds.

    Raises:
        OSError: There is no such environment or Python.
        subprocess.CalledProcessError: The core cannot be installed.
    """
    if environment is not None:
        return report(environment)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        inside = next(Path(folder).glob("[bS]*/python*"))
        pip = [str(inside), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, str(PROJECT)], check=True)
        return report(Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="whose environment is made")
    parser.add_argument("--environment", type=Path, help="measure this one, install nothing")
    options = parser.parse_args()
    try:
        within = check(options.python, options.environment)
    except (OSError, subprocess.CalledProcessError) as error:
        parser.exit(2, f"{error}\n")
    sys.exit(not within)


if __name__ == "__main__":
    main()
