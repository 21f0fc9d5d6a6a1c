"""Colour of every visible sample, by what it is: skin, mouth, eye or fibre. Compiled with numba."""

from __future__ import annotations

from math import acos, atan2, floor

import numpy as np

from auheat.synthesis.arrays import Floats32
from auheat.synthesis.assets import Material
from auheat.synthesis.drawables import Looks, Strands, Surface
from auheat.synthesis.optics import Lighting, clamp, lit, lit_fibre, smooth, unit
from auheat.synthesis.raster import FIRST_FIBRE, NOTHING, Visibility, compiled

_FACE, _HEAD = int(Material.FACE), int(Material.HEAD)
_TEETH, _LEFT_EYE = int(Material.TEETH), int(Material.LEFT_EYE)
_IRIS_RAD = 0.5  # of the rim from the pupil's axis


@compiled
def _mix(values, a, b, c, u, v):
    """A vertex attribute (n, 3) at barycentric weights u, v, 1 - u - v."""
    w = 1 - u - v
    return (
        u * values[a, 0] + v * values[b, 0] + w * values[c, 0],
        u * values[a, 1] + v * values[b, 1] + w * values[c, 1],
        u * values[a, 2] + v * values[b, 2] + w * values[c, 2],
    )


@compiled
def _texel(size, x):
    """Texel left of a texture coordinate, and the fraction of the one right of it."""
    at = x * size - 0.5
    i = min(max(floor(at), 1), size - 3)
    return i, clamp(at - i, 0.0, 1.0)


@compiled
def _bilinear(texture, u, v):
    i, fu = _texel(texture.shape[1], u)
    j, fv = _texel(texture.shape[0], v)
    p, q = (1 - fu) * (1 - fv), fu * (1 - fv)
    s, t = (1 - fu) * fv, fu * fv
    a, b, c, d = texture[j, i], texture[j, i + 1], texture[j + 1, i], texture[j + 1, i + 1]
    return (
        p * a[0] + q * b[0] + s * c[0] + t * d[0],
        p * a[1] + q * b[1] + s * c[1] + t * d[1],
        p * a[2] + q * b[2] + s * c[2] + t * d[2],
    )


@compiled
def _bumped(surface, height, bump, t, u, v, n):
    """The normal tilted by the slope of the height map, and the height itself."""
    size = height.shape[0]
    i, fu = _texel(size, u)
    j, fv = _texel(size, v)
    level = (height[j, i] * (1 - fu) + height[j, i + 1] * fu) * (1 - fv)
    level += (height[j + 1, i] * (1 - fu) + height[j + 1, i + 1] * fu) * fv
    slope_u = (
        height[j, i + 2] - height[j, i - 1] + height[j + 1, i + 2] - height[j + 1, i - 1]
    ) * (size / 6)
    slope_v = (
        height[j + 2, i] - height[j - 1, i] + height[j + 2, i + 1] - height[j - 1, i + 1]
    ) * (size / 6)
    a, b, c = surface.triangles[t, 0], surface.triangles[t, 1], surface.triangles[t, 2]
    ta, tb, tc = surface.uv_triangles[t, 0], surface.uv_triangles[t, 1], surface.uv_triangles[t, 2]
    e1u, e1v = surface.uv[tb, 0] - surface.uv[ta, 0], surface.uv[tb, 1] - surface.uv[ta, 1]
    e2u, e2v = surface.uv[tc, 0] - surface.uv[ta, 0], surface.uv[tc, 1] - surface.uv[ta, 1]
    determinant = e1u * e2v - e2u * e1v
    if abs(determinant) < 1e-12:
        return n, level
    q = surface.position
    ax, ay, az = q[b, 0] - q[a, 0], q[b, 1] - q[a, 1], q[b, 2] - q[a, 2]
    bx, by, bz = q[c, 0] - q[a, 0], q[c, 1] - q[a, 1], q[c, 2] - q[a, 2]
    d = 1 / determinant
    ux, uy, uz = (ax * e2v - bx * e1v) * d, (ay * e2v - by * e1v) * d, (az * e2v - bz * e1v) * d
    vx, vy, vz = (bx * e1u - ax * e2u) * d, (by * e1u - ay * e2u) * d, (bz * e1u - az * e2u) * d
    k = slope_u * bump / (ux * ux + uy * uy + uz * uz + 1e-9)
    m = slope_v * bump / (vx * vx + vy * vy + vz * vz + 1e-9)
    return unit(n[0] - k * ux - m * vx, n[1] - k * uy - m * vy, n[2] - k * uz - m * vz), level


