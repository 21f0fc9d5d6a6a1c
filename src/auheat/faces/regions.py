"""Where a face may be, and what was found there: the plain data between detector and landmarker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auheat import geometry


@dataclass(frozen=True)
class Region:
    """A turned square of a frame.

    centre: (x, y) in frame pixels.
    side: length of its sides in frame pixels.
    degrees: turn from x towards y; 0 for an upright face.
    """

    centre: tuple[float, float]
    side: float
    degrees: float = 0.0

    @classmethod
    def around(
        cls, box: ArrayLike, right_eye: ArrayLike, left_eye: ArrayLike, factor: float
    ) -> Region:
        """The region about a box (x0, y0, x1, y1), turned so that the eyes lie level in it.

        Its side is `factor` times the longer side of the box.
        """
        x0, y0, x1, y1 = geometry.square_around(box, factor)
        dx, dy = np.asarray(left_eye, np.float64) - np.asarray(right_eye, np.float64)
        centre = (float(x0 + x1) / 2, float(y0 + y1) / 2)
        return cls(centre, float(x1 - x0), float(np.degrees(np.arctan2(dy, dx))))

    def transform(self, size: int) -> geometry.Transform:
        """The 2x3 transform from frame pixels to a patch of `size` by `size` pixels."""
        middle = (size - 1) / 2
        turned = geometry.similarity(size / self.side, -self.degrees, (middle, middle))
        x, y = self.centre
        return geometry.compose(turned, geometry.similarity(shift=(-x, -y)))

    def shifted(self, x: float, y: float) -> Region:
        """The same square moved by (x, y) pixels."""
        return replace(self, centre=(self.centre[0] + x, self.centre[1] + y))


@dataclass(frozen=True, eq=False)
class Candidate:
    """A face that a detector claims.

    box: (x0, y0, x1, y1) in frame pixels.
    region: the square in which a landmarker should look for it.
    score: the detector's certainty, 0 to 1.
    """

    box: NDArray[np.float64]
    region: Region
    score: float

    def shifted(self, x: float, y: float) -> Candidate:
        """The same claim moved by (x, y) pixels."""
        return Candidate(self.box + np.array([x, y, x, y]), self.region.shifted(x, y), self.score)


@dataclass(frozen=True, eq=False)
class Fit:
    """A face as a landmarker sees it in a region.

    box: (x0, y0, x1, y1), chin to forehead, in frame pixels.
    landmarks: (68, 2) in frame pixels.
    region: the square in which this face should be looked for next.
    score: certainty that the region holds a face, 0 to 1.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    region: Region
    score: float

    @property
    def size(self) -> float:
        """The longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    @property
    def centre(self) -> NDArray[np.float64]:
        """The centre of the box, (x, y)."""
        return np.asarray((self.box[:2] + self.box[2:]) / 2, np.float64)

    def movement(self, other: Fit) -> float:
        """Mean distance between the landmarks of two fits, as a share of the face's size."""
        steps = np.linalg.norm(self.landmarks - other.landmarks, axis=1)
        return float(steps.mean() / max(self.size, 1e-6))
