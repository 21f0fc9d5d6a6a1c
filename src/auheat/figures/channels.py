"""Figure 7: what two feature channels of a network stand for.

The last layer weighs C channels into the heatmap of each AU (Eq. 5 of the paper): a channel's
weights say which AUs it speaks for, its responses where it speaks. The paper shows "the first two
feature channels"; which two those are is an accident of training, so
`most_discriminative_channels` offers two others. Letters: n images, A Action Units, C channels,
H W image pixels, h w map pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auheat.figures import style
from auheat.figures.face_maps import show_face, show_map, show_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST = (0, 1)
_LEFT, _BARS, _BELOW, _WORDS, _GAP, _MIDDLE, _BAR, _BAR_ROOM = (
    *(0.56, 3.04, 0.42, 0.2, 0.05, 0.14, 0.08, 0.42),
)


@dataclass(frozen=True, eq=False)
class Channels:
    """The last layer of a network and what its channels say of some images.

    Attributes:
        weights: (A, C).
        images: (n, H, W, 3) RGB uint8.
        responses: (n, C, h, w).
        aus: A names.

    Raises:
        ValueError: if the shapes do not fit.
    """

    weights: NDArray[np.floating[Any]]
    images: NDArray[np.uint8]
    responses: NDArray[np.floating[Any]]
    aus: tuple[str, ...]

    def __post_init__(self) -> None:
        aus, channels = self.weights.shape
        if aus != len(self.aus) or self.responses.shape[:2] != (len(self.images), channels):
            raise ValueError(
                f"weights {self.weights.shape} and responses {self.responses.shape} do not fit "
                f"{len(self.aus)} AUs and {len(self.images)} images"
            )


def most_discriminative_channels(weights: NDArray[np.floating[Any]]) -> tuple[int, int]:
    """The two channels whose weights (A, C) have the largest Euclidean norm, the largest first."""
    order = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")
    return int(order[0]), int(order[1])


def most_discriminative_images(
    responses: NDArray[np.floating[Any]], channels: tuple[int, int] = FIRST
) -> tuple[int, int]:
    """For each channel the image where its peak most exceeds the other's. responses (n, C, h, w).

    Peaks are compared as fractions of the channel's highest, as channels differ in scale.
    """
    peaks = responses[:, list(channels)].max((2, 3))
    fractions = peaks / np.maximum(peaks.max(0), 1e-12)
    difference = fractions[:, 0] - fractions[:, 1]
    return int(difference.argmax()), int(difference.argmin())


@style.styled
def figure7(
    shown: Channels, synthetic: bool, *, channels: tuple[int, int] = FIRST, data: str = ""
) -> Figure:
    """(a) The weights of two channels for each AU; (b) images, and the channels' responses.

    Args:
        shown: weights, images and responses.
        synthetic: whether the faces were rendered, which the figure says.
        channels: from 0.
        data: words for the caption. A page wide.
    """
    caption = f"{_chosen(shown, channels)}; weights are means over the points of an AU"
    caption += f"; {data}" if data else ""
    start = _LEFT + _BARS + _MIDDLE
    cell = (style.PAGE_IN - start - _BAR - _BAR_ROOM - 3 * _GAP) / 3
    rows = len(shown.images)
    height = _WORDS + max(rows, 2) * (cell + _GAP) + _GAP
    title = "Feature channels before the last layer: (a) weights, (b) responses"
    sheet = style.Sheet(style.PAGE_IN, height, title, caption, synthetic)
    bars = (height - _BELOW - 2 * _WORDS) / 2
    for place, channel in enumerate(channels):
        axes = sheet.axes(_LEFT, _WORDS + place * (bars + _WORDS), _BARS, bars)
        most = max(1.08 * float(np.abs(shown.weights[:, channel]).max()), 1e-9)
        _weights(axes, shown, channel, most, (style.BLUE, style.ORANGE)[place])
        axes.tick_params(labelbottom=place == 1)
    _responses(sheet, shown, channels=channels, start=start, cell=cell)
    return sheet.figure


def _chosen(shown: Channels, channels: tuple[int, int]) -> str:
    count = shown.weights.shape[1]
    names = f"channels {channels[0] + 1} and {channels[1] + 1} of {count}"
    if channels == FIRST:
        return f"{names}, the first two as in the paper"
    if channels == most_discriminative_channels(shown.weights):
        return f"{names}, those with the largest weights"
    return names


def _weights(axes: Axes, shown: Channels, channel: int, most: float, colour: str) -> None:
    places = np.arange(len(shown.aus))
    axes.bar(places, shown.weights[:, channel], 0.7, color=colour, linewidth=0)
    axes.axhline(0, color=style.BLACK, linewidth=0.5)
    axes.set_ylim(-most, most)
    axes.set_xlim(-0.6, len(shown.aus) - 0.4)
    axes.set_xticks(places, shown.aus, rotation=90)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("weight")
    axes.set_title(f"(a) channel {channel + 1}")
    axes.grid(axis="y")


def _responses(
    sheet: style.Sheet, shown: Channels, *, channels: tuple[int, int], start: float, cell: float
) -> None:
    """Rows of an image and both channels' responses on it, each as fractions of its highest."""
    maps = shown.responses[:, list(channels)]
    maps = maps / np.maximum(maps.max((0, 2, 3), keepdims=True), 1e-6)
    for row, image in enumerate(shown.images):
        top = _WORDS + row * (cell + _GAP)
        axes = sheet.axes(start, top, cell, cell)
        show_face(axes, image)
        titles = [(axes, "(b) input")]
        for place, channel in enumerate(channels):
            axes = sheet.axes(start + (place + 1) * (cell + _GAP), top, cell, cell)
            heat = show_map(axes, image, values=maps[row, place], most=1.0)
            titles.append((axes, f"channel {channel + 1}"))
        if not row:
            for axes, words in titles:
                axes.set_title(words, fontsize=style.SMALL)
    high = len(shown.images) * (cell + _GAP) - _GAP
    right = start + 3 * (cell + _GAP)
    show_scale(sheet, (right, _WORDS, _BAR, high), heat=heat, label="response / channel's highest")
