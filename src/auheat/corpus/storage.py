"""Where a dataset lies: in a folder of this machine, or behind an address.

Files come whole or not at all. On this machine they are made in a hidden folder of the dataset and
moved into place; elsewhere they are made in the folder for temporary files and put into place in
one go, which object stores do at once.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from auheat.corpus.addresses import file_system, is_remote, local_path, unreachable
from auheat.errors import AuheatError, on_one_line
from auheat.files import make_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What is being made; nothing in it belongs to the dataset yet.
WORK = ".work"


class Storage(ABC):
    """The files of a dataset, by names like `rows/0a/0a1b.parquet`."""

    @abstractmethod
    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of all files below a folder, by name."""

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """A file to read.

        Raises:
            FileNotFoundError: There is none.
        """

    @abstractmethod
    def new(self, name: str) -> AbstractContextManager[Path]:
        """A path to write to, which becomes the file `name` if the block ends well.

        Raises:
            AuheatError: It cannot be written.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file or a folder, if it is there."""

    @abstractmethod
    def to_oneself(self) -> AbstractContextManager[None]:
        """While one run writes the dataset, no other one does.

        Raises:
            AuheatError: Another one does.
        """

    @abstractmethod
    def may_be_written(self) -> bool:
        """Whether a run may be at work now; False where none is."""


class LocalStorage(Storage):
    """In a folder of this machine, or one that several machines share."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def sizes(self, folder: str) -> dict[str, int]:
        found = {}
        for place, _, files in os.walk(self._root / folder):
            for name in files:
                path = Path(place, name)
                with suppress(FileNotFoundError):
                    found[path.relative_to(self._root).as_posix()] = path.stat().st_size
        return found

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")

    @contextmanager
    def new(self, name: str) -> Iterator[Path]:
        target, work = self._root / name, self._root / WORK
        temporary = work / f"{secrets.token_hex(8)}{target.suffix}"
        try:
            work.mkdir(parents=True, exist_ok=True)
            yield temporary
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
        except OSError as error:
            raise AuheatError(f"cannot write {target}: {error.strerror or error}") from None
        finally:
            with suppress(OSError):
                temporary.unlink()

    def remove(self, name: str) -> None:
        path = self._root / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def to_oneself(self) -> Iterator[None]:
        make_folder(self._root / WORK)
        with (self._root / WORK / "lock").open("w") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise AuheatError(
                        f"another run is writing {self._root}: wait for it, or name another dataset"
                    ) from None
                except OSError:  # some network folders know no locks
                    pass
            yield

    def may_be_written(self) -> bool:
        try:
            with (self._root / WORK / "lock").open("r+") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # nothing to write, or no locks
            return False
        return fcntl is None


class RemoteStorage(Storage):
    """Behind an address of fsspec. Two runs at once are not noticed there."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._system, root = file_system(address)
        self._root = root.rstrip("/")  # which may be a URL, so it is no path

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}".rstrip("/")

    def sizes(self, folder: str) -> dict[str, int]:
        self._system.invalidate_cache()
        try:
            infos: dict[str, Any] = self._system.find(self._at(folder), detail=True)
        except FileNotFoundError:
            return {}
        except Exception as error:
            raise unreachable(self._address, error) from None
        start = len(self._root) + 1
        return {at[start:]: info["size"] for at, info in infos.items()}

    def open(self, name: str) -> IO[bytes]:
        try:
            file: IO[bytes] = self._system.open(self._at(name), "rb")
        except FileNotFoundError:
            raise
        except Exception as error:
            raise unreachable(self._address, error) from None
        return file

    @contextmanager
    def new(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="auheat-") as folder:
            temporary = Path(folder) / PurePosixPath(name).name
            yield temporary
            try:
                self._system.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)
                self._system.put_file(str(temporary), self._at(name))
            except Exception as error:  # every protocol has errors of its own
                raise AuheatError(
                    f"cannot write {self._address}/{name}: {on_one_line(error)}"
                ) from None

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._system.rm(self._at(name), recursive=True)

    def to_oneself(self) -> AbstractContextManager[None]:
        return nullcontext()

    def may_be_written(self) -> bool:
        return True


def open_storage(address: str) -> Storage:
    """The place of a dataset, by its path or address.

    Raises:
        AuheatError: fsspec is missing, or does not know the address.
    """
    return RemoteStorage(address) if is_remote(address) else LocalStorage(local_path(address))
