"""Faces in images, and the protocols that everything which detects and tracks faces implements."""

from __future__ import annotations

from typing import Protocol

from auheat.arrays import Image
from auheat.faces import DEFAULT_MAX_FACES
from auheat.faces.detection import BoxDetector, Landmarker, detect, new_faces, windows
from auheat.faces.tracking import VideoTracker
from auheat.results import Face

# Faces smaller than this many pixels, chin to forehead, are left out: nothing can be read there.
MIN_FACE_SIZE_PX = 32.0


class FaceTracker(Protocol):
    """Tracks faces through one video."""

    def update(self, image: Image, timestamp: float | None = None) -> tuple[Face, ...]:
        """Faces of the next RGB frame (H, W, 3), by rising face_id; an id stays with its person.

        Args:
            image: The frame.
            timestamp: Its time in seconds; as of 30 frames a second if None.
        """
        ...


class FaceDetector(Protocol):
    """Detects faces, with landmarks, in images that have nothing to do with each other."""

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Faces of an RGB image (H, W, 3), the largest and most certain first, ids from 0."""
        ...

    def tracker(self) -> FaceTracker:
        """A fresh tracker for one video, with the same models and limits."""
        ...


class TwoStageDetector:
    """Boxes first, then landmarks, then the tests of `auheat.faces.detection`.

    Args:
        detector: finds boxes.
        landmarker: finds the landmarks in them.
        max_faces: how many faces to return at most; the largest and most certain are kept.
        min_size: the least size of a face in pixels.
    """

    def __init__(
        self,
        detector: BoxDetector,
        landmarker: Landmarker,
        *,
        max_faces: int = DEFAULT_MAX_FACES,
        min_size: float = MIN_FACE_SIZE_PX,
    ) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._max_faces, self._min_size = max_faces, min_size

    def detect(self, image: Image) -> tuple[Face, ...]:
        """See `FaceDetector.detect`. Large images are also searched in tiles, for small faces."""
        faces = new_faces(
            self._landmarker,
            image,
            detections=detect(self._detector, image, where=windows(*image.shape[:2])),
            min_size=self._min_size,
        )
        return tuple(face.result(face_id) for face_id, face in enumerate(faces[: self._max_faces]))

    def tracker(self) -> VideoTracker:
        """See `FaceDetector.tracker`."""
        return VideoTracker(
            self._detector, self._landmarker, max_faces=self._max_faces, min_size=self._min_size
        )


def default_detector(
    max_faces: int = DEFAULT_MAX_FACES, *, attention: bool = False
) -> TwoStageDetector:
    """MediaPipe's models on ONNX Runtime. They come with auheat; nothing is fetched.

    Args:
        max_faces: how many faces to return at most.
        attention: with irises, and exact lips and lids, at a higher cost; see `FaceMesh`.

    Raises:
        AuheatError: if onnxruntime is not installed, or a model is missing or damaged.
    """
    from auheat.faces.blaze_face import BothRanges
    from auheat.faces.face_mesh import FaceMesh

    return TwoStageDetector(BothRanges(), FaceMesh(attention=attention), max_faces=max_faces)
