"""HEIC images of tiles, as phones write them, from images."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from auheat.arrays import Image


def write_heic(
    path: Path,
    image: Image,
    *,
    tile: int,
    size: tuple[int, int] | None = None,
    turns: tuple[tuple[bytes, int], ...] = (),
) -> Path:
    """An image (H, W, 3) in tiles of `tile` pixels. H and W are multiples of it.

    Args:
        path: The file.
        image: The image.
        tile: Side of a tile.
        size: Width and height that are shown, if fewer.
        turns: irot and imir, with their values.
    """
    rows, columns = image.shape[0] // tile, image.shape[1] // tile
    encoded = [
        _encoded(image[y : y + tile, x : x + tile])
        for y in range(0, rows * tile, tile)
        for x in range(0, columns * tile, tile)
    ]
    width, height = size or (columns * tile, rows * tile)
    count, grid_id = len(encoded), len(encoded) + 1
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(start: int) -> bytes:
        infos = [_info(i + 1, b"hvc1", hidden=True) for i in range(count)]
        infos.append(_info(grid_id, b"grid", hidden=False))
        tiles = b"".join(struct.pack(">H", i + 1) for i in range(count))
        properties = [
            _box(b"hvcC", encoded[0][0]),
            _full(b"ispe", struct.pack(">II", tile, tile)),
            _full(b"ispe", struct.pack(">II", width, height)),
            *(_box(kind, bytes([value])) for kind, value in turns),
        ]
        uses = [struct.pack(">HBBB", i + 1, 2, 0x81, 2) for i in range(count)]
        of_grid = bytes(range(3, len(properties) + 1))
        uses.append(struct.pack(">HB", grid_id, len(of_grid)) + of_grid)
        places, at = b"", start
        for index, (_, data) in enumerate(encoded):
            places += struct.pack(">HHHHII", index + 1, 0, 0, 1, at, len(data))
            at += len(data)
        places += struct.pack(">HHHHII", grid_id, 1, 0, 1, 0, len(grid))
        return _full(
            b"meta",
            _full(b"hdlr", struct.pack(">I4s12x", 0, b"pict") + b"\0")
            + _full(b"pitm", struct.pack(">H", grid_id))
            + _full(b"iloc", b"\x44\0" + struct.pack(">H", count + 1) + places, version=1)
            + _full(b"iinf", struct.pack(">H", count + 1) + b"".join(infos))
            + _full(b"iref", _box(b"dimg", struct.pack(">HH", grid_id, count) + tiles))
            + _box(
                b"iprp",
                _box(b"ipco", b"".join(properties))
                + _full(b"ipma", struct.pack(">I", count + 1) + b"".join(uses)),
            )
            + _box(b"idat", grid),
        )

    start = len(head) + len(meta(0)) + 8
    data = _box(b"mdat", b"".join(data for _, data in encoded))
    path.write_bytes(head + meta(start) + data)
    return path


def _encoded(tile: Image) -> tuple[bytes, bytes]:
    """The decoder's settings (hvcC) and the only sample of an HEVC stream."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="hevc") as container:
        video: Any = container.add_stream("libx265", rate=25)
        video.height, video.width, video.pix_fmt = *tile.shape[:2], "yuv420p"
        video.options = {"crf": "8", "preset": "ultrafast", "x265-params": "log-level=none"}
        frame = av.VideoFrame.from_ndarray(tile, format="rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(video.encode(frame))
        container.mux(video.encode())
    units = [unit.rstrip(b"\0") for unit in stream.getvalue().split(b"\0\0\1")[1:]]
    kinds = [unit[0] >> 1 & 63 for unit in units]
    settings = {kind: unit for kind, unit in zip(kinds, units, strict=True) if 32 <= kind <= 34}
    arrays = b"".join(
        struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit for kind, unit in settings.items()
    )
    # ISO/IEC 14496-15, 8.3.3.1: profile and level of the sequence, then lengths of 4 bytes.
    head = b"\1" + settings[33][3:15] + bytes.fromhex("f000fcfdf8f800000f") + b"\3"
    slices = (u for kind, u in zip(kinds, units, strict=True) if kind < 32)
    return head + arrays, b"".join(struct.pack(">I", len(unit)) + unit for unit in slices)


def _info(number: int, kind: bytes, *, hidden: bool) -> bytes:
    body = struct.pack(">HH4s", number, 0, kind) + b"\0"
    return _full(b"infe", body, version=2, flags=int(hidden))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, body: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, bytes([version]) + flags.to_bytes(3, "big") + body)
