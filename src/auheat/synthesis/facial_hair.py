"""Eyebrows, beards and stubble: where they grow, which way they lie, how dense they are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from auheat.synthesis.arrays import Floats32, floats
from auheat.synthesis.fibres import RootedFibres, SkinMap
from auheat.synthesis.skin import SIZE
from auheat.synthesis.textures import NoiseBank, filled, spot

_BROWS = (np.array([17, 18, 19, 20, 21]), np.array([26, 25, 24, 23, 22]))  # tail to head
# Width of a brow along it, from tail to head, as a fraction of its widest place past the head.
_TAPER_AT, _TAPER = (0, 0.25, 0.6, 0.85, 1), (0.25, 0.75, 1, 0.95, 0.6)


@dataclass(frozen=True)
class FacialHair:
    """Brows or a beard.

    Attributes:
        fibres: hairs that stand off the skin.
        paint: (512, 512) hair colour on the skin, 0 to 1.
    """

    fibres: RootedFibres
    paint: Floats32


def grow_brows(
    rng: np.random.Generator, marks: Floats32, skin: SkinMap, colour: Floats32, heavy: float
) -> FacialHair:
    """A pair of eyebrows below the landmarks' upper edge.

    Args:
        rng: what chances are drawn from.
        marks: (68, 2) texture coordinates.
        skin: where the face has skin.
        colour: (3,) linear, of the hair.
        heavy: 0 thin to 1 bushy.
    """
    thickness = 0.018 + 0.03 * heavy * rng.uniform(0.6, 1.3)
    if rng.random() < 0.12:  # plucked
        thickness *= rng.uniform(0.4, 0.7)
    count = int((130 + 300 * heavy) * rng.uniform(0.6, 1.3))
    lift, arch = rng.uniform(-0.003, 0.006) - 0.4 * thickness, rng.uniform(-0.005, 0.016)
    # from a distance a brow is one dark band, soft or sharp at its rim, and hardly its hairs
    density, softness = rng.uniform(0.25, 0.75) + 0.25 * heavy, rng.uniform(1.5, 5.0)
    fineness, fading = rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.0)
    groups, paint = [], np.zeros((SIZE, SIZE), np.float32)
    for side, indices in zip((-1.0, 1.0), _BROWS, strict=True):
        curve = marks[indices] + (0, lift)
        curve[1:3, 1] += arch
        at = rng.uniform(-0.03, 1.03, count)
        u, v = (np.interp(at, np.linspace(0, 1, 5), curve[:, axis]) for axis in (0, 1))
        width = thickness * np.interp(at, _TAPER_AT, _TAPER)
        off = np.clip(rng.normal(0, 0.33, count), -0.6, 0.6)
        angle = np.interp(at, [0, 0.5, 0.85, 1], [-0.5, 0.15, 0.55, 1.1]) - 0.8 * off
        angle += rng.normal(0, 0.15, count)
        length = rng.uniform(0.25, 0.55, count) * (0.8 + 0.2 * at)
        offset = np.stack(
            [side * length * np.cos(angle), length * np.sin(angle), rng.uniform(0.02, 0.1, count)],
            1,
        )
        groups.append((np.stack([u, v + off * width], 1), offset))
        paint = np.maximum(paint, _band(floats(curve), thickness, softness, fading))
    uv, offset = (np.concatenate([group[i] for group in groups]) for i in (0, 1))
    fibres = _rooted(rng, skin, uv, offset, colour, fineness * (0.022 + 0.014 * heavy))
    return FacialHair(fibres, floats(paint * density))


def _band(curve: Floats32, thickness: float, softness: float, fading: float) -> Floats32:
    """One brow as the band that its hairs make, 0 to 1, (512, 512).

    Args:
        curve: (5, 2) its middle from tail to head, in texture coordinates.
        thickness: Of its widest place.
        softness: Of its rim, in texels.
        fading: How dark its tail is, its head being 1.
    """
    at = np.linspace(0, 1, 13)
    middle = np.stack([np.interp(at, np.linspace(0, 1, 5), curve[:, axis]) for axis in (0, 1)], 1)
    half = np.zeros_like(middle)
    half[:, 1] = 0.5 * thickness * np.interp(at, _TAPER_AT, _TAPER)
    band = filled(SIZE, floats(np.concatenate([middle + half, (middle - half)[::-1]])), softness)
    band = band / max(float(band.max()), 1e-6)
    columns = (np.arange(SIZE) + 0.5) / SIZE
    order = np.argsort(curve[:, 0])
    along = np.interp(columns, curve[order, 0], np.linspace(0, 1, 5)[order])
    return floats(band * (fading + (1 - fading) * along)[None])


def grow_beard(
    rng: np.random.Generator, marks: Floats32, skin: SkinMap, colour: Floats32, noise: NoiseBank
) -> FacialHair:
    """Stubble or a beard: full, goatee, moustache, or anything between."""
    region = _beard_region(rng, marks)
    grain = 0.6 + 0.35 * noise.draw(rng, SIZE, 2.4) + 0.15 * noise.draw(rng, SIZE, 30.0)
    length = 0.05 if rng.random() < 0.5 else float(rng.uniform(0.15, 1.3))
    paint = np.clip(region * np.clip(grain, 0, 1) * rng.uniform(0.1, 0.65), 0, 0.85)
    count = int(rng.integers(1500, 4000)) if length > 0.1 else 0
    cells = rng.choice(SIZE * SIZE, count, p=_as_probability(region))
    uv = (np.stack([cells % SIZE, cells // SIZE], 1) + rng.uniform(0, 1, (count, 2))) / SIZE
    sideways = np.clip((uv[:, 0] - 0.5) * 2.5, -0.6, 0.6) + rng.normal(0, 0.2, count)
    reach = length * rng.uniform(0.6, 1.2, count)
    offset = np.stack([sideways * reach, -reach * rng.uniform(0.5, 1, count), 0.35 * reach], 1)
    fibres = _rooted(rng, skin, uv, offset, colour, 0.03)
    return FacialHair(fibres, floats(paint))


def _beard_region(rng: np.random.Generator, marks: Floats32) -> Floats32:
    """Where the beard grows, 0 to 1, (512, 512)."""
    styles = ((1.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    moustache, chin, jaw = styles[rng.choice(4, p=(0.52, 0.2, 0.2, 0.08))]
    region = np.zeros((SIZE, SIZE), np.float32)
    middle = (marks[33] + marks[51]) / 2
    region += moustache * spot(SIZE, middle, 0.115, 0.03)
    region += chin * spot(SIZE, floats(marks[8] + (0, 0.03)), 0.1, 0.07)
    if jaw:
        line = np.concatenate([marks[2:15], marks[14:1:-1] * (1, 0) + (0, 0.17)])
        region += filled(SIZE, floats(line), 14.0)
        region *= 1 - 0.9 * filled(SIZE, floats(_cheeks(rng, marks)), 14.0)
    lips = filled(SIZE, marks[48:60], 4.0)
    return floats(np.clip(region, 0, 1) * (1 - np.clip(1.4 * lips, 0, 1)))


def _cheeks(rng: np.random.Generator, marks: Floats32) -> Floats32:
    """The outline above which a full beard stops, from side to side over the nose."""
    top, low = marks[28, 1], marks[33, 1] - rng.uniform(-0.02, 0.1)
    return np.array([[0, top], [0.17, low], [0.33, low], [0.4, marks[33, 1]], [0.6, marks[33, 1]],
                     [0.67, low], [0.83, low], [1, top]], np.float32)  # fmt: skip


def _as_probability(region: Floats32) -> Floats32:
    mass = region.ravel().astype(np.float64)
    return np.asarray(mass / mass.sum())


def _rooted(
    rng: np.random.Generator,
    skin: SkinMap,
    uv: Floats32,
    offset: Floats32,
    colour: Floats32,
    width: float,
) -> RootedFibres:
    hit, triangle, weights = skin.locate(floats(uv))
    count = len(triangle)
    shade = rng.uniform(0.6, 1.3, (count, 1))
    return RootedFibres(
        triangle,
        weights,
        floats(offset[hit]),
        np.full(count, width, np.float32) * rng.uniform(0.7, 1.2, count).astype(np.float32),
        floats(colour * shade),
        np.full(count, 0.25, np.float32),
    )


def painted(albedo: Floats32, paint: Floats32, colour: Floats32) -> Floats32:
    """A skin colour texture with hair colour showing through."""
    weight = cv2.GaussianBlur(paint, (0, 0), 0.6)[..., None]
    return floats(albedo * (1 - weight) + colour * weight)
