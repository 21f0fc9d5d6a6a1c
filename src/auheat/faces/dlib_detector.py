"""dlib's detector and 68-point shape predictor, behind the protocols of `auheat.faces.detection`.

The detector (histograms of gradients, frontal faces; King, 2015, arXiv:1502.00046) is part of dlib.
The predictor (Kazemi and Sullivan, CVPR 2014) is a file that the user names. The well-known
`shape_predictor_68_face_landmarks.dat` was trained on iBUG 300-W, whose licence rules out
commercial use; it is not ours to ship.

dlib is an optional extra and imported when an object is made, never with this module. Objects may
be shared between threads, which wait for each other.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.faces import DEFAULT_MAX_FACES
from auheat.faces.crop import CropSpec
from auheat.faces.detection import Detection, FaceLandmarks, Region
from auheat.faces.detector import TwoStageDetector
from auheat.landmarks import CHIN, COUNT, LEFT_BROW, RIGHT_BROW
from auheat.optional import require

# Centre and side of the detector's boxes in an aligned crop of side 1, measured from the crop's
# middle: medians over 120 synthetic faces. A predictor expects its face in such a box.
_BOX_CENTRE, _BOX_SIDE = (0.026, -0.054), 0.783
_UNIT = CropSpec(1)

# A region is this much wider than the detector's box, and is read with so many pixels.
_REGION_FACTOR = 1.6
_PATCH = CropSpec(208)
# The second detection is more lenient than the first: it decides whether a known face is still
# there.
_REFINE_THRESHOLD = -0.4
_MAX_OFFSET = 0.3  # how far from the middle that face may lie, in sides of the box
# Images up to this side are enlarged first: the detector sees faces of 80 pixels and more.
_MAX_ENLARGED_SIDE_PX = 640
_FOREHEAD_FRACTION = (
    0.25  # what is added above the brows, in units of the distance from chin to brows
)


class DlibDetector:
    """dlib's frontal face detector.

    Raises:
        AuheatError: on construction, without dlib.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._model = _dlib().get_frontal_face_detector()

    def detect(self, image: Image) -> list[Detection]:
        """See `BoxDetector.detect`."""
        doublings = int(max(image.shape[:2]) <= _MAX_ENLARGED_SIDE_PX)
        found = []
        for box, score in self.boxes(image, doublings=doublings, threshold=0.0):
            centre = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
            region = Region(centre, _REGION_FACTOR * float(box[2] - box[0]))
            found.append(Detection(box, region, score))
        return found

    def boxes(
        self, image: Image, *, doublings: int, threshold: float
    ) -> list[tuple[NDArray[np.float64], float]]:
        """Boxes about faces.

        Args:
            image: (H, W, 3) RGB.
            doublings: how many times the image is enlarged by two before.
            threshold: the least score on dlib's own scale.

        Returns:
            Boxes (x0, y0, x1, y1) in pixels of `image`, with scores from 0 to 1.
        """
        with self._lock:
            boxes, scores, _ = self._model.run(np.ascontiguousarray(image), doublings, threshold)
        return [
            (
                np.array([b.left() - 0.5, b.top() - 0.5, b.right() + 0.5, b.bottom() + 0.5]),
                float(1 / (1 + np.exp(-2 * score))),
            )
            for b, score in zip(boxes, scores, strict=True)
        ]


class DlibLandmarker:
    """A 68-point shape predictor; the detector decides whether there is a face.

    Args:
        model: the predictor's file.
        detector: finds the face in the region that is read.

    Raises:
        AuheatError: on construction, if dlib is missing or `model` is no such predictor.
    """

    def __init__(self, model: str | Path, detector: DlibDetector) -> None:
        model = Path(model)
        self._lock = Lock()
        self._detector = detector
        dlib = _dlib()
        half = _PATCH.side / _REGION_FACTOR / 2
        first, last = round(_PATCH.side / 2 - half), round(_PATCH.side / 2 + half) - 1
        self._box = dlib.rectangle(first, first, last, last)
        if not model.is_file():
            raise AuheatError(f"no file at {model}")
        try:
            self._predictor = dlib.shape_predictor(str(model))
        except RuntimeError:
            raise AuheatError(f"{model} is not a shape predictor of dlib") from None
        count = len(self._shape(np.zeros((_PATCH.side, _PATCH.side, 3), np.uint8)))
        if count != COUNT:
            raise AuheatError(f"{model} predicts {count} points: expected {COUNT}")

    def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
        """See `Landmarker.locate`."""
        transform = region.transform(_PATCH.side)
        patch = _PATCH.extract(image, transform)
        score = self._certainty(patch)
        if score is None:
            return None
        landmarks = geometry.apply(geometry.invert(transform), self._shape(patch))
        try:
            next_region = _region(landmarks)
        except ValueError:
            return None
        brows = np.concatenate([landmarks[RIGHT_BROW], landmarks[LEFT_BROW]])
        above = brows + _FOREHEAD_FRACTION * (brows.mean(0) - landmarks[CHIN])
        box = geometry.bounding_box(np.concatenate([landmarks, above]))
        return FaceLandmarks(box, landmarks, next_region, score)

    def _certainty(self, patch: Image) -> float | None:
        """The detector's score for the face in the middle of a patch; None if there is none."""
        middle, max_offset = (_PATCH.side - 1) / 2, _MAX_OFFSET * _PATCH.side / _REGION_FACTOR
        boxes = self._detector.boxes(patch, doublings=0, threshold=_REFINE_THRESHOLD)
        return max(
            (
                score
                for box, score in boxes
                if np.abs((box[:2] + box[2:]) / 2 - middle).max() < max_offset
            ),
            default=None,
        )

    def _shape(self, patch: Image) -> NDArray[np.float64]:
        with self._lock:
            shape: Any = self._predictor(patch, self._box)
        return np.array([(point.x, point.y) for point in shape.parts()], np.float64)


def dlib_detector(model: str | Path | None, max_faces: int = DEFAULT_MAX_FACES) -> TwoStageDetector:
    """Dlib's detector and a shape predictor from a file.

    Args:
        model: the predictor's file.
        max_faces: how many faces to return at most.

    Raises:
        AuheatError: if no file is named or it is not a 68-point shape predictor, or without dlib.
    """
    detector = DlibDetector()
    if model is None:
        raise AuheatError(
            "dlib needs the file of a 68-point shape predictor (--dlib-model FILE): none comes "
            "with auheat, and dlib's own is for non-commercial use only"
        )
    return TwoStageDetector(detector, DlibLandmarker(model, detector), max_faces=max_faces)


def _region(landmarks: NDArray[np.float64]) -> Region:
    """Where the detector would put its box about these landmarks, and the margin around it.

    Raises:
        ValueError: if eyes and nose coincide.
    """
    back = geometry.invert(_UNIT.transform(landmarks))
    x, y = geometry.apply(back, np.array([_BOX_CENTRE]))[0]
    side = _REGION_FACTOR * _BOX_SIDE * geometry.scale_of(back)
    return Region((float(x), float(y)), side, float(np.degrees(np.arctan2(back[1, 0], back[0, 0]))))


def _dlib() -> Any:
    return require("dlib")
