"""Light on matter, compiled with numba; linear light throughout.

Skin is a diffuse layer whose light bleeds (wrapped cosine, more for red, on a softened normal)
under an oily layer with two GGX lobes; hair follows Kajiya and Kay (SIGGRAPH 1989); ambient light
is a second-order polynomial of the normal (Ramamoorthi and Hanrahan, SIGGRAPH 2001) and one of
three lamps casts shadows. Camera space: x right, y down, z away from the camera, in centimetres.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import NamedTuple

from auheat.synthesis.arrays import Floats32
from auheat.synthesis.raster import compiled


class Lighting(NamedTuple):
    """Lamps and ambient light in camera space.

    Attributes:
        direction: (3, 3) unit vectors towards the lamps.
        colour: (3, 3).
        ambient: (9, 3) coefficients of 1, x, y, z, xy, yz, zx, 3z^2 - 1, x^2 - y^2 of the normal.
        shadow: (S, S) depths seen from the first lamp.
        to_shadow: (3, 4) from camera space to its (column, row, depth).
    """

    direction: Floats32
    colour: Floats32
    ambient: Floats32
    shadow: Floats32
    to_shadow: Floats32


@compiled
def clamp(x, low, high):
    """The number in low to high that is nearest to x."""
    return min(max(x, low), high)


@compiled
def smooth(x):
    """From 0 at 0 to 1 at 1, level at both ends; the same beyond them."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


@compiled
def unit(x, y, z):
    """A vector made one long."""
    scale = 1 / sqrt(x * x + y * y + z * z + 1e-12)
    return x * scale, y * scale, z * scale


@compiled
def _lit_fraction(light, x, y, z):
    """Fraction of the first lamp's light that reaches a point, 0 to 1, softened over 4x4 texels."""
    m = light.to_shadow
    column = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
    row = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
    depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3] - 0.35
    i, j = floor(column), floor(row)
    if i < 1 or j < 1 or i >= light.shadow.shape[1] - 2 or j >= light.shadow.shape[0] - 2:
        return 1.0
    fx, fy = column - i, row - j
    total = 0.0
    for dj in range(-1, 3):
        wy = 1 - fy if dj == -1 else (fy if dj == 2 else 1.0)
        for di in range(-1, 3):
            if light.shadow[j + dj, i + di] > depth:
                total += wy * (1 - fx if di == -1 else (fx if di == 2 else 1.0))
    return total / 9


@compiled
def _ambient(light, x, y, z):
    c = light.ambient
    p, q = 3 * z * z - 1, x * x - y * y
    r = c[0, 0] + c[1, 0] * x + c[2, 0] * y + c[3, 0] * z
    r += c[4, 0] * x * y + c[5, 0] * y * z + c[6, 0] * z * x + c[7, 0] * p + c[8, 0] * q
    g = c[0, 1] + c[1, 1] * x + c[2, 1] * y + c[3, 1] * z
    g += c[4, 1] * x * y + c[5, 1] * y * z + c[6, 1] * z * x + c[7, 1] * p + c[8, 1] * q
    b = c[0, 2] + c[1, 2] * x + c[2, 2] * y + c[3, 2] * z
    b += c[4, 2] * x * y + c[5, 2] * y * z + c[6, 2] * z * x + c[7, 2] * p + c[8, 2] * q
    return max(r, 0.0), max(g, 0.0), max(b, 0.0)


@compiled
def _ggx(nh, roughness):
    a2 = roughness * roughness * roughness * roughness
    d = nh * nh * (a2 - 1) + 1
    return a2 / (3.14159 * d * d)


@compiled
def _gloss(n, view, lamp, nl, roughness):
    """The mirrored fraction of a lamp's light: Fresnel, two GGX lobes, Schlick's masking."""
    h = unit(lamp[0] + view[0], lamp[1] + view[1], lamp[2] + view[2])
    nh = max(n[0] * h[0] + n[1] * h[1] + n[2] * h[2], 0.0)
    vh = max(view[0] * h[0] + view[1] * h[1] + view[2] * h[2], 0.0)
    nv = max(n[0] * view[0] + n[1] * view[1] + n[2] * view[2], 0.05)
    f = 1 - vh
    fresnel = 0.028 + 0.972 * f * f * f * f * f
    lobes = 0.75 * _ggx(nh, roughness) + 0.25 * _ggx(nh, roughness * 0.55)
    k = (roughness + 1) * (roughness + 1) / 8
    return fresnel * lobes * nl / (4 * (nl * (1 - k) + k) * (nv * (1 - k) + k))


