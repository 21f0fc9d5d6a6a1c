"""What is asked of every image and video file before it is read."""

from __future__ import annotations

from pathlib import Path

from auheat.errors import AuheatError

# Decoded pixels of one image or frame, at most: memory stays below 1 GB.
MAX_PIXELS = 100_000_000
# Frames per second, at most, of images that are taken for a video.
MAX_FPS = 100_000


def check_file(path: Path) -> None:
    """A pipe would be waited for, and can be read only once.

    Raises:
        AuheatError: unless a path is a file that can be read from its start again and again.
    """
    try:
        if path.is_dir() or path.is_file():
            return
        if path.exists():
            raise AuheatError(f"{path} is a pipe or a device: save what it gives to a file first")
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None


def check_pixels(path: Path, width: int, height: int) -> None:
    """Checks that an image is not too large.

    Raises:
        AuheatError: for more than `MAX_PIXELS` pixels.
    """
    if width * height > MAX_PIXELS:
        raise AuheatError(
            f"{path} has {width}x{height} pixels: at most {MAX_PIXELS // 1_000_000} million are "
            "read; make it smaller first"
        )
