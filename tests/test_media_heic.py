"""HEIC images of tiles: put together and upright, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from auheat.errors import AuheatError
from auheat.media import images
from auheat.media.frames import VideoFile
from auheat.media.images import is_image, read_image
from heic_files import write_heic
from stand_ins import texture


def test_the_tiles_of_a_heic_are_put_together(tmp_path: Path) -> None:
    """Phones write them so, and how they are turned lies beside them, not in them."""
    image = np.asarray(cv2.resize(texture(4), (384, 256), interpolation=cv2.INTER_CUBIC), np.uint8)
    upright = write_heic(tmp_path / "a.heic", image, tile=128, size=(370, 250))
    assert is_image(upright)
    assert images.image_size(upright) == (370, 250)
    found = read_image(upright)
    assert found.shape == (250, 370, 3)
    assert np.abs(found.astype(int) - image[:250, :370]).mean() < 5
    turns = ((b"irot", 1), (b"imir", 1))
    turned = read_image(write_heic(tmp_path / "b.heic", image, tile=128, turns=turns))
    assert np.abs(turned.astype(int) - np.rot90(image)[:, ::-1]).mean() < 5


def test_a_damaged_heic_is_one_line(tmp_path: Path) -> None:
    """Cut at every place, and with each byte of its description changed in turn."""
    whole = write_heic(tmp_path / "a.heic", np.tile(texture(4)[:64, :64], (1, 2, 1)), tile=64)
    content = whole.read_bytes()
    start = content.index(b"mdat")
    damaged = [content[:end] for end in range(12, len(content), 97)]
    for at in range(24, start, 5):
        changed = bytearray(content)
        changed[at] ^= 0xFF
        damaged.append(bytes(changed))
    path = tmp_path / "b.heic"
    lines = []
    for data in damaged:
        path.write_bytes(data)
        try:
            assert read_image(path).dtype == np.uint8
        except AuheatError as error:
            lines.append(str(error))
    assert len(lines) > len(damaged) / 4
    assert not [line for line in lines if str(path) not in line or "\n" in line]
    with pytest.raises(AuheatError, match="is an image"):
        VideoFile(whole)
