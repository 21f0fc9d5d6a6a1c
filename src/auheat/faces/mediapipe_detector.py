"""MediaPipe's face detectors and face mesh, behind the protocols of `auheat.faces.detection`.

The models come with the mediapipe wheel and nothing is fetched. mediapipe is imported when an
object is made, never with this module. Objects may be shared between threads, which wait for each
other.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.faces.crop import CropSpec
from auheat.faces.detection import Detection, FaceLandmarks, Image, Region
from auheat.faces.native_stderr import filter_native_logs
from auheat.landmarks import MESH_OF_LANDMARK

_RIGHT_EYE, _LEFT_EYE = 33, 263

# MediaPipe looks for the mesh in a square 1.5 times as large as the face, 192 pixels wide.
_MARGIN = 1.5
_PATCH = CropSpec(192)
_PRESENCE = "facelandmarkcpu__face_presence_score"
# MediaPipe's own face mesh detects with a short-range model that misses faces further away, so the
# mesh alone is run, on a region given from outside.
_MESH_GRAPH = """
input_stream: "IMAGE:image"
input_stream: "ROI:region"
input_side_packet: "WITH_ATTENTION:with_attention"
output_stream: "LANDMARKS:landmarks"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:region"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:landmarks"
}
"""


class MediaPipeDetector:
    """Two of MediaPipe's detectors together.

    One is for faces far away, one for faces that fill the picture, which the first misses. Both see
    the picture at less than 200 pixels.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        with filter_native_logs():
            from mediapipe.python.solutions.face_detection import FaceDetection

            self._models = [FaceDetection(model_selection=far) for far in (1, 0)]
            self.detect(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: Image) -> list[Detection]:
        """See `BoxDetector.detect`."""
        pixels = np.ascontiguousarray(image)
        size = np.array([image.shape[1], image.shape[0]])
        with self._lock:
            return [
                _detection(detection, size)
                for model in self._models
                for detection in model.process(pixels).detections or ()
            ]


class MediaPipeLandmarker:
    """MediaPipe's 478-point mesh with attention to eyes and lips, read at the 68 landmarks."""

    def __init__(self) -> None:
        self._lock = Lock()
        with filter_native_logs():
            from mediapipe.framework.formats.rect_pb2 import NormalizedRect
            from mediapipe.python.solution_base import SolutionBase

            self._graph = SolutionBase(
                graph_config=_MESH_GRAPH,
                side_inputs={"with_attention": True},
                outputs=["landmarks", _PRESENCE],
            )
            self._whole = NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)
            self.locate(np.zeros((64, 64, 3), np.uint8), Region((32.0, 32.0), 64.0))

    def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
        """See `Landmarker.locate`."""
        transform = region.transform(_PATCH.side)
        patch = _PATCH.extract(image, transform)
        with self._lock:
            result = self._graph.process({"image": patch, "region": self._whole})
        if result.landmarks is None:
            return None
        fractions = np.array([(point.x, point.y) for point in result.landmarks.landmark])
        mesh = geometry.apply(geometry.invert(transform), _pixels(fractions, size=_PATCH.side))
        box = geometry.bounding_box(mesh)
        region = Region.around(
            box, right_eye=mesh[_RIGHT_EYE], left_eye=mesh[_LEFT_EYE], factor=_MARGIN
        )
        score = min(max(float(getattr(result, _PRESENCE)), 0.0), 1.0)
        return FaceLandmarks(box, mesh[list(MESH_OF_LANDMARK)], region, score)


def _detection(detection: Any, size: NDArray[np.int_]) -> Detection:
    """A detection in pixels. size: (width, height) of the picture."""
    place = detection.location_data
    box = place.relative_bounding_box
    corners = np.array(
        [(box.xmin, box.ymin), (box.xmin + box.width, box.ymin + box.height)], np.float64
    )
    right_eye, left_eye = (
        _pixels(np.array([point.x, point.y]), size=size) for point in place.relative_keypoints[:2]
    )
    pixels = _pixels(corners, size=size).ravel()
    region = Region.around(pixels, right_eye=right_eye, left_eye=left_eye, factor=_MARGIN)
    return Detection(pixels, region, min(float(detection.score[0]), 1.0))


def _pixels(fractions: NDArray[np.float64], *, size: int | NDArray[np.int_]) -> NDArray[np.float64]:
    """Positions given as fractions of a length, with pixel centres at integers."""
    return np.asarray(fractions * size - 0.5, np.float64)
