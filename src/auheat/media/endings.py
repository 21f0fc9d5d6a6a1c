"""Whether a file breaks off, where its container says so only by how it ends.

FFmpeg takes the end of such a file for the end of the video. What has no end of its own (bare
streams of H.264 or MPEG, MPEG program streams; NUT, whose index is optional) cannot be judged.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_TAIL_BYTES = 1 << 17  # an Ogg page has at most 65,307 bytes
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_DV_FRAME_BYTES = (120_000, 144_000)  # 525 and 625 lines (IEC 61834-2)


def breaks_off(path: Path, format_name: str) -> bool:
    """Whether a file ends where its container cannot end.

    Args:
        path: The file.
        format_name: FFmpeg's name of the container.
    """
    looks_cut = _BY_FORMAT.get(format_name)
    if looks_cut is None:
        return False
    try:
        with path.open("rb") as file:
            return looks_cut(file, path.stat().st_size)
    except (OSError, struct.error):
        return False


def _transport_stream(file: BinaryIO, size: int) -> bool:
    """Packets of 188 bytes begin with 0x47; some have a time before them, some a check behind."""
    head = file.read(1024)
    for offset, step in ((0, 188), (4, 192), (0, 204)):
        if len(head) == 1024 and all(head[i] == 0x47 for i in range(offset, 1024, step)):
            return size % step != 0
    return False


def _ogg(file: BinaryIO, size: int) -> bool:
    """The last page of a stream is flagged as the last (RFC 3533, 6)."""
    file.seek(max(size - _TAIL_BYTES, 0))
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return True
    flags, count = tail[at + 5], tail[at + 26]
    sizes = tail[at + 27 : at + 27 + count]
    is_whole = len(sizes) == count and len(tail) >= at + 27 + count + sum(sizes)
    return not (is_whole and flags & 4)


def _asf(file: BinaryIO, size: int) -> bool:
    """The header states the size of the file; a broadcast's is 0 or without meaning (flag 1)."""
    head = file.read(4096)
    at = head.find(_ASF_FILE_PROPERTIES)
    if not head.startswith(_ASF_HEADER) or at < 0:
        return False
    stated, flags = struct.unpack_from("<Q", head, at + 40)[0], head[at + 88]
    return not flags & 1 and size < stated


def _gif(file: BinaryIO, size: int) -> bool:
    """Behind the last image comes 0x3B (GIF89a, 27), and nothing but padding."""
    file.seek(max(size - 1024, 0))
    return not file.read().rstrip(b"\0").endswith(b"\x3b")


def _dv(file: BinaryIO, size: int) -> bool:
    """Every frame takes as many bytes."""
    return bool(file.read(1)) and all(size % frame for frame in _DV_FRAME_BYTES)


def _motion_jpeg(file: BinaryIO, size: int) -> bool:
    """An image ends with the marker FFD9."""
    file.seek(max(size - 1024, 0))
    return not file.read().rstrip(b"\0").endswith(b"\xff\xd9")


def _matroska(file: BinaryIO, size: int) -> bool:
    """The one segment states its size, unless it was written as a stream (RFC 9559, 4.5)."""
    head = file.read(256)
    at = head.find(b"\x18\x53\x80\x67")
    if not head.startswith(b"\x1a\x45\xdf\xa3") or at < 0:
        return False
    bits = head[at + 4] if len(head) > at + 4 else 0
    width = 9 - bits.bit_length()  # leading zeros say how many bytes follow
    if not bits or len(head) < at + 4 + width:
        return False
    stated = int.from_bytes(head[at + 4 : at + 4 + width], "big") & ((1 << 7 * width) - 1)
    is_known = stated != (1 << 7 * width) - 1
    return is_known and size < at + 4 + width + stated


def _boxes(file: BinaryIO, size: int) -> bool:
    """MP4 and MOV are boxes, each with its size (ISO 14496-12, 4.2); 0 reaches to the end."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = struct.unpack(">Q", file.read(8))[0]
        if length < 8 or not kind.isascii():
            return False  # it reaches to the end, or something else follows
        at += length
    return at > size


def _riff(file: BinaryIO, size: int) -> bool:
    """AVI is one RIFF chunk or several, each with its size."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF" or not length:
            return False  # padding, or a recorder that never noted its size
        at += 8 + length + length % 2
    return at > size + 1


def _flv(file: BinaryIO, size: int) -> bool:
    """Behind each tag stands its size."""
    if size < 15:
        return True
    file.seek(size - 4)
    (length,) = struct.unpack(">I", file.read(4))
    at = size - 4 - length
    if length < 11 or at < 9:
        return True
    file.seek(at)
    tag = file.read(4)
    return bool(int.from_bytes(tag[1:], "big") + 11 != length)


def _ivf(file: BinaryIO, size: int) -> bool:
    """A header of its own size, then frames of 12 bytes and as many as those state."""
    head = file.read(8)
    at = int.from_bytes(head[6:8], "little")
    while at + 12 <= size:
        file.seek(at)
        at += 12 + int.from_bytes(file.read(4), "little")
    return at != size


_BY_FORMAT: dict[str, Callable[[BinaryIO, int], bool]] = {
    "mpegts": _transport_stream,
    "ogg": _ogg,
    "asf": _asf,
    "matroska,webm": _matroska,
    "mov,mp4,m4a,3gp,3g2,mj2": _boxes,
    "avi": _riff,
    "flv": _flv,
    "ivf": _ivf,
    "gif": _gif,
    "dv": _dv,
    "mjpeg": _motion_jpeg,
}
