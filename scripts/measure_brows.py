"""Measures how high the dark of resting brows lies, on rendered faces and in images.

    python scripts/measure_brows.py --assets ASSETS [--people 60] [--images FOLDER ...]

A landmarker sets its points by the outline of a brow, which a thick one moves; the dark itself is
where it is. The folders hold images of faces whose brows rest. Prints the medians over faces, over
the line through the outer eye corners and in distances between them. Constants of the renderer come
from publications, never from images measured here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from auheat import geometry
from auheat.arrays import Image
from auheat.faces.crop import CropSpec
from auheat.faces.detector import default_detector
from auheat.folders import IMAGE_SUFFIXES, files_in
from auheat.geometry import Points
from auheat.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from auheat.media.images import read_image
from auheat.synthesis.assets import load_pack
from auheat.synthesis.expression import Expression
from auheat.synthesis.studio import Studio
from auheat.tables.markdown import markdown_table

Face = tuple[Image, Points]  # an image and the landmarks (68, 2) seen in it

_CROP = CropSpec(192, 64)
_SEED = 77
_SIDE_PX, _SPAN_PX = 300, 150.0  # of the levelled image, between the outer eye corners in it
# How far from the middle of the face: over the inner and the outer half of the eye, and beside it.
_ACROSS = (0.20, 0.40, 0.48)
_LOWEST, _HIGHEST = 0.08, 0.30  # above the lashes, below the hair


def dark_of_brows(face: Face) -> Points:
    """How high the darkest of both brows lies at each place of `_ACROSS`, (3,)."""
    image, landmarks = face
    right, left = landmarks[RIGHT_EYE_OUTER], landmarks[LEFT_EYE_OUTER]
    span, middle = left - right, _SIDE_PX / 2
    turn = -float(np.degrees(np.arctan2(span[1], span[0])))
    level = geometry.similarity(scale=_SPAN_PX / float(np.linalg.norm(span)), degrees=turn)
    level[:, 2] = middle - geometry.apply(level, (right + left) / 2)
    gray = cv2.warpAffine(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), level, (_SIDE_PX, _SIDE_PX))
    top, bottom = (round(middle - height * _SPAN_PX) for height in (_HIGHEST, _LOWEST))
    found = []
    for across in _ACROSS:
        columns = [round(middle + sign * across * _SPAN_PX) for sign in (-1, 1)]
        bands = np.hstack([gray[top:bottom, at - 5 : at + 6] for at in columns])
        rows = cv2.GaussianBlur(bands.mean(1, keepdims=True), (1, 5), 1)
        found.append((middle - top - float(rows.argmin())) / _SPAN_PX)
    return np.array(found)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--images", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    studio, detector = Studio(load_pack(arguments.assets)), default_detector(max_faces=5)
    people = (studio.person(_SEED, subject) for subject in range(arguments.people))
    shown = [
        studio.portrait(who, Expression({}), _CROP.transform, _CROP.side, 2.0) for who in people
    ]
    faces: dict[str, list[Face]] = {"rendered": [(one.image, one.landmarks) for one in shown]}
    for folder in arguments.images:
        images = [read_image(path) for path in files_in(folder, IMAGE_SUFFIXES)]
        faces[folder.name] = [(i, face.landmarks) for i in images for face in detector.detect(i)]
    rows = []
    for name, found in faces.items():
        heights = np.array([dark_of_brows(face) for face in found]).reshape(-1, len(_ACROSS))
        rows.append([name, len(found), *(f"{height:.3f}" for height in np.median(heights, axis=0))])
    places = [f"{across:.2f} from the middle" for across in _ACROSS]
    print(markdown_table(["faces", "count", *places], rows))


if __name__ == "__main__":
    main()
