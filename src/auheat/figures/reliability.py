"""How far confidence keeps its word: what it states against what was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auheat.errors import AuheatError
from auheat.figures import style
from auheat.json_files import parse_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Bins = Sequence[Mapping[str, float]]
_LEFT, _GAP, _PLOT, _BELOW = 0.5, 0.7, 2.1, 0.42
# Between the points and the frame, as a fraction of the points' range: room for a whole marker.
_MARGIN = 0.06


def read_bins(path: Path) -> tuple[dict[str, Bins], float]:
    """The bins of a file that scripts/fit_uncertainty.py wrote, and its limit of the error.

    `before` is the height of the location peaks taken for a confidence as it is.

    Raises:
        AuheatError: if the file cannot be read.
    """
    try:
        report: dict[str, Any] = parse_json(path.read_text("utf-8"))
        return {"now": report["confidence"]["all"], "before": report["before"]}, report["trusted"]
    except (OSError, ValueError, KeyError, TypeError):
        raise AuheatError(f"{path} holds no bins of scripts/fit_uncertainty.py") from None


@style.styled
def reliability(bins: Mapping[str, Bins], limit: float) -> Figure:
    """Two panels: observed against stated fraction, and mean error against stated fraction.

    Args:
        bins: `now` and `before`, each a list of stated, observed, mae and faces.
        limit: levels.
    """
    sheet = style.Sheet(
        style.PAGE_IN,
        _PLOT + _BELOW + 0.1,
        "What confidence states, and what was observed",
        f"each point is a tenth of the test faces; held-out people; limit of the mean error "
        f"{limit:g} levels",
        synthetic=True,
    )
    width = (style.PAGE_IN - 2 * _LEFT - _GAP) / 2
    fractions = sheet.axes(_LEFT, 0.1, width, _PLOT)
    errors = sheet.axes(_LEFT + width + _GAP, 0.1, width, _PLOT)
    fractions.plot([0, 1], [0, 1], color=style.GREY, linewidth=0.6, linestyle=":")
    looks = {
        "now": (style.BLUE, "o", "confidence"),
        "before": (style.ORANGE, "s", "height of the location peaks"),
    }
    for name, (colour, marker, label) in looks.items():
        stated = [one["stated"] for one in bins[name]]
        settings: dict[str, Any] = {"color": colour, "marker": marker, "label": label}
        fractions.plot(stated, [one["observed"] for one in bins[name]], markersize=3, **settings)
        errors.plot(stated, [one["mae"] for one in bins[name]], markersize=3, **settings)
    _finish(fractions, f"observed fraction below {limit:g} levels")
    _finish(errors, "mean absolute error, levels")
    shown = [one for name in looks for one in bins[name]]
    stated, observed, off = ([one[key] for one in shown] for key in ("stated", "observed", "mae"))
    both = _limits(stated + observed)  # the same on both axes: what keeps its word is on a diagonal
    fractions.set(xlim=both, ylim=both)
    errors.set(xlim=_limits(stated), ylim=_limits(off))
    fractions.legend(loc="upper left")
    return sheet.figure


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Where an axis begins and ends so that values fill it and none is cut."""
    room = _MARGIN * max(max(values) - min(values), 0.1)
    return min(values) - room, max(values) + room


def _finish(axes: Axes, label: str) -> None:
    axes.set_xlabel("stated")
    axes.set_ylabel(label)
    axes.grid()
