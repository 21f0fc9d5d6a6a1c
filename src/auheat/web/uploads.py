"""Takes files from the page: counts their bytes, and refuses what cannot or should not be read.

What a file is called on the page is only ever shown: on disk it has a name of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Literal

import av

from auheat.errors import AuheatError
from auheat.media.frames import VideoFile
from auheat.media.images import image_size, is_image
from auheat.web.limits import Limits

_HEAD_BYTES = 1024


class StalledError(Exception):
    """The client stopped sending in the middle of its upload."""


async def save(
    body: AsyncGenerator[bytes, None], path: Path, *, max_bytes: int, idle_s: float
) -> None:
    """Writes an upload to a file.

    Args:
        body: The parts of the upload as they come.
        path: The file.
        max_bytes: Size at most.
        idle_s: Seconds to wait for the next part.

    Raises:
        AuheatError: If the upload has more bytes, or none.
        StalledError: If no part came in time.
    """
    size = 0
    with path.open("wb") as file:
        async for part in _prompt(body, idle_s):
            size += len(part)
            if size > max_bytes:
                raise too_large(max_bytes)
            file.write(part)
    if not size:
        raise AuheatError("the file is empty")


async def drain(body: AsyncGenerator[bytes, None], *, idle_s: float) -> None:
    """Reads an upload to its end and keeps nothing.

    Raises:
        StalledError: as `save` does.
    """
    async for _ in _prompt(body, idle_s):
        pass


async def _prompt(body: AsyncGenerator[bytes, None], idle_s: float) -> AsyncIterator[bytes]:
    """The parts of an upload, each of which must come in time."""
    while True:
        try:
            yield await asyncio.wait_for(anext(body), idle_s)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            raise StalledError from None


def too_large(max_bytes: int) -> AuheatError:
    """The refusal of a file with too many bytes."""
    return AuheatError(
        f"the file is too large: up to {max_bytes / 1e6:.0f} MB are taken; "
        "read it with `auheat predict` instead"
    )


def kind_of(path: Path, limits: Limits) -> Literal["image", "video"]:
    """What an upload is, by its content.

    Raises:
        AuheatError: For anything that will not be read.
    """
    if _is_text(path):
        raise AuheatError("this is a text file: give an image or a video")
    if is_image(path):
        _check_image(path, limits)
        return "image"
    try:
        VideoFile(path)
    except AuheatError:
        raise AuheatError(
            "this is neither an image nor a video that can be read, or it is damaged"
        ) from None
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        _check_size(stream.width, stream.height, limits)
    return "video"


def check_image(path: Path, limits: Limits) -> None:
    """Checks that a file is an image of a size that will be read.

    Raises:
        AuheatError: unless a file is an image of a size that will be read.
    """
    if not is_image(path):
        raise AuheatError("this is not an image that can be read")
    _check_image(path, limits)


def _check_image(path: Path, limits: Limits) -> None:
    _check_size(*image_size(path), limits)


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.pixels:
        raise AuheatError(
            f"{width} x {height} pixels are too many: up to {limits.pixels / 1e6:.0f} megapixels "
            "are read; make it smaller first"
        )
    if max(width, height) > limits.side or min(width, height) < 16:
        raise AuheatError(
            f"{width} x {height} pixels: sides of 16 to {limits.side} pixels are read"
        )


def _is_text(path: Path) -> bool:
    """Whether a file begins like text, as playlists and renamed documents do."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return not any(byte < 9 or 13 < byte < 32 or byte > 126 for byte in head)
