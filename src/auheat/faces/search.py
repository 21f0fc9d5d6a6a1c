"""From a detector's claims to faces: look twice, and keep what stays.

A detector also claims things that only resemble a face, and the landmarker lays a face over almost
anything. What tells them apart is a second look: in the square that the landmarks themselves call
for, a real face is found at the same place again (measured: within 2% of its size by the third
look), while a false one drifts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auheat.faces.regions import Candidate, Fit, Region

Image = NDArray[np.uint8]
Window = tuple[int, int, int, int]

# A face has settled when its landmarks move less than this share of its size between two looks.
SETTLED = 0.02
LOOKS = 3
# Detectors see the whole picture small: a face must fill about 6% of the longer side. Tiles of at
# least this side bring faces down to 40 pixels within reach.
SMALLEST_TILE = 640
# Share of the smaller box that two fits may have in common and still be two people.
SAME_FACE = 0.6


class Detector(Protocol):
    """Finds where faces may be."""

    def detect(self, image: Image) -> list[Candidate]:
        """Claims for an RGB image (H, W, 3), in any order; may overlap."""
        ...


class Landmarker(Protocol):
    """Finds the landmarks of one face."""

    def locate(self, image: Image, region: Region) -> Fit | None:
        """The face in a region of an RGB image (H, W, 3), or None if there is none."""
        ...


def settle(landmarker: Landmarker, image: Image, region: Region) -> Fit | None:
    """The face in and about a region, looked at until it stays in place; None if it never does."""
    previous = None
    for _ in range(LOOKS):
        fit = landmarker.locate(image, region)
        if fit is None:
            return None
        if previous is not None and previous.movement(fit) < SETTLED:
            return fit
        previous, region = fit, fit.region
    return None


def is_plausible(fit: Fit, image: Image, smallest: float) -> bool:
    """Whether a fit can be read at all.

    It must be finite, at least `smallest` pixels in size, not flattened to a line, and at least
    half of its box must lie inside the picture.
    """
    if not (np.isfinite(fit.landmarks).all() and np.isfinite(fit.box).all()):
        return False
    across, down = fit.box[2:] - fit.box[:2]
    if fit.size < smallest or min(across, down) < 0.2 * fit.size:
        return False
    height, width = image.shape[:2]
    inside = np.array([0, 0, width, height], np.float64) - 0.5
    return bool(_shared_area(fit.box, inside) >= 0.5 * across * down)


def is_same_face(a: Fit, b: Fit) -> bool:
    """Whether two fits lie on the same face: their boxes share most of the smaller one."""
    smaller = min(_area(a.box), _area(b.box))
    return _shared_area(a.box, b.box) > SAME_FACE * smaller


def rank(fit: Fit) -> float:
    """What decides who is kept when there are more faces than wanted: size times certainty."""
    return fit.size * fit.score


def new_faces(
    landmarker: Landmarker,
    image: Image,
    claims: Iterable[Candidate],
    known: Iterable[Fit],
    smallest: float,
) -> list[Fit]:
    """The claims that prove to be faces besides those known, the highest rank first.

    No two of them lie on the same face; of several claims about one face the first counts.
    """
    faces = list(known)
    count = len(faces)
    for claim in claims:
        if any(_is_about(claim, face) for face in faces):
            continue
        fit = settle(landmarker, image, claim.region)
        if fit is None or not is_plausible(fit, image, smallest):
            continue
        if not any(is_same_face(fit, face) for face in faces):
            faces.append(fit)
    return sorted(faces[count:], key=lambda fit: (-rank(fit), fit.box[0], fit.box[1]))


def windows(height: int, width: int) -> list[Window]:
    """Where to run a detector: the whole picture, then tiles (x0, y0, x1, y1) that overlap.

    Each level halves the side of the tiles, down to SMALLEST_TILE pixels. Small pictures have no
    tiles.
    """
    result: list[Window] = [(0, 0, width, height)]
    side = max(height, width) // 2
    while side >= SMALLEST_TILE:
        for y in _starts(height, side):
            for x in _starts(width, side):
                result.append((x, y, min(x + side, width), min(y + side, height)))
        side //= 2
    return result


def detect(detector: Detector, image: Image, where: Sequence[Window]) -> list[Candidate]:
    """All claims in the given windows of a picture, in its own pixels."""
    return [
        candidate.shifted(x0, y0)
        for x0, y0, x1, y1 in where
        for candidate in detector.detect(image[y0:y1, x0:x1])
    ]


def _starts(length: int, side: int) -> list[int]:
    """Evenly spaced starts of tiles that cover a length and overlap by a quarter."""
    if length <= side:
        return [0]
    count = ceil((length - side / 4) / (side * 3 / 4))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _is_about(claim: Candidate, face: Fit) -> bool:
    """Whether the centre of a claim lies well inside a face."""
    x, y = np.abs((claim.box[:2] + claim.box[2:]) / 2 - face.centre)
    across, down = face.box[2:] - face.box[:2]
    return bool(x < across / 3 and y < down / 3)


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _shared_area(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return float(max(width, 0.0) * max(height, 0.0))
