"""Figure 4: how often each Action Unit has each intensity level."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auheat.facs import MAX_INTENSITY
from auheat.figures import style
from auheat.figures.printed import DATABASES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = tuple(range(round(MAX_INTENSITY) + 1))
# Level 0 in light grey, then from light to dark.
_COLOURS = ("#C9C9C9", "#F2C14E", "#E58A3C", "#C4503D", "#842E5B", "#32174D")
# A bar of one image is to be seen, so the logarithmic axis starts below 1.
_LOWEST = 0.6
_LEFT, _GAP, _RIGHT, _PLOT, _BELOW, _ABOVE = 0.48, 0.52, 0.06, 1.55, 0.22, 0.34


def level_counts(labels: ArrayLike) -> NDArray[np.int64]:
    """How many labels (N, A) have each level 0 to 5: (6, A).

    NaN is left out. A label between two levels counts for the nearest, the upper one if both are
    as near.
    """
    array = np.asarray(labels, np.float64)
    nearest = np.floor(array + 0.5)  # NaN stays NaN and equals no level
    counts = [(nearest == level).sum(0) for level in LEVELS]
    return np.asarray(np.stack(counts), np.int64)


@style.styled
def figure4(
    levels: Mapping[str, ArrayLike],
    aus: Mapping[str, Sequence[str]],
    *,
    synthetic: bool | Collection[str],
) -> Figure:
    """A panel for each dataset, six bars for each AU, on a logarithmic axis.

    Synthetic faces under the name of a real database are called its look-alike.

    Args:
        levels: labels (N, A) by dataset name.
        aus: their A names.
        synthetic: whether the faces were rendered, which the figure says, or the names of the
            datasets whose faces were.

    Raises:
        ValueError: if labels and names differ.
    """
    rendered = (tuple(levels) if synthetic else ()) if isinstance(synthetic, bool) else synthetic
    tables = {name: np.asarray(labels, np.float64) for name, labels in levels.items()}
    for name, labels in tables.items():
        if labels.ndim != 2 or labels.shape[1] != len(aus[name]):
            raise ValueError(f"{name}: labels {labels.shape} for {len(aus[name])} Action Units")
    between = any((np.nan_to_num(labels) % 1 != 0).any() for labels in tables.values())
    caption = "logarithmic axis" + ("; labels rounded to the nearest level" if between else "")
    if 0 < len(rendered) < len(tables):
        caption = f"{style.SYNTHETIC}: {', '.join(rendered)}; {caption}"
    title = "Distribution of Action Unit intensity levels"
    columns = sum(len(aus[name]) for name in tables)
    width = style.COLUMN_IN if columns <= 6 else style.PAGE_IN
    sheet = style.Sheet(
        width, _ABOVE + _PLOT + _BELOW, title, caption, len(rendered) == len(tables)
    )
    unit = (width - _LEFT - _RIGHT - _GAP * (len(tables) - 1)) / columns
    most = max(int(level_counts(labels).max(initial=0)) for labels in tables.values())
    left = _LEFT
    for place, (name, labels) in enumerate(tables.items()):
        axes = sheet.axes(left, _ABOVE, unit * len(aus[name]), _PLOT)
        _panel(axes, level_counts(labels), aus[name])
        axes.set_ylim(_LOWEST, 2.0 * max(most, 5))
        like = " look-alike" if name in rendered and name in DATABASES else ""
        axes.set_title(f"{name}{like} ({len(labels):,} images)")
        left += unit * len(aus[name]) + _GAP
        if not place:
            axes.set_ylabel("images")
            _legend(sheet, axes)
    return sheet.figure


def _panel(axes: Axes, counts: NDArray[np.int64], aus: Sequence[str]) -> None:
    middle = np.arange(len(aus))
    thick = 0.82 / len(LEVELS)
    for level in LEVELS:
        x = middle + (level - (len(LEVELS) - 1) / 2) * thick
        colour = _COLOURS[level]
        axes.bar(x, counts[level], thick, color=colour, label=f"level {level}", linewidth=0)
    axes.set_yscale("log")
    axes.set_xlim(-0.55, len(aus) - 0.45)
    axes.set_xticks(middle, aus)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")


def _legend(sheet: style.Sheet, axes: Axes) -> None:
    """The levels in one line below the caption."""
    sheet.figure.legend(
        *axes.get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(0.06 / sheet.width, 1 - (sheet.top - 0.04) / sheet.height),
        ncols=len(LEVELS),
        borderaxespad=0.0,
        handlelength=1.0,
        columnspacing=1.0,
    )
