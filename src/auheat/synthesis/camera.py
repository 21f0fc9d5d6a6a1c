"""What a camera makes of light: exposure, tone, blur, limited resolution, noise and compression."""

from __future__ import annotations

import cv2
import numpy as np

from auheat.arrays import Image
from auheat.synthesis.arrays import Floats32, floats

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def develop(light: Floats32, exposure: float = 1.2) -> Image:
    """A clean image (H, W, 3) of linear light: filmic shoulder, then gamma 2.2."""
    tone = 1 - np.exp(-exposure * np.clip(light, 0, None))
    return np.asarray(np.rint(tone ** (1 / 2.2) * 255), np.uint8)


def capture(rng: np.random.Generator, light: Floats32) -> Image:
    """An image as a camera would have taken it. light: (H, W, 3) linear."""
    height, width = light.shape[:2]
    centre = light[height // 4 : -height // 4, width // 4 : -width // 4]
    exposure = 1.2 * (rng.uniform(0.22, 0.52) / max(float(centre.mean()), 0.02)) ** 0.6
    image = (1 - np.exp(-exposure * np.clip(light, 0, None))) ** (1 / 2.2)
    image = (image - 0.5) * rng.uniform(0.85, 1.15) + 0.5 + rng.normal(0, 0.02)
    image = floats(image * rng.normal(1, 0.03, 3))
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.12:
        image = _shaken(rng, image)
    if rng.random() < 0.25:
        image = _small_sensor(rng, image)
    if rng.random() < 0.3:
        image = image + rng.uniform(0.2, 0.8) * (image - cv2.GaussianBlur(image, (0, 0), 1.0))
    if rng.random() < 0.12:
        image = np.repeat((image @ _LUMA)[..., None], 3, axis=2)
    grain = rng.uniform(0.025, 0.07) if rng.random() < 0.1 else rng.uniform(0.002, 0.025)
    image = image + rng.standard_normal(image.shape, np.float32) * np.float32(grain)
    taken = np.asarray(np.rint(np.clip(image, 0, 1) * 255), np.uint8)
    return _compressed(rng, taken) if rng.random() < 0.6 else taken


def _shaken(rng: np.random.Generator, image: Floats32) -> Floats32:
    """Motion blur along a line."""
    size = int(rng.integers(3, 7))
    kernel = np.zeros((size, size), np.float32)
    angle, half = rng.uniform(0, np.pi), (size - 1) / 2
    for along in np.linspace(-half, half, 4 * size):
        kernel[round(half + along * np.sin(angle)), round(half + along * np.cos(angle))] = 1
    return floats(cv2.filter2D(image, -1, kernel / kernel.sum()))


def _small_sensor(rng: np.random.Generator, image: Floats32) -> Floats32:
    """The face covered only a few pixels: reduced, then enlarged again."""
    height, width = image.shape[:2]
    fraction = rng.uniform(0.22, 0.9)
    small = cv2.resize(
        image, (round(width * fraction), round(height * fraction)), interpolation=cv2.INTER_AREA
    )
    kind = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return floats(cv2.resize(small, (width, height), interpolation=kind))


def _compressed(rng: np.random.Generator, image: Image) -> Image:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))]
    _, code = cv2.imencode(".jpg", image[..., ::-1], quality)
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)
