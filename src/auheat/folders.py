"""What lies in a folder: in natural order, whatever the case of names, or a level deeper.

By what the names of images and videos end in they are looked for; what a file is, its content says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from auheat.errors import AuheatError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".avif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".hif"}
)
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".mts"}
    | {".m2ts", ".ts", ".3gp", ".ogv", ".mxf", ".dv", ".vob", ".m2v", ".asf"}
)
# What marks the folder of a training run; here, as looking for runs needs nothing that trains.
RUN_SETTINGS = "experiment.json"


def natural_key(name: str) -> tuple[object, ...]:
    """A sort key by which `frame2` comes before `frame10`, whatever the case of the letters."""
    parts = re.split(r"(\d+)", name.casefold())
    return (*((int(p), "") if p.isdecimal() else (-1, p) for p in parts), (-1, name))


def listing(folder: Path) -> list[Path]:
    """What lies in a folder, in natural order; hidden files are left out.

    Raises:
        AuheatError: The folder cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise AuheatError(f"cannot read folder {folder}: {error.strerror}") from None
    return sorted(found, key=lambda path: natural_key(path.name))


def entries(folder: Path) -> list[Path]:
    """As `listing`, but nothing for a folder that is not there.

    Raises:
        AuheatError: The folder cannot be read.
    """
    return listing(folder) if folder.is_dir() else []


def subfolders(folder: Path) -> list[Path]:
    """The folders right inside a folder."""
    return [path for path in entries(folder) if path.is_dir()]


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files directly in a folder that have one of the suffixes, in natural order.

    Args:
        folder: Where to look.
        suffixes: In lower case, like `.png`.

    Raises:
        AuheatError: The folder cannot be read.
    """
    found = (path for path in listing(folder) if path.suffix.casefold() in suffixes)
    return [path for path in found if path.is_file()]


def child(folder: Path, *names: str) -> Path | None:
    """The entry of a folder with the first of the given names that is there, in any case."""
    there = {path.name.casefold(): path for path in reversed(entries(folder))}
    return next((there[n.casefold()] for n in names if n.casefold() in there), None)


def locate(root: Path, *names: str) -> Path | None:
    """As `child`, in `root` or else in a folder right inside it."""
    for folder in (root, *subfolders(root)):
        if found := child(folder, *names):
            return found
    return None


def matching(folder: Path, pattern: str) -> Iterator[tuple[re.Match[str], Path]]:
    """Entries whose whole name matches a pattern, in any case."""
    for path in entries(folder):
        if match := re.fullmatch(pattern, path.name, re.IGNORECASE):
            yield match, path
