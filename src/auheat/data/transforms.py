"""Augmentation: image and landmarks move together, colours and surroundings change.

Everything is drawn from a generator that the caller seeds, so an image's n-th appearance is the
same in every run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import cv2
import numpy as np

from auheat import geometry
from auheat.arrays import Image
from auheat.data import light
from auheat.errors import AuheatError
from auheat.landmarks import mirror
from auheat.settings import FORMER_NAME

# The largest settings that leave a face in the image; probabilities go to 1.
_MOST = {"rotation": 90.0, "photometric": 10.0, "translation": 0.5, "bend": 0.05}
# The settings that say how often, not how far.
PROBABILITIES = (
    "flip", "grayscale", "blur", "noise", "random_erasing", "shading", "local_contrast",
    "smoothing", "random_convolution",
)  # fmt: skip


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
        smoothing: Probability of skin whose lines are smoothed away while rims stay sharp, as
            retouching, noise reduction, make-up and strong compression do.
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
    smoothing: float = 0.0
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


# How many independent places a field that bends a face has along a side, and the fraction of fields
# that move both sides of the face alike.
_BENDS, _ALIKE = (3, 6), 0.7
_INVERSIONS = 8  # steps that find where a point goes in such a field

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
        moved = light.erased(rng, moved)
    if config.shading and rng.random() < config.shading:
        moved = light.shaded(rng, moved)
    if config.local_contrast and rng.random() < config.local_contrast:
        moved = light.relief(rng, moved)
    if config.smoothing and rng.random() < config.smoothing:
        moved = light.smoothed(rng, moved)
    if config.random_convolution and rng.random() < config.random_convolution:
        moved = light.filtered(rng, moved)
    if config.photometric:
        moved = light.photometric(rng, moved, config.photometric)
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
