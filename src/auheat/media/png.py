"""Whether a PNG holds all of its rows, which Pillow does not ask."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Start and step, across and down, of the seven passes of an interlaced image.
_ADAM7 = (
    *((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4)),
    *((0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)),
)
_PIECE_BYTES = 1 << 20


def has_all_rows(path: Path) -> bool:
    """Whether the compressed data of a PNG is as long as its header says (PNG, 3rd edition, 7).

    Other files, and headers that make no sense, are left to the reader: True.
    """
    with path.open("rb") as stream:
        if stream.read(8) != _SIGNATURE:
            return True
        chunks = _chunks(stream)
        kind, header = next(chunks, (b"", b""))
        if kind != b"IHDR" or len(header) != 13:
            return True
        width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
        if colour not in _CHANNELS or not width or not height:
            return True
        expected = _length(width, height, depth * _CHANNELS[colour], bool(interlaced))
        return _inflated(content for kind, content in chunks if kind == b"IDAT") >= expected


def _length(width: int, height: int, bits: int, interlaced: bool) -> int:
    """Bytes of all rows, each with the byte that names its filter."""
    passes = _ADAM7 if interlaced else ((0, 1, 0, 1),)
    total = 0
    for x, across, y, down in passes:
        columns, rows = -((x - width) // across), -((y - height) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _inflated(parts: Iterator[bytes]) -> int:
    """How many bytes come out of a zlib stream, a piece at a time."""
    inflate, total = zlib.decompressobj(), 0
    try:
        for part in parts:
            left = part
            while left and not inflate.eof:
                total += len(inflate.decompress(left, _PIECE_BYTES))
                left = inflate.unconsumed_tail
    except zlib.error:
        pass
    return total


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents of chunks, until the file ends."""
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        content = stream.read(length) if kind in (b"IHDR", b"IDAT") else b""
        if kind not in (b"IHDR", b"IDAT"):
            stream.seek(length, 1)
        stream.seek(4, 1)
        yield kind, content
