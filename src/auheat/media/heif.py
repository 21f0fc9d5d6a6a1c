"""HEIC images, as phones write them: HEVC tiles that one of the items puts together.

FFmpeg takes the boxes apart and decodes the tiles, each of which is a stream to it; how they lie is
read here (ISO/IEC 23008-12, 6.6.2.3, and ISO/IEC 14496-12, 8.11).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

from auheat.arrays import Image
from auheat.media.colours import Converter
from auheat.media.limits import check_pixels

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
_MAX_META_BYTES = 1 << 24
_MAX_TILES = 4096


@dataclass
class _Layout:
    """How the image is put together.

    Attributes:
        tiles: Items in the order of rows.
        columns: Tiles in a row.
        size: Width and height of the whole, before it is turned; None if it is not stated.
        turns: "irot" and "imir" with their value, in the order in which they are done.
    """

    tiles: list[int] = field(default_factory=list)
    columns: int = 1
    size: tuple[int, int] | None = None
    turns: list[tuple[bytes, int]] = field(default_factory=list)


def is_heif(path: Path) -> bool:
    """Whether a file is a HEIC image, by its content."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def heif_size(path: Path) -> tuple[int, int]:
    """Width and height that the image of a HEIC file states, before it is turned.

    Raises:
        ValueError: and many other errors, for a damaged file.
    """
    size = _layout(_meta(path)).size
    if size is None:
        raise ValueError("its size is not stated")
    return size


def read_heif(path: Path) -> Image:
    """The image of a HEIC file, upright.

    Returns:
        (H, W, 3) RGB uint8.

    Raises:
        ValueError: and many other errors, for a damaged file.
        AuheatError: for one that is too large.
    """
    layout = _layout(_meta(path))
    with av.open(f"file:{path}", metadata_errors="replace") as container:
        streams: dict[int, Any] = {stream.id: stream for stream in container.streams.video}
        if missing := [tile for tile in layout.tiles if tile not in streams]:
            raise ValueError(f"{len(missing)} of its {len(layout.tiles)} tiles are not there")
        wanted = {streams[tile].index: place for place, tile in enumerate(layout.tiles)}
        image = _assembled(path, container, layout, wanted)
    for kind, value in layout.turns:
        image = np.rot90(image, value) if kind == b"irot" else np.flip(image, value)
    return np.ascontiguousarray(image)


def _assembled(path: Path, container: Any, layout: _Layout, wanted: dict[int, int]) -> Image:
    """The tiles in their places. wanted: the place of each stream, by its index."""
    canvas: Image | None = None
    left = set(wanted.values())
    for index, tile in _tiles(container, wanted):
        place = wanted[index]
        height, width = tile.shape[:2]
        if canvas is None:
            whole = layout.size or (width, height)
            check_pixels(path, *whole)
            canvas = np.zeros((whole[1], whole[0], 3), np.uint8)
        row, column = divmod(place, layout.columns)
        part = canvas[row * height : (row + 1) * height, column * width : (column + 1) * width]
        part[...] = tile[: part.shape[0], : part.shape[1]]
        left.discard(place)
    if canvas is None or left:
        raise ValueError(f"{len(left)} of its {len(wanted)} tiles cannot be decoded")
    return canvas


def _tiles(container: Any, wanted: dict[int, int]) -> Iterator[tuple[int, Image]]:
    """Each tile with the index of its stream."""
    streams = [stream for stream in container.streams.video if stream.index in wanted]
    converter = Converter(1)
    for stream in streams:
        stream.thread_count = 1
    for packet in container.demux(*streams):
        for frame in packet.decode():
            yield packet.stream.index, converter.image(frame, as_stored=True)


