"""The shape of a face's mesh as numbers that a network can take in: where the face moved.

A mesh (`auheat.results.Face.mesh`) is scaled by the distance between its outer eye corners, which
is taken in three dimensions so that turning the head does not change it, and laid over the neutral
face by a rotation and a shift that fit the points which expressions move least: eye corners, nose
bridge and temples. (The forehead would fit as well, but brows pull at it.) What is left, point by
point, is the displacement from the neutral face: the expression, and how this face differs from the
mean one. Place, size and pose of the head are gone.

The neutral face is the mean of resting rendered faces as the same mesh sees them, made symmetrical:
`face_shape.json`, written by `scripts/measure_neutral_shape.py`.

Axes: x to the right of the image, y down, depth away from the camera; the unit is the distance
between the outer eye corners. Letters: V vertices of a mesh (468, or 478 with irises, which are
left out), P points of the shape, G numbers.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

VERTICES = 468
FILE = "face_shape.json"

# The vertices whose places are given: the person's right ones, with the left ones that mirror them,
# and those in the middle. More vertices read rendered faces no better: with all 468 a small network
# on the shape alone has a mean ICC of .370, with these .386.
_RIGHT_AND_LEFT = (
    *((46, 276), (52, 282), (55, 285), (63, 293), (66, 296), (70, 300), (105, 334)),  # brows
    *((107, 336), (69, 299)),
    *((33, 263), (133, 362), (144, 373), (145, 374), (153, 380), (158, 385)),  # eyes
    *((159, 386), (160, 387)),
    *((48, 278), (98, 327), (129, 358)),  # nose
    *((37, 267), (40, 270), (61, 291), (78, 308), (80, 310), (82, 312)),  # lips
    *((84, 314), (87, 317), (88, 318), (91, 321)),
    *((50, 280), (92, 322), (118, 347), (187, 411), (205, 425), (206, 426)),  # cheeks
    *((212, 432), (216, 436)),
    *((32, 262), (150, 379), (172, 397), (176, 400), (204, 424)),  # jaw
)
_MIDDLE = (0, 1, 2, 4, 9, 13, 14, 17, 18, 151, 152, 168, 195, 199)
POINTS: tuple[int, ...] = (*(v for pair in _RIGHT_AND_LEFT for v in pair), *_MIDDLE)
_INDICES = np.array(POINTS)
# Numbers of a shape: x, y and depth of each point, and 1 at the end, or 0 where no shape is known.
SIZE = 3 * len(POINTS) + 1

_RIGHT_EYE, _LEFT_EYE = 33, 263  # outer corners
# Eye corners, nose bridge, temples.
_STABLE = np.array([33, 133, 362, 263, 168, 6, 197, 195, 127, 234, 21, 356, 454, 251])
# A mesh whose stable points lie further than this from their places (root mean square) is no face,
# or not seen well enough: 99% of rendered faces lie within .045.
_MAX_RESIDUAL = 0.12
# A point further than this from its place belongs to no face: of rendered ones none moves by 0.6.
_MAX_DISPLACEMENT = 2.0
_BEND_REACH = 0.18  # how far apart points still move alike when a shape is bent

_FLIP = np.array(
    [index ^ 1 for index in range(2 * len(_RIGHT_AND_LEFT))]
    + list(range(2 * len(_RIGHT_AND_LEFT), len(POINTS)))
)


def absent() -> NDArray[np.float32]:
    """The shape of a face that has no mesh: (G,) zeros."""
    return np.zeros(SIZE, np.float32)


def shape_of(mesh: NDArray[np.float64] | None) -> NDArray[np.float32]:
    """How a face differs from the neutral one.

    Args:
        mesh: (V, 3), x, y and depth in one unit; None where there is none.

    Returns:
        (G,): x, y and depth of each point's displacement, then 1. All 0 where there is no mesh, or
        one that is not that of a face.
    """
    if mesh is None or len(mesh) < VERTICES:
        return absent()
    laid = aligned(np.asarray(mesh, np.float64)[:VERTICES], neutral())
    if laid is None:
        return absent()
    moved = laid[_INDICES] - neutral()[_INDICES]
    if np.abs(moved).max() > _MAX_DISPLACEMENT:
        return absent()
    return np.append(moved.astype(np.float32), np.float32(1))


def aligned(
    mesh: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """A mesh (468, 3) in the size and pose of a reference (468, 3); None if it cannot be a face."""
    with np.errstate(all="ignore"):
        scaled = mesh / np.linalg.norm(mesh[_LEFT_EYE] - mesh[_RIGHT_EYE])
    if not np.isfinite(scaled).all():
        return None
    source, target = scaled[_STABLE], reference[_STABLE]
    middle, goal = source.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((source - middle).T @ (target - goal))
    u[:, 2] *= np.linalg.det(u @ vt)  # a rotation, never a reflection
    laid = (scaled - middle) @ (u @ vt) + goal
    off = np.sqrt(np.square(laid[_STABLE] - target).sum(1).mean())
    return laid if off <= _MAX_RESIDUAL else None


def mirror(shape: NDArray[np.float32]) -> NDArray[np.float32]:
    """The shape (..., G) of the face in the mirrored image."""
    moved = shape[..., :-1].reshape(*shape.shape[:-1], len(POINTS), 3)
    flipped = moved[..., _FLIP, :] * np.array([-1, 1, 1], shape.dtype)
    return np.concatenate([flipped.reshape(*shape.shape[:-1], SIZE - 1), shape[..., -1:]], -1)


def bend(
    shape: NDArray[np.float32], rng: np.random.Generator, spread: float
) -> NDArray[np.float32]:
    """The shape (G,) as if the resting face, or what the mesh sees of it, were a little different.

    Neighbouring points move alike and both sides as mirror images: brows that stand higher, a wider
    mouth. A network that is trained with it relies on the places themselves only as far as they
    differ less between people, and between rendered faces and photos, than `spread` says.

    Args:
        shape: A face's shape; one that is absent stays so.
        rng: What chances are drawn from.
        spread: Standard deviation along each axis, in distances between the outer eye corners.
    """
    if spread <= 0 or shape[-1] == 0:
        return shape
    moves = (_smooth_fields() @ rng.standard_normal((len(POINTS), 3))) * spread
    moves[:, 0] *= np.sign(neutral()[_INDICES, 0])
    return np.append(shape[:-1] + moves.astype(np.float32).ravel(), shape[-1:])


@cache
def _smooth_fields() -> NDArray[np.float64]:
    """(P, P): turns independent numbers of unit variance into a field over one half of the face."""
    places = neutral()[_INDICES] * (1, 1, 0.5)
    places[:, 0] = np.abs(places[:, 0])
    squared = np.square(places[:, None] - places[None]).sum(-1)
    values, vectors = np.linalg.eigh(np.exp(-squared / (2 * _BEND_REACH**2)))
    # The symmetric root, which does not depend on the signs that a library gives the vectors.
    fields: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return fields


@cache
def neutral() -> NDArray[np.float64]:
    """The neutral face (468, 3); its origin is the middle between the outer eye corners."""
    stored = json.loads((files("auheat") / FILE).read_text("utf-8"))
    return np.array(stored["vertices"], np.float64)
