"""Reading and writing .mat files. They hold numbers and text; nothing in them is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auheat.errors import AuheatError
from auheat.files import atomic_write

# The free text at the start of a MATLAB file; scipy would put the time of day there.
_HEADER = b"MATLAB 5.0 MAT-file".ljust(116)


def read_mat(path: Path, key: str) -> Any:
    """The variable `key` of a .mat file, dimensions of length 1 dropped, structs as objects.

    Args:
        path: The file.
        key: Matched without regard to case.

    Raises:
        AuheatError: The file is missing, damaged or lacks the variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except NotImplementedError:
        raise AuheatError(f"{path} is a MATLAB 7.3 file: save it with -v7") from None
    except Exception:  # a damaged file can make loadmat fail in any way
        raise AuheatError(f"{path} is not a readable .mat file") from None
    for name, value in content.items():
        if name.casefold() == key.casefold():
            return value
    raise AuheatError(f"{path} has no variable {key!r}")


def write_mat(path: Path, content: Mapping[str, Any]) -> None:
    """A MATLAB file (version 5) of named arrays; the same arrays give the same bytes."""
    from scipy.io import savemat

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
