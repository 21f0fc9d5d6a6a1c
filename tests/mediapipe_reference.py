"""The mediapipe package behind our protocols: what faces are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.faces.crop import CropSpec
from auheat.faces.detection import Detection, FaceLandmarks, Region
from auheat.faces.detector import TwoStageDetector
from auheat.landmarks import MESH_OF_LANDMARK
from convert_mediapipe import MESH_GRAPH

_PATCH = CropSpec(192)
_PRESENCE = "facelandmarkcpu__face_presence_score"


class MediaPipeDetector:
    """Its detectors for faces far away and for faces that fill the image."""

    def __init__(self) -> None:
        from mediapipe.python.solutions.face_detection import FaceDetection

        self._models = [FaceDetection(model_selection=far) for far in (1, 0)]

    def detect(self, image: Image) -> list[Detection]:
        size = np.array([image.shape[1], image.shape[0]])
        return [
            _detection(found, size)
            for model in self._models
            for found in model.process(np.ascontiguousarray(image)).detections or ()
        ]


class MediaPipeLandmarker:
    """Its mesh with attention, on a region that it is given."""

    def __init__(self) -> None:
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect
        from mediapipe.python.solution_base import SolutionBase

        self._graph = SolutionBase(
            graph_config=MESH_GRAPH,
            side_inputs={"with_attention": True},
            outputs=["landmarks", _PRESENCE],
        )
        self._whole = NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)

    def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
        transform = region.transform(_PATCH.side)
        patch = _PATCH.extract(image, transform)
        result = self._graph.process({"image": patch, "region": self._whole})
        if result.landmarks is None:
            return None
        points = np.array([(point.x, point.y) for point in result.landmarks.landmark])
        mesh = geometry.apply(geometry.invert(transform), points * _PATCH.side - 0.5)
        box = geometry.bounding_box(mesh)
        region = Region.around(box, right_eye=mesh[33], left_eye=mesh[263], factor=1.5)
        score = min(max(float(getattr(result, _PRESENCE)), 0.0), 1.0)
        return FaceLandmarks(box, mesh[list(MESH_OF_LANDMARK)], region, score)


def mediapipe_detector(max_faces: int = 5) -> TwoStageDetector:
    """What auheat 0.1.0 found faces with."""
    return TwoStageDetector(MediaPipeDetector(), MediaPipeLandmarker(), max_faces=max_faces)


def _detection(found: Any, size: NDArray[np.int_]) -> Detection:
    box = found.location_data.relative_bounding_box
    eyes = [
        np.array([point.x, point.y]) * size - 0.5
        for point in found.location_data.relative_keypoints[:2]
    ]
    first, extent = np.array([box.xmin, box.ymin]), np.array([box.width, box.height])
    corners = np.concatenate([first * size, (first + extent) * size]) - 0.5
    region = Region.around(corners, right_eye=eyes[0], left_eye=eyes[1], factor=1.5)
    return Detection(corners, region, min(float(found.score[0]), 1.0))
