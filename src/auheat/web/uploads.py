"""Takes files from the page: counts their bytes, and refuses what cannot or should not be read.

What a file is called on the page is only ever shown: on disk it has a name of ours.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Literal

import av
from PIL import Image

from auheat.errors import AuheatError
from auheat.media.frames import VideoFile
from auheat.media.photo import FORMATS, is_photo

# Larger pictures and frames are refused: a small file can unpack to more than memory holds.
MAX_PIXELS = 64_000_000
_HEAD = 1024


async def save(body: AsyncIterable[bytes], path: Path, max_bytes: int) -> None:
    """Writes an upload to a file. Raises AuheatError past `max_bytes` and if it is empty."""
    size = 0
    with path.open("wb") as file:
        async for part in body:
            size += len(part)
            if size > max_bytes:
                raise too_large(max_bytes)
            file.write(part)
    if not size:
        raise AuheatError("the file is empty")


def too_large(max_bytes: int) -> AuheatError:
    """The refusal of a file with too many bytes."""
    return AuheatError(
        f"the file is too large: up to {max_bytes / 1e6:.0f} MB are taken; "
        "read it with `auheat predict` instead"
    )


def kind_of(path: Path) -> Literal["photo", "video"]:
    """What an upload is, by its content. Raises AuheatError for anything that will not be read."""
    if _is_text(path):
        raise AuheatError("this is a text file: give a photo or a video")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        if is_photo(path):
            _check_photo(path)
            return "photo"
    try:
        VideoFile(path)
    except AuheatError:
        raise AuheatError(
            "this is neither a photo nor a video that can be read, or it is damaged"
        ) from None
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        _check_pixels(stream.width, stream.height)
    return "video"


def checked_photo(path: Path) -> None:
    """Raises AuheatError unless a file is a picture of a size that will be read."""
    if not is_photo(path):
        raise AuheatError("this is not a picture that can be read")
    _check_photo(path)


def _check_photo(path: Path) -> None:
    try:
        with Image.open(path, formats=[name for name in FORMATS if name in Image.ID]) as picture:
            _check_pixels(*picture.size)
    except Image.DecompressionBombError:
        raise AuheatError(
            f"the picture has far too many pixels: up to {MAX_PIXELS / 1e6:.0f} megapixels are read"
        ) from None


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise AuheatError(
            f"{width} x {height} pixels are too many: up to {MAX_PIXELS / 1e6:.0f} megapixels "
            "are read; make it smaller first"
        )


def _is_text(path: Path) -> bool:
    """Whether a file begins like text, as playlists and renamed documents do."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return not any(byte < 9 or 13 < byte < 32 or byte > 126 for byte in head)
