"""Writing files so that a failure never leaves half of one, and closing what was opened."""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from auheat.errors import AuheatError, checked_path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Itself = TypeVar("Itself", bound="Resource")
_TOKEN_DIGITS = 22  # hexadecimal digits in the name of a temporary file


class BeingWrittenError(AuheatError):
    """Another process is writing the file."""


def check_file(path: Path) -> None:
    """Whatever a user names is asked for this before it is read: a pipe would be waited for.

    Raises:
        AuheatError: if there is something that cannot be read from its start again and again.
    """
    try:
        if path.is_dir() or path.is_file():
            return
        if path.exists():
            raise AuheatError(f"{path} is a pipe or a device: save what it gives to a file first")
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name if the block ends without an error.

    After an error or an interrupt it is removed and `path` is as before. The temporary name is new,
    and is never followed if it is a link; a link at `path` itself stays, and its target is written.
    What killed runs left behind for the same file is removed.

    Raises:
        AuheatError: If nothing can be written there, what is there is no file, or another run is
            writing it.
    """
    temporary: Path | None = None
    lock = -1
    try:
        target = _target(path)
        with _folder_to_oneself(target.parent):
            temporary, lock = _new_file(target)
            _refuse_other_run(target, temporary)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        what = _cannot(error, path, temporary)
        raise AuheatError(f"{what}: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        if lock >= 0:
            os.close(lock)


def _cannot(error: OSError, path: Path, temporary: Path | None) -> str:
    """What cannot be done: writing `path`, unless the error names a file in another folder."""
    named = error.filename
    if temporary is not None and isinstance(named, str):
        folder, place = temporary.parent.absolute(), Path(named).absolute()
        if folder not in (place, place.parent):
            return f"cannot use {named}"
    return f"cannot write {path}"


def _target(path: Path) -> Path:
    """The file that is written for a path: that which a link leads to."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return path.resolve() if path.is_symlink() else path
    if stat.S_ISREG(kind):
        return path.resolve() if path.is_symlink() else path
    what = "a folder" if stat.S_ISDIR(kind) else "a device, pipe or socket"
    raise AuheatError(f"cannot write {path}: it is {what}; name a file")


@contextmanager
def _folder_to_oneself(folder: Path) -> Iterator[None]:
    """While one run makes its temporary file and looks for others, no other run does.

    Otherwise a new file could be taken for one left behind before it is locked, or two runs could
    each look before the other's file is there. Some network folders know no such locks.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _new_file(target: Path) -> tuple[Path, int]:
    """An empty file beside `target`, and a descriptor that holds a lock on it, or -1."""
    stem = target.stem.encode(errors="surrogateescape")[:150].decode(errors="ignore")
    name = f".{stem}.{secrets.token_hex(_TOKEN_DIGITS // 2)}.part{target.suffix[:50]}"
    temporary = target.with_name(name)
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(temporary, flags, 0o666)
    if fcntl is None:
        os.close(descriptor)
        return temporary, -1
    with suppress(OSError):  # some network folders know no locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return temporary, descriptor


def _refuse_other_run(target: Path, own: Path) -> None:
    """Files of runs that have ended without removing them are removed.

    Raises:
        AuheatError: if another run began to write the same file and has not ended.
    """
    if fcntl is None:
        return
    end = f".part{target.suffix[:50]}"
    begin = own.name[: -_TOKEN_DIGITS - len(end)]
    # A folder may hold 100,000 results: this is ten times as fast as Path.iterdir.
    names = [name for name in os.listdir(target.parent) if name.startswith(begin)]  # noqa: PTH208
    for name in names:
        middle = name[len(begin) : -len(end)]
        if name == own.name or not name.endswith(end):
            continue
        other = target.parent / name
        if len(middle) != _TOKEN_DIGITS or not re.fullmatch("[0-9a-f]+", middle):
            continue
        with suppress(OSError):
            descriptor = os.open(other, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                other.unlink()
            except BlockingIOError:
                raise BeingWrittenError(
                    f"cannot write {target}: another run is writing it; name another folder or "
                    "file with -o"
                ) from None
            finally:
                os.close(descriptor)


def refuse_input(output: Path, inputs: Iterable[Path]) -> None:
    """Checks that `output` is none of `inputs`, by whatever name.

    Raises:
        AuheatError: if writing `output` would replace one of `inputs`, by whatever name.
    """
    for path in inputs:
        try:
            same = output.samefile(path)
        except OSError:
            same = output.absolute() == path.absolute()
        if same:
            raise AuheatError(f"{output} is read, and cannot be written as well: name another file")


def check_place(path: Path) -> None:
    """For outputs that are written last, before the work begins.

    Raises:
        AuheatError: unless a file can be at `path`: its folder is there, and it is no folder.
    """
    if not path.name:
        raise AuheatError("the name of a file to write is empty")
    if not path.parent.is_dir():
        raise AuheatError(f"cannot write {path}: there is no folder {path.parent}")
    _target(path)


def output_path(path: str | Path, what: str, *endings: str) -> Path:
    """The path of a file that the user wants written, checked before the work for it begins.

    Args:
        path: What was given.
        what: What is written, for the message.
        endings: Those that its name may have, in lower case; the format is known by it.

    Raises:
        AuheatError: If no file can be there, or its name ends otherwise.
    """
    path = checked_path("the file to write", path)
    check_place(path)
    return checked_ending(path, what, *endings)


def checked_ending(path: str | Path, what: str, *endings: str) -> Path:
    """As `output_path`, for a file whose folder is made if it is not there."""
    path = checked_path("the file to write", path)
    if path.suffix.lower() not in endings:
        raise AuheatError(
            f"cannot write {what} to {path}: give a name that ends in {' or '.join(endings)}"
        )
    return path


def make_folder(path: Path) -> None:
    """Makes a folder for results.

    Raises:
        AuheatError: if it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        raise AuheatError(f"{path} cannot be a folder for results: a file is in the way") from None
    except OSError as error:
        raise AuheatError(f"cannot write to folder {path}: {error.strerror}") from None


@contextmanager
def folder_for_results(path: Path) -> Iterator[None]:
    """Makes a folder; within it results are written. What stays empty is removed again.

    Raises:
        AuheatError: if it cannot be made or written to.
    """
    made = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    try:
        make_folder(path)
        yield
    finally:
        for folder in made:
            with suppress(OSError):  # it holds something
                folder.rmdir()


class Resource(ABC):
    """Opens its parts on entering and closes them, in reverse order, on leaving.

    What was opened before a part that fails to open is closed, too.
    """

    def __enter__(self: Itself) -> Itself:
        with ExitStack() as opening:
            self._open(opening)
            self._parts = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parts.__exit__(kind, error, trace)

    @abstractmethod
    def _open(self, parts: ExitStack) -> None:
        """Enters every part into `parts`, and pushes what is to be done on leaving."""
