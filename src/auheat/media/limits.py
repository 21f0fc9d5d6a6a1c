"""What is asked of every image and video file before it is read."""

from __future__ import annotations

import os
from pathlib import Path

from auheat.errors import AuheatError

# Decoded pixels of one image or frame, at most: memory stays below 1 GB.
MAX_PIXELS = 100_000_000
# In the environment: the same in millions, as a user wants it; worker processes get it, too.
MEGAPIXELS = "AUHEAT_MAX_MEGAPIXELS"
# Frames per second, at most, of images that are taken for a video.
MAX_FPS = 100_000
# Those of frames and tables that nobody gave times.
DEFAULT_FPS = 30.0


def max_pixels() -> int:
    """The limit that holds.

    Raises:
        AuheatError: if the environment names one that is no number above 0.
    """
    text = os.environ.get(MEGAPIXELS, "")
    if not text:
        return MAX_PIXELS
    try:
        wanted = int(float(text) * 1_000_000)
    except (ValueError, OverflowError):
        wanted = 0
    if wanted < 1:
        raise AuheatError(f"{MEGAPIXELS} is {text!r}: give a number above 0")
    return wanted


def check_pixels(path: Path, width: int, height: int) -> None:
    """Checks that an image is not too large.

    Raises:
        AuheatError: for more pixels than `max_pixels`.
    """
    most = max_pixels()
    if width * height > most:
        needed = -(-width * height // 1_000_000)
        raise AuheatError(
            f"{path} has {width}x{height} pixels: at most {most / 1e6:g} million are read; make it "
            f"smaller, or allow more with `auheat --max-megapixels {needed}`"
        )