@compiled
def lit(colour, n, soft, place, roughness, oil, bleed, open_fraction, light):
    """Reflected light of a surface point.

    Args:
        colour: (3,) linear, of the surface.
        n: unit normal with every pore.
        soft: unit normal without them.
        place: camera-space point.
        roughness: of the gloss, 0 to 1.
        oil: strength of the gloss.
        bleed: how far light spreads under the surface, 0 to 1.
        open_fraction: 1 - ambient occlusion.
        light: lamps, surroundings and shadow.
    """
    view = unit(-place[0], -place[1], -place[2])
    ar, ag, ab = _ambient(light, n[0], n[1], n[2])
    r, g, b = (
        colour[0] * ar * open_fraction,
        colour[1] * ag * open_fraction,
        colour[2] * ab * open_fraction,
    )
    wr, wg, wb = 0.32 * bleed, 0.14 * bleed, 0.09 * bleed
    hollow = 0.4 + 0.6 * open_fraction
    for i in range(3):
        lamp = (light.direction[i, 0], light.direction[i, 1], light.direction[i, 2])
        fraction = _lit_fraction(light, place[0], place[1], place[2]) if i == 0 else 1.0
        nl = n[0] * lamp[0] + n[1] * lamp[1] + n[2] * lamp[2]
        sl = soft[0] * lamp[0] + soft[1] * lamp[1] + soft[2] * lamp[2]
        dr = clamp((0.35 * nl + 0.65 * sl + wr) / (1 + wr), 0.0, 1.0)
        dg = clamp((0.75 * nl + 0.25 * sl + wg) / (1 + wg), 0.0, 1.0)
        db = clamp((0.9 * nl + 0.1 * sl + wb) / (1 + wb), 0.0, 1.0)
        shine = 0.0
        if nl > 0 and fraction > 0:
            shine = oil * _gloss(n, view, lamp, nl, roughness) * fraction * open_fraction
        red_fraction = fraction + (sqrt(fraction) - fraction) * 0.6 * bleed
        r += light.colour[i, 0] * (colour[0] * dr * red_fraction * hollow + shine)
        g += light.colour[i, 1] * (colour[1] * dg * fraction * hollow + shine)
        b += light.colour[i, 2] * (colour[2] * db * fraction * hollow + shine)
    rim = 1 - max(n[0] * view[0] + n[1] * view[1] + n[2] * view[2], 0.05)
    rim = rim * rim * rim * rim * 0.1 * oil * open_fraction
    return r + ar * rim, g + ag * rim, b + ab * rim


@compiled
def lit_fibre(start, end, colour, gloss, light, u):
    """Reflected light of a hair or thin rod at the fraction u of its length."""
    x, y = start[0] + u * (end[0] - start[0]), start[1] + u * (end[1] - start[1])
    z = start[2] + u * (end[2] - start[2])
    t = unit(end[0] - start[0], end[1] - start[1], end[2] - start[2])
    view = unit(-x, -y, -z)
    across = view[0] * t[0] + view[1] * t[1] + view[2] * t[2]
    n = unit(view[0] - across * t[0], view[1] - across * t[1], view[2] - across * t[2])
    ar, ag, ab = _ambient(light, n[0], n[1], n[2])
    r, g, b = colour[0] * ar * 0.8, colour[1] * ag * 0.8, colour[2] * ab * 0.8
    for i in range(3):
        lamp = light.direction[i]
        fraction = _lit_fraction(light, x, y, z) if i == 0 else 1.0
        tl = lamp[0] * t[0] + lamp[1] * t[1] + lamp[2] * t[2]
        facing = clamp(0.5 + 0.5 * (n[0] * lamp[0] + n[1] * lamp[1] + n[2] * lamp[2]), 0.0, 1.0)
        soft = sqrt(max(1 - tl * tl, 0.0)) * facing * 0.7
        h = unit(lamp[0] + view[0], lamp[1] + view[1], lamp[2] + view[2])
        th = h[0] * t[0] + h[1] * t[1] + h[2] * t[2]
        glint = max(1 - th * th, 0.0)
        glint = glint * glint * glint * glint
        glint = glint * glint * glint * gloss * facing
        r += light.colour[i, 0] * fraction * (colour[0] * (soft + glint * 2) + glint * 0.03)
        g += light.colour[i, 1] * fraction * (colour[1] * (soft + glint * 2) + glint * 0.03)
        b += light.colour[i, 2] * fraction * (colour[2] * (soft + glint * 2) + glint * 0.03)
    return r, g, b
