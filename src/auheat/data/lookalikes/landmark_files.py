"""The landmark sets that come with the datasets, taken from the 68, and MATLAB files of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from auheat import geometry
from auheat.files import atomic_write

_INNER_CORNERS = (60, 64)
KEPT_66 = tuple(i for i in range(68) if i not in _INNER_CORNERS)
KEPT_49 = tuple(i for i in KEPT_66 if i >= 17)


def points_66(landmarks: geometry.Points) -> geometry.Points:
    """The 68 without the inner mouth corners 60 and 64, in order."""
    return landmarks[list(KEPT_66)]


def points_49(landmarks: geometry.Points) -> geometry.Points:
    """The 66 without the jaw, in order."""
    return landmarks[list(KEPT_49)]


# The free text at the start of a MATLAB file; scipy would put the time of day there.
_HEADER = b"MATLAB 5.0 MAT-file".ljust(116)


def write_mat(path: Path, content: Mapping[str, Any]) -> None:
    """A MATLAB file (version 5) of named arrays; the same arrays give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        savemat(stream, dict(content), do_compression=True)
        stream.seek(0)
        stream.write(_HEADER)


def struct_array(rows: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    """A MATLAB struct array, 1 x rows."""
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for index, row in enumerate(rows):
        for name, value in row.items():
            array[name][0, index] = value
    return array
