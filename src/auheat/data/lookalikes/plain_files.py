"""Labels as lines of text, pictures as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.files import atomic_write

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """One line each, an empty file for none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """A JPEG or PNG, by its suffix. image: (H, W, 3) RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = _JPEG if path.suffix == ".jpg" else []
    with atomic_write(path) as temporary:
        if not cv2.imwrite(str(temporary), image[..., ::-1], settings):
            raise AuheatError(f"cannot write {path}: is the disk full?")
