from __future__ import annotations

import os
import struct
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from auheat.errors import AuheatError
from auheat.media import limits
from auheat.media.frames import VideoFile
from auheat.media.images import image_note, image_size, is_image, read_image

# Four colours whose places tell every orientation apart.
COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]],
    np.uint8,
)


def saved(path: Path, array: NDArray[np.generic], mode: str | None = None, **options: Any) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def test_plain_colours(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "a.png", COLOURS))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, COLOURS)


def test_the_array_is_the_callers_own(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "a.png", COLOURS))
    image[:] = 0
    assert image.flags.c_contiguous


@pytest.mark.parametrize("name", ["grey.png", "grey.jpg", "grey.tif", "grey.bmp"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, name: str) -> None:
    grey = np.full((8, 8), 77, np.uint8)
    np.testing.assert_array_equal(read_image(saved(tmp_path / name, grey)), np.full((8, 8, 3), 77))


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    deep = np.array([[0, 257, 32896, 65000, 65535, 128]], np.uint16)
    image = read_image(saved(tmp_path / name, deep))
    np.testing.assert_array_equal(image[0, :, 0], [0, 1, 128, 253, 255, 0])
    assert (image == image[..., :1]).all()


def test_16_bit_colour_is_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.array([[[0, 32896, 65535], [257, 514, 771]]], np.uint16)
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), deep[..., ::-1])  # OpenCV writes BGR
    np.testing.assert_array_equal(read_image(path), [[[0, 128, 255], [1, 2, 3]]])


def test_transparency_shows_white(tmp_path: Path) -> None:
    """Red, half of a black that is half there, and a green that is not there at all."""
    pixels = np.array([[[255, 0, 0, 255], [0, 0, 0, 128], [0, 255, 0, 0]]], np.uint8)
    image = read_image(saved(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(image[0], [[255, 0, 0], [127, 127, 127], [255, 255, 255]])


def test_grey_with_transparency(tmp_path: Path) -> None:
    pixels = np.array([[[40, 255], [40, 0]]], np.uint8)
    image = read_image(saved(tmp_path / "a.png", pixels))
    np.testing.assert_array_equal(image[0], [[40] * 3, [255] * 3])


def test_palette_with_and_without_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), [[[10, 20, 30], [200, 100, 50]]])
    image.save(tmp_path / "b.gif", transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "b.gif"), [[[255] * 3, [200, 100, 50]]])


@pytest.mark.parametrize("name", ["ink.jpg", "ink.tif"])
def test_cmyk_is_not_inverted(tmp_path: Path, name: str) -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    image = read_image(saved(tmp_path / name, red, "CMYK"))
    assert np.abs(image.astype(int) - red).max() <= 2


