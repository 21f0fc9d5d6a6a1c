"""From a detector's detections to faces: refine twice, and keep what converges.

A detector also reports things that only resemble a face, and the landmarker lays a face over almost
anything. What tells them apart is a second iteration: in the square that the landmarks themselves
call for, a real face is found at the same place again (measured: within 2% of its size by the third
iteration), while a false one drifts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import atan2, ceil, degrees
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.landmarks import of_mesh
from auheat.results import Face

Window = tuple[int, int, int, int]

# A face has converged when its landmarks move less than this fraction of its size between two
# iterations.
CONVERGED_FRACTION = 0.02
MAX_ITERATIONS = 3
# Detectors see the whole image small: a face must fill about 6% of the longer side. Tiles of at
# least this side bring faces down to 40 pixels within reach.
MIN_TILE_SIDE_PX = 640
# Fraction of the smaller box that two faces may have in common and still be two people.
SAME_FACE_FRACTION = 0.6


@dataclass(frozen=True)
class Region:
    """A rotated square of a frame.

    Attributes:
        centre: (x, y) in frame pixels.
        side: length of its sides in frame pixels.
        degrees: rotation from x towards y; 0 for an upright face.
    """

    centre: tuple[float, float]
    side: float
    degrees: float = 0.0

    @classmethod
    def around(
        cls, box: ArrayLike, *, right_eye: ArrayLike, left_eye: ArrayLike, factor: float
    ) -> Region:
        """The region about a box, rotated so that the eyes lie level in it.

        Args:
            box: (x0, y0, x1, y1) in frame pixels.
            right_eye: (x, y) of the person's right eye, in frame pixels.
            left_eye: (x, y) of the person's left eye, in frame pixels.
            factor: the region's side in units of the box's longer side.

        Returns:
            The region; its centre is that of the box.
        """
        x0, y0, x1, y1 = geometry.square_around(box, factor).tolist()
        left, right = (np.asarray(eye, np.float64).tolist() for eye in (left_eye, right_eye))
        angle = atan2(left[1] - right[1], left[0] - right[0])
        return cls(((x0 + x1) / 2, (y0 + y1) / 2), x1 - x0, degrees(angle))

    def transform(self, size: int) -> geometry.Transform:
        """The 2x3 transform from frame pixels to a patch of `size` by `size` pixels."""
        middle = (size - 1) / 2
        rotated = geometry.similarity(size / self.side, -self.degrees, shift=(middle, middle))
        x, y = self.centre
        return geometry.compose(rotated, geometry.similarity(shift=(-x, -y)))

    def shifted(self, x: float, y: float) -> Region:
        """The same square moved by (x, y) pixels."""
        return replace(self, centre=(self.centre[0] + x, self.centre[1] + y))


@dataclass(frozen=True, eq=False)
class Detection:
    """A face that a detector reports.

    Attributes:
        box: (x0, y0, x1, y1) in frame pixels.
        region: the square in which a landmarker should look for it.
        score: the detector's certainty, 0 to 1.
    """

    box: NDArray[np.float64]
    region: Region
    score: float

    def shifted(self, x: float, y: float) -> Detection:
        """The same detection moved by (x, y) pixels."""
        return Detection(self.box + np.array([x, y, x, y]), self.region.shifted(x, y), self.score)


@dataclass(frozen=True, eq=False)
class FaceLandmarks:
    """A face as a landmarker sees it in a region.

    Attributes:
        box: (x0, y0, x1, y1), chin to forehead, in frame pixels.
        landmarks: (68, 2) in frame pixels.
        region: the square in which this face should be looked for next.
        score: certainty that the region holds a face, 0 to 1.
        mesh: (468, 3), see `auheat.results.Face`; None from a landmarker that has none.
        exact: (478, 3), of a second model that is not tracked and aligned by; None without one.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    region: Region
    score: float
    mesh: NDArray[np.float64] | None = None
    exact: NDArray[np.float64] | None = None

    @property
    def size(self) -> float:
        """The longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    @property
    def centre(self) -> NDArray[np.float64]:
        """The centre of the box, (x, y)."""
        return np.asarray((self.box[:2] + self.box[2:]) / 2, np.float64)

    def result(self, face_id: int) -> Face:
        """This face as it is given to users, with its id."""
        if self.exact is None:
            return Face(self.box, self.landmarks, score=self.score, face_id=face_id, mesh=self.mesh)
        landmarks = of_mesh(self.exact)
        return Face(
            self.box,
            landmarks,
            score=self.score,
            face_id=face_id,
            mesh=self.exact,
            tracked_mesh=self.mesh,
        )

    def movement(self, other: FaceLandmarks) -> float:
        """Mean distance between the landmarks of two faces, in units of this face's size."""
        steps = np.linalg.norm(self.landmarks - other.landmarks, axis=1)
        return float(steps.mean() / max(self.size, 1e-6))


