"""What the user named: files and folders, and under which name the results of each are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from auheat.errors import AuheatError
from auheat.folders import files_in
from auheat.media.photo import SUFFIXES as PHOTO_SUFFIXES

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".mts"}
    | {".m2ts", ".ts", ".3gp", ".ogv"}
)
# What is written for one input is its name followed by one of these.
TABLES = (".csv", ".parquet")
OVERLAY_VIDEO, OVERLAY_PHOTO, OVERLAY_FOLDER = ".overlay.mp4", ".overlay.jpg", ".overlay"
BASELINE, EVENTS = ".baseline.json", ".events.csv"


@dataclass(frozen=True)
class Input:
    """One thing to read.

    kind: "file" is a video or a photo, which its content decides; "folder" holds photos that have
        nothing to do with each other; "sequence" is a folder of the frames of one video.
    name: what the names of its results begin with.
    """

    path: Path
    kind: Literal["file", "folder", "sequence"]
    name: str


def gather(paths: Iterable[Path], out: Path, sequence: bool) -> list[Input]:
    """The inputs behind the paths that the user named, each with a name of its own.

    A folder stands for its photos, read into one table, and for each of its videos; folders inside
    it and other files are left out. With `sequence` it stands for one video, whose frames are its
    photos. What is named twice is read once. Nothing is opened, so missing files pass.
    Raises AuheatError if `sequence` is asked for without any folder.
    """
    paths = list(paths)
    if sequence and not any(path.is_dir() for path in paths):
        raise AuheatError("a sequence is a folder of pictures, and none of the inputs is a folder")
    found: dict[Path, tuple[Path, Literal["file", "folder", "sequence"]]] = {}
    for path in paths:
        if not path.is_dir():
            found.setdefault(path.resolve(), (path, "file"))
            continue
        videos = [] if sequence else files_in(path, VIDEO_SUFFIXES)
        if not videos or files_in(path, PHOTO_SUFFIXES):
            found.setdefault(path.resolve(), (path, "sequence" if sequence else "folder"))
        for video in videos:
            found.setdefault(video.resolve(), (video, "file"))
    used: set[str] = set()
    return [
        Input(path, kind, _free_name(path, kind == "file", used, out, found))
        for path, kind in found.values()
    ]


def photos_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by their suffix, in natural order.

    Raises AuheatError if there are none.
    """
    photos = files_in(folder, PHOTO_SUFFIXES)
    if not photos:
        raise AuheatError(f"no pictures in folder {folder}")
    return photos


def _free_name(path: Path, is_file: bool, used: set[str], out: Path, inputs: Iterable[Path]) -> str:
    """A name that no result has yet and under which no result replaces an input."""

    def is_free(name: str) -> bool:
        ends = (*TABLES, OVERLAY_VIDEO, OVERLAY_PHOTO)
        results = {(out / (name + end)).resolve() for end in ends}
        return name.casefold() not in used and results.isdisjoint(inputs)

    name = next(filter(is_free, _possible_names(path, is_file)))
    used.add(name.casefold())
    return name


def _possible_names(path: Path, is_file: bool) -> Iterator[str]:
    """The stem first, then the name with its suffix, then numbered."""
    whole = path.resolve().name or "root"
    if is_file:
        yield path.stem
    yield whole
    for number in count(2):
        yield f"{whole}-{number}"
