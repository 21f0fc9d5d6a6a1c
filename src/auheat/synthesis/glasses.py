"""Glasses and sunglasses: frames as thick fibres before the eyes, lenses as tinted panes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.fibres import Segments

_POINTS = 36


@dataclass(frozen=True)
class Glasses:
    """Spectacles or sunglasses.

    Attributes:
        frame: segments in head space.
        rims: two closed outlines (36, 3).
        tint: (3,) colour of the panes.
        opacity: 0 clear to 1.
        glare: strength and place (0 to 1) of a reflection.
    """

    frame: Segments
    rims: tuple[Floats32, Floats32]
    tint: Floats32
    opacity: float
    glare: tuple[float, float]


def sample_glasses(rng: np.random.Generator, marks: Floats32) -> Glasses:
    """Glasses that fit a resting face with landmarks (68, 3) in cm."""
    half_width, half_height = rng.uniform(2.1, 2.75), rng.uniform(1.5, 2.3)
    power, thickness = rng.uniform(2, 7), float(rng.choice([0.08, 0.14, 0.24, 0.34]))
    dark = rng.random() < 0.2
    frame_colour = rng.random(3) * rng.choice([0.02, 0.06, 0.4], p=[0.4, 0.35, 0.25])
    # Many a frame's upper rim is the thick one and lies over the brows or just below them.
    upper = rng.uniform(1.3, 2.2) if rng.random() < 0.35 else 1.0
    height = -0.25 + float(np.clip(rng.normal(0.12, 0.2), -0.25, 0.5))
    rims, parts, widths = [], [], []
    for side, eye in ((-1.0, marks[36:42]), (1.0, marks[42:48])):
        centre = eye.mean(0) + np.array([0.12 * side, height, 0.0])
        front = max(float(eye[:, 2].max()), float(marks[27, 2])) + 0.35
        angle = np.linspace(0, 2 * np.pi, _POINTS, endpoint=False)
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power) * half_width
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power) * half_height
        z = front - 0.1 * np.maximum(side * x, 0) - 0.02 * x**2
        rim = np.stack([centre[0] + x, centre[1] + y, z], 1).astype(np.float32)
        rims.append(rim)
        parts.append(_chain(np.vstack([rim, rim[:1]])))
        widths.append(thickness * np.where(np.sin(angle) > 0.3, upper, 1.0))
        hinge = rim[np.argmax(side * rim[:, 0])] + (0, 0.35, -0.05)
        temple = np.array([side * abs(marks[16 if side > 0 else 0, 0]) * 1.02, hinge[1], 2.0])
        parts.append(_chain(np.stack([hinge, temple])))
        widths.append(np.full(1, thickness))
    inner = [rims[0][rims[0][:, 0].argmax()], rims[1][rims[1][:, 0].argmin()]]
    middle = (inner[0] + inner[1]) / 2 + (0, 0.25, 0.25)
    parts.append(_chain(np.stack([inner[0], middle, inner[1]])))
    widths.append(np.full(2, thickness))
    start, end = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    frame = Segments(
        floats(start),
        floats(end),
        floats(np.concatenate(widths)),
        np.tile(floats(frame_colour), (len(start), 1)),
        np.full(len(start), rng.uniform(0.1, 0.9), np.float32),
    )
    opacity = rng.uniform(0.75, 0.98) if dark else rng.uniform(0, 0.06)
    tint = rng.random(3) * 0.05 if dark else np.ones(3) * 0.5
    glare = (float(rng.uniform(0, 0.4) * (rng.random() < 0.5)), float(rng.random()))
    return Glasses(frame, (rims[0], rims[1]), floats(tint), float(opacity), glare)


def _chain(points: Floats32) -> tuple[Floats32, Floats32]:
    return points[:-1], points[1:]
