"""PNGs whose last rows are missing, though the file ends as it should."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from auheat.errors import AuheatError
from auheat.media import png
from auheat.media.images import read_image


def with_height(content: bytes, height: int) -> bytes:
    """A PNG whose header claims another height, with the right checksum."""
    header = content[12:20] + struct.pack(">I", height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 20)])
def test_a_png_without_its_last_rows_is_not_whole(
    tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    """As a download leaves it whose program closed the file properly."""
    path = tmp_path / "a.png"
    Image.new(mode, size).save(path)
    assert read_image(path).shape == (size[1], size[0], 3)
    path.write_bytes(with_height(path.read_bytes(), size[1] + 1))
    with pytest.raises(AuheatError, match="rows are missing"):
        read_image(path)


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (8, 8), (17, 13)])
def test_rows_of_interlaced_pngs_are_counted(tmp_path: Path, size: tuple[int, int]) -> None:
    """Pillow writes none: seven passes of grey, made by hand, whole and without the last byte."""
    width, height = size
    passes = [
        np.zeros((height, width), np.uint8)[y::down, x::across] for x, across, y, down in png._ADAM7
    ]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    for data, whole in ((rows, True), (rows[:-1], False)):
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
        content = b"\x89PNG\r\n\x1a\n"
        for kind, part in ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
            checksum = struct.pack(">I", zlib.crc32(kind + part))
            content += struct.pack(">I", len(part)) + kind + part + checksum
        (tmp_path / "a.png").write_bytes(content)
        assert png.has_all_rows(tmp_path / "a.png") == whole
        if whole:
            assert read_image(tmp_path / "a.png").shape == (height, width, 3)
