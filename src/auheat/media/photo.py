"""Reads still images into RGB, whatever their colour mode, depth, transparency or orientation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from auheat.errors import AuheatError

# Formats that are recognised by their content. Pillow knows more, among them some that answer to
# video files.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "AVIF")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".avif"}
    | {".ppm", ".pgm", ".pbm", ".pnm"}
)


def read_photo(path: str | Path) -> NDArray[np.uint8]:
    """Reads a picture, rotated upright as its EXIF orientation says.

    16-bit pictures are scaled to 8 bits, transparent ones laid on white, and of several pictures
    in one file the first is read.

    Args:
        path: of the file; its content tells the format, not its name.

    Returns:
        (H, W, 3) RGB uint8.

    Raises:
        AuheatError: if the file is missing, not a picture in a known format, or damaged.
    """
    try:
        with _open(path) as picture:
            return np.array(_rgb(ImageOps.exif_transpose(picture)), np.uint8)
    except UnidentifiedImageError:
        raise AuheatError(f"{path} is not a picture in a format that can be read") from None
    except Image.DecompressionBombError:
        raise AuheatError(f"{path} has too many pixels to be read safely") from None
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise AuheatError(f"cannot read picture {path}: {_reason(error)}") from None


def is_photo(path: str | Path) -> bool:
    """Whether a file is a still image, by its content. An animated GIF counts as video."""
    try:
        with _open(path) as picture:
            return not (picture.format == "GIF" and getattr(picture, "n_frames", 1) > 1)
    except Image.DecompressionBombError:
        return True
    except (OSError, ValueError, SyntaxError, EOFError):
        return False


def _open(path: str | Path) -> Image.Image:
    known = [name for name in FORMATS if name in _registered()]
    return Image.open(path, formats=known)


def _registered() -> list[str]:
    Image.init()
    return Image.ID


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers; save it with 8 or 16 bits")
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        scaled = np.asarray(picture, np.float64) / 257
        picture = Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        white = Image.new("RGBA", coloured.size, "white")
        picture = Image.alpha_composite(white, coloured)
    return picture.convert("RGB")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
