from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from auheat.errors import AuheatError
from auheat.media.photo import is_photo, read_photo

# Four colours whose places tell every orientation apart.
COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]],
    np.uint8,
)


def saved(path: Path, array: NDArray[np.generic], mode: str | None = None, **options: Any) -> Path:
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def test_plain_colours(tmp_path: Path) -> None:
    image = read_photo(saved(tmp_path / "a.png", COLOURS))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, COLOURS)


def test_the_array_is_the_callers_own(tmp_path: Path) -> None:
    image = read_photo(saved(tmp_path / "a.png", COLOURS))
    image[:] = 0
    assert image.flags.c_contiguous


@pytest.mark.parametrize("name", ["grey.png", "grey.jpg", "grey.tif", "grey.bmp"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, name: str) -> None:
    grey = np.full((8, 8), 77, np.uint8)
    np.testing.assert_array_equal(read_photo(saved(tmp_path / name, grey)), np.full((8, 8, 3), 77))


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    deep = np.array([[0, 257, 32896, 65000, 65535, 128]], np.uint16)
    image = read_photo(saved(tmp_path / name, deep))
    np.testing.assert_array_equal(image[0, :, 0], [0, 1, 128, 253, 255, 0])
    assert (image == image[..., :1]).all()


def test_16_bit_colour_is_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.array([[[0, 32896, 65535], [257, 514, 771]]], np.uint16)
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), deep[..., ::-1])  # OpenCV writes BGR
    np.testing.assert_array_equal(read_photo(path), [[[0, 128, 255], [1, 2, 3]]])


def test_transparency_shows_white(tmp_path: Path) -> None:
    """Red, half of a black that is half there, and a green that is not there at all."""
    pixels = np.array([[[255, 0, 0, 255], [0, 0, 0, 128], [0, 255, 0, 0]]], np.uint8)
    image = read_photo(saved(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(image[0], [[255, 0, 0], [127, 127, 127], [255, 255, 255]])


def test_grey_with_transparency(tmp_path: Path) -> None:
    pixels = np.array([[[40, 255], [40, 0]]], np.uint8)
    image = read_photo(saved(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(image[0], [[40] * 3, [255] * 3])


def test_palette_with_and_without_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), [[[10, 20, 30], [200, 100, 50]]])
    picture.save(tmp_path / "b.gif", transparency=0)
    np.testing.assert_array_equal(read_photo(tmp_path / "b.gif"), [[[255] * 3, [200, 100, 50]]])


@pytest.mark.parametrize("name", ["ink.jpg", "ink.tif"])
def test_cmyk_is_not_inverted(tmp_path: Path, name: str) -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    image = read_photo(saved(tmp_path / name, red, "CMYK"))
    assert np.abs(image.astype(int) - red).max() <= 2


def test_one_bit_pictures(tmp_path: Path) -> None:
    picture = saved(tmp_path / "a.png", np.array([[True, False]]))
    np.testing.assert_array_equal(read_photo(picture), [[[255] * 3, [0] * 3]])


# What each orientation's stored pixels must go through to stand upright.
UPRIGHT = {
    1: COLOURS,
    2: COLOURS[:, ::-1],
    3: COLOURS[::-1, ::-1],
    4: COLOURS[::-1],
    5: COLOURS.transpose(1, 0, 2),
    6: np.rot90(COLOURS, -1),
    7: COLOURS[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(COLOURS),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_photo(saved(tmp_path / "a.png", COLOURS, exif=exif))
    np.testing.assert_array_equal(image, UPRIGHT[orientation])


def test_of_several_pictures_the_first_is_read(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=50)
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    for name in ("a.gif", "a.tif"):
        assert read_photo(tmp_path / name)[0, 0].tolist() == [255, 0, 0]
    assert not is_photo(tmp_path / "a.gif")
    assert is_photo(tmp_path / "a.tif")


def test_a_picture_is_known_by_its_content(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", COLOURS).rename(tmp_path / "a.mp4")
    assert is_photo(path)
    np.testing.assert_array_equal(read_photo(path), COLOURS)


def damaged(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    content = saved(path, noise).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    (tmp_path / "empty.jpg").touch()
    floating = saved(tmp_path / "float.tif", np.zeros((4, 4), np.float32))
    for path, reason in (
        (text, "not a picture"),
        (tmp_path / "empty.jpg", "not a picture"),
        (tmp_path / "none.jpg", "no file"),
        (tmp_path, "cannot read"),
        (damaged(tmp_path / "half.jpg"), "truncated"),
        (damaged(tmp_path / "half.png"), "cannot read"),
        (floating, "floating-point"),
    ):
        with pytest.raises(AuheatError, match=reason) as caught:
            read_photo(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_huge_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", COLOURS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)
    assert is_photo(path)
    with pytest.raises(AuheatError, match="too many pixels"):
        read_photo(path)


def test_other_files_are_no_photos(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    assert not is_photo(tmp_path / "text.jpg")
    assert not is_photo(tmp_path / "none.jpg")
    assert not is_photo(tmp_path)
