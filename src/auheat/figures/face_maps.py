"""Faces with maps laid over them, for the figures that show heatmaps.

Pixel centres lie at integers of the face's pixels, so that a map of another size lies where the
network saw it. Letters: n images, A Action Units, H W image pixels, h w map pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.facs import MAX_INTENSITY
from auheat.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage

# A map hides the face from this fraction of the scale on as much as it ever does.
_FULL, _OPACITY = 0.4, 0.85


@dataclass(frozen=True, eq=False)
class Faces:
    """Images and what a network says of them.

    Attributes:
        images: (n, H, W, 3) RGB uint8.
        maps: (n, A, h, w) in intensity units.
        predictions: (n, A), labels NaN where the AU was not coded.
        labels: (n, A), labels NaN where the AU was not coded.
        aus: A names.

    Raises:
        ValueError: if the shapes do not fit.
    """

    images: NDArray[np.uint8]
    maps: NDArray[np.floating[Any]]
    predictions: NDArray[np.floating[Any]]
    labels: NDArray[np.floating[Any]]
    aus: tuple[str, ...]

    def __post_init__(self) -> None:
        expected = (len(self.images), len(self.aus))
        for name in ("maps", "predictions", "labels"):
            if getattr(self, name).shape[:2] != expected:
                raise ValueError(f"{name} {getattr(self, name).shape}: expected {expected} first")
        if self.images.ndim != 4 or self.images.shape[3] != 3 or not len(self.images):
            raise ValueError(f"images {self.images.shape}: expected (n, H, W, 3), at least one")

    def only(self, aus: Sequence[str]) -> Faces:
        """The same images with some of the AUs, in that order."""
        chosen = [self.aus.index(au) for au in aus]
        return Faces(
            self.images,
            self.maps[:, chosen],
            self.predictions[:, chosen],
            self.labels[:, chosen],
            tuple(aus),
        )

    def strongest(self, most: int) -> tuple[str, ...]:
        """At most this many AUs, those with the largest labels in these images, in order."""
        size = np.nan_to_num(self.labels).mean(0)
        chosen = np.sort(np.argsort(-size, kind="stable")[:most])
        return tuple(self.aus[a] for a in chosen)


@cache
def heat_colours() -> Colormap:
    """From nothing at 0 to opaque yellow; as lightness rises all the way, print it in grey too."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    steps = np.linspace(0, 1, 256)
    colours = colormaps["plasma"](steps)
    colours[:, 3] = _OPACITY * np.clip(steps / _FULL, 0, 1)
    return ListedColormap(colours, "auheat")


def show_face(axes: Axes, image: NDArray[np.uint8]) -> AxesImage:
    """An image (H, W, 3) without ticks or frame."""
    axes.set_axis_off()
    return axes.imshow(image, extent=_extent(image.shape[:2], image.shape[:2]))


def show_map(
    axes: Axes,
    image: NDArray[np.uint8],
    *,
    values: NDArray[np.floating[Any]],
    most: float = MAX_INTENSITY,
) -> AxesImage:
    """A map (h, w) over an image (H, W, 3); colours run from 0 to `most`."""
    show_face(axes, image)
    return axes.imshow(
        values,
        cmap=heat_colours(),
        vmin=0.0,
        vmax=most,
        extent=_extent(values.shape, image.shape[:2]),
        interpolation="bicubic",
    )


def show_scale(
    sheet: style.Sheet, place: tuple[float, ...], *, heat: AxesImage, label: str
) -> None:
    """A bar of the colours over mid-grey, as they look on a face. place: as for `Sheet.axes`."""
    left, top, width, height = place
    axes = sheet.axes(left, top, width, height)
    bar = sheet.figure.colorbar(heat, cax=axes)
    axes.set_facecolor("#9A9A9A")
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=style.SMALL)


def level_text(value: float) -> str:
    """A label as short as it can be: `3`, `2.4`, or a dash where there is none."""
    if np.isnan(value):
        return "–"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def _extent(shape: tuple[int, ...], image: tuple[int, ...]) -> tuple[float, float, float, float]:
    """(left, right, bottom, top) of a map in the pixels of an image that it covers."""
    corners = np.array([[-0.5, -0.5], [shape[1] - 0.5, shape[0] - 0.5]])
    (left, top), (right, bottom) = geometry.apply(geometry.between_sizes(shape, image), corners)
    return float(left), float(right), float(bottom), float(top)
