"""Irises: a texture by radius and angle, from brown to blue, with a pupil of its own size."""

from __future__ import annotations

import cv2
import numpy as np

from auheat.synthesis.arrays import Floats32, floats

SIZE = 64
_COLOURS = np.array(
    [
        [0.05, 0.022, 0.010],
        [0.09, 0.045, 0.020],
        [0.16, 0.100, 0.040],
        [0.12, 0.160, 0.100],
        [0.16, 0.220, 0.300],
        [0.22, 0.260, 0.280],
    ]
)
_PROBABILITIES_LIGHT_SKIN = (0.4, 0.22, 0.12, 0.08, 0.1, 0.08)


def sample_iris(rng: np.random.Generator, depth: float) -> Floats32:
    """An iris (64 radii, 64 angles, 3), linear RGB. depth: place on the Monk scale, 0 to 1."""
    light = depth < 0.45
    kind = rng.choice(6, p=_PROBABILITIES_LIGHT_SKIN) if light else rng.choice(2)
    radius = np.linspace(0, 1, SIZE)[:, None, None]
    grain = cv2.GaussianBlur(rng.random((SIZE, SIZE)).astype(np.float32), (3, 9), 0)
    colour = _COLOURS[kind] * (0.8 + 0.42 * grain[..., None]) * (1.25 - 0.35 * radius)
    colour = colour * (0.25 + 0.75 / (1 + np.exp((radius - 0.86) / 0.04)))
    pupil = 1 / (1 + np.exp((rng.uniform(0.28, 0.5) - radius) / 0.02))
    return floats(colour * pupil + 0.004)