def _meta(path: Path) -> bytes:
    """The content of the box that describes the items."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        at = 0
        while at + 8 <= end:
            file.seek(at)
            size, kind = struct.unpack(">I4s", file.read(8))
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", file.read(8))[0], 16
            size = size or end - at
            if size < head:
                break
            if kind == b"meta":
                if size > _MAX_META_BYTES or at + size > end:
                    break
                return file.read(size - head)[4:]
            at += size
    raise ValueError("its description is damaged")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents of the boxes in a box."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        if size < 8 or at + size > len(data):
            raise ValueError("its boxes are damaged")
        yield kind, data[at + 8 : at + size]
        at += size


def _layout(meta: bytes) -> _Layout:
    boxes = dict(_boxes(meta))
    primary = _number(boxes[b"pitm"], 4, 2 if boxes[b"pitm"][0] == 0 else 4)
    layout = _Layout([primary])
    for kind, content in _properties(dict(_boxes(boxes[b"iprp"])), primary):
        if kind == b"ispe":
            layout.size = _number(content, 4, 4), _number(content, 8, 4)
        elif kind == b"irot":  # quarter turns against the clock
            layout.turns.append((kind, _number(content, 0, 1) & 3))
        elif kind == b"imir":  # 0 mirrors top and bottom, 1 left and right
            layout.turns.append((kind, _number(content, 0, 1) & 1))
    if _kind_of(boxes[b"iinf"], primary) != b"grid":
        return layout
    grid = _content(boxes[b"iloc"], boxes.get(b"idat", b""), primary)
    rows, layout.columns = grid[2] + 1, grid[3] + 1
    layout.size = struct.unpack_from(">II" if grid[1] & 1 else ">HH", grid, 4)
    layout.tiles = _tiles_of(boxes[b"iref"], primary)
    if len(layout.tiles) != rows * layout.columns or len(layout.tiles) > _MAX_TILES:
        raise ValueError("its grid is damaged")
    return layout


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise ValueError("its description is damaged")
    return int.from_bytes(data[at : at + size], "big")


def _kind_of(iinf: bytes, item: int) -> bytes:
    """Four letters that say what an item is."""
    entries = iinf[6 if iinf[0] == 0 else 8 :]
    for kind, entry in _boxes(entries):
        wide = 4 if entry[0] >= 3 else 2
        if kind == b"infe" and entry[0] >= 2 and _number(entry, 4, wide) == item:
            return entry[4 + wide + 2 : 4 + wide + 6]
    raise ValueError("its image is not there")


def _tiles_of(iref: bytes, item: int) -> list[int]:
    """The items that a grid is made of, in order."""
    wide = 2 if iref[0] == 0 else 4
    for kind, entry in _boxes(iref[4:]):
        if kind == b"dimg" and _number(entry, 0, wide) == item:
            count = _number(entry, wide, 2)
            return [_number(entry, wide + 2 + wide * i, wide) for i in range(count)]
    raise ValueError("its tiles are not there")


def _content(iloc: bytes, idat: bytes, item: int) -> bytes:
    """The bytes of an item that lies in `idat`."""
    version, sizes = iloc[0], iloc[4:6]
    offset_size, length_size = sizes[0] >> 4, sizes[0] & 15
    base_size, index_size = sizes[1] >> 4, sizes[1] & 15 if version else 0
    wide = 4 if version == 2 else 2
    at = 6 + wide
    for _ in range(_number(iloc, 6, wide)):
        number, at = _number(iloc, at, wide), at + wide
        method, at = (_number(iloc, at, 2) & 15, at + 2) if version else (0, at)
        base, at = _number(iloc, at + 2, base_size), at + 2 + base_size
        extents, at = _number(iloc, at, 2), at + 2
        for _ in range(extents):
            at += index_size
            offset, length = (
                _number(iloc, at, offset_size),
                _number(iloc, at + offset_size, length_size),
            )
            at += offset_size + length_size
            if number == item and method == 1:
                return idat[base + offset : base + offset + length]
    raise ValueError("its grid is not there")


def _properties(iprp: dict[bytes, bytes], item: int) -> list[tuple[bytes, bytes]]:
    """Kinds and contents of an item's properties, in their order."""
    known = list(_boxes(iprp[b"ipco"]))
    ipma = iprp[b"ipma"]
    wide, deep = (4 if ipma[0] else 2), (2 if ipma[3] & 1 else 1)
    at = 8
    for _ in range(_number(ipma, 4, 4)):
        number, count = _number(ipma, at, wide), _number(ipma, at + wide, 1)
        at += wide + 1
        if number == item:
            mask = (1 << (8 * deep - 1)) - 1
            which = [_number(ipma, at + deep * i, deep) & mask for i in range(count)]
            return [known[i - 1] for i in which if 0 < i <= len(known)]
        at += deep * count
    return []