@compiled
def _point(surface, t, u, v):
    """Normal, place before the camera and place at rest of a point in a triangle."""
    a, b, c = surface.triangles[t, 0], surface.triangles[t, 1], surface.triangles[t, 2]
    nx, ny, nz = _mix(surface.normal, a, b, c, u, v)
    place = _mix(surface.position, a, b, c, u, v)
    return unit(nx, ny, nz), place, _mix(surface.rest, a, b, c, u, v)


@compiled
def _skin(surface, looks, light, t, u, v):
    a, b, c = surface.triangles[t, 0], surface.triangles[t, 1], surface.triangles[t, 2]
    w = 1 - u - v
    n, place, (x, y, z) = _point(surface, t, u, v)
    soft = n
    colour = (looks.head[0], looks.head[1], looks.head[2])
    open_fraction, roughness, oil, bleed = 1.0, looks.roughness, looks.oil, 1.0
    if surface.material[t] == _FACE:
        ta, tb = surface.uv_triangles[t, 0], surface.uv_triangles[t, 1]
        tc = surface.uv_triangles[t, 2]
        tu = u * surface.uv[ta, 0] + v * surface.uv[tb, 0] + w * surface.uv[tc, 0]
        tv = u * surface.uv[ta, 1] + v * surface.uv[tb, 1] + w * surface.uv[tc, 1]
        colour = _bilinear(looks.albedo, tu, tv)
        n, level = _bumped(surface, looks.height, looks.bump, t, tu, tv, n)
        open_fraction = clamp(1 + (level - 0.5) * 0.9, 0.55, 1.12)
    elif y < -13.2 + 0.07 * abs(x):
        colour = (looks.cloth[0], looks.cloth[1], looks.cloth[2])
        roughness, oil, bleed = 0.9, oil * 0.2, 0.3
    elif abs(x) < 3.2 and -7 < y < 1 and -0.5 < z < 7.5:
        colour = (0.16, 0.03, 0.03)  # the back of the mouth
        open_fraction = 0.25
    crease = u * surface.crease[a] + v * surface.crease[b] + w * surface.crease[c]
    open_fraction *= clamp(1 - crease * 1.5, 0.45, 1.15)
    scalp = u * surface.scalp[a] + v * surface.scalp[b] + w * surface.scalp[c]
    s = smooth((scalp + 0.5) / 1.4) * 0.9
    colour = (
        colour[0] + (looks.hair[0] * 0.8 - colour[0]) * s,
        colour[1] + (looks.hair[1] * 0.8 - colour[1]) * s,
        colour[2] + (looks.hair[2] * 0.8 - colour[2]) * s,
    )
    return lit(colour, n, soft, place, roughness, oil, bleed, open_fraction, light)


@compiled
def _mouth(surface, looks, light, t, u, v):
    """Gums, tongue and teeth, darker towards the throat."""
    n, place, (_, _, z) = _point(surface, t, u, v)
    if surface.material[t] == _TEETH:
        open_fraction = 0.05 + 0.75 * smooth((z - 6) / 4.6)
        colour = (looks.teeth[0], looks.teeth[1], looks.teeth[2])
        return lit(colour, n, n, place, 0.25, 0.6, 0.6, open_fraction, light)
    open_fraction = 0.8 * smooth((z - 4.5) / 6)
    return lit((0.42, 0.13, 0.12), n, n, place, 0.35, 0.6, 1.0, open_fraction, light)


