"""Which files of a source count: which frame one is of, and which of several is meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TypeVar

from auheat.folders import entries

K = TypeVar("K")

_MOST_SHOWN = 3


def frame_number(stem: str) -> int | None:
    """The last number in a file's name without suffix: 12 for `F001_T1_0012_lm`."""
    digits = _last_digits(stem)
    return int(digits) if digits else None


def _last_digits(stem: str) -> str | None:
    """Numbers in brackets at the end are those of copies, `099 (1)`, if there is another one."""
    numbers = re.findall(r"\d+", re.sub(r"(\s*\(\d+\))+$", "", stem)) or re.findall(r"\d+", stem)
    return numbers[-1] if numbers else None


def numbered(
    folder: Path, suffixes: Collection[str], problems: list[str], *, stem: str = r"(\d+)"
) -> dict[int, Path]:
    """The files of a folder that are of a frame each, by its number, rising.

    Where half of them are called as the layout has it, the others are left aside, for copies that
    file managers make end in any number; else the last number in a name is the frame's. Of several
    files of one frame the one counts that is called, padded and ends as most are.

    Args:
        folder: Where they lie.
        suffixes: In lower case, like `.png`.
        problems: Gains a line for files that are left aside.
        stem: Pattern of the layout's names without suffix, in any case; its group is the number.
    """
    digits, exact = dict[Path, str](), set[Path]()
    for path in entries(folder):
        if path.suffix.casefold() in suffixes:
            match = re.fullmatch(stem, path.stem, re.IGNORECASE)
            if number := match[1] if match else _last_digits(path.stem):
                digits[path] = number
                if match:
                    exact.add(path)
    called_so = exact if 2 * len(exact) >= len(digits) else set(digits)
    width = _padding([digits[path] for path in digits if path in called_so])
    endings = Counter(path.suffix.casefold() for path in called_so)

    def rank(path: Path) -> tuple[bool, bool, int, int]:
        written = digits[path]
        padded = len(written) == max(width, len(str(int(written))))
        most = -endings[path.suffix.casefold()]
        return path not in exact, not padded, most, len(path.name)  # copies have longer names

    found: dict[int, Path] = {}
    strange, others = list[Path](), list[Path]()
    for path in sorted(digits, key=rank):
        if path not in called_so:
            strange.append(path)
        elif found.setdefault(int(digits[path]), path) != path:
            others.append(path)
    for aside, why in (
        (others, "there are others of the same frames"),
        (strange, "the layout has other names"),
    ):
        if aside:
            problems.append(f"{folder}: not read, as {why}: {_some(path.name for path in aside)}")
    return dict(sorted(found.items()))


def _padding(written: Collection[str]) -> int:
    """How many digits numbers have at least, in the way that most of them are written."""

    def fitting(width: int) -> int:
        return sum(len(digits) == max(width, len(str(int(digits)))) for digits in written)

    return max(sorted({len(digits) for digits in written}), key=fitting, default=0)


def one_each(
    found: Iterable[tuple[K, Path]],
    problems: list[str],
    *,
    called: Callable[[K], str],
) -> dict[K, Path]:
    """One file or folder for each thing: of several the one that is called as the layout has it.

    Args:
        found: Things and their files. Where none is called so, the shortest name counts, as copies
            have longer ones; else the first.
        problems: Gains a line for each thing with several.
        called: The layout's name for a thing, in any case.
    """
    paths: dict[K, list[Path]] = {}
    for key, path in found:
        paths.setdefault(key, []).append(path)
    chosen: dict[K, Path] = {}
    for key, several in paths.items():
        name = called(key).casefold()
        best = min(several, key=lambda p: (p.name.casefold() != name, len(p.name)))
        chosen[key] = best
        if len(several) > 1:
            others = _some(str(path) for path in several if path != best)
            problems.append(f"{others}: not read, as there is {best}")
    return chosen


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    more = [f"and {len(shown) - _MOST_SHOWN} more"] * (len(shown) > _MOST_SHOWN)
    return ", ".join(shown[:_MOST_SHOWN] + more)
