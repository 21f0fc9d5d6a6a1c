"""Draws what was read onto the image: face boxes, landmarks, heatmaps, and the panel of AUs."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import AnyImage, Image
from auheat.drawing.palette import face_colour
from auheat.drawing.panel import REFERENCE_HEIGHT_PX, Panel, colour_scale, name_tag
from auheat.errors import AuheatError, check_flag
from auheat.facs import MAX_INTENSITY
from auheat.results import FacePrediction, FrameResult, checked_image

# Intensities at which a heatmap begins to show, and from which on it is as opaque as it gets.
_FAINTEST_LEVEL, _OPAQUE_LEVEL, _OPACITY = 0.5, 2.5, 0.75
# Heatmaps are enlarged smoothly by this factor before they are laid on the face.
_ENLARGEMENT = 8
# Rows of an image that are blended at once.
_BAND_ROWS = 128
# No side is enlarged beyond this. As the shorter one is enlarged to 360 at most, so are the pixels.
_MAX_ENLARGED_PX = 4096


def draw(image: AnyImage, result: FrameResult, *, panel: bool = True) -> Image:
    """The image with boxes, landmarks and heatmaps, and beside it a panel of intensities.

    Args:
        image: (H, W, 3) RGB uint8; it is not changed.
        result: What was predicted for it. Without heatmaps none are drawn.
        panel: Whether the panel is drawn.

    Returns:
        (h, w, 3) RGB uint8, enlarged where the image is small, with even sides.

    Raises:
        AuheatError: If the image is no such array, the result none, or of an image of another size.
    """
    image = checked_image(image)
    check_flag("panel", panel)
    if not isinstance(result, FrameResult):
        raise AuheatError(
            f"the result is of type {type(result).__name__}: give a FrameResult, as `predict` gives"
        )
    size = image.shape[0], image.shape[1]
    for prediction in result:
        if prediction.image_size not in (None, size):
            height, width = prediction.image_size or size
            raise AuheatError(
                f"the result is of an image of {width}x{height} pixels, not of {size[1]}x{size[0]}"
            )
    overlay = Overlay(result.aus, *size)
    return overlay.draw(image, result) if panel else overlay.draw_faces(image, result)


class Overlay:
    """Draws annotated images of one size.

    Args:
        aus: the AUs to show.
        height: of the images in pixels.
        width: of the images in pixels.
    """

    def __init__(self, aus: Sequence[str], height: int, width: int) -> None:
        wanted = REFERENCE_HEIGHT_PX / min(height, width)
        scale = max(1.0, min(wanted, _MAX_ENLARGED_PX / max(height, width)))
        self._height, self._width = _even(height * scale), _even(width * scale)
        # a narrow image has a panel that can be read; beside a flat one there is no room for that
        shorter = min(self._height, max(self._width, REFERENCE_HEIGHT_PX))
        self._unit = shorter / REFERENCE_HEIGHT_PX
        self._panel = Panel(aus, self._height, self._unit)
        self._line = max(1, round(1.5 * self._unit))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of what `draw` returns, both even."""
        return self._height, self._width + self._panel.size[0]

    def draw(self, image: Image, result: FrameResult) -> Image:
        """The annotated image. image: (H, W, 3) RGB; it is not changed."""
        canvas = np.empty((*self.size, 3), np.uint8)
        self._draw_faces(canvas[:, : self._width], image, result)
        canvas[:, self._width :] = self._panel.draw(result)
        return canvas

    def draw_faces(self, image: Image, result: FrameResult) -> Image:
        """The annotated image without the panel."""
        canvas = np.empty((self._height, self._width, 3), np.uint8)
        self._draw_faces(canvas, image, result)
        return canvas

    def _draw_faces(self, canvas: Image, image: Image, result: FrameResult) -> None:
        if image.shape == canvas.shape:
            canvas[:] = image
        else:
            size = (self._width, self._height)
            canvas[:] = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
        to_canvas = geometry.between_sizes(image.shape, canvas.shape)
        for prediction in result:
            _lay_heat(canvas, prediction, to_canvas)
        for prediction in result:
            self._mark(canvas, prediction, to_canvas)
            if len(result) > 1:
                self._name(canvas, prediction, to_canvas)

    def _name(
        self, canvas: Image, prediction: FacePrediction, to_canvas: geometry.Transform
    ) -> None:
        """Puts the face's number at the upper left corner of its box, inside the image."""
        tag = name_tag(prediction.face_id, self._unit)
        corner = geometry.apply(to_canvas, prediction.box[:2]) - [0, tag.shape[0] + self._line]
        most = [self._width - tag.shape[1], self._height - tag.shape[0]]
        x, y = np.clip(np.rint(corner), 0, np.maximum(most, 0)).astype(int)
        part = canvas[y : y + tag.shape[0], x : x + tag.shape[1]]
        part[:] = tag[: part.shape[0], : part.shape[1]]

    def _mark(
        self, canvas: Image, prediction: FacePrediction, to_canvas: geometry.Transform
    ) -> None:
        colour = face_colour(prediction.face_id)
        corners = geometry.apply(to_canvas, prediction.box.reshape(2, 2))
        (x0, y0), (x1, y1) = corners
        arm = 0.14 * max(x1 - x0, y1 - y0)
        for x, towards_x in ((x0, arm), (x1, -arm)):
            for y, towards_y in ((y0, arm), (y1, -arm)):
                angle = np.array([[x + towards_x, y], [x, y], [x, y + towards_y]])
                _polyline(canvas, angle, colour=colour, line=self._line)
        radius = max(0.8, 0.0045 * (y1 - y0))
        for point in geometry.apply(to_canvas, prediction.landmarks):
            _dot(canvas, point, radius)


