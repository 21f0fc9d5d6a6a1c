"""dlib's face detector and 68-point shape predictor, behind the protocols of `auheat.faces.search`.

The detector (histograms of gradients, frontal faces; King, 2015, arXiv:1502.00046) is part of dlib.
The predictor (Kazemi and Sullivan, CVPR 2014) is a file that the user names. The well-known
`shape_predictor_68_face_landmarks.dat` was trained on iBUG 300-W, whose licence rules out
commercial use; it is not ours to ship.

dlib is an optional extra and imported when an object is made, never with this module. Objects may
be shared between threads; calls take turns.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.faces.finder import StillFinder
from auheat.faces.regions import Candidate, Fit, Region
from auheat.faces.search import Image
from auheat.landmarks import CHIN, COUNT, LEFT_BROW, RIGHT_BROW

# Centre and side of the detector's boxes in an aligned crop of side 1, measured from the crop's
# middle: medians over 120 synthetic faces. A predictor expects its face in such a box.
_BOX_CENTRE, _BOX_SIDE = (0.026, -0.054), 0.783
_UNIT = CropSpec(1)

# A region is this much wider than the detector's box, and is looked at with so many pixels.
_MARGIN = 1.6
_PATCH = CropSpec(208)
# The second look is more lenient than the first: it decides whether a known face is still there.
_LENIENT = -0.4
_OFF_CENTRE = 0.3  # how far from the middle that face may lie, in sides of the box
# Smaller pictures are enlarged first: the detector sees faces of 80 pixels and more.
_ENLARGED_UP_TO = 640
_FOREHEAD = 0.25  # what is added above the brows, as a share of the way from chin to brows


class DlibDetector:
    """dlib's frontal face detector. Raises AuheatError on construction without dlib."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._model = _dlib().get_frontal_face_detector()

    def detect(self, image: Image) -> list[Candidate]:
        """See `Detector.detect`."""
        twice = int(max(image.shape[:2]) <= _ENLARGED_UP_TO)
        found = []
        for box, score in self.boxes(image, twice, 0.0):
            centre = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
            region = Region(centre, _MARGIN * float(box[2] - box[0]))
            found.append(Candidate(box, region, score))
        return found

    def boxes(
        self, image: Image, doublings: int, threshold: float
    ) -> list[tuple[NDArray[np.float64], float]]:
        """Boxes (x0, y0, x1, y1) and scores, 0 to 1, in an image enlarged `doublings` times."""
        with self._turn:
            boxes, scores, _ = self._model.run(np.ascontiguousarray(image), doublings, threshold)
        return [
            (
                np.array([b.left() - 0.5, b.top() - 0.5, b.right() + 0.5, b.bottom() + 0.5]),
                float(1 / (1 + np.exp(-2 * score))),
            )
            for b, score in zip(boxes, scores, strict=True)
        ]


class DlibLandmarker:
    """A 68-point shape predictor, with the detector's word for it that there is a face.

    Raises AuheatError on construction if dlib is missing, or `model` is no such predictor.
    """

    def __init__(self, model: Path, detector: DlibDetector) -> None:
        self._turn = Lock()
        self._detector = detector
        dlib = _dlib()
        half = _PATCH.side / _MARGIN / 2
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

    def locate(self, image: Image, region: Region) -> Fit | None:
        """See `Landmarker.locate`."""
        transform = region.transform(_PATCH.side)
        patch = _PATCH.extract(image, transform)
        score = self._certainty(patch)
        if score is None:
            return None
        landmarks = geometry.apply(geometry.invert(transform), self._shape(patch))
        try:
            following = _region(landmarks)
        except ValueError:
            return None
        brows = np.concatenate([landmarks[RIGHT_BROW], landmarks[LEFT_BROW]])
        above = brows + _FOREHEAD * (brows.mean(0) - landmarks[CHIN])
        box = geometry.bounding_box(np.concatenate([landmarks, above]))
        return Fit(box, landmarks, following, score)

    def _certainty(self, patch: Image) -> float | None:
        """The detector's score for the face in the middle of a patch; None if there is none."""
        middle, reach = (_PATCH.side - 1) / 2, _OFF_CENTRE * _PATCH.side / _MARGIN
        return max(
            (
                score
                for box, score in self._detector.boxes(patch, 0, _LENIENT)
                if np.abs((box[:2] + box[2:]) / 2 - middle).max() < reach
            ),
            default=None,
        )

    def _shape(self, patch: Image) -> NDArray[np.float64]:
        with self._turn:
            shape: Any = self._predictor(patch, self._box)
        return np.array([(point.x, point.y) for point in shape.parts()], np.float64)


def dlib_finder(model: Path | None, max_faces: int = 5) -> StillFinder:
    """dlib's detector and a shape predictor from a file.

    Raises AuheatError if no file is named or it is not a 68-point shape predictor, or without dlib.
    """
    detector = DlibDetector()
    if model is None:
        raise AuheatError(
            "dlib needs the file of a 68-point shape predictor (--dlib-model FILE): none comes "
            "with auheat, and dlib's own is for non-commercial use only"
        )
    return StillFinder(detector, DlibLandmarker(model, detector), max_faces)


def _region(landmarks: NDArray[np.float64]) -> Region:
    """Where the detector would put its box about these landmarks, and the margin around it.

    Raises ValueError if eyes and nose coincide.
    """
    back = geometry.invert(_UNIT.transform(landmarks))
    x, y = geometry.apply(back, np.array([_BOX_CENTRE]))[0]
    side = _MARGIN * _BOX_SIDE * geometry.scale_of(back)
    return Region((float(x), float(y)), side, float(np.degrees(np.arctan2(back[1, 0], back[0, 0]))))


def _dlib() -> Any:
    try:
        import dlib
    except ImportError:
        raise AuheatError("dlib is not installed: pip install 'auheat[dlib]'") from None
    return dlib
