"""Building blocks for textures in the face's texture space: noise, soft spots, lines.

A texture coordinate (u, v) in 0 to 1 lies at column u * size - 0.5, row v * size - 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from auheat.synthesis.arrays import Floats32, floats

Curve = Sequence[tuple[float, float]]
_CELL_TEXELS = (1.6, 2.4, 4.0, 10.0, 30.0, 90.0)  # texels of a 512 texture


class NoiseBank:
    """Ready-made smooth noise of unit variance, cut out at random places: fast and repeatable."""

    def __init__(self, side: int = 1024, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self._fields = {cell: _noise(rng, side, cell) for cell in _CELL_TEXELS}

    def draw(self, rng: np.random.Generator, size: int, cell: float) -> Floats32:
        """A (size, size) field whose features span about `cell` texels of a 512 texture.

        A field of another size shows the same features relative to the texture.
        """
        nearest = min(self._fields, key=lambda known: abs(known - cell * size / 512))
        field = self._fields[nearest]
        top, left = rng.integers(0, len(field) - size + 1, 2)
        part = field[top : top + size, left : left + size]
        return part[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]


def _noise(rng: np.random.Generator, side: int, cell: float) -> Floats32:
    coarse = rng.standard_normal((int(side / cell) + 4, int(side / cell) + 4)).astype(np.float32)
    field = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return floats(field / field.std())


def spot(size: int, at: Floats32, width: float, height: float) -> Floats32:
    """A Gaussian bump of peak 1 at (u, v); width and height are its 1/e radii, (size, size)."""
    along = (np.arange(size, dtype=np.float32) + 0.5) / size
    across = np.exp(-(((along - at[0]) / width) ** 2))
    down = np.exp(-(((along - at[1]) / height) ** 2))
    return floats(down[:, None] * across[None, :])


def lines(size: int, curves: Sequence[Curve], width: float, blur: float) -> Floats32:
    """Soft lines of peak 1 through the points of each curve. width, blur: texels at size 512."""
    canvas = np.zeros((size, size), np.float32)
    for curve in curves:
        points = _smoothed(floats(curve)) * size - 0.5
        fixed = np.round(points * 16).astype(np.int32)
        thickness = max(1, round(width * size / 512))
        cv2.polylines(canvas, [fixed], False, (1.0,), thickness, cv2.LINE_AA, 4)
    soft = floats(cv2.GaussianBlur(canvas, (0, 0), max(blur * size / 512, 0.4)))
    return floats(soft / max(float(soft.max()), 1e-6))


def filled(size: int, outline: Floats32, blur: float) -> Floats32:
    """A filled polygon, 1 inside, with soft edges. outline: (p, 2) texture coordinates."""
    canvas = np.zeros((size, size), np.float32)
    fixed = np.round((outline * size - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], (1.0,), cv2.LINE_AA, 4)
    return floats(cv2.GaussianBlur(canvas, (0, 0), blur * size / 512))


def _smoothed(points: Floats32) -> Floats32:
    """The polyline resampled at 32 points and rounded off a little."""
    at = np.linspace(0, len(points) - 1, 32)
    columns = [np.interp(at, np.arange(len(points)), points[:, axis]) for axis in (0, 1)]
    kernel = np.array([0.25, 0.5, 0.25])
    rounded = [
        np.convolve(np.pad(column, 3, mode="reflect", reflect_type="odd"), kernel, "same")[3:-3]
        for column in columns
    ]
    return floats(np.stack(rounded, 1))


def resized(texture: Floats32, size: int) -> Floats32:
    """The texture at another size, smoothly."""
    return floats(cv2.resize(texture, (size, size), interpolation=cv2.INTER_LINEAR))
