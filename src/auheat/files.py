"""Writing files so that a failure never leaves half of one, and closing what was opened."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from auheat.errors import AuheatError

Itself = TypeVar("Itself", bound="Resource")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name if the block ends without an error.

    After an error or an interrupt it is removed and `path` is as before. Raises AuheatError if
    nothing can be written there.
    """
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise AuheatError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def make_folder(path: Path) -> None:
    """Makes a folder for results. Raises AuheatError if it cannot be made or written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        raise AuheatError(f"{path} cannot be a folder for results: a file is in the way") from None
    except OSError as error:
        raise AuheatError(f"cannot write to folder {path}: {error.strerror}") from None


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
