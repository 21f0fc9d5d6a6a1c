"""The temporary folder of a server, which holds faces and must not outlive it.

A server removes its folder when it ends. One that was killed could not: the next server finds the
folder by its name and removes it, if no living process holds the lock that lies in it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from auheat.files import Resource

_PREFIX = "auheat-serve-"
_LOCK = "lock"
# A folder without a lock may belong to a server that has just begun, so it is left for a while.
_YOUNG_S = 60.0


class Workspace(Resource):
    """A folder of its own for every upload, all of which are gone at the end.

    Args:
        parent: Where the workspace is made and leftovers are looked for; the system's folder for
            temporary files by default.

    Attributes:
        folder: Where all files lie.
    """

    def __init__(self, *, parent: Path | None = None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())

    def _open(self, parts: ExitStack) -> None:
        remove_leftovers(self._parent)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
        parts.callback(shutil.rmtree, self.folder, ignore_errors=True)
        lock = parts.enter_context((self.folder / _LOCK).open("w"))
        _try_lock(lock)

    def new_folder(self) -> Path:
        """Makes an empty folder with a name that cannot be guessed."""
        folder = self.folder / secrets.token_hex(12)
        folder.mkdir()
        return folder

    def new_file(self, ending: str) -> Path:
        """A path, not taken yet, for a file that is needed for a moment."""
        return self.folder / f"{secrets.token_hex(12)}{ending}"

    def free_bytes(self) -> int:
        """Room on the disk."""
        return shutil.disk_usage(self.folder).free


def remove_leftovers(parent: Path) -> None:
    """Removes the workspaces of servers that were killed; those of living ones stay."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    """Whether a folder is this user's, and no process holds its lock."""
    status = folder.lstat()
    if folder.is_symlink() or not folder.is_dir():
        return False
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return False
    try:
        with (folder / _LOCK).open("r+") as lock:
            return _try_lock(lock)
    except FileNotFoundError:
        return time.time() - status.st_mtime > _YOUNG_S


def _try_lock(file: IO[str]) -> bool:
    """Locks a file until it is closed or the process ends; whether nobody else holds it."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: folders of killed servers are left to the system
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