def heat_colours() -> NDArray[np.uint8]:
    """RGBA of 256 steps from intensity 0 to 5, (256, 4), as heatmaps are laid over images."""
    opacity = _opacity(np.linspace(0.0, MAX_INTENSITY, 256, dtype=np.float32))
    alpha = np.rint(255 * opacity).astype(np.uint8)
    return np.column_stack([colour_scale(), alpha])


def _opacity(intensities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of the image a heatmap covers, 0 to 1."""
    rising = np.clip((intensities - _FAINTEST_LEVEL) / (_OPAQUE_LEVEL - _FAINTEST_LEVEL), 0.0, 1.0)
    return np.asarray(_OPACITY * rising, np.float32)


def _lay_heat(canvas: Image, prediction: FacePrediction, to_canvas: geometry.Transform) -> None:
    """Blends the strongest of a face's heatmaps at every pixel into the image."""
    if not prediction.heatmaps:
        return
    strongest = np.max(np.stack(list(prediction.heatmaps.values())), axis=0)
    rows, columns = strongest.shape
    smooth = cv2.resize(
        strongest, (columns * _ENLARGEMENT, rows * _ENLARGEMENT), interpolation=cv2.INTER_CUBIC
    )
    from_smooth = geometry.invert(geometry.between_sizes(strongest.shape, smooth.shape))
    to_here = geometry.compose(
        to_canvas, geometry.compose(prediction.heatmap_to_frame, from_smooth)
    )
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * [smooth.shape[1], smooth.shape[0]]
    x0, y0, x1, y1 = geometry.bounding_box(geometry.apply(to_here, corners)).round().astype(int)
    x0, y0 = max(x0, 0), max(y0, 0)
    x1, y1 = min(x1, canvas.shape[1]), min(y1, canvas.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    shifted = geometry.compose(geometry.similarity(shift=(-x0, -y0)), to_here)
    levels = cv2.warpAffine(smooth, shifted, (int(x1 - x0), int(y1 - y0)), flags=cv2.INTER_LINEAR)
    colours = colour_scale().astype(np.float32)
    for y in range(
        0, len(levels), _BAND_ROWS
    ):  # of a large face all at once would take much memory
        band = levels[y : y + _BAND_ROWS]
        opacity = _opacity(band.astype(np.float32))
        steps = np.clip(band * (255 / MAX_INTENSITY), 0, 255).astype(np.uint8)
        part = canvas[y0 + y : y0 + y + len(band), x0:x1]
        part[:] = part + opacity[..., None] * (colours[steps] - part)


def _polyline(
    canvas: Image, points: NDArray[np.float64], *, colour: tuple[int, ...], line: int
) -> None:
    fixed = np.rint(points * 16).astype(np.int32)
    cv2.polylines(canvas, [fixed], False, colour, line, cv2.LINE_AA, 4)


def _dot(canvas: Image, point: NDArray[np.float64], radius: float) -> None:
    """A white disc with a soft edge. OpenCV's circles of this size come out as crosses."""
    x0, y0 = np.maximum(np.floor(point - radius - 1).astype(int), 0)
    x1, y1 = np.ceil(point + radius + 2).astype(int)
    part = canvas[y0 : max(y1, 0), x0 : max(x1, 0)]
    y, x = np.ogrid[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
    cover = np.clip(radius + 0.5 - np.hypot(x - point[0], y - point[1]), 0.0, 1.0)
    part[:] = part + cover[..., None] * (255.0 - part)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))
