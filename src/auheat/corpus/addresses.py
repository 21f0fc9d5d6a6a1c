"""What the user named: folders, patterns and lists, here or behind an address, as single videos.

An address is an absolute path, or a URL of any protocol that fsspec knows (`s3://`, `gs://`, ...).
A stamp tells cheaply whether a file may have changed: its size, and its time or ETag.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from glob import glob, has_magic
from pathlib import Path, PurePosixPath
from typing import Any

from auheat.corpus.lists import ENDINGS, entries_of
from auheat.errors import AuheatError, on_one_line
from auheat.faults import message
from auheat.folders import VIDEO_SUFFIXES, natural_key
from auheat.inference.inputs import is_overlay, left_out_note
from auheat.optional import require

# What file systems call the time or the version of a file, the best first.
_VERSIONS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class Source:
    """One input of a corpus.

    Attributes:
        address: Where it is; what tables call it.
        stamp: By which a change is noticed; "" where nothing is there.
        problem: Why it cannot be read, as far as that shows without opening it, or None.
    """

    address: str
    stamp: str = ""
    problem: str | None = None

    @property
    def size(self) -> int:
        """Bytes; 0 if not known."""
        number = self.stamp.partition("-")[0]
        return int(number) if number.isdecimal() else 0


def is_remote(address: str) -> bool:
    """Whether fsspec is needed to reach it."""
    return "://" in address and not address.startswith("file://")


def local_path(address: str) -> Path:
    """The path of an address on this machine."""
    return Path(os.path.abspath(address.removeprefix("file://")))  # noqa: PTH100  # keeps links


@dataclass(frozen=True)
class Found:
    """What is behind the names that a user gave.

    Attributes:
        sources: The videos, each once.
        left_out: Of each folder in which files are not read, a line that says which.
        problems: A line for each list that cannot be read.
    """

    sources: list[Source]
    left_out: list[str]
    problems: list[str]


def find_sources(names: Iterable[str]) -> Found:
    """The videos behind what the user named, each once, in the order given.

    A folder stands for the videos in it and in all folders below, in natural order; a pattern for
    what matches; a file that ends in .txt or .parquet for the inputs that it lists, a line or a row
    each. What cannot be looked at becomes a source with a `problem`.

    Raises:
        AuheatError: fsspec is missing, or there is nothing to read at all.
    """
    found: dict[str, Source] = {}
    left_out, problems = list[str](), list[str]()
    for name in names:
        try:
            entries = _listed(name) if _is_list(name) else [name]
        except AuheatError as error:
            _raise_if_missing(error)
            problems.append(str(error))
            continue
        for entry in entries:
            for source in _named(entry, left_out):
                found.setdefault(source.address, source)
    if not found:
        raise AuheatError("; ".join(problems or [f"no videos in {', '.join(names)}", *left_out]))
    return Found(list(found.values()), left_out, problems)


def address_of(name: str) -> str:
    """The address of an input by the name that a dataset has for it.

    Bytes of a file's name that are no UTF-8 stand there as escapes.
    """
    if is_remote(name) or local_path(name).exists():
        return name
    raw = re.sub(r"\\u(dc[89a-f][0-9a-f])", lambda found: chr(int(found[1], 16)), name)
    return raw if local_path(raw).exists() else name


def stamp_of(address: str) -> str:
    """The stamp of a file as it is now; "" if there is none."""
    try:
        if is_remote(address):
            system, path = file_system(address)
            return _stamp(system.info(path))
        about = local_path(address).stat()
    except Exception:  # a null character in a name, and whatever a protocol raises
        return ""
    return f"{about.st_size}-{about.st_mtime_ns}"


@contextmanager
def fetched(address: str) -> Iterator[Path]:
    """A file as a path on this machine; what has to be fetched for that is removed afterwards.

    Raises:
        AuheatError: It cannot be fetched.
    """
    if not is_remote(address):
        yield local_path(address)
        return
    system, path = file_system(address)
    with tempfile.TemporaryDirectory(prefix="auheat-") as folder:
        there = Path(folder) / (PurePosixPath(path).name or "input")
        try:
            system.get_file(path, str(there))
        except FileNotFoundError:
            raise AuheatError(f"no file at {address}") from None
        except Exception as error:  # every protocol has errors of its own
            raise AuheatError(f"cannot fetch {address}: {on_one_line(error)}") from None
        yield there


def _is_list(name: str) -> bool:
    """Whether a name is that of a list; a folder without tables may be called like one."""
    if PurePosixPath(name).suffix.lower() not in ENDINGS or "\0" in name:
        return False
    folder = None if is_remote(name) else local_path(name)
    return folder is None or not folder.is_dir() or any(folder.glob("*.parquet"))


def file_system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        AuheatError: There is none.
    """
    fsspec = require("fsspec")
    try:
        system, path = fsspec.core.url_to_fs(address)
    except Exception as error:  # an unknown protocol, or a package that it needs
        raise unreachable(address, error) from None
    return system, path