class BoxDetector(Protocol):
    """Finds where faces may be."""

    def detect(self, image: Image) -> list[Detection]:
        """Detections in an RGB image (H, W, 3), in any order; may overlap."""
        ...


class Landmarker(Protocol):
    """Finds the landmarks of one face."""

    def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
        """The face in a region of an RGB image (H, W, 3), or None if there is none."""
        ...


def refine(landmarker: Landmarker, image: Image, *, region: Region) -> FaceLandmarks | None:
    """Looks for a face in and about a region until it stays in place.

    Args:
        landmarker: finds the landmarks in each iteration.
        image: (H, W, 3) RGB.
        region: where to begin; each further iteration looks where the last one calls for.

    Returns:
        The face once an iteration moves it by less than `CONVERGED_FRACTION` of its size; None if
        it is lost, or has not converged after `MAX_ITERATIONS`.
    """
    previous = None
    for _ in range(MAX_ITERATIONS):
        face = landmarker.locate(image, region)
        if face is None:
            return None
        if previous is not None and previous.movement(face) < CONVERGED_FRACTION:
            return face
        previous, region = face, face.region
    return None


def is_plausible(face: FaceLandmarks, image: Image, *, min_size: float) -> bool:
    """Whether a face can be read at all.

    It must be finite, at least `min_size` pixels in size, not flattened to a line, and at least
    half of its box must lie inside the image.
    """
    if not (np.isfinite(face.landmarks).all() and np.isfinite(face.box).all()):
        return False
    across, down = face.box[2:] - face.box[:2]
    if face.size < min_size or min(across, down) < 0.2 * face.size:
        return False
    height, width = image.shape[:2]
    inside = np.array([0, 0, width, height], np.float64) - 0.5
    return bool(_shared_area(face.box, inside) >= 0.5 * across * down)


def is_same_face(a: FaceLandmarks, b: FaceLandmarks) -> bool:
    """Whether two results lie on the same face: their boxes share most of the smaller one."""
    smaller = min(_area(a.box), _area(b.box))
    return _shared_area(a.box, b.box) > SAME_FACE_FRACTION * smaller


def rank(face: FaceLandmarks) -> float:
    """What decides who is kept when there are more faces than wanted: size times certainty."""
    return face.size * face.score


def new_faces(
    landmarker: Landmarker,
    image: Image,
    *,
    detections: Iterable[Detection],
    known: Iterable[FaceLandmarks] = (),
    min_size: float,
) -> list[FaceLandmarks]:
    """The detections that prove to be faces besides those known.

    Args:
        landmarker: finds the landmarks.
        image: (H, W, 3) RGB.
        detections: of several detections of one face the first counts.
        known: faces that are not looked for again.
        min_size: the least size of a face in pixels.

    Returns:
        The new faces, the highest rank first. No two of them lie on the same face.
    """
    faces = list(known)
    count = len(faces)
    for detection in detections:
        if any(_lies_on(detection, face) for face in faces):
            continue
        face = refine(landmarker, image, region=detection.region)
        if face is None or not is_plausible(face, image, min_size=min_size):
            continue
        if not any(is_same_face(face, other) for other in faces):
            faces.append(face)
    return sorted(faces[count:], key=lambda face: (-rank(face), face.box[0], face.box[1]))


def windows(height: int, width: int) -> list[Window]:
    """Where to run a detector: the whole image, then tiles (x0, y0, x1, y1) that overlap.

    Each level halves the side of the tiles, down to `MIN_TILE_SIDE_PX` pixels. Small images have no
    tiles.
    """
    result: list[Window] = [(0, 0, width, height)]
    side = max(height, width) // 2
    while side >= MIN_TILE_SIDE_PX:
        for y in _starts(height, side):
            for x in _starts(width, side):
                result.append((x, y, min(x + side, width), min(y + side, height)))
        side //= 2
    return result


def detect(detector: BoxDetector, image: Image, *, where: Sequence[Window]) -> list[Detection]:
    """All detections in the given windows of an image, in its own pixels."""
    return [
        detection.shifted(x0, y0)
        for x0, y0, x1, y1 in where
        for detection in detector.detect(image[y0:y1, x0:x1])
    ]


def _starts(length: int, side: int) -> list[int]:
    """Evenly spaced starts of tiles that cover a length and overlap by a quarter."""
    if length <= side:
        return [0]
    count = ceil((length - side / 4) / (side * 3 / 4))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _lies_on(detection: Detection, face: FaceLandmarks) -> bool:
    """Whether the centre of a detection lies well inside a face."""
    x, y = np.abs((detection.box[:2] + detection.box[2:]) / 2 - face.centre)
    across, down = face.box[2:] - face.box[:2]
    return bool(x < across / 3 and y < down / 3)


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _shared_area(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return float(max(width, 0.0) * max(height, 0.0))
