"""SHA-256 of files that must be what they were: a flipped bit in a network is read without a word.

A file `SHA256SUMS` beside them holds the sums, as the program `sha256sum` writes and checks them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from auheat.errors import AuheatError

SUMS = "SHA256SUMS"
_PIECE_BYTES = 1 << 20


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def check_readable(path: Path) -> None:
    """Opens a file; libraries call one missing that may not be read.

    Raises:
        AuheatError: it cannot be opened.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None


def check_sum(path: Path) -> None:
    """Compares a file with the sum beside it. One that no sums name is not looked at.

    Raises:
        AuheatError: it is not what it was.
    """
    try:
        lines = path.with_name(SUMS).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if path.name in known and sha256(path) != known[path.name]:
        raise AuheatError(
            f"{path} is damaged: its SHA-256 is not the one in {SUMS} beside it; give another copy "
            "of the file, or install auheat again"
        )


def write_sums(paths: Iterable[Path]) -> None:
    """Writes the sums of files that lie in one folder."""
    paths = sorted(paths)
    text = "".join(f"{sha256(path)}  {path.name}\n" for path in paths)
    paths[0].with_name(SUMS).write_text(text, "utf-8")
