"""Keeps the face in which each Action Unit is strongest, while results pass.

So a report needs no image again when all is read. What is kept is bounded: for each AU the faces of
a few people, as small crops.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image as Pillow

from auheat import geometry
from auheat.arrays import Image
from auheat.drawing.overlay import Overlay
from auheat.results import FacePrediction, FrameResult

# People of whom each AU's strongest face is kept: calibration may change who of them is strongest.
MAX_PEOPLE = 3
# Room around the face, as a fraction of its size; and the side of what is kept, in pixels.
_ROOM, _SIDE = 0.35, 360


@dataclass(eq=False)
class _Crop:
    """The crop of a face from its frame.

    Attributes:
        image: (h, w, 3) RGB, or the same as JPEG.
        to_crop: 2x3, from frame pixels.
    """

    image: Image | bytes
    to_crop: geometry.Transform

    def pack(self) -> None:
        """Keeps the image as JPEG from now on, a tenth of its size."""
        if isinstance(self.image, np.ndarray):
            stream = io.BytesIO()
            Pillow.fromarray(self.image).save(stream, "JPEG", quality=95)
            self.image = stream.getvalue()

    @property
    def pixels(self) -> Image:
        """(h, w, 3) RGB."""
        if isinstance(self.image, np.ndarray):
            return self.image
        return np.array(Pillow.open(io.BytesIO(self.image)), np.uint8)


@dataclass(frozen=True, eq=False)
class _Kept:
    """The strongest face of one person and AU."""

    intensity: float
    frame: int
    crop: _Crop
    face: FacePrediction


class PeakKeeper:
    """Keeps, for each AU, the strongest face of each of a few people.

    Args:
        aus: The AUs.
        by_person: Whether faces have an identity; without, as in images, only the strongest of all
            is kept.
    """

    def __init__(self, aus: Sequence[str], *, by_person: bool) -> None:
        self._by_person = by_person
        self._kept: dict[str, dict[int, _Kept]] = {au: {} for au in aus}

    def add(self, image: Image, result: FrameResult) -> None:
        """Looks at one frame. image: (H, W, 3) RGB."""
        for face in result:
            crop = None
            for au, best in self._kept.items():
                person = face.face_id if self._by_person else 0
                if not self._is_stronger(face.intensities[au], best, person):
                    continue
                crop = crop or _cut_out(image, face)
                best[person] = _Kept(face.intensities[au], result.frame, crop, _only(face, au))
                if len(best) > MAX_PEOPLE:
                    del best[min(best, key=lambda one: best[one].intensity)]

    def image(self, au: str, frame: int, face_id: int) -> Image | None:
        """The face with the heatmap of that AU, or None if it is not the one that was kept.

        Args:
            au: The AU that is strongest there.
            frame: Number of the frame.
            face_id: Whose face.

        Returns:
            (h, w, 3) RGB.
        """
        kept = self._kept[au].get(face_id if self._by_person else 0)
        if kept is None or kept.frame != frame or kept.face.face_id != face_id:
            return None
        return draw(kept.crop.pixels, kept.crop.to_crop, kept.face)

    def pack(self) -> None:
        """Needs less memory from now on; called when all is read."""
        for best in self._kept.values():
            for one in best.values():
                one.crop.pack()

    def _is_stronger(self, intensity: float, best: dict[int, _Kept], person: int) -> bool:
        if person in best:
            return intensity > best[person].intensity
        return len(best) < MAX_PEOPLE or intensity > min(one.intensity for one in best.values())


def face_image(image: Image, face: FacePrediction, au: str) -> Image:
    """The crop of a face from its frame (H, W, 3), with the heatmap of one AU."""
    crop = _cut_out(image, face)
    return draw(crop.pixels, crop.to_crop, _only(face, au))


def shrunk(image: Image) -> Image:
    """A whole image, at most `_SIDE` pixels wide and high."""
    scale = min(1.0, _SIDE / max(image.shape[:2]))
    size = tuple(max(round(side * scale), 1) for side in (image.shape[1], image.shape[0]))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def draw(image: Image, to_crop: geometry.Transform, face: FacePrediction) -> Image:
    """A crop with the heatmaps of a face whose places are in pixels of the frame."""
    box = geometry.apply(to_crop, face.box.reshape(2, 2)).reshape(4)
    inner = replace(face.face, box=box, landmarks=geometry.apply(to_crop, face.landmarks))
    moved = replace(
        face, face=inner, heatmap_to_frame=geometry.compose(to_crop, face.heatmap_to_frame)
    )
    overlay = Overlay(tuple(face.intensities), *image.shape[:2])
    return overlay.draw_faces(image, FrameResult(1, 0.0, faces=(moved,)))


def _only(face: FacePrediction, au: str) -> FacePrediction:
    """The face with one AU; its heatmap is a copy, so that the others can be freed."""
    heatmaps = {au: face.heatmaps[au].copy()} if au in face.heatmaps else {}
    return replace(
        face, intensities={au: face.intensities[au]}, heatmaps=heatmaps, raw=None, std=None
    )


def _cut_out(image: Image, face: FacePrediction) -> _Crop:
    """A square around a face, moved into the image, at most `_SIDE` pixels wide."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = face.box
    side = min(max(round((1 + 2 * _ROOM) * max(x1 - x0, y1 - y0)), 1), height, width)
    x = int(np.clip((x0 + x1 - side) / 2, 0, width - side))
    y = int(np.clip((y0 + y1 - side) / 2, 0, height - side))
    part = image[y : y + side, x : x + side]
    to_crop = geometry.similarity(shift=(-x, -y))
    if side <= _SIDE:
        return _Crop(part.copy(), to_crop)
    small = cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    to_small = geometry.between_sizes(part.shape, small.shape)
    return _Crop(np.asarray(small, np.uint8), geometry.compose(to_small, to_crop))
