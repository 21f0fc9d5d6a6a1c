"""MediaPipe's two face detectors on ONNX Runtime: anchors, decoding and suppression of overlaps.

The models (`models/README.md`; Bazarevsky et al., BlazeFace, arXiv:1907.05047) see the image at
less than 200 pixels. For each anchor, a fixed place on a grid, they give a score, and where the box
and six points of a face lie relative to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Image
from auheat.faces.detection import Detection, Region
from auheat.faces.model_files import FULL_RANGE, SHORT_RANGE, open_model

# Detections below this score are no faces, and of several that share more than this much of their
# union one is made (MediaPipe's settings).
MIN_SCORE = 0.5
MAX_IOU = 0.3
# MediaPipe looks for landmarks in a square 1.5 times as large as the face.
REGION_FACTOR = 1.5
_RIGHT_EYE, _LEFT_EYE = 2, 3  # rows of a decoded detection, after the corners of its box


class _Grid(NamedTuple):
    """Anchors: a square grid with so many cells along a side, and so many anchors in each cell."""

    cells: int
    anchors: int


class BlazeFace:
    """One of the detectors.

    Args:
        model: its name, see `auheat.faces.model_files`.
        grids: where its anchors lie.

    Raises:
        AuheatError: if the model's file is missing or damaged.
    """

    def __init__(self, model: str, *, grids: Sequence[tuple[int, int]]) -> None:
        self._session = open_model(model)
        self._side: int = self._session.get_inputs()[0].shape[1]
        self._anchors = anchors([_Grid(*grid) for grid in grids]) * self._side

    def detect(self, image: Image) -> list[Detection]:
        """See `BoxDetector.detect`. The most certain come first."""
        small, scale, corner = letterboxed(image, self._side)
        regressors, scores = self._session.run(
            ["regressors", "scores"], {"image": small[np.newaxis]}
        )
        likely = np.flatnonzero(scores[0] >= MIN_SCORE)
        points = decoded(regressors[0][likely].astype(np.float64), self._anchors[likely])
        faces = suppressed(points, scores[0][likely].astype(np.float64))
        return [_detection((points - corner) / scale - 0.5, score) for points, score in faces]


def short_range() -> BlazeFace:
    """The detector of faces that fill the image, up to some 2 m from a phone."""
    return BlazeFace(SHORT_RANGE, grids=[(16, 2), (8, 6)])


def full_range() -> BlazeFace:
    """The detector of faces up to some 5 m away; it misses some that fill the image."""
    return BlazeFace(FULL_RANGE, grids=[(48, 1)])


class BothRanges:
    """Both detectors, one after the other: each finds faces that the other misses.

    Raises:
        AuheatError: if a model's file is missing or damaged.
    """

    def __init__(self) -> None:
        self._models = (full_range(), short_range())

    def detect(self, image: Image) -> list[Detection]:
        """See `BoxDetector.detect`."""
        return [detection for model in self._models for detection in model.detect(image)]


def anchors(grids: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """The middles of the anchors.

    Args:
        grids: (cells along a side, anchors in each cell), one after the other.

    Returns:
        (N, 2), x and y as fractions of the image's side.
    """
    places = []
    for cells, count in grids:
        middles = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middles, middles, indexing="ij")
        places.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), count, axis=0))
    return np.concatenate(places)


def letterboxed(image: Image, side: int) -> tuple[Image, NDArray[np.float64], NDArray[np.float64]]:
    """An image in the middle of a black square.

    Args:
        image: (H, W, 3) RGB.
        side: of the square in pixels.

    Returns:
        The square (side, side, 3), how many of its pixels lie along one of the image (x, y), and
        where the image's upper left corner (x, y) lies in it.
    """
    height, width = image.shape[:2]
    longest = max(height, width)
    size = max(round(width * side / longest), 1), max(round(height * side / longest), 1)
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[y : y + size[1], x : x + size[0]] = shrunk(image, size)
    return square, np.array(size) / (width, height), np.array([x, y], np.float64)


def shrunk(image: Image, size: tuple[int, int]) -> Image:
    """An image at another size (W, H), averaged where it gets smaller.

    From a large image only every n-th pixel is taken, as far as four of them, across and down, are
    left for each pixel of the result.
    """
    step = max(1, min(image.shape[1] // (4 * size[0]), image.shape[0] // (4 * size[1])))
    area = cv2.INTER_AREA if image.shape[1] > size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image[::step, ::step], size, interpolation=area), np.uint8)


def decoded(regressors: NDArray[np.float64], anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes and points in pixels of a model's input.

    Args:
        regressors: (N, 16): middle, size and six points, relative to the anchors.
        anchors: (N, 2), x and y in pixels.

    Returns:
        (N, 8, 2): upper left and lower right corner, right eye, left eye, nose tip, mouth, right
        ear and left ear.
    """
    pairs = regressors.reshape(-1, 8, 2)
    points = pairs + anchors[:, np.newaxis]
    middle, half = points[:, 0], pairs[:, 1] / 2
    return np.concatenate([np.stack([middle - half, middle + half], 1), points[:, 2:]], axis=1)


def suppressed(
    points: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[tuple[NDArray[np.float64], float]]:
    """One detection of each group that overlaps: their mean, weighted by score.

    Args:
        points: (N, 8, 2), see `decoded`.
        scores: (N,).

    Returns:
        Points (8, 2) of each group with its highest score, the highest first.
    """
    left = np.argsort(-scores, kind="stable")
    found = []
    while left.size:
        shared = _iou(points[left[0], :2], points[left, :2])
        group = left[shared > MAX_IOU] if shared[0] > MAX_IOU else left[:1]
        weights = scores[group] / scores[group].sum()
        found.append((np.einsum("n,nij->ij", weights, points[group]), float(scores[left[0]])))
        left = left[~np.isin(left, group)]
    return found


def _iou(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of a box (2, 2), two corners, with others (N, 2, 2)."""
    overlap = np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0])
    shared = np.maximum(overlap, 0).prod(1)
    union = (box[1] - box[0]).prod() + (boxes[:, 1] - boxes[:, 0]).prod(1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float64)


def _detection(points: NDArray[np.float64], score: float) -> Detection:
    box = points[:2].ravel()
    right_eye, left_eye = points[_RIGHT_EYE], points[_LEFT_EYE]
    region = Region.around(box, right_eye=right_eye, left_eye=left_eye, factor=REGION_FACTOR)
    return Detection(box, region, min(score, 1.0))
