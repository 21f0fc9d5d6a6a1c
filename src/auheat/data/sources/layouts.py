"""Which reader reads which layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auheat.data.sources import authors_json, bp4d, disfa, disfa_plus, fera2017, unbc
from auheat.data.sources.recording import ReadOptions, Source
from auheat.errors import AuheatError, unknown_name


@dataclass(frozen=True)
class Layout:
    """A reader, and a test whether a copy of the dataset comes with landmarks."""

    read: Callable[[Path, ReadOptions], Source]
    has_landmarks: Callable[[Path], bool]


LAYOUTS: dict[str, Layout] = {
    "disfa": Layout(disfa.read, disfa.has_landmarks),
    "disfa-plus": Layout(disfa_plus.read, disfa_plus.has_landmarks),
    "bp4d": Layout(bp4d.read_bp4d, bp4d.has_landmarks),
    "fera2015": Layout(bp4d.read_bp4d, bp4d.has_landmarks),
    "fera2017": Layout(fera2017.read, fera2017.has_landmarks),
    "bp4d-plus": Layout(bp4d.read_bp4d_plus, bp4d.has_landmarks),
    "unbc": Layout(unbc.read, unbc.has_landmarks),
    "authors-json": Layout(authors_json.read, authors_json.has_landmarks),
}


def layout_of(kind: str, root: Path) -> Layout:
    """The layout with a name. Raises AuheatError if there is none, or nothing at `root`."""
    if kind not in LAYOUTS:
        raise unknown_name("layout", kind, LAYOUTS)
    if not root.exists():
        raise AuheatError(f"no folder at {root}")
    return LAYOUTS[kind]
