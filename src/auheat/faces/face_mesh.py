"""MediaPipe's face meshes on ONNX Runtime: 468 vertices, or 478 with irises, lips and eyes exact.

Kartynnik et al., arXiv:1907.06724; Grishchenko et al., Attention Mesh, arXiv:2006.10962. The models
(`models/README.md`) see a square 1.5 times as large as the face, rotated until the eyes lie level,
at 192 pixels.
"""

from __future__ import annotations

import numpy as np

from auheat import geometry
from auheat.faces.blaze_face import MODELS, REGION_FACTOR
from auheat.faces.crop import CropSpec
from auheat.faces.detection import FaceLandmarks, Image, Region
from auheat.landmarks import MESH_OF_LANDMARK
from auheat.onnx import open_session

_PATCH = CropSpec(192)
# Below this probability of a face in the region the mesh means nothing (MediaPipe's setting).
MIN_PRESENCE = 0.5
_RIGHT_EYE, _LEFT_EYE = 33, 263  # vertices at the outer corners of the eyes
_LANDMARKS = list(MESH_OF_LANDMARK)


class FaceMesh:
    """A landmarker that reads the 68 landmarks from a mesh.

    Args:
        attention: with exact lips, eyes and irises, at more than twice the cost.

    Raises:
        AuheatError: if the model's file is missing or damaged.
    """

    def __init__(self, *, attention: bool = False) -> None:
        name = "face_mesh_attention" if attention else "face_mesh"
        self._session = open_session(MODELS / f"{name}.onnx")

    def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
        """See `Landmarker.locate`. The result carries the mesh."""
        transform = region.transform(_PATCH.side)
        patch = _PATCH.extract_fast(image, transform)
        points, presence = self._session.run(
            ["landmarks", "presence"], {"image": patch[np.newaxis]}
        )
        score = float(presence[0, 0])
        if not score >= MIN_PRESENCE:
            return None
        points = points[0].astype(np.float64)
        # The model counts from the outer edge of its input; pixel centres lie at integers.
        places = geometry.apply(geometry.invert(transform), points[:, :2] - 0.5)
        depths = points[:, 2:] / geometry.scale_of(transform)
        box = geometry.bounding_box(places)
        following = Region.around(
            box, right_eye=places[_RIGHT_EYE], left_eye=places[_LEFT_EYE], factor=REGION_FACTOR
        )
        mesh = np.concatenate([places, depths], axis=1)
        return FaceLandmarks(box, places[_LANDMARKS], following, min(score, 1.0), mesh)
