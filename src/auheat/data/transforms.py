"""Augmentation: image and landmarks move together, colours and surroundings change.

Everything is drawn from a generator that the caller seeds, so an image's n-th appearance is the
same in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import cv2
import numpy as np

from auheat import geometry
from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.landmarks import mirror
from auheat.settings import FORMER_NAME

# The largest settings that leave a face in the image; probabilities go to 1.
_MOST = {"rotation": 90.0, "photometric": 10.0, "translation": 0.5, "bend": 0.05}


def _was(former: str, value: float) -> float:
    """A setting that had another name in older files."""
    return field(default=value, metadata={FORMER_NAME: former})


@dataclass(frozen=True)
class AugmentConfig:
    """How far images are changed in training; every value 0 leaves them as they are.

    Attributes:
        flip: Probability of mirroring.
        rotation: Standard deviation in degrees.
        scale: Standard deviation of the logarithm of the size.
        translation: Standard deviation as a fraction of the size.
        photometric: Strength of changes of brightness, contrast, gamma and colour cast, 1 for those
            of ordinary cameras.
        grayscale: Probability of no colour.
        blur: Probability of blur.
        noise: Probability of noise.
        random_erasing: Probability of one or two blobs over the image.
        shading: Probability of lighter and darker patches, from half a face to a brow in size.
        local_contrast: Probability of relief that is stronger or weaker than it is.
        bend: How far features are moved by a smooth field, as the resting faces of people differ:
            standard deviation, as a fraction of the size, where the field is widest; beyond 0.05
            faces fold.
        random_convolution: Probability of a small random filter over the colours, which changes
            textures and leaves shapes (Xu et al., "Robust and generalizable visual representation
            learning via random convolutions", ICLR 2021).

    Raises:
        AuheatError: A probability is not within 0 and 1, or another value not within 0 and what
            an image bears.
    """

    flip: float = 0.5
    rotation: float = _was("turn", 4.0)
    scale: float = _was("zoom", 0.04)
    translation: float = _was("shift", 0.02)
    photometric: float = _was("light", 1.0)
    grayscale: float = _was("grey", 0.3)
    blur: float = 0.25
    noise: float = 0.3
    random_erasing: float = _was("occlude", 0.25)
    shading: float = 0.0
    local_contrast: float = 0.0
    bend: float = 0.0
    random_convolution: float = 0.0

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, most = getattr(self, setting.name), _MOST.get(setting.name, 1.0)
            if not 0 <= value <= most:
                raise AuheatError(
                    f"{setting.name} = {value!r}: expected a number from 0 to {most:g}"
                )


NONE = AugmentConfig(**dict.fromkeys((setting.name for setting in fields(AugmentConfig)), 0.0))


# How strong patches of light are (s.d. of the logarithm), and how many lie along a side.
_PATCH_STRENGTH, _PATCHES = (0.1, 0.5), (2, 7)
# What lies between the image and its blur, whose spread is a fraction of the side, is multiplied by
# 1 plus one of these.
_RELIEF_SPREAD, _RELIEF = (0.008, 0.08), (-0.7, 1.4)

# How many independent places a field that bends a face has along a side, and the fraction of fields
# that move both sides of the face alike.
_BENDS, _ALIKE = (3, 6), 0.7
_INVERSIONS = 8  # steps that find where a point goes in such a field

# Sides of random filters in pixels, and the largest part of the filtered image in the result.
_FILTER_SIDES, _MOST_FILTERED = (1, 3, 5, 7), 1.0

# Standard deviation of the blur that hides what a face does, as a fraction of the crop's side.
_VEIL = (0.02, 0.1)


class View(NamedTuple):
    """A crop as the network sees it.

    Attributes:
        image: (size, size, 3).
        points: (68, 2) landmarks in its pixels.
        flipped: Whether it is mirrored.
    """

    image: Image
    points: geometry.Points
    flipped: bool


def augment(
    rng: np.random.Generator,
    image: Image,
    landmarks: geometry.Points,
    size: int,
    pad: int,
    config: AugmentConfig,
) -> View:
    """The network's view of a stored crop.

    Args:
        rng: Decides what is drawn.
        image: (side, side, 3) with `pad` pixels around the region the network sees.
        landmarks: (68, 2) in its pixels.
        size: Side of the view.
        pad: Pixels around that region.
        config: How far the image is changed.
    """
    moved, points, flipped = _move(rng, View(image, landmarks, False), size, pad, config)
    if config.bend:
        moved, points = _bent(rng, moved, points, config.bend)
    if config.random_erasing and rng.random() < config.random_erasing:
        moved = _erased(rng, moved)
    if config.shading and rng.random() < config.shading:
        moved = _shaded(rng, moved)
    if config.local_contrast and rng.random() < config.local_contrast:
        moved = _relief(rng, moved)
    if config.random_convolution and rng.random() < config.random_convolution:
        moved = _filtered(rng, moved)
    if config.photometric:
        moved = _photometric(rng, moved, config.photometric)
    if config.grayscale and rng.random() < config.grayscale:
        grey = cv2.cvtColor(moved, cv2.COLOR_RGB2GRAY)
        moved = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    if config.blur and rng.random() < config.blur:
        moved = np.asarray(cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.4, 1.6)), np.uint8)
    if config.noise and rng.random() < config.noise:
        grain = rng.standard_normal(moved.shape, np.float32) * np.float32(rng.uniform(2, 14))
        moved = np.asarray(np.clip(moved + grain, 0, 255), np.uint8)
    return View(moved, points, flipped)


def veil(rng: np.random.Generator, image: Image) -> Image:
    """The crop (S, S, 3) blurred until it hardly tells what the face does."""
    spread = rng.uniform(*_VEIL) * image.shape[0]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), spread), np.uint8)


def _move(
    rng: np.random.Generator, whole: View, size: int, pad: int, config: AugmentConfig
) -> View:
    """Flip, rotate, scale, translate; without any, the middle of the crop, resized to `size`."""
    image, points, _ = whole
    side, points = image.shape[0], np.asarray(points, np.float64)
    flipped = bool(config.flip and rng.random() < config.flip)
    if flipped:
        image, points = image[:, ::-1], mirror(points, side)
    scale = size / (side - 2 * pad)
    centre = scale * (np.array([pad, pad]) - 0.5) + 0.5
    fit = np.array([[scale, 0, -centre[0]], [0, scale, -centre[1]]])
    transform = fit
    if config.rotation or config.scale or config.translation:
        jitter = geometry.similarity(
            float(np.exp(rng.normal(0, config.scale))),
            rng.normal(0, config.rotation),
            shift=rng.normal(0, config.translation * size, 2),
        )
        transform = geometry.compose(geometry.about(jitter, [(size - 1) / 2] * 2), fit)
    elif scale == 1:
        return View(image[pad : side - pad, pad : side - pad].copy(), points - pad, flipped)
    warped = cv2.warpAffine(
        np.ascontiguousarray(image), transform, (size, size),
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return View(np.asarray(warped, np.uint8), geometry.apply(transform, points), flipped)


def _bent(
    rng: np.random.Generator, image: Image, points: geometry.Points, spread: float
) -> tuple[Image, geometry.Points]:
    """Brows that stand higher, wider mouths, longer noses: neighbouring places move alike."""
    size, places = image.shape[0], int(rng.integers(*_BENDS))
    # the closer the places, the less they move, or the face would fold
    coarse = rng.normal(0, spread * size * _BENDS[0] / places, (places, places, 2))
    if rng.random() < _ALIKE:
        coarse = (coarse + coarse[:, ::-1] * (-1, 1)) / np.sqrt(2)
    field = cv2.resize(coarse.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32)
    at_x, at_y = cv2.split(grid + field)
    bent = cv2.remap(image, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # What is at p comes from p + field(p): a point q goes to where p + field(p) = q.
    moved = points
    for _ in range(_INVERSIONS):
        at = np.clip(moved, 0, size - 1).astype(np.float32)
        found = cv2.remap(field, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)
        moved = points - np.asarray(found, np.float64)[:, 0]
    return np.asarray(bent, np.uint8), moved


def _photometric(rng: np.random.Generator, image: Image, strength: float) -> Image:
    """Brightness, contrast and gamma of the whole, and a colour cast, by a look-up table."""
    level = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.25 * strength) + rng.normal(0, 0.05 * strength, 3))
    contrast = np.exp(rng.normal(0, 0.2 * strength))
    gain = np.exp(rng.normal(0, 0.08 * strength, 3))
    toned = (level**gamma * gain - 0.5) * contrast + 0.5 + rng.normal(0, 0.08 * strength)
    table = np.asarray(np.clip(toned * 255, 0, 255), np.uint8)[None]
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _shaded(rng: np.random.Generator, image: Image) -> Image:
    """Patches of more and of less light, as lamps and shadows lay them over a face."""
    coarse = rng.standard_normal((int(rng.integers(*_PATCHES)), int(rng.integers(*_PATCHES))))
    coarse = np.exp(rng.uniform(*_PATCH_STRENGTH) * coarse).astype(np.float32)
    light = cv2.resize(coarse, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(image * light[..., None], 0, 255), np.uint8)


def _relief(rng: np.random.Generator, image: Image) -> Image:
    """Folds and rims that stand out more, or less, than they do."""
    spread = np.exp(rng.uniform(*np.log(_RELIEF_SPREAD))) * image.shape[0]
    smooth = cv2.GaussianBlur(image, (0, 0), float(spread))
    factor = 1 + rng.uniform(*_RELIEF)
    return np.asarray(cv2.addWeighted(image, factor, smooth, 1 - factor, 0), np.uint8)


def _filtered(rng: np.random.Generator, image: Image) -> Image:
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
    before, after = plain - plain.mean(), filtered - filtered.mean((0, 1))
    factor = plain.std() / max(float(after.std()), 1e-3)
    if float((before * after).sum()) < 0:
        factor = -factor
    part = rng.uniform(0, _MOST_FILTERED)
    mixed = plain + part * (after * factor + plain.mean((0, 1)) - plain)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def _erased(rng: np.random.Generator, image: Image) -> Image:
    """One or two blobs over the image, as hands, microphones, hair or frames would be."""
    covered, size = np.ascontiguousarray(image), image.shape[0]
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