@compiled
def _eye(surface, looks, light, t, u, v):
    n, place, (x, y, z) = _point(surface, t, u, v)
    k = 0 if surface.material[t] == _LEFT_EYE else 1
    centre, axis = looks.eye_centres[k], looks.eye_axes[k]
    dx, dy, dz = unit(x - centre[0], y - centre[1], z - centre[2])
    cosine = dx * axis[0] + dy * axis[1] + dz * axis[2]
    angle = acos(clamp(cosine, -1.0, 1.0))
    shade = 1 - 0.25 * clamp((angle - 0.9) / 0.7, 0.0, 1.0)
    red = clamp((angle - 0.8) / 0.45, 0.0, 1.0) * looks.veins * 0.6
    r, g, b = 0.5 * shade, 0.47 * shade, 0.46 * shade
    r, g, b = r + (0.6 - r) * red, g + (0.3 - g) * red, b + (0.26 - b) * red
    radius = angle / _IRIS_RAD
    if radius < 1.06:
        turn = atan2(dy - cosine * axis[1], dx - cosine * axis[0]) / 6.28319 + 0.5
        texel = looks.iris[min(int(min(radius, 1.0) * 63.99), 63), min(int(turn * 63.99), 63)]
        rim = clamp((radius - 0.93) / 0.13, 0.0, 1.0)
        r = texel[0] * (1 - rim) + r * rim
        g = texel[1] * (1 - rim) + g * rim
        b = texel[2] * (1 - rim) + b * rim
    return lit((r, g, b), n, n, place, 0.12, 1.6, 0.4, 0.85, light)


@compiled
def _strand(strands, light, f, u):
    return lit_fibre(
        strands.start[f], strands.end[f], strands.colour[f], strands.gloss[f], light, u
    )


@compiled
def _sample(seen, dark, surface, looks, light, strands, y, x):
    item, u, v = seen.item[y, x], seen.u[y, x], seen.v[y, x]
    if item <= FIRST_FIBRE:
        r, g, b = _strand(strands, light, FIRST_FIBRE - item, u)
    else:
        material = surface.material[item]
        if material <= _HEAD:
            r, g, b = _skin(surface, looks, light, item, u, v)
        elif material <= _TEETH:
            r, g, b = _mouth(surface, looks, light, item, u, v)
        else:
            r, g, b = _eye(surface, looks, light, item, u, v)
    keep = 1 - 0.97 * dark[y, x]
    return min(r * keep, 6.0), min(g * keep, 6.0), min(b * keep, 6.0)


@compiled
def _even(seen, dark, surface, y, x):
    """Whether four samples show the same smooth skin, so that one of them speaks for all."""
    first = seen.item[y, x]
    if first < 0 or surface.material[first] > _HEAD:
        return False
    depth = seen.depth[y, x]
    for j in range(2):
        for i in range(2):
            item = seen.item[y + j, x + i]
            if item < 0 or surface.material[item] != surface.material[first]:
                return False
            if dark[y + j, x + i] > 0 or abs(seen.depth[y + j, x + i] - depth) > 0.4:
                return False
    return True


@compiled
def shade(
    seen: Visibility,
    dark: Floats32,
    surface: Surface,
    looks: Looks,
    light: Lighting,
    strands: Strands,
    out: Floats32,
) -> None:
    """Fills out (rows, columns, 4), linear RGB and coverage, from 2x2 samples a pixel."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            row, column = 2 * y, 2 * x
            if _even(seen, dark, surface, row, column):
                # which of the four it is alternates, so that no direction is preferred
                r, g, b = _sample(
                    seen, dark, surface, looks, light, strands, row + (x & 1), column + (y & 1)
                )
                out[y, x, 0], out[y, x, 1], out[y, x, 2], out[y, x, 3] = r, g, b, 1.0
                continue
            out[y, x] = 0.0
            for j in range(2):
                for i in range(2):
                    if seen.item[row + j, column + i] == NOTHING:
                        continue
                    r, g, b = _sample(
                        seen, dark, surface, looks, light, strands, row + j, column + i
                    )
                    out[y, x, 0] += np.float32(0.25) * r
                    out[y, x, 1] += np.float32(0.25) * g
                    out[y, x, 2] += np.float32(0.25) * b
                    out[y, x, 3] += np.float32(0.25)
