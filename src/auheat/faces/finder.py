"""Faces in still images, and the protocols that anything which finds faces follows."""

from __future__ import annotations

from typing import Protocol

from auheat.faces.search import Detector, Image, Landmarker, detect, new_faces, windows
from auheat.faces.tracking import VideoTracker
from auheat.results import Face

# Faces smaller than this many pixels, chin to forehead, are left out: nothing can be read there.
SMALLEST_FACE = 32.0


class FaceTracker(Protocol):
    """Follows faces through one video."""

    def update(self, image: Image) -> tuple[Face, ...]:
        """Faces of the next RGB frame (H, W, 3), by rising face_id; an id stays with its person."""
        ...


class FaceFinder(Protocol):
    """Finds faces in pictures that have nothing to do with each other."""

    def find(self, image: Image) -> tuple[Face, ...]:
        """Faces of an RGB image (H, W, 3), the largest and most certain first, ids from 0."""
        ...

    def tracker(self) -> FaceTracker:
        """A fresh tracker for one video, with the same models and limits."""
        ...


class StillFinder:
    """Detector, then landmarker, then the tests of `auheat.faces.search`.

    max_faces: how many faces to return at most; the largest and most certain are kept.
    smallest: the least size of a face in pixels.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        max_faces: int = 5,
        smallest: float = SMALLEST_FACE,
    ) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._max_faces, self._smallest = max_faces, smallest

    def find(self, image: Image) -> tuple[Face, ...]:
        """See `FaceFinder.find`. Large pictures are also searched in tiles, for small faces."""
        claims = detect(self._detector, image, windows(*image.shape[:2]))
        fits = new_faces(self._landmarker, image, claims, (), self._smallest)
        return tuple(
            Face(fit.box, fit.landmarks, fit.score, face_id)
            for face_id, fit in enumerate(fits[: self._max_faces])
        )

    def tracker(self) -> VideoTracker:
        """See `FaceFinder.tracker`."""
        return VideoTracker(self._detector, self._landmarker, self._max_faces, self._smallest)


def default_finder(max_faces: int = 5) -> StillFinder:
    """MediaPipe's detectors and face mesh. Its models come with the package; nothing is fetched."""
    from auheat.faces.mediapipe_finder import MediaPipeDetector, MediaPipeLandmarker

    return StillFinder(MediaPipeDetector(), MediaPipeLandmarker(), max_faces)
