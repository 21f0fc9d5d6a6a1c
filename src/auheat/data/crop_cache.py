"""Decoded crops kept in one memory-mapped file, so that an epoch after the first decodes nothing.

The file holds, for every row, a checksum (4 bytes) and the pixels (side * side * 3 bytes); a row
whose checksum does not fit its pixels has not been read yet. Its name comes from the images'
paths, sizes and times, so that changed images are never mistaken for old ones. Processes share
it through the page cache of the system; blank rows take no room on most file systems.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.files import atomic_write

_CHECKSUM_BYTES = 4


class CropCache:
    """The crops of some images, side x side pixels each, in a file of the folder `place`.

    Raises:
        AuheatError: if the file cannot be made or an image is not there.
    """

    def __init__(self, place: Path, images: Sequence[Path], side: int) -> None:
        self._shape = (side, side, 3)
        self._rows, self._bytes = len(images), _CHECKSUM_BYTES + side * side * 3
        self._path = place / f"crops-{_digest(images, side)}.bin"
        self._map: NDArray[np.uint8] | None = None
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AuheatError(f"cannot make the folder {place}: {error.strerror}") from None
        if not self._path.is_file():
            with atomic_write(self._path) as temporary, temporary.open("wb") as stream:
                stream.truncate(self._rows * self._bytes)

    def get(self, row: int) -> NDArray[np.uint8] | None:
        """The pixels of a row (side, side, 3), read-only, or None if they are not stored yet."""
        stored = self._table()[row]
        pixels = stored[_CHECKSUM_BYTES:]
        if stored[:_CHECKSUM_BYTES].tobytes() != _checksum(pixels):
            return None
        result: NDArray[np.uint8] = pixels.reshape(self._shape)
        result.flags.writeable = False
        return result

    def put(self, row: int, pixels: NDArray[np.uint8]) -> None:
        """Stores the pixels of a row."""
        flat = np.ascontiguousarray(pixels).reshape(-1)
        stored = self._table()[row]
        stored[_CHECKSUM_BYTES:] = flat
        stored[:_CHECKSUM_BYTES] = np.frombuffer(_checksum(flat), np.uint8)

    def _table(self) -> NDArray[np.uint8]:
        if self._map is None:  # each process opens it for itself
            self._map = np.memmap(self._path, np.uint8, "r+", shape=(self._rows, self._bytes))
        return self._map

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}  # a memory map would be sent to workers as bytes


def _checksum(pixels: NDArray[np.uint8]) -> bytes:
    """Of the pixels, and never that of a blank row."""
    return (zlib.crc32(pixels.data) | 1).to_bytes(_CHECKSUM_BYTES, "little")


def _digest(images: Sequence[Path], side: int) -> str:
    digest = hashlib.sha256(f"1 {side}\n".encode())
    for path in images:
        try:
            about = path.stat()
        except OSError:
            raise AuheatError(f"cannot read the image {path} that the manifest names") from None
        digest.update(f"{path.absolute()}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
