"""Reads images into RGB, whatever their colour mode, depth, transparency or orientation."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from auheat.errors import AuheatError, checked_path
from auheat.files import check_file
from auheat.media.heif import heif_size, is_heif, read_heif
from auheat.media.limits import check_pixels, max_pixels
from auheat.media.png import has_all_rows

# Formats that are recognised by their content. Pillow knows more, among them some that answer to
# video files.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "AVIF")
# Of a file, what tells Pillow's readers whether it is theirs.
_HEAD_BYTES = 16
_BAND_ROWS = 512
# EXIF 2.32, 4.6.4: what undoes each orientation.
_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels),
}


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Reads an image, rotated upright as its EXIF orientation says.

    HEIC images are put together from their tiles. 16-bit images are scaled to 8 bits,
    transparent ones laid on white, and of several images in one file the first is read. A JPEG of
    more pixels than `limits.max_pixels` is read at a half, a quarter or an eighth of its size;
    `image_note` says so. What Pillow warns of (damaged metadata) is for the filters of the process,
    which threads share: none is changed here. Where they make errors of warnings, so it is here.

    Args:
        path: of the file; its content tells the format, not its name.

    Returns:
        (H, W, 3) RGB uint8.

    Raises:
        AuheatError: if the file is missing, not an image in a known format, damaged, or too large.
    """
    path = checked_path("the image", path)
    check_file(path)
    if path.is_dir():
        raise AuheatError(f"{path} is a folder: give the path of an image")
    try:
        if is_heif(path):
            return read_heif(path)
        with _opened(path) as image:
            image.draft(None, _draft_size(image))
            check_pixels(path, *image.size)
            if image.format == "PNG" and not has_all_rows(path):
                raise ValueError("rows are missing at its end")
            pixels = _pixels(image)
            orientation = image.getexif().get(_ORIENTATION, 1)
        return np.ascontiguousarray(_UPRIGHT.get(orientation, _as_it_is)(pixels))
    except AuheatError:
        raise
    except UnidentifiedImageError:
        raise AuheatError(f"{path} is not an image in a format that can be read") from None
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except Exception as error:  # damaged files make Pillow's readers raise nearly anything
        raise AuheatError(f"cannot read image {path}: {_reason(error)}") from None


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height that an image states, before it is turned upright.

    Raises:
        Exception: of many kinds, if the file is no image.
    """
    path = Path(path)
    if is_heif(path):
        return heif_size(path)
    with _opened(path) as image:
        return image.size


def image_note(path: str | Path) -> str | None:
    """What `read_image` leaves out of an image, or does to it, beyond its colours; or None.

    Args:
        path: of an image that can be read.
    """
    try:
        with _opened(Path(path)) as image:
            full, count = image.size, int(getattr(image, "n_frames", 1))
            image.draft(None, _draft_size(image))
            if image.size != full:
                return (
                    f"it has {full[0]}x{full[1]} pixels and was read at {image.size[0]}x"
                    f"{image.size[1]}, in whose pixels places are given"
                )
            if count > 1:
                return f"of its {count} images only the first was read"
    except Exception:  # whatever is wrong, reading it says so
        return None
    return None


class ImageNotes:
    """The notes on many images, in as few lines as there are different ones."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, int]] = {}

    def add(self, path: Path) -> None:
        """Adds the note on an image, if there is one."""
        if note := image_note(path):
            first, count = self._names.get(note, (path.name, 0))
            self._names[note] = first, count + 1

    def lines(self) -> tuple[str, ...]:
        """Each note once, with the name of the first image and how many others it is true of."""
        return tuple(
            f"{first}: {note}" + (f"; so with {count - 1:,} more" if count > 1 else "")
            for note, (first, count) in self._names.items()
        )


def is_image(path: str | Path) -> bool:
    """Whether a file is an image, by its content. An animated GIF counts as video."""
    path = Path(path)
    try:
        check_file(path)
        if is_heif(path):
            return True
        with _opened(path) as image:
            return not (image.format == "GIF" and getattr(image, "n_frames", 1) > 1)
    except Warning:  # that the process takes for an error: reading says so
        return True
    except Exception:  # see `read_image`
        return False


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image whose header was read. Its size is checked by us, before it is decoded.

    `Image.open` would refuse or warn of sizes by a limit that all threads of a process share.
    """
    with path.open("rb") as stream:
        yield _recognised(stream, str(path))


def _recognised(stream: BinaryIO, name: str) -> Image.Image:
    """As `Image.open` does it, by the first of the readers that takes the file for theirs."""
    Image.init()
    head = stream.read(_HEAD_BYTES)
    for reader, accept in (Image.OPEN[known] for known in FORMATS if known in Image.OPEN):
        answer = accept(head) if accept else True
        if answer and not isinstance(answer, str):  # a text says what is missing for it
            stream.seek(0)
            with suppress(SyntaxError, IndexError, TypeError, struct.error):
                return reader(stream, name)
    raise UnidentifiedImageError(name)


def _draft_size(image: Image.Image) -> tuple[int, int]:
    """The size to decode a JPEG at: halved until it keeps within the limit."""
    width, height = image.size
    shrink = 1
    while width * height > max_pixels() * shrink**2 and shrink < 8:
        shrink *= 2
    return max(width // shrink, 1), max(height // shrink, 1)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3) RGB. A band at a time: no second copy is in memory beside Pillow's.

    Pillow warns of larger ones than the program around lets it read.
    """
    image.load()  # which turns a TIFF upright
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    most = Image.MAX_IMAGE_PIXELS or max_pixels()
    columns = min(width, most)
    rows = min(_BAND_ROWS, most // columns)
    for top, left in product(range(0, height, rows), range(0, width, columns)):
        bottom, right = min(top + rows, height), min(left + columns, width)
        part = _rgb(image.crop((left, top, right, bottom)))
        pixels[top:bottom, left:right] = np.asarray(part)
    return pixels


def _as_it_is(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers; save it with 8 or 16 bits")
    if image.mode == "I" or image.mode.startswith("I;16"):
        scaled = np.asarray(image, np.float64) / 257
        image = Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        white = Image.new("RGBA", coloured.size, "white")
        image = Image.alpha_composite(white, coloured)
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(reason).split())
