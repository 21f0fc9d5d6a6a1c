"""Whether a file breaks off, where its container says so only by how it ends.

FFmpeg takes the end of such a file for the end of the video. What has no end of its own cannot be
judged where it ends between two frames or packets: bare streams of H.264, HEVC or MPEG, MPEG
program streams, and NUT, whose index is optional. What ends within one of them, decoders notice;
headers that no frame follows are looked for here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_TAIL_BYTES = 1 << 17  # an Ogg page has at most 65,307 bytes
_START_CODE_BYTES = 1 << 22  # an image between two start codes is no larger
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d010201")  # SMPTE ST 377-1, 6.1
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
    """Images and extensions, each of sub-blocks that state their size, and 0x3B behind (GIF89a)."""
    head = file.read(13)
    if size < 13 or not _skip_colours(file, head[10]):
        return True
    while kind := file.read(1):
        if kind == b"\x3b":
            return False
        if kind == b"\x2c":
            image = file.read(9)
            if len(image) < 9 or not _skip_colours(file, image[8]):
                return True
        elif kind != b"\x21":
            return False  # damaged inside, which is for the decoder to notice
        file.read(1)
        while length := file.read(1):
            if length == b"\0":
                break
            file.seek(length[0], 1)
    return True


def _skip_colours(file: BinaryIO, flags: int) -> bool:
    """Skips the table of colours that these flags announce; False if the file ends before."""
    colours = 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
    return len(file.read(colours)) == colours


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


def _mxf(file: BinaryIO, size: int) -> bool:
    """The header states where the footer begins, 0 if its writer never came so far.

    Both are partitions: a key of 16 bytes, their length, and fields at fixed places.
    """
    head = file.read(1 << 16)
    at = head.find(_MXF_PARTITION)
    if at < 0 or len(head) < at + 64:
        return False
    length_bytes = 1 + (head[at + 16] & 0x7F if head[at + 16] & 0x80 else 0)
    (footer,) = struct.unpack_from(">Q", head, at + 16 + length_bytes + 24)
    return bool(footer) and size < at + footer + 16 + length_bytes + 88


def _yuv4mpeg(file: BinaryIO, size: int) -> bool:
    """A line of parameters, then frames of one size, each behind a line (yuv4mpeg(5))."""
    words = file.readline(1024).decode("ascii", "replace").split()[1:]
    given = {word[0]: word[1:] for word in words}
    colours = re.match(r"(mono|\d{3})(.*?)p?(\d\d)?$", given.get("C", "420"))
    if colours is None or not (given.get("W", "").isdecimal() and given.get("H", "").isdecimal()):
        return False
    width, height = int(given["W"]), int(given["H"])
    across, down = {"420": (2, 2), "411": (4, 1), "422": (2, 1)}.get(colours[1], (1, 1))
    samples = width * height * (2 if "alpha" in colours[2] else 1)
    if colours[1] != "mono":
        samples += 2 * -(-width // across) * -(-height // down)
    frame_bytes = samples * (2 if colours[3] else 1)
    while line := file.readline(1024):
        if not line.startswith(b"FRAME"):
            return b"FRAME".startswith(line)
        at = file.seek(frame_bytes, 1)
        if not line.endswith(b"\n") or at > size:
            return True
    return False


def _ends_in(is_header: Callable[[int], bool]) -> Callable[[BinaryIO, int], bool]:
    """Whether the last start code of a bare stream, 00 00 01 and a byte, is that of a header."""

    def looks_cut(file: BinaryIO, size: int) -> bool:
        file.seek(max(size - _START_CODE_BYTES, 0))
        tail = file.read()
        at = tail.rfind(b"\0\0\1")
        return at >= 0 and (at + 3 == len(tail) or is_header(tail[at + 3]))

    return looks_cut


# Tables of start codes: ISO 13818-2, 6.2.1; ISO 14496-2, 6.2.1; H.264, 7.4.1; H.265, 7.4.2.2.
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
    "mxf": _mxf,
    "yuv4mpegpipe": _yuv4mpeg,
    "mpegvideo": _ends_in(lambda code: code in (0x00, 0xB2, 0xB3, 0xB5, 0xB8)),
    "m4v": _ends_in(lambda code: code < 0x30 or code in (0xB0, 0xB2, 0xB3, 0xB5)),
    "h264": _ends_in(lambda code: code & 0x1F in (6, 7, 8, 9)),
    "hevc": _ends_in(lambda code: code >> 1 & 0x3F in (32, 33, 34, 35, 39)),
}
