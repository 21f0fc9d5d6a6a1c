"""Figures 5 and 8: predicted heatmaps over faces, and intensities through a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.facs import MAX_INTENSITY
from auheat.figures import style
from auheat.figures.face_maps import Faces, level_text, show_face, show_map, show_scale
from auheat.metrics import icc31

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# More columns than these do not leave room for the words above them.
MAX_AUS = 6
_LEFT, _GAP, _BAR, _BAR_ROOM, _WORDS, _LARGEST = 0.06, 0.05, 0.08, 0.42, 0.27, 1.15
_CURVE, _CURVE_LEFT, _CURVE_GAP, _CURVE_ABOVE, _CURVE_BELOW = 1.0, 0.4, 0.5, 0.3, 0.36
_CURVE_RIGHT = 0.14
_LETTERS, _PREDICTED = 0.18, 0.14
_COMPARED = ("(a) with SCC", "(b) without SCC")
_BELOW: dict[str, Any] = {"ha": "center", "va": "top"}


@dataclass(frozen=True, eq=False)
class AgreementCurve:
    """One AU through one labelled sequence, as predicted and as labelled.

    `tables.series.PersonSeries` has all AUs of a person in a video, whose labels nobody knows.

    Attributes:
        frames: (N,) numbers of frames, ascending.
        predicted: (N,) intensities.
        labelled: (N,) intensities, NaN where there is none.
        au: The AU.
        sequence: The sequence.
    """

    frames: NDArray[np.integer[Any]]
    predicted: NDArray[np.floating[Any]]
    labelled: NDArray[np.floating[Any]]
    au: str
    sequence: str

    @classmethod
    def of(cls, predictions: Predictions, sequence: str, au: str) -> AgreementCurve:
        """The frames of a sequence in order.

        Raises:
            AuheatError: if it or the AU is not there.
        """
        table = predictions.table
        rows = table[table["sequence"] == sequence].sort_values("frame")
        if not len(rows) or au not in predictions.aus:
            raise AuheatError(f"no predictions of {au} for sequence {sequence!r}")
        frames, predicted, labelled = (rows[name].to_numpy() for name in ("frame", au, au + LABEL))
        return cls(frames, predicted, labelled, au, sequence)

    @property
    def icc(self) -> float:
        """ICC(3,1) over the frames that have both; NaN where it is not defined."""
        pairs = np.stack([self.predicted, self.labelled], 1).astype(np.float64)
        return icc31(pairs[~np.isnan(pairs).any(1)])


@style.styled
def figure5(
    faces: Faces,
    curves: Sequence[AgreementCurve],
    *,
    synthetic: bool,
    aus: Sequence[str] | None = None,
    data: str = "",
) -> Figure:
    """A row of heatmaps for each face, then one or two curves side by side; as wide as a page.

    Args:
        faces: what is drawn above.
        curves: what is drawn below.
        synthetic: whether the faces were rendered, which the figure says.
        aus: the AUs to show, at most 6; by default those with the largest labels.
        data: words for the caption.

    Raises:
        ValueError: for more AUs or curves.
    """
    chosen = faces.only(aus or faces.strongest(MAX_AUS))
    _check_room(chosen.aus, curves)
    cell = _cell(1 + len(chosen.aus))
    rows = len(faces.images) * (_WORDS + cell)
    curve_height = _CURVE_ABOVE + _CURVE + _CURVE_BELOW if curves else 0.05
    sheet = style.Sheet(
        style.PAGE_IN, rows + curve_height, "Predicted heatmaps and intensities", data, synthetic
    )
    heat = _predicted(sheet, chosen, cell)
    right = _LEFT + (1 + len(chosen.aus)) * (cell + _GAP)
    show_scale(sheet, (right, _WORDS, _BAR, rows - _WORDS), heat=heat, label="intensity (level)")
    room = style.PAGE_IN - _CURVE_LEFT - _CURVE_RIGHT
    for place, curve in enumerate(curves):
        wide = (room - _CURVE_GAP * (len(curves) - 1)) / len(curves)
        left = _CURVE_LEFT + place * (wide + _CURVE_GAP)
        _plot(sheet.axes(left, rows + _CURVE_ABOVE, wide, _CURVE), curve, legend=place == 0)
    return sheet.figure


@style.styled
def figure8(
    with_scc: Faces,
    without_scc: Faces,
    *,
    synthetic: bool,
    aus: Sequence[str] | None = None,
    data: str = "",
) -> Figure:
    """The same faces seen by two networks: (a) with SCC, and below it (b) without.

    Raises:
        ValueError: if the images or labels differ, or for more than 6 AUs.
    """
    names = tuple(aus or with_scc.strongest(MAX_AUS))
    above, below = with_scc.only(names), without_scc.only(names)
    same = np.array_equal(above.images, below.images)
    if not same or not np.array_equal(above.labels, below.labels, equal_nan=True):
        raise ValueError("both networks need the same images and labels")
    _check_room(names, ())
    cell = _cell(1 + len(names), _LETTERS)
    pair = _WORDS + 2 * (cell + _PREDICTED)
    count = len(above.images)
    title = "Predicted heatmaps (a) with and (b) without semantic correspondence"
    sheet = style.Sheet(style.PAGE_IN, count * pair, title, data, synthetic)
    for row, image in enumerate(above.images):
        middle = row * pair + _WORDS + (cell + _PREDICTED) / 2
        _input(sheet, image, (_LEFT, middle, cell))
        for place, (faces, words) in enumerate(zip((above, below), _COMPARED, strict=True)):
            top = row * pair + _WORDS + place * (cell + _PREDICTED)
            left = _LEFT + cell + _GAP
            middle = sheet.top + top + cell / 2
            sheet.text(left, middle, words, style.SMALL, rotation=90, va="center")
            heat = _compared(
                sheet, faces, row=row, place=(left + _LETTERS, top, cell), titles=not place
            )
    right = _LEFT + _LETTERS + (1 + len(names)) * (cell + _GAP)
    high = count * pair - _WORDS - _PREDICTED
    show_scale(sheet, (right, _WORDS, _BAR, high), heat=heat, label="intensity (level)")
    return sheet.figure


def _predicted(sheet: style.Sheet, faces: Faces, cell: float) -> AxesImage:
    """A row for each face: the input, then every AU's map with what is predicted and labelled."""
    for row, image in enumerate(faces.images):
        top = row * (_WORDS + cell) + _WORDS
        _input(sheet, image, (_LEFT, top, cell))
        for a, au in enumerate(faces.aus):
            axes = sheet.axes(_LEFT + (a + 1) * (cell + _GAP), top, cell, cell)
            heat = show_map(axes, image, values=faces.maps[row, a])
            label = level_text(faces.labels[row, a])
            words = f"{au}\npred {faces.predictions[row, a]:.1f} | label {label}"
            axes.set_title(words, fontsize=style.SMALL)
    return heat


