"""The faces that an exported network is checked on.

`faces.jpg` is a sheet of crops of the rendered faces in `examples/`: of each clip, in turn, a face
every eighth frame. More can come from a user's own images and videos.

Letters: N faces, H W crop pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from auheat.errors import AuheatError
from auheat.face_shape import absent, shape_of
from auheat.faces.crop import CropSpec
from auheat.faces.detection import Region, refine
from auheat.faces.detector import default_detector
from auheat.faces.face_mesh import FaceMesh
from auheat.media.frames import VideoFile
from auheat.media.images import is_image, read_image
from auheat.models.runtimes.runtime import Crops, Shapes

_SIDE_PX = 128
# Faces from one image or video at most, and frames of a video from one that is read to the next.
_MAX_FACES, _STEP = 64, 10


def sheet(size: int) -> Crops:
    """The faces that come with auheat, (N, size, size, 3)."""
    page = read_image(Path(str(files("auheat"))) / "export" / "faces.jpg")
    rows, columns = page.shape[0] // _SIDE_PX, page.shape[1] // _SIDE_PX
    tiles = (
        page.reshape(rows, _SIDE_PX, columns, _SIDE_PX, 3)
        .swapaxes(1, 2)
        .reshape(-1, _SIDE_PX, _SIDE_PX, 3)
    )
    return np.asarray([cv2.resize(tile, (size, size)) for tile in tiles], np.uint8)


def faces_in(paths: Iterable[str | Path], size: int) -> Crops:
    """The faces in images and videos, (N, size, size, 3).

    Raises:
        AuheatError: A file shows no face, or cannot be read.
    """
    crops = []
    for path in map(Path, paths):
        found = list(_faces(path, CropSpec(size)))
        if not found:
            raise AuheatError(f"no face in {path}: give examples that show faces")
        crops += found
    return np.stack(crops) if crops else np.empty((0, size, size, 3), np.uint8)


def shapes_in(crops: Crops) -> Shapes:
    """The shapes (N, G) of the meshes of aligned crops (N, H, W, 3); 0 where no face is seen."""
    mesh, size = FaceMesh(), crops.shape[1]
    found = (refine(mesh, crop, region=_whole_face(size)) for crop in crops)
    return np.stack([absent() if face is None else shape_of(face.mesh) for face in found])


def _whole_face(size: int) -> Region:
    """Where the face lies in an aligned crop of `size` pixels, with room about it."""
    return Region((0.5 * size, 0.52 * size), 1.3 * size)


def _faces(path: Path, crop: CropSpec) -> Iterator[Crops]:
    detector, count = default_detector(5), 0
    for image in _images(path):
        for face in detector.detect(image):
            if count == _MAX_FACES:
                return
            count += 1
            yield crop.extract(image, crop.transform(face.landmarks))


def _images(path: Path) -> Iterator[Crops]:
    if is_image(path):
        yield read_image(path)
        return
    for index, frame in enumerate(VideoFile(path)):
        if index % _STEP == 0:
            yield frame.image
