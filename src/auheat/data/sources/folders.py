"""Finding files without regard to case, zero padding, or how deep a copy was unpacked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from auheat.errors import AuheatError


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, hidden files left out, in natural order; empty if there is none."""
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise AuheatError(f"cannot look into {folder}: {error.strerror}") from None
    return sorted(found, key=lambda path: natural(path.name))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which T2 comes before T10, whatever the case."""
    pieces = re.findall(r"\d+|\D+", name.casefold())
    keys = ((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pieces)
    return (*keys, (2, 0, name))


def child(folder: Path, *names: str) -> Path | None:
    """The entry of a folder with the first of the given names that is there, in any case."""
    there = {path.name.casefold(): path for path in reversed(entries(folder))}
    return next((there[n.casefold()] for n in names if n.casefold() in there), None)


def locate(root: Path, *names: str) -> Path | None:
    """As `child`, in `root` or else in a folder right inside it."""
    for folder in (root, *folders(root)):
        if found := child(folder, *names):
            return found
    return None


def folders(folder: Path) -> list[Path]:
    """The folders right inside a folder."""
    return [path for path in entries(folder) if path.is_dir()]


def matching(folder: Path, pattern: str) -> Iterator[tuple[re.Match[str], Path]]:
    """Entries whose whole name matches a pattern, in any case."""
    for path in entries(folder):
        if match := re.fullmatch(pattern, path.name, re.IGNORECASE):
            yield match, path


def frame_number(name: str) -> int | None:
    """The last number in a file's name without suffix: 12 for `F001_T1_0012_lm`."""
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else None


def numbered(folder: Path, suffixes: Collection[str]) -> dict[int, Path]:
    """Files with one of the suffixes (lower case) by their frame number, rising."""
    found: dict[int, Path] = {}
    for path in entries(folder):
        if path.suffix.casefold() in suffixes:
            number = frame_number(path.stem)
            if number is not None:
                found.setdefault(number, path)
    return dict(sorted(found.items()))


def spans(numbers: Iterable[int], most: int = 5) -> str:
    """Numbers as ranges: `3, 7-9`; after `most` ranges an ellipsis."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:most]]
    return ", ".join(shown + ["..."] * (len(runs) > most))
