"""Reading .mat files. They hold numbers and text; nothing in them is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from auheat.errors import AuheatError


def read_mat(path: Path, key: str) -> Any:
    """The variable `key` of a .mat file, dimensions of length 1 dropped, structs as objects.

    The key is matched without regard to case. Raises AuheatError if the file is missing, damaged
    or lacks the variable.
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
