"""The skin of a person: its colour texture, from a painted skin or from scratch, and its pores.

All colours are linear RGB. Base tones follow the Monk Skin Tone scale (Monk, 2022), so that every
tone occurs; a painted skin of the pack lends detail to a base tone near its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.assets import Skins
from auheat.synthesis.textures import NoiseBank, filled, resized, spot

SIZE = 512
_COARSE_TEXELS = 128
_MONK = (
    "f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a",
    "292420",
)  # fmt: skip


@dataclass(frozen=True)
class SkinTone:
    """What colour the skin has.

    Attributes:
        base: (3,) linear colour.
        depth: place on the Monk scale, 0 lightest to 1 darkest.
    """

    base: Floats32
    depth: float


def sample_tone(rng: np.random.Generator, depth: float | None = None) -> SkinTone:
    """A tone drawn evenly from the Monk scale, or at `depth`, with a little individual cast."""
    place = rng.uniform(0, len(_MONK) - 1)
    if depth is not None:
        place = depth * (len(_MONK) - 1)
    low = min(int(place), len(_MONK) - 2)
    fraction = place - low
    tones = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in _MONK]) / 255
    srgb = tones[low] * (1 - fraction) + tones[low + 1] * fraction
    depth = place / (len(_MONK) - 1)
    # the scale's swatches are lit colours; skin reflects less, and less blue than red
    reflects = np.array([0.88, 0.74, 0.64]) * (1 - depth) + np.array([1.0, 0.88, 0.8]) * depth
    base = srgb**2.2 * reflects * np.exp(rng.normal(0, (0.05, 0.07, 0.1)))
    return SkinTone(floats(base), depth)


class SkinPainter:
    """Paints skins for faces whose landmarks lie at the given texture coordinates (68, 2)."""

    def __init__(self, landmark_uv: Floats32, skins: Skins | None, noise: NoiseBank) -> None:
        self._marks = landmark_uv
        self._noise = noise
        self._lips = filled(SIZE, landmark_uv[48:60], 3.0)
        self._base = None if skins is None else skins.base
        self._detail = (
            None if skins is None else [_detail(skins, i) for i in range(len(skins.base))]
        )

    def paint(
        self, rng: np.random.Generator, tone: SkinTone, allowed: tuple[int, ...], age: float
    ) -> tuple[Floats32, Floats32]:
        """A skin: albedo (512, 512, 3), and the colour (3,) of head and neck around it.

        Args:
            rng: what chances are drawn from.
            tone: the colour of the skin.
            allowed: indices of painted skins that may be used.
            age: 0 to 1.
        """
        base, albedo = tone.base, None
        if self._detail is not None and allowed and rng.random() < 0.75:
            base, albedo = self._painted(rng, tone, allowed)
        if albedo is None:
            albedo = np.broadcast_to(base, (SIZE, SIZE, 3)) * self._lip_colour(rng, base, tone)
        albedo = albedo * self._variation(rng, tone, age)
        albedo = self._marks_on(rng, albedo, tone, age)
        if rng.random() < 0.25:
            albedo = self._make_up(rng, albedo)
        elif rng.random() < 0.12:  # lips as pale as the skin around
            weight = self._lips[..., None] * rng.uniform(0.4, 0.9)
            albedo = floats(albedo * (1 - weight) + base * (0.9, 0.8, 0.8) * weight)
        head = base * (1.0, 0.97, 0.96) * 0.96
        edge = self._edge()[..., None]
        return floats(albedo * (1 - edge) + head * edge), floats(head)

    def _painted(
        self, rng: np.random.Generator, tone: SkinTone, allowed: tuple[int, ...]
    ) -> tuple[Floats32, Floats32]:
        """A base colour and albedo with the detail of a painted skin of similar lightness."""
        assert self._base is not None and self._detail is not None
        lightness = self._base[list(allowed)].mean(1)
        likeness = np.exp(-((np.log(lightness / tone.base.mean()) / 0.55) ** 2)) + 1e-6
        chosen = int(rng.choice(allowed, p=likeness / likeness.sum()))
        own, keep = self._base[chosen], rng.uniform(0.3, 1.0)
        base = tone.base * keep + (0.75 * own + 0.25 * own.mean()) * (1 - keep)
        detail = self._detail[chosen] ** rng.uniform(0.75, 1.05)
        if rng.random() < 0.5:
            detail = detail[:, ::-1]
        return floats(base), base * detail

    def _lip_colour(self, rng: np.random.Generator, base: Floats32, tone: SkinTone) -> Floats32:
        """Factor (512, 512, 3) that gives plain skin its lips."""
        lips = np.array([1.0, 0.62, 0.62]) * rng.uniform(0.75, 1.0) * (1 - 0.3 * tone.depth)
        weight = 0.75 * self._lips[..., None]
        return floats(1 - weight * (1 - lips))

    def _variation(self, rng: np.random.Generator, tone: SkinTone, age: float) -> Floats32:
        """Factor (512, 512, 3): blotches, redness of cheeks, nose, chin, rings under the eyes."""
        field = self._noise
        blotches = np.zeros((_COARSE_TEXELS, _COARSE_TEXELS), np.float32)
        for cell, weight in ((90.0, 0.5), (30.0, 0.35), (10.0, 0.3)):
            blotches += weight * field.draw(rng, _COARSE_TEXELS, cell)
        m, cheek = self._marks, 0.5 * rng.uniform(0.6, 1.4)
        blush = cheek * spot(_COARSE_TEXELS, _between(m, 1, 31, 0.55), 0.09, 0.08)
        blush += cheek * spot(_COARSE_TEXELS, _between(m, 15, 35, 0.55), 0.09, 0.08)
        blush += 0.5 * spot(_COARSE_TEXELS, floats(m[33] + (0, 0.045)), 0.06, 0.06)
        blush += 0.25 * spot(_COARSE_TEXELS, _between(m, 8, 57, 0.5), 0.08, 0.05)
        blush *= rng.uniform(0.1, 0.5) * (1 - 0.5 * tone.depth)
        rings = np.zeros((_COARSE_TEXELS, _COARSE_TEXELS), np.float32)
        for below, above in ((40, 37), (47, 44)):
            rings += spot(_COARSE_TEXELS, floats(m[below] - (0, 0.028)), 0.07, 0.02)
            rings += 0.7 * spot(_COARSE_TEXELS, floats(m[above] + (0, 0.03)), 0.08, 0.03)
        rings *= rng.uniform(0.05, 0.3) + 0.12 * age
        log = 0.04 * blotches[..., None] * np.ones(3)
        log = log + blush[..., None] * (0.12, -0.42, -0.38) + rings[..., None] * (-0.6, -0.9, -0.7)
        fine = 1 + 0.03 * field.draw(rng, SIZE, 4.0) + 0.02 * field.draw(rng, SIZE, 1.6)
        return floats(resized(floats(np.exp(log)), SIZE) * fine[..., None])

    def _marks_on(
        self, rng: np.random.Generator, albedo: Floats32, tone: SkinTone, age: float
    ) -> Floats32:
        """Freckles, moles and age spots."""
        cover = np.zeros((SIZE, SIZE), np.float32)
        freckled = tone.depth < 0.45 and rng.random() < 0.15
        count = int(rng.integers(60, 300)) if freckled else int(rng.integers(0, 8 + int(14 * age)))
        spread = 0.12 if freckled else 0.24
        for u, v in rng.normal((0.5, 0.58), (spread, spread), (count, 2)):
            centre = int(u * SIZE * 8), int(v * SIZE * 8)
            radius = int(8 * rng.uniform(0.5, 1.2 if freckled else 2.2))
            shade = float(rng.uniform(0.15, 0.5 if freckled else 0.8))
            cv2.circle(cover, centre, radius, (shade,), -1, cv2.LINE_AA, 3)
        soft = floats(cv2.GaussianBlur(cover, (0, 0), 0.8))[..., None]
        return floats(albedo * (1 - soft * (0.45, 0.6, 0.7)))

    def _make_up(self, rng: np.random.Generator, albedo: Floats32) -> Floats32:
        """Lipstick, and sometimes eye shadow."""
        stick = np.array(
            [rng.uniform(0.2, 0.6), rng.uniform(0.01, 0.1), rng.uniform(0.03, 0.14)], np.float32
        )
        weight = self._lips[..., None] * rng.uniform(0.25, 0.8)
        made_up = albedo * (1 - weight) + stick * weight
        if rng.random() < 0.4:
            left, right = (
                spot(SIZE, floats(self._marks[i] + (0, 0.02)), 0.06, 0.018) for i in (37, 44)
            )
            weight = (left + right)[..., None] * rng.uniform(0.2, 0.6)
            made_up = made_up * (1 - weight) + rng.uniform(0.01, 0.2, 3) * weight
        return floats(made_up)

    def _edge(self) -> Floats32:
        """How far the texture has faded into the plain colour of neck and scalp, (512, 512)."""
        v = np.linspace(0, 1, SIZE, dtype=np.float32)[:, None]
        faded = np.clip((0.22 - v) / 0.12, 0, 1) + np.clip((v - 0.935) / 0.05, 0, 1)
        return floats(np.broadcast_to(0.92 * faded, (SIZE, SIZE)))

    def pores(self, rng: np.random.Generator, size: int) -> Floats32:
        """Fine bumps (size, size) around 0."""
        grain = sum(
            self._noise.draw(rng, size, cell) * weight
            for cell, weight in ((3.2, 0.5), (4.8, 0.35), (10.0, 0.3))
        )
        return floats(grain * 0.008 * rng.uniform(0.3, 1.2))


def _detail(skins: Skins, index: int) -> Floats32:
    """A painted skin relative to its mean colour."""
    linear = (skins.albedo[index].astype(np.float32) / 255) ** 2.2
    relative = np.clip(linear / skins.base[index], 0.04, 1.7)
    return floats(cv2.resize(relative, (SIZE, SIZE), interpolation=cv2.INTER_AREA))


def _between(marks: Floats32, a: int, b: int, fraction: float) -> Floats32:
    return floats(marks[a] * (1 - fraction) + marks[b] * fraction)
