"""The files of crops that a manifest names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError

CROPS = "images"  # the folder of what is cut out of recordings, in that of the dataset


def remove_others(out: Path, images: Iterable[str]) -> None:
    """Removes what stopped runs cut that the manifest will not name, and empty folders.

    Args:
        out: Folder of the dataset.
        images: The crops that stay, relative to it.

    Raises:
        AuheatError: One cannot be removed.
    """
    stay = {str(out / image) for image in images}
    try:
        for folder, _, names in os.walk(out / CROPS, topdown=False):
            for path in (os.path.join(folder, name) for name in names):  # noqa: PTH118
                if path not in stay:
                    os.unlink(path)  # noqa: PTH108
            with suppress(OSError):  # it still holds something
                os.rmdir(folder)  # noqa: PTH106
    except OSError as error:
        raise AuheatError(f"cannot remove {error.filename}: {error.strerror}") from None


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
