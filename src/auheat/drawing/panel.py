"""The panel beside an annotated image: every AU's name and intensity, for each face.

One face gets a bar per AU; several share a table with one column each. Colour always means
intensity, on the same scale as the heatmaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from auheat.drawing.palette import Colour, face_colour
from auheat.facs import MAX_INTENSITY, TABLE
from auheat.results import FacePrediction, FrameResult

Box = tuple[float, float, float, float]

# Sizes are given for a panel beside an image of 360 pixels and grow with it.
REFERENCE_HEIGHT_PX = 360
WIDTH_PX = 236
_MARGIN, _LABEL, _VALUE, _HEAD, _FOOT = 12, 44, 32, 34, 26
# A column narrower than this shows colours without numbers.
_MIN_NUMBER_WIDTH_PX = 17

_BACKGROUND: Colour = (24, 26, 31)
_TRACK: Colour = (48, 51, 59)
_TICK: Colour = (72, 76, 86)
_TEXT: Colour = (236, 238, 242)
_FAINT: Colour = (150, 155, 166)


@cache
def name_tag(face_id: int, unit: float) -> NDArray[np.uint8]:
    """The number of a face on its colour, as in the panel's head: (h, w, 3) RGB.

    Colours alone would not tell people apart for everybody.
    """
    font, words = _font(max(10, round(13 * unit))), str(face_id)
    left, top, right, bottom = font.getbbox(words)
    across, down = round(right - left + 8 * unit), round(bottom - top + 8 * unit)
    tag = Image.new("RGB", (across, down), face_colour(face_id))
    place = ((across - right - left) / 2, (down - bottom - top) / 2)
    ImageDraw.Draw(tag).text(place, words, _readable_on(face_colour(face_id)), font)
    return np.array(tag, np.uint8)


@cache
def colour_scale() -> NDArray[np.uint8]:
    """RGB of 256 steps from intensity 0 to 5, (256, 3)."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS)[:, 0, ::-1], np.uint8)


def intensity_colour(intensity: float) -> Colour:
    """The colour of an intensity from 0 to 5."""
    step = round(255 * min(max(intensity / MAX_INTENSITY, 0.0), 1.0))
    red, green, blue = (int(value) for value in colour_scale()[step])
    return red, green, blue


