"""The files of crops that a manifest names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError


def read_crop(path: Path) -> NDArray[np.uint8]:
    """A crop, (H, W, 3) RGB.

    OpenCV does not open the file itself: it would add lines of its own about one that is not there.

    Raises:
        AuheatError: The file is not there, or no image.
    """
    try:
        content = np.fromfile(path, np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except OSError:
        image = None
    if image is None:
        raise AuheatError(f"cannot read the image {path} that the manifest names")
    return np.ascontiguousarray(image[..., ::-1], np.uint8)