def _input(sheet: style.Sheet, image: NDArray[np.uint8], place: tuple[float, float, float]) -> None:
    """An image alone. place: its left, top and side in inches."""
    left, top, side = place
    axes = sheet.axes(left, top, side, side)
    show_face(axes, image)
    axes.set_title("input", fontsize=style.SMALL)


def _compared(
    sheet: style.Sheet,
    faces: Faces,
    *,
    row: int,
    place: tuple[float, float, float],
    titles: bool,
) -> AxesImage:
    """One network's maps of one face. place: left, top and side of the first, in inches."""
    left, top, cell = place
    for a, au in enumerate(faces.aus):
        axes = sheet.axes(left + a * (cell + _GAP), top, cell, cell)
        heat = show_map(axes, faces.images[row], values=faces.maps[row, a])
        if titles:
            label = level_text(faces.labels[row, a])
            axes.set_title(f"{au}\nlabel {label}", fontsize=style.SMALL)
        words = f"pred {faces.predictions[row, a]:.1f}"
        axes.text(0.5, -0.02, words, transform=axes.transAxes, fontsize=style.SMALL, **_BELOW)
    return heat


def _check_room(aus: Sequence[str], curves: Sequence[AgreementCurve]) -> None:
    if not 0 < len(aus) <= MAX_AUS or len(curves) > 2:
        raise ValueError(f"there is room for 1 to {MAX_AUS} AUs and 2 curves")


def _cell(columns: int, letters: float = 0.0) -> float:
    """The side of an image in inches where this many stand in a row."""
    room = style.PAGE_IN - _LEFT - letters - _BAR - _BAR_ROOM - columns * _GAP
    return min(_LARGEST, room / columns)


def _plot(axes: Axes, curve: AgreementCurve, legend: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(curve.frames, curve.labelled, color=style.BLACK, drawstyle="steps-mid", label="label")
    axes.plot(curve.frames, curve.predicted, color=style.ORANGE, linewidth=0.8, label="predicted")
    axes.set_ylim(-0.15, MAX_INTENSITY + 0.15)
    axes.set_xlim(curve.frames.min(), curve.frames.max())
    axes.set_yticks(range(round(MAX_INTENSITY) + 1))
    axes.grid(axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("frame")
    if legend:
        axes.set_ylabel("intensity (level)")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.0)
    icc = "not defined" if np.isnan(curve.icc) else f"{curve.icc:.2f}"
    axes.set_title(f"{curve.au}, {curve.sequence}: ICC {icc}", loc="left")
