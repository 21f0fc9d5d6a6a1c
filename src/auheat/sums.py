"""SHA-256 of files that must be what they were: a flipped bit in a network is read without a word.

A file `SHA256SUMS` beside them holds the sums, as the program `sha256sum` writes and checks them.
Files that come with auheat must have one; beside files of users it is looked at where it is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from auheat.errors import AuheatError

SUMS = "SHA256SUMS"
# What to do about a file that is missing or damaged, which may be a user's or auheat's.
OTHER_COPY = "give another copy of the file, or install auheat again"
_PIECE_BYTES = 1 << 20
_PACKAGE = Path(__file__).parent


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def ships(path: str | Path) -> bool:
    """Whether a file is one of those that come with auheat, by its place."""
    return Path(path).absolute().is_relative_to(_PACKAGE)


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
    """Compares a file with the sum beside it.

    Raises:
        AuheatError: it is not what it was; or it comes with auheat, and its sum is not there.
    """
    lines = []
    with suppress(OSError, ValueError):
        lines = path.with_name(SUMS).read_text("utf-8").splitlines()
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if path.name not in known:
        if ships(path):
            raise AuheatError(
                f"{path.with_name(SUMS)} is missing or damaged, so that nothing says whether "
                f"{path.name} is whole: install auheat again"
            )
    elif sha256(path) != known[path.name]:
        raise AuheatError(
            f"{path} is damaged: its SHA-256 is not the one in {SUMS} beside it; {OTHER_COPY}"
        )


def write_sums(paths: Iterable[Path]) -> None:
    """Writes the sums of files that lie in one folder."""
    paths = sorted(paths)
    text = "".join(f"{sha256(path)}  {path.name}\n" for path in paths)
    paths[0].with_name(SUMS).write_text(text, "utf-8")
