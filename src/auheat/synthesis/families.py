"""Families of images that differ from a base family in one thing each, to see what it costs.

Expressive families show the expressions that training shows, but for one; in resting families every
AU is 0, and what a network reads there is a false alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from auheat.arrays import Image
from auheat.synthesis.expression import Expression
from auheat.synthesis.identity import Look
from auheat.synthesis.repertoire import sample_distractors, sample_expression, sample_held_out
from auheat.synthesis.scene import Light, Pose, sample_light

Rng = np.random.Generator

_BARE = Look(glasses=False, beard=False, fringe=False)
_FACE_FRACTION = 0.7  # width of a face in widths of the crop that the network sees


def _frontal(rng: Rng) -> Pose:
    yaw, pitch, roll = np.clip(rng.normal(0, (6, 5, 4)), -12, 12)
    return Pose(float(yaw), float(pitch), float(roll))


def _turned(rng: Rng) -> Pose:
    straight = _frontal(rng)
    return Pose(float(rng.choice([-1, 1]) * rng.uniform(20, 40)), straight.pitch, straight.roll)


def _soft(rng: Rng) -> Light:
    return sample_light(rng, "soft")


def _hard(rng: Rng) -> Light:
    return sample_light(rng, "hard")


def _plain_camera(rng: Rng, image: Image) -> Image:
    """A little noise."""
    return _noisy(rng, image, 1.5)


def _noisy(rng: Rng, image: Image, sigma: float) -> Image:
    grain = rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
    return np.asarray(np.clip(np.rint(image + grain), 0, 255), np.uint8)


def _dim(rng: Rng, image: Image) -> Image:
    darker = image * np.float32(rng.uniform(0.15, 0.3))
    return _noisy(rng, np.asarray(darker, np.uint8), rng.uniform(3, 6))


def _blurred(rng: Rng, image: Image) -> Image:
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(1.3, 2.2))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 30))]
    _, code = cv2.imencode(".jpg", soft[..., ::-1], quality)
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def _small(rng: Rng, image: Image) -> Image:
    """As if the face had been 40 pixels wide, in a crop without padding."""
    side = max(8, round(40 / _FACE_FRACTION))
    little = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    large = cv2.resize(little, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return _plain_camera(rng, np.asarray(large, np.uint8))


def _grey(rng: Rng, image: Image) -> Image:
    grey = cv2.cvtColor(_plain_camera(rng, image), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)


def _smoothed(rng: Rng, image: Image) -> Image:
    """Skin without lines, as retouching and cameras leave it; rims of features stay.

    By another filter than the augmentation that is meant for it (`auheat.data.light.smoothed`):
    Gastal and Oliveira, "Domain transform for edge-aware image and video processing", 2011.
    """
    smooth = cv2.edgePreservingFilter(
        image, flags=cv2.RECURS_FILTER, sigma_s=0.1 * image.shape[0], sigma_r=rng.uniform(0.2, 0.4)
    )
    return _plain_camera(rng, np.asarray(smooth, np.uint8))


def _hand(rng: Rng, image: Image) -> Image:
    """A palm with fingers before a part of the face, in the colour of the face."""
    covered, side = np.ascontiguousarray(_plain_camera(rng, image)), image.shape[0]
    third = side // 3
    skin = np.median(covered[third:-third, third:-third].reshape(-1, 3), axis=0)
    shade = (skin * rng.uniform(0.75, 1.1)).clip(0, 255)
    palm = np.array([rng.uniform(0.2, 0.8), rng.uniform(0.55, 0.9)]) * side
    turn = rng.uniform(-40, 40)
    size = side * rng.uniform(0.09, 0.13)
    for finger in (-1.5, -0.5, 0.5, 1.5):
        across = np.radians(turn + 7 * finger)
        root = palm + size * 0.5 * finger * np.array([np.cos(across), np.sin(across)])
        tip = root + size * 2.6 * np.array([np.sin(across), -np.cos(across)])
        ends = [tuple(int(v) for v in point) for point in (root, tip)]
        colour = (shade * (0.93 + 0.05 * abs(finger))).tolist()
        cv2.line(covered, ends[0], ends[1], colour, max(2, round(size * 0.45)), cv2.LINE_AA)
    ellipse = (tuple(palm.tolist()), (2.1 * size, 2.4 * size), float(turn))
    cv2.ellipse(covered, ellipse, (shade * 0.95).tolist(), -1, cv2.LINE_AA)
    return covered


def _at_rest(rng: Rng) -> Expression:
    return Expression(beside=sample_distractors(rng, {}))


@dataclass(frozen=True)
class Family:
    """How the images of a family are drawn. The defaults are the base family.

    Attributes:
        look: What must be so about the people.
        expression: Draws what they show.
        pose: Draws how the head is turned.
        light: Draws the lamps.
        camera: Changes the image.
    """

    look: Look = _BARE
    expression: Callable[[Rng], Expression] = sample_expression
    pose: Callable[[Rng], Pose] = _frontal
    light: Callable[[Rng], Light] = _soft
    camera: Callable[[Rng, Image], Image] = _plain_camera


FAMILIES: dict[str, Family] = {
    "base": Family(),
    "dark skin": Family(Look(depth=0.95, glasses=False, beard=False, fringe=False)),
    "old": Family(Look(age=1.0, glasses=False, beard=False, fringe=False)),
    "glasses": Family(Look(glasses=True, beard=False, fringe=False)),
    "fringe": Family(Look(glasses=False, beard=False, fringe=True)),
    "beard": Family(Look(glasses=False, beard=True, fringe=False)),
    "turned": Family(pose=_turned),
    "hard light": Family(light=_hard),
    "dim": Family(camera=_dim),
    "blurred": Family(camera=_blurred),
    "small": Family(camera=_small),
    "hand": Family(camera=_hand),
    "grey": Family(camera=_grey),
    "unseen pairs": Family(expression=sample_held_out),
    "rest": Family(expression=_at_rest),
    "rest, like AUs": Family(
        Look(glasses=False, beard=False, fringe=False, unrest=2.0), expression=_at_rest
    ),
    "rest, old": Family(
        Look(age=1.0, glasses=False, beard=False, fringe=False), expression=_at_rest
    ),
    "rest, glasses": Family(Look(glasses=True, beard=False, fringe=False), expression=_at_rest),
    "rest, fringe": Family(Look(glasses=False, beard=False, fringe=True), expression=_at_rest),
    "rest, beard": Family(Look(glasses=False, beard=True, fringe=False), expression=_at_rest),
    "rest, hard light": Family(expression=_at_rest, light=_hard),
    "rest, grey": Family(expression=_at_rest, camera=_grey),
    "smoothed skin": Family(camera=_smoothed),
    "rest, smoothed skin": Family(expression=_at_rest, camera=_smoothed),
}