class Panel:
    """Draws panels of one size.

    Args:
        aus: the rows, from top to bottom.
        height: pixels.
        unit: pixels per reference pixel.
    """

    def __init__(self, aus: Sequence[str], height: int, unit: float) -> None:
        self.aus, self.unit = tuple(aus), unit
        self.size = (round(WIDTH_PX * unit / 2) * 2, height)
        room = min(height / unit, 1.6 * REFERENCE_HEIGHT_PX) - _HEAD - _FOOT
        self._row = min(room / max(len(self.aus), 1), 40.0)
        self._font = min(12.0, 0.62 * self._row)
        self._empty = self._drawn_background()

    def draw(self, result: FrameResult) -> NDArray[np.uint8]:
        """The panel for one frame, (height, width, 3) RGB."""
        image = self._empty.copy()
        pen = ImageDraw.Draw(image)
        if len(result) > 1:
            self._table(pen, result.faces)
        else:
            self._bars(pen, result.faces)
        self._foot(pen, result)
        return np.array(image, np.uint8)

    def _bars(self, pen: ImageDraw.ImageDraw, faces: Sequence[FacePrediction]) -> None:
        for row, au in enumerate(self.aus):
            x0, y0, x1, y1 = self._cell(row, 0, 1, _VALUE)
            pen.rectangle(self._scaled((x0, y0, x1, y1)), _TRACK)
            level = faces[0].intensities[au] if faces else 0.0
            end = x0 + (x1 - x0) * level / MAX_INTENSITY
            if self._pixels(end - x0) >= 1:
                pen.rectangle(self._scaled((x0, y0, end, y1)), intensity_colour(level))
            for tick in range(1, round(MAX_INTENSITY)):
                x = x0 + (x1 - x0) * tick / MAX_INTENSITY
                pen.line([self._at(x, y1 - 3), self._at(x, y1)], _TICK, self._pixels(1))
            middle = (y0 + y1) / 2
            self._name_on_bar(
                pen, TABLE[au].title, x=x0, middle=middle, end=end, fill=intensity_colour(level)
            )
            if faces:
                self._text(
                    pen,
                    (WIDTH_PX - _MARGIN, middle),
                    words=f"{level:.1f}",
                    colour=_TEXT,
                    anchor="rm",
                )
        if faces:
            self._head(pen, faces[0], _MARGIN, "face ", f"confidence {faces[0].confidence:.2f}")
        else:
            self._text(pen, (_MARGIN, _HEAD / 2 + 2), words="no face", colour=_FAINT, anchor="lm")

    def _name_on_bar(
        self,
        pen: ImageDraw.ImageDraw,
        title: str,
        *,
        x: float,
        middle: float,
        end: float,
        fill: Colour,
    ) -> None:
        """The AU's name inside its bar, to be read on the fill as well as on the empty track."""
        length = pen.textlength(title, self._font_of(0.8)) / self.unit
        colour = _TEXT if end > x + 5 else _FAINT
        if end >= x + 5 + 0.9 * length:
            colour = _readable_on(fill)
        self._text(pen, (x + 5, middle), words=title, colour=colour, anchor="lm", size=0.8)

    def _table(self, pen: ImageDraw.ImageDraw, faces: Sequence[FacePrediction]) -> None:
        for column, face in enumerate(faces):
            for row, au in enumerate(self.aus):
                x0, y0, x1, y1 = self._cell(row, column, len(faces), 0)
                level = face.intensities[au]
                fill = intensity_colour(level)
                pen.rectangle(self._scaled((x0, y0, x1, y1)), fill if level >= 0.05 else _TRACK)
                if x1 - x0 > _MIN_NUMBER_WIDTH_PX:
                    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
                    self._text(
                        pen,
                        middle,
                        words=f"{level:.1f}",
                        colour=_readable_on(fill),
                        anchor="mm",
                        size=0.9,
                    )
            self._head(pen, face, self._cell(0, column, len(faces), 0)[0], "", "")

    def _head(
        self, pen: ImageDraw.ImageDraw, face: FacePrediction, x: float, before: str, note: str
    ) -> None:
        middle = _HEAD / 2 + 2
        dot = (x, middle - 5, x + 10, middle + 5)
        pen.ellipse(self._scaled(dot), face_colour(face.face_id))
        self._text(
            pen, (x + 15, middle), words=f"{before}{face.face_id}", colour=_TEXT, anchor="lm"
        )
        self._text(
            pen, (WIDTH_PX - _MARGIN, middle), words=note, colour=_FAINT, anchor="rm", size=0.9
        )

    def _foot(self, pen: ImageDraw.ImageDraw, result: FrameResult) -> None:
        middle = self.size[1] / self.unit - _FOOT / 2
        moment = f"frame {result.frame}   {result.timestamp:.2f} s" if result.frame else ""
        words = moment if result.input is None else result.input
        self._text(pen, (_MARGIN, middle), words=words, colour=_FAINT, anchor="lm", size=0.8)

    def _drawn_background(self) -> Image.Image:
        image = Image.new("RGB", self.size, _BACKGROUND)
        pen = ImageDraw.Draw(image)
        for row, au in enumerate(self.aus):
            _, y0, _, y1 = self._cell(row, 0, 1, 0)
            self._text(pen, (_MARGIN, (y0 + y1) / 2), words=au, colour=_TEXT, anchor="lm")
        middle = self.size[1] / self.unit - _FOOT / 2
        x0, y0, x1, y1 = self._scaled((WIDTH_PX - 84, middle - 4, WIDTH_PX - 24, middle + 4))
        scale = Image.fromarray(np.ascontiguousarray(colour_scale()[None]))
        size = max(round(x1 - x0), 1), max(round(y1 - y0), 1)
        image.paste(scale.resize(size), (round(x0), round(y0)))
        self._text(pen, (WIDTH_PX - 88, middle), words="0", colour=_FAINT, anchor="rm", size=0.8)
        self._text(pen, (WIDTH_PX - 20, middle), words="5", colour=_FAINT, anchor="lm", size=0.8)
        return image

    def _cell(self, row: int, column: int, columns: int, right: float) -> Box:
        """The box of one value in reference pixels. right: room kept on the right."""
        start, end = _MARGIN + _LABEL, WIDTH_PX - _MARGIN - right
        width, gap = (end - start) / columns, 3 if columns > 1 else 0
        top = _HEAD + row * self._row + 0.12 * self._row
        left = start + column * width
        return left, top, left + width - gap, top + 0.76 * self._row

    def _text(
        self,
        pen: ImageDraw.ImageDraw,
        place: tuple[float, float],
        *,
        words: str,
        colour: Colour,
        anchor: str,
        size: float = 1.0,
    ) -> None:
        pen.text(self._at(*place), words, colour, self._font_of(size), anchor)

    def _font_of(self, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return _font(max(8, round(self._font * size * self.unit)))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return x * self.unit, y * self.unit

    def _scaled(self, box: Box) -> Box:
        """A box in panel pixels, the last ones included, as Pillow draws it."""
        x0, y0, x1, y1 = (round(value * self.unit) for value in box)
        return x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)

    def _pixels(self, length: float) -> int:
        return max(round(length * self.unit), 0)


def _readable_on(colour: Colour) -> Colour:
    """Dark or light text, whichever stands out."""
    red, green, blue = colour
    return (16, 18, 22) if 0.3 * red + 0.59 * green + 0.11 * blue > 130 else _TEXT


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
