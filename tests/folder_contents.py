"""What lies in a folder, to compare two of them to the byte."""

from __future__ import annotations

from pathlib import Path


def files(folder: Path) -> dict[str, bytes]:
    """The content of every file by its path below the folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def results(folder: Path) -> list[str]:
    """The names of what `auheat predict` wrote, sorted, without what says where it comes from."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".origin.json"))
