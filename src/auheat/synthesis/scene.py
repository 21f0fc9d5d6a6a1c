"""Around the face: where the camera stands, the lamps, and what is behind.

Camera space: x right, y down, z away from the camera, centimetres. The head's own space has x to
the subject's left, y up and z forward, so a head that looks into the camera is turned by half a
circle about the x axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from auheat import geometry
from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.textures import NoiseBank

_FACING = np.diag([1.0, -1.0, -1.0])
_HEAD_CENTRE = np.array([0.0, 1.0, 4.0])  # cm, the point that poses turn about


@dataclass(frozen=True)
class Pose:
    """Head turn in degrees: yaw to the subject's left, pitch down, roll to the subject's right."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def matrix(self) -> Floats32:
        """Rotation (3, 3) from head to camera space."""
        yaw, pitch, roll = np.radians([self.yaw, self.pitch, self.roll])
        cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        cr, sr = np.cos(roll), np.sin(roll)
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return floats(_FACING @ about_z @ about_x @ about_y)


@dataclass(frozen=True)
class View:
    """Where the head is seen from.

    rotation (3, 3), shift (3,): from head to camera space. warp: 2x3 transform from the plane
    (x/z, y/z) to pixels; for a whole frame that is focal length and centre, for an aligned crop the
    same followed by the crop's similarity.
    """

    rotation: Floats32
    shift: Floats32
    warp: geometry.Transform

    @classmethod
    def at(cls, pose: Pose, distance: float, warp: geometry.Transform) -> View:
        """A head `distance` cm before the camera, on its axis."""
        rotation = pose.matrix()
        shift = np.array([0.0, 0.0, distance]) - rotation @ _HEAD_CENTRE
        return cls(rotation, floats(shift), warp)

    def to_camera(self, points: Floats32) -> Floats32:
        """Head-space points (p, 3) in camera space."""
        return floats(points @ self.rotation.T + self.shift)

    def project(self, camera_points: Floats32) -> geometry.Points:
        """Camera-space points (p, 3) in pixels (p, 2)."""
        return geometry.apply(self.warp, camera_points[:, :2] / camera_points[:, 2:])

    def with_warp(self, warp: geometry.Transform) -> View:
        """The same head seen through another warp."""
        return View(self.rotation, self.shift, warp)


@dataclass(frozen=True)
class Light:
    """Three lamps and the light from all around.

    Attributes:
        direction: (3, 3) unit vectors towards the lamps in camera space.
        colour: (3, 3) of the lamps.
        ambient: (9, 3), see `shading.Lighting`.
    """

    direction: Floats32
    colour: Floats32
    ambient: Floats32


def _towards(azimuth: float, elevation: float) -> Floats32:
    """Unit vector to a lamp; azimuth 0 is behind the camera, elevation up. Degrees."""
    a, e = np.radians([azimuth, elevation])
    return floats([np.sin(a) * np.cos(e), -np.sin(e), -np.cos(a) * np.cos(e)])


LightKind = Literal["soft", "hard", "flash"]


def sample_light(rng: np.random.Generator, must: LightKind | None = None) -> Light:
    """A key lamp, a fill from the other side, a rim from behind, and a coloured surround.

    Sometimes a hard lamp with little else, whose shadows have sharp edges; sometimes a flash.

    Args:
        rng: what chances are drawn from.
        must: the kind that it has to be; None leaves it to chance.
    """

    def warmth() -> Floats32:
        cast = rng.normal(0, 0.12)
        return floats([1 + cast, 1 + 0.1 * cast, 1 - cast])

    kinds: tuple[LightKind, ...] = ("hard", "flash", "soft")
    kind = must or kinds[int(np.searchsorted((0.22, 0.3), rng.random(), side="right"))]
    hard, flash = kind == "hard", kind == "flash"
    key = rng.normal(0, 5) if flash else rng.uniform(-75, 75)
    other = key + rng.choice([-1, 1]) * rng.uniform(72, 160)
    direction = np.stack(
        [
            _towards(key, rng.normal(6, 4) if flash else rng.uniform(-5, 72 if hard else 65)),
            _towards(other, rng.uniform(-10, 30)),
            _towards(rng.choice([-1, 1]) * rng.uniform(105, 135), rng.uniform(0, 40)),
        ]
    )
    strength = rng.uniform(0.7, 1.6) if hard or flash else rng.uniform(0.15, 1.3)
    rim = rng.uniform(0.1, 1.2) if rng.random() < 0.5 else 0.0
    colour = np.stack(
        [
            warmth() * strength,
            warmth() * strength * (rng.uniform(0, 0.1) if hard else rng.uniform(0.05, 0.5)),
            warmth() * strength * rim,
        ]
    )
    ambient = np.zeros((9, 3), np.float32)
    level = warmth() * (rng.uniform(0.06, 0.3) if hard or flash else rng.uniform(0.3, 0.85))
    ambient[0] = level
    ambient[1:4] = level * rng.normal(0, 0.12, (3, 1)) + rng.normal(0, 0.02, (3, 3))
    ambient[2] -= level * rng.uniform(0.05, 0.4)  # light comes from above
    ambient[4:] = level * rng.normal(0, 0.05, (5, 1))
    return Light(direction, floats(colour), ambient)


def studio_light() -> Light:
    """One fixed, soft, frontal light, for images that are to be compared."""
    direction = np.stack([_towards(28, 35), _towards(-55, 10), _towards(120, 20)])
    ambient = np.zeros((9, 3), np.float32)
    ambient[0], ambient[2] = 0.42, -0.12
    colour = floats([[0.8] * 3, [0.25] * 3, [0.15] * 3])
    return Light(direction, colour, ambient)


def sample_background(
    rng: np.random.Generator, noise: NoiseBank, height: int, width: int
) -> Floats32:
    """Something out of focus behind the head: blotches, gradients, boxes, (height, width, 3)."""
    size = 128
    level = 0.8 * rng.random() ** 1.4
    image = np.ones((size, size, 3), np.float32) * (
        level + (rng.random(3) - 0.5) * level * rng.choice([0.25, 1.2])
    ).astype(np.float32)
    for cell in (90.0, 30.0):
        field = noise.draw(rng, size, cell)[..., None] * rng.uniform(0.7, 1, 3)
        image = image * np.exp(rng.uniform(0, 0.5) * field).astype(np.float32)
    for _ in range(rng.integers(0, 9)):
        corner = rng.integers(-40, size, 2)
        far = corner + rng.integers(4, 90, 2)
        colour = rng.random() * 0.8 + (rng.random(3) - 0.5) * 0.3
        cv2.rectangle(image, corner.tolist(), far.tolist(), colour.tolist(), -1)
    blurred = cv2.GaussianBlur(np.clip(image, 0, 1.2), (0, 0), rng.uniform(0.5, 6))
    return floats(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC))
