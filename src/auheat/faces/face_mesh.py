"""MediaPipe's face meshes on ONNX Runtime: 468 vertices, or 478 with irises, lips and eyes exact.

Kartynnik et al., arXiv:1907.06724; Grishchenko et al., Attention Mesh, arXiv:2006.10962. The models
(`models/README.md`) see a square 1.5 times as large as the face, rotated until the eyes lie level,
at 192 pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.faces.blaze_face import REGION_FACTOR
from auheat.faces.crop import CropSpec
from auheat.faces.detection import FaceLandmarks, Region
from auheat.faces.model_files import ATTENTION_MESH, MESH, open_model
from auheat.landmarks import of_mesh

_PATCH = CropSpec(192)
# Below this probability of a face in the region the mesh means nothing (MediaPipe's setting).
MIN_PRESENCE = 0.5
_RIGHT_EYE, _LEFT_EYE = 33, 263  # vertices at the outer corners of the eyes


class FaceMesh:
    """A landmarker that reads the 68 landmarks from a mesh.

    Args:
        attention: also run the mesh with attention, for irises and exact lips and lids. It costs
            more than twice as much again. Faces are tracked and aligned by the first mesh all the
            same, which is as exact about eye corners and nose and jitters less, so that readings
            do not depend on it.

    Raises:
        AuheatError: if a model's file is missing or damaged.
    """

    def __init__(self, *, attention: bool = False) -> None:
        self._session = open_model(MESH)
        self._attention = open_model(ATTENTION_MESH) if attention else None

    def locate(self, image: Image, region: Region) -> FaceLandmarks | None:
        """See `Landmarker.locate`. The result carries the mesh."""
        transform = region.transform(_PATCH.side)
        patch = _PATCH.extract_fast(image, transform)[np.newaxis]
        points, presence = self._session.run(["landmarks", "presence"], {"image": patch})
        score = float(presence[0, 0])
        if not score >= MIN_PRESENCE:
            return None
        mesh = _in_frame(points[0], transform)
        box = geometry.bounding_box(mesh[:, :2])
        following = Region.around(
            box, right_eye=mesh[_RIGHT_EYE, :2], left_eye=mesh[_LEFT_EYE, :2], factor=REGION_FACTOR
        )
        exact = None
        if self._attention is not None:
            (points,) = self._attention.run(["landmarks"], {"image": patch})
            exact = _in_frame(points[0], transform)
        return FaceLandmarks(box, of_mesh(mesh), following, min(score, 1.0), mesh, exact)


def _in_frame(points: NDArray[np.float32], transform: geometry.Transform) -> NDArray[np.float64]:
    """A mesh (N, 3) from pixels of the model's input to those of the frame.

    The model counts from the outer edge of its input; pixel centres lie at integers.
    """
    exact = points.astype(np.float64)
    places = geometry.apply(geometry.invert(transform), exact[:, :2] - 0.5)
    return np.concatenate([places, exact[:, 2:] / geometry.scale_of(transform)], axis=1)
