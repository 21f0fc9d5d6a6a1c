"""What the user named: files and folders, and under which name the results of each are written."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath
from typing import Literal

from auheat.errors import AuheatError
from auheat.faults import message
from auheat.folders import IMAGE_SUFFIXES, VIDEO_SUFFIXES, files_in, listing
from auheat.tables.reading import EVENTS

# What is written for one input is its name followed by one of these.
TABLES = (".csv", ".parquet")
OVERLAY_VIDEO, OVERLAY_IMAGE, OVERLAY_FOLDER = ".overlay.mp4", ".overlay.jpg", ".overlay"
BASELINE, ORIGIN, REPORT = ".baseline.json", ".origin.json", ".html"
ENDS = (*TABLES, OVERLAY_VIDEO, OVERLAY_IMAGE, OVERLAY_FOLDER, BASELINE, EVENTS, ORIGIN, REPORT)

Kind = Literal["file", "folder", "sequence"]


@dataclass(frozen=True)
class Input:
    """One thing to read.

    Attributes:
        path: Where it is.
        kind: "file" is a video or an image, which its content decides; "folder" holds images that
            have nothing to do with each other; "sequence" is a folder of the frames of one video.
        name: What the names of its results begin with.
        problem: Why it cannot be read, as far as that shows without opening it, or None.
        note: What the user should know, such as files that are left out, or None.
    """

    path: Path
    kind: Kind
    name: str
    problem: str | None = None
    note: str | None = None


@dataclass
class _Found:
    path: Path
    kind: Kind
    problem: str | None = None
    note: str | None = None


def gather(
    paths: Iterable[Path],
    out: Path,
    *,
    sequence: bool,
    is_of: Callable[[Path, Path], bool] = lambda stem, path: True,
) -> list[Input]:
    """The inputs behind the paths that the user named, each with a name of its own.

    A folder stands for its images, read into one table, and for each of its videos; folders inside
    it, overlays that auheat drew and other files are left out. With `sequence` it stands for one
    video, whose frames are its images. What is named twice is read once. Nothing is opened, so
    missing files pass; a path that cannot even be looked at becomes an input with a `problem`.

    Args:
        paths: What the user named.
        out: The folder for results.
        sequence: Whether folders are videos.
        is_of: Whether results that are already there, by their path without ending, are of an
            input; those of another one are not replaced.

    Raises:
        AuheatError: If `sequence` is asked for without any folder.
    """
    paths = list(paths)
    if sequence and not any(_is_folder(path) for path in paths):
        raise AuheatError("a sequence is a folder of images, and none of the inputs is a folder")
    found: dict[Path, _Found] = {}
    for path in paths:
        try:
            _add(path, sequence, found)
        except Exception as error:  # whatever it is, the other inputs are read
            found[path] = _Found(path, "file", message(error, str(path)))
    place = _resolved(out)
    there = {path.name for path in found if path.parent == place}
    taken: set[str] = set()
    inputs: list[Input] = []
    for one in found.values():
        name = _free_name(one, taken, out=out, there=there, is_of=is_of)
        taken |= _results(name)
        inputs.append(Input(one.path, one.kind, name, one.problem, one.note))
    return inputs


def images_in(folder: Path) -> list[Path]:
    """The images directly in a folder, by their suffix, in natural order.

    Overlays that auheat drew are left out.

    Raises:
        AuheatError: if there are none.
    """
    images = [path for path in files_in(folder, IMAGE_SUFFIXES) if not is_overlay(path)]
    if not images:
        raise AuheatError(f"no images in folder {folder}")
    return images


def _add(path: Path, sequence: bool, found: dict[Path, _Found]) -> None:
    """Adds what a path stands for.

    Raises:
        OSError: and more for what cannot be looked at.
    """
    if not _is_folder(path):
        found.setdefault(path.resolve(), _Found(path, "file", _why_no_file(path)))
        return
    inside = [entry for entry in listing(path) if not is_overlay(entry)]
    kinds = {entry: entry.suffix.lower() for entry in inside if entry.is_file()}
    images = [entry for entry, suffix in kinds.items() if suffix in IMAGE_SUFFIXES]
    videos = [entry for entry, suffix in kinds.items() if suffix in VIDEO_SUFFIXES]
    note = left_out_note(kinds.values(), IMAGE_SUFFIXES | VIDEO_SUFFIXES)
    videos = [] if sequence else videos
    if not videos or images:
        kind: Kind = "sequence" if sequence else "folder"
        found.setdefault(path.resolve(), _Found(path, kind, note=note))
        note = None
    for video in videos:
        found.setdefault(video.resolve(), _Found(video, "file", note=note))
        note = None


# What lies beside media without being any, our own results among it.
_NO_MEDIA = frozenset(
    {"", ".csv", ".parquet", ".json", ".html", ".txt", ".md", ".tsv", ".xlsx", ".pdf", ".log"}
    | {".srt", ".xml", ".yaml", ".yml", ".py", ".r", ".ini", ".db", ".zip", ".gz", ".sh"}
)


def left_out_note(suffixes: Iterable[str], known: frozenset[str]) -> str | None:
    """A line on files in a folder that a user might expect to be read and that are not, or None.

    Args:
        suffixes: Of all files that lie there, in lower case.
        known: Those that are read.
    """
    other = sorted(set(suffixes) - known - _NO_MEDIA)
    return f"left out are files that end in {', '.join(other)}" if other else None


def is_overlay(path: PurePath) -> bool:
    """Whether auheat drew a file, by its name."""
    return path.name.lower().endswith((OVERLAY_VIDEO, OVERLAY_IMAGE))


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder; no for what cannot be looked at."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _why_no_file(path: Path) -> str | None:
    """Why a path that is no folder cannot be read, as far as that shows from outside."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None  # whoever opens it says so
    except (OSError, ValueError) as error:
        return f"cannot read {path}: {getattr(error, 'strerror', None) or error}"
    if stat.S_ISREG(mode):
        return None
    return f"{path} is a device, pipe or socket: save what it gives as a file and name that"


def _results(name: str) -> set[str]:
    """The names of all files that may be written for an input, as they are told apart."""
    return {(name + end).casefold() for end in ENDS}


def _free_name(
    one: _Found,
    taken: set[str],
    *,
    out: Path,
    there: set[str],
    is_of: Callable[[Path, Path], bool],
) -> str:
    """A name that no result has yet and under which none replaces an input, of those in `out`."""

    def is_free(name: str) -> bool:
        results = _results(name)
        own = {name + end for end in ENDS}
        return taken.isdisjoint(results) and there.isdisjoint(own) and is_of(out / name, one.path)

    return next(filter(is_free, _possible_names(one.path, one.kind == "file")))


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def _possible_names(path: Path, is_file: bool) -> Iterator[str]:
    """The stem first, then the name with its suffix, then numbered."""
    whole = _resolved(path).name or "root"
    if is_file:
        yield path.stem
    yield whole
    for number in count(2):
        yield f"{whole}-{number}"
