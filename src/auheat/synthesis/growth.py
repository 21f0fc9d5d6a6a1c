"""Strands of hair: they grow from the scalp, fall, lie on the skull, and gather into locks."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from auheat.synthesis.arrays import Floats32, Ints32, floats
from auheat.synthesis.assets import FacePack, Material
from auheat.synthesis.fibres import Segments
from auheat.synthesis.hair import HairStyle
from auheat.synthesis.raster import compiled

_CENTRE = np.array([0.0, 4.0, 0.0], np.float32)  # from where directions on the skull are counted
_BEARINGS, _ELEVATIONS = 48, 32
_LAYERED_BELOW_CM = 10.0  # shorter styles are cut shorter at the sides
_MAX_STEPS = 20


def grow(
    rng: np.random.Generator,
    pack: FacePack,
    vertices: Floats32,
    normals: Floats32,
    scalp_height: Floats32,
    style: HairStyle,
    colour: Floats32,
) -> Segments:
    """Strands on a resting head. vertices, normals: (n, 3); scalp_height: from `scalp`."""
    skin = np.flatnonzero(pack.material <= Material.HEAD)
    heights = scalp_height[pack.triangles[skin]].mean(1)
    hairy = skin[heights > 0.05]
    if not len(hairy):
        return Segments.join([])
    a, b, c = (vertices[pack.triangles[hairy, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(hairy), style.strands, p=area / area.sum())
    u, v = np.sort(rng.uniform(0, 1, (2, style.strands, 1)), axis=0)
    root = a[chosen] * u + b[chosen] * (v - u) + c[chosen] * (1 - v)
    normal = normals[pack.triangles[hairy[chosen], 0]]
    near_line = np.clip(1 - scalp_height[pack.triangles[hairy[chosen], 0]] / 3.5, 0, 1)
    points = _grown(rng, root, normal, near_line, style, _skull(vertices[_skin_vertices(pack)]))
    return _segments(rng, points, colour)


def _skin_vertices(pack: FacePack) -> Ints32:
    return np.asarray(np.unique(pack.triangles[pack.material <= Material.HEAD]), np.int32)


def _grown(
    rng: np.random.Generator,
    root: Floats32,
    normal: Floats32,
    near_line: Floats32,
    style: HairStyle,
    skull: Floats32,
) -> Floats32:
    """Strand points (f, steps + 1, 3)."""
    count = len(root)
    comb = np.broadcast_to(floats(style.comb), (count, 3)).copy()
    if style.parting is not None:
        comb[:, 0] += np.where(root[:, 0] > style.parting, 1.0, -1.0)
    length = style.length * rng.uniform(0.75, 1.1, count)
    if style.length < _LAYERED_BELOW_CM:
        length *= np.interp(root[:, 1], (3.0, 9.0), (0.35, 1.0))
    if style.fringe:
        front = (root[:, 2] > 4.0) & (np.abs(root[:, 0]) < 6) & (near_line > 0.15)
        comb[front] = comb[front] * 0.3 + np.array([0, -0.4, 1.0])
        length[front] = style.fringe * rng.uniform(0.7, 1.15, int(front.sum()))
    comb += rng.normal(0, 0.18, (count, 3))
    tangent = comb - (comb * normal).sum(1, keepdims=True) * normal
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    heading = style.lift * normal + (1 - style.lift) * tangent
    per_cm = max(0.9, 4 * style.pitch if style.curl else 0.0)
    steps = int(np.clip(np.ceil(style.length * per_cm), 1, _MAX_STEPS))
    points = np.empty((count, steps + 1, 3), np.float32)
    phase = rng.uniform(0, 6.28, count)
    bends = np.array([style.gravity, style.curl, style.pitch], np.float32)
    _fall(floats(root), floats(heading), floats(length), floats(phase), bends, skull, points)
    return _clumped(rng, points)


def _clumped(rng: np.random.Generator, points: Floats32) -> Floats32:
    """Strands drawn towards a few leading strands, more at the tips: locks instead of fur."""
    leaders = rng.choice(len(points), min(len(points), 220), replace=False)
    roots = points[:, 0]
    _, nearest = cKDTree(roots[leaders]).query(roots)
    leader = points[leaders[nearest]]
    fraction = np.linspace(0, rng.uniform(0.2, 0.75), points.shape[1], dtype=np.float32)[
        None, :, None
    ]
    along = leader + (roots - leader[:, 0])[:, None] * 0.35
    return floats(points * (1 - fraction) + along * fraction)


def _segments(rng: np.random.Generator, points: Floats32, colour: Floats32) -> Segments:
    count, steps = points.shape[0], points.shape[1] - 1
    along = np.linspace(0, 1, steps, dtype=np.float32) if steps > 1 else np.ones(1, np.float32)
    shade = rng.uniform(0.65, 1.35, (count, 1)) * (0.45 + 0.6 * along[None, :])
    width = rng.uniform(0.05, 0.09, (count, 1)) * (1 - 0.5 * along[None, :])
    flat = points.astype(np.float32)
    return Segments(
        flat[:, :-1].reshape(-1, 3),
        flat[:, 1:].reshape(-1, 3),
        floats(width.ravel()),
        floats(shade.ravel()[:, None] * colour),
        np.full(count * steps, rng.uniform(0.2, 0.8), np.float32),
    )


def _skull(points: Floats32) -> Floats32:
    """Radius of the head in every direction from _CENTRE: (elevations, bearings)."""
    away = points - _CENTRE
    radius = np.linalg.norm(away, axis=1)
    bearing = ((np.arctan2(away[:, 0], away[:, 2]) / (2 * np.pi) + 0.5) * _BEARINGS).astype(int)
    height = np.arcsin(np.clip(away[:, 1] / np.maximum(radius, 1e-6), -1, 1)) / np.pi + 0.5
    elevation = (height * _ELEVATIONS).astype(int)
    cells = np.zeros((_ELEVATIONS, _BEARINGS), np.float32)
    at = np.clip(elevation, 0, _ELEVATIONS - 1), bearing % _BEARINGS
    np.maximum.at(cells, at, radius.astype(np.float32))
    filled = cells.copy()
    for _ in range(4):  # empty cells take the mean of their neighbours
        around = [np.roll(filled, s, 1) for s in (-1, 1)]
        around += [np.vstack([filled[:1], filled[:-1]]), np.vstack([filled[1:], filled[-1:]])]
        mean = np.mean(around, axis=0)
        filled = np.where(cells > 0, cells, mean)
    return floats(filled)


@compiled
def _fall(root, heading, length, phase, bends, skull, points):
    """Steps every strand forward, bends it down, keeps it out of the skull, and curls it."""
    elevations, bearings = skull.shape
    gravity, curl, pitch = bends
    steps = points.shape[1] - 1
    for f in range(root.shape[0]):
        x, y, z = root[f, 0], root[f, 1], root[f, 2]
        dx, dy, dz = heading[f, 0], heading[f, 1], heading[f, 2]
        step = length[f] / steps
        points[f, 0, 0], points[f, 0, 1], points[f, 0, 2] = x, y, z
        for s in range(steps):
            dy -= gravity * step
            size = 1 / np.sqrt(dx * dx + dy * dy + dz * dz + 1e-9)
            dx, dy, dz = dx * size, dy * size, dz * size
            x, y, z = x + dx * step, y + dy * step, z + dz * step
            ox, oy, oz = x - _CENTRE[0], y - _CENTRE[1], z - _CENTRE[2]
            r = np.sqrt(ox * ox + oy * oy + oz * oz) + 1e-6
            nx, ny, nz = ox / r, oy / r, oz / r
            column = int((np.arctan2(ox, oz) / 6.2831853 + 0.5) * bearings) % bearings
            row = min(int((np.arcsin(ny) / 3.1415927 + 0.5) * elevations), elevations - 1)
            surface = skull[row, column] + 0.15
            if r < surface:
                x, y, z = (
                    _CENTRE[0] + nx * surface,
                    _CENTRE[1] + ny * surface,
                    _CENTRE[2] + nz * surface,
                )
                inward = dx * nx + dy * ny + dz * nz
                if inward < 0:
                    dx, dy, dz = dx - inward * nx, dy - inward * ny, dz - inward * nz
            turn = phase[f] + 6.2831853 * pitch * step * (s + 1)
            bow = curl * (s + 1) / steps
            points[f, s + 1, 0] = x + bow * np.cos(turn)
            points[f, s + 1, 1] = y + 0.5 * bow * np.sin(2 * turn)
            points[f, s + 1, 2] = z + bow * np.sin(turn)