def unreachable(address: str, error: Exception) -> AuheatError:
    """The error for an address that does not answer; every protocol has errors of its own."""
    return AuheatError(f"cannot reach {address}: {on_one_line(error)}")


def _stamp(info: Mapping[str, Any]) -> str:
    version = next((info[key] for key in _VERSIONS if info.get(key)), "")
    if isinstance(version, datetime):  # some list files with numbers instead
        version = version.timestamp()
    return f"{info.get('size') or 0}-{version}"


def _named(name: str, left_out: list[str]) -> list[Source]:
    """What a folder, pattern or file stands for; never a list."""
    if not name:  # it would be the working folder
        return [Source(name, "", "the name of an input is empty")]
    if "\0" in name:
        return [Source(name, "", f"{name}: a name of a file holds no null character")]
    try:
        return list(_remote(name, left_out) if is_remote(name) else _local(name, left_out))
    except AuheatError as error:
        _raise_if_missing(error)
        return [Source(name, "", str(error))]
    except Exception as error:  # whatever it is, the other inputs are read
        problem = str(unreachable(name, error)) if is_remote(name) else message(error, name)
        return [Source(name, "", problem)]


def _raise_if_missing(error: AuheatError) -> None:
    """Raises an error that every other input would end in, too."""
    if re.match(r"(fsspec|pyarrow\S*) is ", str(error)):  # not installed, or damaged
        raise error


def _local(name: str, left_out: list[str]) -> Iterator[Source]:
    path = local_path(name)
    if path.is_dir():
        yield from _below(path, left_out)
    elif path.exists() or not has_magic(name):
        yield Source(str(path), stamp_of(str(path)), None if path.exists() else _missing(path))
    else:
        for match in sorted(glob(str(path), recursive=True), key=natural_key):  # noqa: PTH207
            if Path(match).is_file():
                yield Source(match, stamp_of(match))


def _missing(path: Path) -> str:
    return f"no file at {path}"


def _below(folder: Path, left_out: list[str]) -> Iterator[Source]:
    problems, endings = list[OSError](), set[str]()
    for place, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = sorted((f for f in folders if not f.startswith(".")), key=natural_key)
        for name in sorted(filter(_is_video, files), key=natural_key):
            address = os.path.join(place, name)  # noqa: PTH118  # a hundred thousand of them
            yield Source(address, stamp_of(address))
        endings.update(_endings(files))
    if note := left_out_note(endings, VIDEO_SUFFIXES):
        left_out.append(f"{folder}: {note}")
    for error in problems:
        name = str(error.filename)
        yield Source(name, "", f"cannot read folder {name}: {error.strerror}")


def _endings(names: Iterable[str]) -> set[str]:
    """Those of files in a folder that are neither hidden nor drawn by auheat."""
    paths = (PurePosixPath(name) for name in names)
    return {
        path.suffix.lower()
        for path in paths
        if not path.name.startswith(".") and not is_overlay(path)
    }


def _remote(name: str, left_out: list[str]) -> Iterator[Source]:
    system, path = file_system(name)
    if has_magic(path):
        infos = system.glob(path, detail=True)
    elif system.isdir(path):
        infos = system.find(path, detail=True)
        if note := left_out_note(_endings(infos), VIDEO_SUFFIXES):
            left_out.append(f"{name}: {note}")
        infos = {at: info for at, info in infos.items() if _is_video(at)}
    elif system.exists(path):
        infos = {path: system.info(path)}
    else:
        yield Source(name, "", f"no file at {name}")
        return
    for at in sorted(infos, key=natural_key):
        if infos[at]["type"] == "file":
            yield Source(system.unstrip_protocol(at), _stamp(infos[at]))


def _is_video(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = path.name.startswith(".")
    return path.suffix.lower() in VIDEO_SUFFIXES and not hidden and not is_overlay(path)


def _listed(name: str) -> list[str]:
    """What a list names, as if it were given in its place.

    Raises:
        AuheatError: It cannot be read.
    """
    with fetched(name) as path:
        return entries_of(path)
