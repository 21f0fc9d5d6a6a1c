"""The shape of a face in a crop whose landmarks are known, as in a dataset.

For training: in images and videos the mesh is found on the way to the crop, and nothing is looked
for twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import Image
from auheat.face_shape import shape_of
from auheat.faces.blaze_face import REGION_FACTOR
from auheat.faces.detection import Landmarker, Region, refine
from auheat.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER


def shape_in_crop(
    landmarker: Landmarker, image: Image, landmarks: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The shape that an image of this face would be read with: (G,), see `auheat.face_shape`.

    All of it is 0 where no face is found. Arguments are those of `mesh_in_crop`.
    """
    return shape_of(mesh_in_crop(landmarker, image, landmarks))


def mesh_in_crop(
    landmarker: Landmarker, image: Image, landmarks: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The mesh of the face in a crop.

    Args:
        landmarker: one that finds meshes, as `auheat.faces.face_mesh.FaceMesh()`.
        image: (H, W, 3) RGB; the whole face with a fifth of its size about it, or the mesh guesses.
        landmarks: (68, 2) in the image's pixels, to begin from.

    Returns:
        See `auheat.results.Face`; None where no face is found.
    """
    region = Region.around(
        geometry.bounding_box(landmarks),
        right_eye=landmarks[RIGHT_EYE_OUTER],
        left_eye=landmarks[LEFT_EYE_OUTER],
        factor=REGION_FACTOR,
    )
    face = refine(landmarker, image, region=region)
    return None if face is None else face.mesh