def test_one_bit_images(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.png", np.array([[True, False]]))
    np.testing.assert_array_equal(read_image(image), [[[255] * 3, [0] * 3]])


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
    image = read_image(saved(tmp_path / "a.png", COLOURS, exif=exif))
    np.testing.assert_array_equal(image, UPRIGHT[orientation])


def test_of_several_images_the_first_is_read(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=50)
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    for name in ("a.gif", "a.tif"):
        assert read_image(tmp_path / name)[0, 0].tolist() == [255, 0, 0]
    assert not is_image(tmp_path / "a.gif")
    assert is_image(tmp_path / "a.tif")


def test_an_image_is_known_by_its_content(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", COLOURS).rename(tmp_path / "a.mp4")
    assert is_image(path)
    np.testing.assert_array_equal(read_image(path), COLOURS)


def damaged(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    content = saved(path, noise).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    floating = saved(tmp_path / "float.tif", np.zeros((4, 4), np.float32))
    for path, reason in (
        (text, "not an image"),
        (tmp_path / "empty.jpg", "not an image"),
        (tmp_path / "none.jpg", "no file"),
        (tmp_path, "is a folder: give the path of an image"),
        (damaged(tmp_path / "half.jpg"), "truncated"),
        (damaged(tmp_path / "half.png"), "cannot read"),
        (floating, "floating-point"),
    ):
        with pytest.raises(AuheatError, match=reason) as caught:
            read_image(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_huge_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's own limits do not matter, and keep their values."""
    path = saved(tmp_path / "a.png", COLOURS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)
    np.testing.assert_array_equal(read_image(path), COLOURS)
    assert Image.MAX_IMAGE_PIXELS == 2
    monkeypatch.setattr(limits, "MAX_PIXELS", 5)
    assert is_image(path)
    with pytest.raises(AuheatError, match=r"has 3x2 pixels: at most .*--max-megapixels 1`$"):
        read_image(path)


def test_a_user_may_allow_more_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", COLOURS)
    monkeypatch.setattr(limits, "MAX_PIXELS", 5)
    monkeypatch.setenv(limits.MEGAPIXELS, "0.000006")
    np.testing.assert_array_equal(read_image(path), COLOURS)
    for text in ("many", "nan", "-1", "0", "inf"):
        monkeypatch.setenv(limits.MEGAPIXELS, text)
        with pytest.raises(AuheatError, match="give a number above 0"):
            read_image(path)


def test_large_jpegs_are_shrunk_while_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a power of two; what cannot be shrunk enough is refused."""
    path = saved(tmp_path / "a.jpg", np.full((64, 96, 3), 90, np.uint8))
    assert read_image(path).shape == (64, 96, 3)
    assert image_note(path) is None
    for most, shape in ((64 * 96 - 1, (32, 48, 3)), (1500, (16, 24, 3)), (100, (8, 12, 3))):
        monkeypatch.setattr(limits, "MAX_PIXELS", most)
        image = read_image(path)
        assert image.shape == shape
        assert np.abs(image.astype(int) - 90).max() <= 2
        note = image_note(path)
        assert note is not None
        assert f"96x64 pixels and was read at {shape[1]}x{shape[0]}," in note
    monkeypatch.setattr(limits, "MAX_PIXELS", 90)
    with pytest.raises(AuheatError, match="has 12x8 pixels: at most"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.tif", "a.avif"])
def test_an_animated_image_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    assert image_note(tmp_path / name) == "of its 2 images only the first was read"
    assert image_note(saved(tmp_path / "b.png", COLOURS)) is None


@pytest.mark.parametrize(
    "error",
    [RuntimeError("broken"), IndexError(), struct.error("short"), TypeError("a\nb"), MemoryError()],
)
def test_whatever_a_reader_raises_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Kinds seen from damaged AVIF, GIF, TIFF and JPEG 2000."""
    path = saved(tmp_path / "a.png", COLOURS)

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", broken)
    with pytest.raises(AuheatError, match=r"^cannot read image .*a\.png: .+$") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.gif", "a.tif", "a.webp", "a.bmp", "a.ppm", "a.jp2", "a.avif"]
)
def test_damaged_images_are_one_line_or_an_image(tmp_path: Path, name: str) -> None:
    """A hundred each: cut short, or with some bytes changed. No warning, no other error."""
    rng, messages = np.random.default_rng(5), list[str]()
    whole = bytearray(
        saved(tmp_path / name, rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)).read_bytes()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(100):
            content = bytearray(whole)
            if number % 3 == 0:
                del content[int(rng.integers(1, len(content))) :]
            for place in rng.integers(0, len(content), number % 3 * 4):
                content[place] = int(rng.integers(256))
            path = tmp_path / f"damaged{number}"
            path.write_bytes(content)
            is_image(path)
            image_note(path)
            try:
                assert read_image(path).dtype == np.uint8
            except AuheatError as error:
                messages.append(str(error))
    assert len(messages) > 10
    assert not any("\n" in message for message in messages)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for read in (read_image, VideoFile):
        with pytest.raises(AuheatError, match="is a pipe or a device: save"):
            read(tmp_path / "pipe.png")
    assert not is_image(tmp_path / "pipe.png")


def test_other_files_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    assert not is_image(tmp_path / "text.jpg")
    assert not is_image(tmp_path / "none.jpg")
    assert not is_image(tmp_path)


def test_reading_changes_nothing_that_threads_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's filters of warnings and Pillow's limit are the process's.

    A thread that sets them for a while can leave them set for good, and takes them from others.
    """
    path, limits_seen = saved(tmp_path / "a.png", COLOURS), list[int | None]()
    reader, accept = Image.OPEN["PNG"]

    def look(stream: Any, name: Any) -> ImageFile.ImageFile:
        limits_seen.append(Image.MAX_IMAGE_PIXELS)
        return reader(stream, name)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the filters of all threads are changed")

    with monkeypatch.context() as patched:
        patched.setitem(Image.OPEN, "PNG", (look, accept))
        patched.setattr(Image, "MAX_IMAGE_PIXELS", 3)  # the program's own limit stays its own
        patched.setattr(warnings, "catch_warnings", refuse)
        assert read_image(path).shape == (2, 3, 3)
        assert is_image(path)
        assert image_note(path) is None
        assert image_size(path) == (3, 2)
    assert limits_seen == [3] * 4


def test_what_pillow_warns_of_is_for_the_filters_of_the_process(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x10F], exif[0x112] = "x" * 50, 6
    path = saved(tmp_path / "a.jpg", COLOURS, exif=exif.tobytes()[:-45])
    with pytest.warns(UserWarning, match="Tag data larger than file"):
        assert read_image(path).shape == (3, 2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_image(path)
        with pytest.raises(AuheatError, match=r"^cannot read image .*: Tag data larger than file"):
            read_image(path)


def test_the_limit_of_the_program_around_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A band of rows that has more pixels than Pillow is told to take is made smaller."""
    image = np.random.default_rng(0).integers(0, 256, (600, 4, 3)).astype(np.uint8)
    path = saved(tmp_path / "a.png", image)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(read_image(path), image)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    np.testing.assert_array_equal(read_image(path), image)
