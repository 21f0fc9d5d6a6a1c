"""The aligned crop: the only path from a face in a frame to the network's input.

A similarity transform (rotation, scale, shift) carries the centres of both eyes and the base of the
nose to fixed places. It keeps jaw drop visible, which a transform that also pins the chin would
remove, and blinks do not move it, because an eye's centre is taken between its corners. Real
frames and rendered faces go through the same definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.landmarks import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    SUBNASALE,
)

# Places of the right eye's centre, the left eye's centre and the nose base in a crop of side 1.
# With the mean face of ICT-FaceKit they leave room above for raised brows and below for a chin
# dropped by AU26 at intensity 5.
_TEMPLATE = np.array([[0.34, 0.33], [0.66, 0.33], [0.5, 0.56]])

# A face is averaged down at most this much: a landmarker gone wild asks for more.
_MAX_SHRINK = 4096

# Places are counted in units of 1/1024 of a pixel, then rounded to 1/32.
_WHOLE_BITS, _FRACTION_BITS = 10, 5
_UNITS, _FRACTIONS = 2**_WHOLE_BITS, 2**_FRACTION_BITS


def anchors(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The three points that the alignment pins.

    Args:
        landmarks: (68, 2).

    Returns:
        (3, 2), in the same pixels: centre of the right eye, of the left eye, and the nose base.
    """
    right = (landmarks[RIGHT_EYE_OUTER] + landmarks[RIGHT_EYE_INNER]) / 2
    left = (landmarks[LEFT_EYE_OUTER] + landmarks[LEFT_EYE_INNER]) / 2
    return np.asarray(np.stack([right, left, landmarks[SUBNASALE]]), np.float64)


@dataclass(frozen=True)
class CropSpec:
    """Size of a crop. The same face lies at the same place of every crop, up to size and pad.

    Attributes:
        size: side in pixels of the region that the network sees.
        pad: pixels kept around that region on every side, room for training's shifts and rotations.
    """

    size: int = 128
    pad: int = 0

    @property
    def side(self) -> int:
        """Side of the whole crop in pixels."""
        return self.size + 2 * self.pad

    def transform(self, landmarks: NDArray[np.float64]) -> geometry.Transform:
        """The 2x3 similarity from frame pixels to crop pixels for a face with these landmarks.

        Args:
            landmarks: (68, 2) in frame pixels.

        Returns:
            (2, 3) float64.

        Raises:
            ValueError: if eyes and nose coincide, or are not finite.
        """
        target = _TEMPLATE * self.size - 0.5 + self.pad
        return geometry.fit_similarity(anchors(landmarks), target)

    def extract(self, image: NDArray[np.uint8], transform: geometry.Transform) -> NDArray[np.uint8]:
        """Crops a face from a frame.

        A large face is first averaged down by a whole number, then sampled twice as finely as the
        crop and averaged again, so that fine texture does not alias. Outside the frame the border
        pixels continue.

        Args:
            image: (H, W, 3) RGB uint8.
            transform: 2x3, from frame pixels to crop pixels.

        Returns:
            (side, side, 3) RGB uint8.
        """
        shrink = 1 / max(geometry.scale_of(transform), 1 / _MAX_SHRINK)
        small, transform = _averaged(image, transform, side=self.side, factor=int(shrink + 1e-6))
        if geometry.scale_of(transform) > 1 - 1e-6:
            return np.asarray(_warp(small, transform, self.side), np.uint8)
        # The centre of a crop's pixel lies in the middle of the two samples that it averages.
        finer = geometry.compose(geometry.similarity(2, shift=(0.5, 0.5)), transform)
        samples = _warp(small, finer, 2 * self.side)
        size = (self.side, self.side)
        return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), np.uint8)

    def extract_fast(
        self, image: NDArray[np.uint8], transform: geometry.Transform
    ) -> NDArray[np.uint8]:
        """What `extract` gives, nearly, at a fraction of the cost: the finest texture may alias.

        For networks that were trained on images sampled like this. See `extract`.
        """
        shrink = 1 / max(geometry.scale_of(transform), 1 / _MAX_SHRINK)
        small, transform = _averaged(image, transform, side=self.side, factor=int(shrink))
        return np.asarray(_warp(small, transform, self.side), np.uint8)


