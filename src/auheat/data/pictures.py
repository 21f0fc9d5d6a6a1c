"""How crops are stored: JPEG of high quality with full colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError

_SETTINGS = (
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)


def save_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an RGB crop (H, W, 3) as JPEG. Raises AuheatError if that fails."""
    if not cv2.imwrite(str(path), image[..., ::-1], _SETTINGS):
        raise AuheatError(f"cannot write {path}: is the disk full?")
