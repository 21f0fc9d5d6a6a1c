"""Figure 6: agreement against the number of nearest neighbours k of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from auheat.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The axes span at least this much, so that small fluctuations look small.
_ICC_SPAN, _MAE_SPAN = 0.10, 0.05
_ICC_LOOKS = {"color": style.BLUE, "marker": "o"}
_MAE_LOOKS = {"color": style.ORANGE, "marker": "s"}
_LEFT, _RIGHT, _PLOT, _GAP, _BELOW, _ABOVE = 0.5, 0.08, 0.95, 0.16, 0.38, 0.08


@dataclass(frozen=True)
class NeighbourCurve:
    """Averages over the AUs for each k, and their standard deviation between folds or seeds.

    Attributes:
        k: of one length.
        icc: of one length.
        mae: of one length.
        icc_std: the same, or None.
        mae_std: the same, or None.
        between: what the standard deviations are taken over.
        chosen: a k to mark, or None.
    """

    k: Sequence[int]
    icc: Sequence[float]
    mae: Sequence[float]
    icc_std: Sequence[float] | None = None
    mae_std: Sequence[float] | None = None
    between: Literal["folds", "seeds"] = "folds"
    chosen: int | None = None

    def __post_init__(self) -> None:
        columns = (self.icc, self.mae, self.icc_std, self.mae_std)
        if any(column is not None and len(column) != len(self.k) for column in columns):
            raise ValueError(f"every k has one ICC and one MAE: k has {len(self.k)} values")


@style.styled
def figure6(curve: NeighbourCurve, synthetic: bool, *, data: str = "") -> Figure:
    """ICC above, MAE below, one column wide. data: words on what was measured, for the caption."""
    bars = curve.icc_std is not None or curve.mae_std is not None
    words = [data] if data else []
    if bars:
        words.append(f"bars: standard deviation between {curve.between}")
    if curve.chosen is not None:
        words.append(f"dotted: k = {curve.chosen}, the paper's choice")
    height = _ABOVE + 2 * _PLOT + _GAP + _BELOW
    title = "Agreement and the number of nearest neighbours"
    sheet = style.Sheet(style.COLUMN_IN, height, title, "; ".join(words), synthetic)
    wide = style.COLUMN_IN - _LEFT - _RIGHT
    above = sheet.axes(_LEFT, _ABOVE, wide, _PLOT)
    below = sheet.axes(_LEFT, _ABOVE + _PLOT + _GAP, wide, _PLOT)
    _curve(above, curve, values=curve.icc, std=curve.icc_std, span=_ICC_SPAN, looks=_ICC_LOOKS)
    _curve(below, curve, values=curve.mae, std=curve.mae_std, span=_MAE_SPAN, looks=_MAE_LOOKS)
    above.set_ylabel("ICC(3,1)")
    below.set_ylabel("MAE (levels)")
    above.tick_params(labelbottom=False)
    below.set_xlabel("nearest neighbours k")
    sheet.figure.align_ylabels()
    return sheet.figure


def _curve(
    axes: Axes,
    curve: NeighbourCurve,
    *,
    values: Sequence[float],
    std: Sequence[float] | None,
    span: float,
    looks: dict[str, Any],
) -> None:
    y = np.asarray(values, np.float64)
    spread = np.zeros_like(y) if std is None else np.nan_to_num(np.asarray(std))
    bars = None if std is None else spread
    axes.errorbar(curve.k, y, bars, **looks, markersize=3, capsize=1.5)
    low, high = float(np.nanmin(y - spread)), float(np.nanmax(y + spread))
    room = max(span, 1.15 * (high - low)) / 2
    axes.set_ylim((low + high) / 2 - room, (low + high) / 2 + room)
    axes.set_xlim(min(curve.k) - 0.5, max(curve.k) + 0.5)
    axes.set_xticks(curve.k)
    axes.grid(axis="y")
    if curve.chosen is not None:
        axes.axvline(curve.chosen, color=style.GREY, linestyle=":", linewidth=0.8, zorder=0)
