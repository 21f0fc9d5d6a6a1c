"""Augmentation: image and landmarks move together, colours and surroundings change.

Everything is drawn from a generator that the caller seeds, so a picture's n-th appearance is the
same in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.landmarks import mirror

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class AugmentConfig:
    """How far pictures are changed in training; every value 0 leaves them as they are.

    Attributes:
        flip: chance of mirroring.
        turn: degrees.
        zoom: shares of the size; one standard deviation each.
        shift: shares of the size; one standard deviation each.
        light: strength of changes of brightness, contrast, gamma and colour cast, 1 for those of
            ordinary cameras.
        grey: chances.
        blur: chances.
        noise: chances.
        occlude: chances.
    """

    flip: float = 0.5
    turn: float = 4.0
    zoom: float = 0.04
    shift: float = 0.02
    light: float = 1.0
    grey: float = 0.3
    blur: float = 0.25
    noise: float = 0.3
    occlude: float = 0.25


NONE = AugmentConfig(flip=0, turn=0, zoom=0, shift=0, light=0, grey=0, blur=0, noise=0, occlude=0)


def augment(
    rng: np.random.Generator,
    image: Image,
    landmarks: geometry.Points,
    size: int,
    pad: int,
    config: AugmentConfig,
) -> tuple[Image, geometry.Points]:
    """The network's view of a stored crop.

    Returns an image (size, size, 3) and landmarks in its pixels.

    Args:
        rng: what chances are drawn from.
        image: (side, side, 3) with `pad` pixels around the region the network sees.
        landmarks: (68, 2) in its pixels.
        size: side of the crop that the network sees, in pixels.
        pad: border of the stored crop in pixels.
        config: how much of what.
    """
    moved, points = _move(rng, image, landmarks, size, pad, config)
    if config.occlude and rng.random() < config.occlude:
        moved = _occluded(rng, moved)
    if config.light:
        moved = _relit(rng, moved, config.light)
    if config.grey and rng.random() < config.grey:
        grey = cv2.cvtColor(moved, cv2.COLOR_RGB2GRAY)
        moved = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    if config.blur and rng.random() < config.blur:
        moved = np.asarray(cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)
    if config.noise and rng.random() < config.noise:
        grain = rng.standard_normal(moved.shape, np.float32) * np.float32(rng.uniform(2, 14))
        moved = np.asarray(np.clip(moved + grain, 0, 255), np.uint8)
    return moved, points


def _move(
    rng: np.random.Generator,
    image: Image,
    landmarks: geometry.Points,
    size: int,
    pad: int,
    config: AugmentConfig,
) -> tuple[Image, geometry.Points]:
    """Flip, turn, zoom and shift; without any, the plain middle of the crop, resized to `size`."""
    side = image.shape[0]
    points = np.asarray(landmarks, np.float64)
    if config.flip and rng.random() < config.flip:
        image, points = image[:, ::-1], mirror(points, side)
    scale = size / (side - 2 * pad)
    centre = scale * (np.array([pad, pad]) - 0.5) + 0.5
    fit = np.array([[scale, 0, -centre[0]], [0, scale, -centre[1]]])
    transform = fit
    if config.turn or config.zoom or config.shift:
        jitter = geometry.similarity(
            float(np.exp(rng.normal(0, config.zoom))),
            rng.normal(0, config.turn),
            shift=rng.normal(0, config.shift * size, 2),
        )
        transform = geometry.compose(geometry.about(jitter, [(size - 1) / 2] * 2), fit)
    elif scale == 1:
        return image[pad : side - pad, pad : side - pad].copy(), points - pad
    warped = cv2.warpAffine(
        np.ascontiguousarray(image), transform, (size, size),
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(warped, np.uint8), geometry.apply(transform, points)


def _relit(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """Brightness, contrast and gamma of the whole, and a colour cast, by a look-up table."""
    level = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.25 * strength) + rng.normal(0, 0.05 * strength, 3))
    contrast = np.exp(rng.normal(0, 0.2 * strength))
    gain = np.exp(rng.normal(0, 0.08 * strength, 3))
    toned = (level**gamma * gain - 0.5) * contrast + 0.5 + rng.normal(0, 0.08 * strength)
    table = np.asarray(np.clip(toned * 255, 0, 255), np.uint8)[None]
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _occluded(rng: np.random.Generator, image: Image) -> Image:
    """One or two blobs over the picture, as hands, microphones, hair or frames would be."""
    covered, size = np.ascontiguousarray(image), image.shape[0]
    for _ in range(rng.integers(1, 3)):
        middle = rng.uniform(0, size, 2)
        axes = size * np.exp(rng.uniform(np.log(0.04), np.log(0.22), 2))
        colour: Sequence[float] = rng.integers(0, 256, 3).tolist()
        if rng.random() < 0.6:  # the colour of something in the picture
            row, column = rng.integers(0, size, 2)
            colour = image[row, column].tolist()
        ellipse = (tuple(middle), tuple(2 * axes), float(rng.uniform(0, 180)))
        if rng.random() < 0.5:
            cv2.ellipse(covered, ellipse, colour, -1, cv2.LINE_AA)
        else:
            corners = np.rint(cv2.boxPoints(ellipse)).astype(np.int32)
            cv2.fillConvexPoly(covered, corners, colour, cv2.LINE_AA)
    return covered
