"""Augmentation of what an image looks like: light, colours, relief, textures, what lies before it.

No pixel moves; where things are changes in `auheat.data.transforms`, which decides what is drawn.
Every function takes the generator that decides and an image (H, W, 3), RGB uint8, 0 to 255; it
leaves that as it is and returns another one of its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from auheat.arrays import Image

# How strong patches of light are (s.d. of the logarithm), and how many lie along a side.
_PATCH_STRENGTH, _PATCHES = (0.1, 0.5), (2, 7)
# What lies between the image and its blur, whose spread is a fraction of the side, is multiplied by
# 1 plus one of these.
_RELIEF_SPREAD, _RELIEF = (0.008, 0.08), (-0.7, 1.4)
# Smoothed skin: how often it is gone over, within which differences of colour, and how far.
_PASSES, _ALIKE, _REACH = (1, 4), (15.0, 80.0), (0.012, 0.03)
# Sides of random filters, in pixels.
_FILTER_SIDES = (1, 3, 5, 7)


def photometric(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """Brightness, contrast and gamma of the whole, and a colour cast, by a look-up table.

    strength: From 0, where nothing changes; 1 is how much ordinary cameras differ.
    """
    level = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.25 * strength) + rng.normal(0, 0.05 * strength, 3))
    contrast = np.exp(rng.normal(0, 0.2 * strength))
    gain = np.exp(rng.normal(0, 0.08 * strength, 3))
    toned = (level**gamma * gain - 0.5) * contrast + 0.5 + rng.normal(0, 0.08 * strength)
    table = np.asarray(np.clip(toned * 255, 0, 255), np.uint8)[None]
    return np.asarray(cv2.LUT(image, table), np.uint8)


def shaded(rng: np.random.Generator, image: Image) -> Image:
    """Patches of more and of less light, as lamps and shadows lay them over a face."""
    coarse = rng.standard_normal((int(rng.integers(*_PATCHES)), int(rng.integers(*_PATCHES))))
    coarse = np.exp(rng.uniform(*_PATCH_STRENGTH) * coarse).astype(np.float32)
    light = cv2.resize(coarse, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(image * light[..., None], 0, 255), np.uint8)


def relief(rng: np.random.Generator, image: Image) -> Image:
    """Folds and rims that stand out more, or less, than they do."""
    spread = np.exp(rng.uniform(*np.log(_RELIEF_SPREAD))) * image.shape[0]
    smooth = cv2.GaussianBlur(image, (0, 0), float(spread))
    factor = 1 + rng.uniform(*_RELIEF)
    return np.asarray(cv2.addWeighted(image, factor, smooth, 1 - factor, 0), np.uint8)


def smoothed(rng: np.random.Generator, image: Image) -> Image:
    """Lines of the skin fade, rims of brows, eyes and lips stay: bilateral filters.

    Tomasi and Manduchi, "Bilateral filtering for gray and color images", ICCV 1998.
    """
    alike, reach = rng.uniform(*_ALIKE), rng.uniform(*_REACH) * image.shape[0]
    for _ in range(int(rng.integers(*_PASSES))):
        image = np.asarray(cv2.bilateralFilter(image, -1, alike, reach), np.uint8)
    return image


def filtered(rng: np.random.Generator, image: Image) -> Image:
    """Mixed with its convolution, which keeps mean and contrast and leaves dark what was dark."""
    side = int(rng.choice(_FILTER_SIDES))
    kernels = rng.standard_normal((3, 3, side, side)).astype(np.float32)
    plain = image.astype(np.float32)
    filtered = np.stack(
        [
            sum(cv2.filter2D(plain[..., n], -1, kernel) for n, kernel in enumerate(of_channel))
            for of_channel in kernels
        ],
        -1,
    )
    before, after = plain - plain.mean((0, 1)), filtered - filtered.mean((0, 1))
    factor = before.std() / max(float(after.std()), 1e-3)
    if float((before * after).sum()) < 0:
        factor = -factor
    part = rng.random()
    mixed = plain + part * (after * factor + plain.mean((0, 1)) - plain)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def erased(rng: np.random.Generator, image: Image) -> Image:
    """One or two blobs over the image, as hands, microphones, hair or frames would be."""
    covered, size = image.copy(), image.shape[0]
    for _ in range(rng.integers(1, 3)):
        middle = rng.uniform(0, size, 2)
        axes = size * np.exp(rng.uniform(np.log(0.04), np.log(0.22), 2))
        colour: Sequence[float] = rng.integers(0, 256, 3).tolist()
        if rng.random() < 0.6:  # the colour of something in the image
            row, column = rng.integers(0, size, 2)
            colour = image[row, column].tolist()
        ellipse = (tuple(middle), tuple(2 * axes), float(rng.uniform(0, 180)))
        if rng.random() < 0.5:
            cv2.ellipse(covered, ellipse, colour, -1, cv2.LINE_AA)
        else:
            corners = np.rint(cv2.boxPoints(ellipse)).astype(np.int32)
            cv2.fillConvexPoly(covered, corners, colour, cv2.LINE_AA)
    return covered