def _averaged(
    image: NDArray[np.uint8], transform: geometry.Transform, *, side: int, factor: int
) -> tuple[NDArray[np.uint8], geometry.Transform]:
    """The part of an image that a warp reads, averaged down by `factor`; the transform from it."""
    if factor < 2:
        return image, transform
    (x0, y0), part = _part(image, transform, side, factor)
    # Beyond the image its border continues: whole blocks of it, so that it stays what it is.
    height, width = part.shape[:2]
    left, above = (factor * (n == 0) for n in (x0, y0))
    right = -width % factor + factor * (x0 + width == image.shape[1])
    below = -height % factor + factor * (y0 + height == image.shape[0])
    if left or above or right or below:
        bordered = cv2.copyMakeBorder(part, above, below, left, right, cv2.BORDER_REPLICATE)
        part = np.asarray(bordered, np.uint8)
    size = (part.shape[1] // factor, part.shape[0] // factor)
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    x0, y0 = x0 - left, y0 - above
    middle = (factor - 1) / 2
    back = geometry.similarity(factor, shift=(x0 + middle, y0 + middle))
    return np.asarray(small, np.uint8), geometry.compose(transform, back)


def _warp(image: NDArray[np.uint8], transform: geometry.Transform, side: int) -> Any:
    """Samples (side, side, 3) of an image by a transform from its pixels to theirs."""
    (x0, y0), part = _part(image, transform, side, 1)
    moved = geometry.compose(transform, geometry.similarity(shift=(x0, y0)))
    return cv2.remap(
        part,
        *_places(geometry.invert(moved), side),
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _places(
    transform: geometry.Transform, side: int
) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Where each of side x side samples lies in an image, to a 32nd of a pixel.

    `cv2.warpAffine` rounds places in ways that depend on OpenCV's version: 4 to a 32nd of a pixel,
    5 not at all. With places that are rounded already `cv2.remap` gives the same pixels in both,
    those of `warpAffine` in OpenCV 4.

    Args:
        transform: 2x3, from samples to pixels of the image, which has no side of 32,768 or more.
        side: how many samples lie along each side.

    Returns:
        Whole pixels (side, side, 2), x and y, and the rest (side, side): 32 times that of y plus
        that of x, in 32nds.
    """
    count = np.arange(side)
    columns = np.rint(transform[:, :1] * count * _UNITS).astype(np.int32)
    starts = np.rint((transform[:, 1:2] * count + transform[:, 2:]) * _UNITS).astype(np.int32)
    rows = (starts + _UNITS // _FRACTIONS // 2)[..., np.newaxis]
    # The last 16 bits are enough for the rest, and take half the time.
    rest, y = rows.astype(np.int16) + columns.astype(np.int16)[:, np.newaxis]
    rest >>= _WHOLE_BITS - _FRACTION_BITS
    rest &= _FRACTIONS - 1
    y &= _UNITS - _FRACTIONS
    rest |= y
    # Both whole numbers in one of 32 bits, x in its lower half.
    x, y = rows + columns[:, np.newaxis]
    x >>= _WHOLE_BITS
    x &= 0xFFFF
    y <<= 16 - _WHOLE_BITS
    y &= -0x10000
    x |= y
    whole = x.astype("<i4", copy=False).view("<i2").reshape(side, side, 2)
    return whole, rest.view(np.uint16)


def _part(
    image: NDArray[np.uint8], transform: geometry.Transform, side: int, multiple: int
) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """The part of an image that a warp to side x side pixels reads: its corner (x, y) and pixels.

    OpenCV refuses to warp images with sides of 32,768 pixels and more. The corner lies at a
    multiple of `multiple`, and the part reaches to the image's border wherever the warp does.
    """
    (a, b, x), (c, d, y) = geometry.invert(multiple * transform).tolist()
    ends = -multiple, multiple * side
    (x0, x1), (y0, y1) = (
        _covered(*row, ends, multiple, length)
        for row, length in zip(((a, b, x), (c, d, y)), image.shape[1::-1], strict=True)
    )
    return (x0, y0), image[y0:y1, x0:x1]


def _covered(
    across: float, down: float, shift: float, ends: tuple[int, int], multiple: int, length: int
) -> tuple[int, int]:
    """The pixels (first, last + 1) of an image's row or column that corners of a warp span."""
    steps = [(across * end, down * end) for end in ends]
    (low, high), (lower, higher) = (sorted(step) for step in zip(*steps, strict=True))
    # In this order a NaN counts as 0.
    first = floor(min(max(0.0, low + lower + shift), length - 1)) - 2 * multiple
    last = ceil(min(max(0.0, high + higher + shift), length - 1)) + 2 * multiple
    return max(first, 0) // multiple * multiple, min(last + 1, length)
