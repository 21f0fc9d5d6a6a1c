"""How every figure looks: sizes of a two-column paper, one type face, colours that all can tell.

Figures are made with matplotlib's objects alone: no pyplot, no global settings that stay. Places
are given in inches from the top left corner, so that a figure prints as large as it was drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from auheat.errors import AuheatError
from auheat.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Widths in inches of one column and of the whole page in a two-column paper.
COLUMN_IN, PAGE_IN = 3.33, 7.0
DPI = 200
SMALL, NORMAL, TITLE = 6.0, 7.0, 8.0

# Okabe and Ito (2008).
BLUE, ORANGE, BLACK, GREY = "#0072B2", "#D55E00", "#000000", "#6E6E6E"
SYNTHETIC = "synthetic faces"

_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlepad": 3.0,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "ytick.minor.size": 1.0,
    "ytick.minor.width": 0.3,
    "lines.linewidth": 1.0,
    "hatch.linewidth": 0.4,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.4,
    "svg.hashsalt": "auheat",  # the same figure gives the same bytes
    "svg.fonttype": "path",
}
# What files would tell of the time and the program that wrote them, by format.
_UNDATED: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}
_LINE_PITCH = 1.35  # distance of lines in type sizes
_MARGIN_IN = 0.06

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """A drawing function with the settings above. Without matplotlib it raises AuheatError."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        try:
            import matplotlib
        except ImportError:
            raise AuheatError(
                "figures need matplotlib: install it with `pip install 'auheat[train]'`"
            ) from None
        with matplotlib.rc_context(_SETTINGS):
            return draw(*args, **kwargs)

    return drawn


class Sheet:
    """An empty figure that is filled from the top: a title, a caption line, then axes.

    Args:
        width: of the part below the title, in inches. `top` is where that part begins.
        height: of the part below the title, in inches. `top` is where that part begins.
        synthetic: says so in the caption line.
    """

    def __init__(
        self, width: float, height: float, title: str, caption: str, synthetic: bool
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        titles = _wrapped(title, width, TITLE)
        words = [SYNTHETIC] if synthetic else []
        captions = _wrapped("; ".join([*words, *([caption] if caption else [])]), width, SMALL)
        step, small_step = TITLE * _LINE_PITCH / 72, SMALL * _LINE_PITCH / 72
        self.top = _MARGIN_IN + step * len(titles) + small_step * len(captions) + 0.04
        self.width, self.height = width, self.top + height
        self.figure = Figure((self.width, self.height), dpi=DPI)
        FigureCanvasAgg(self.figure)
        y = _MARGIN_IN
        self.text(_MARGIN_IN, y, "\n".join(titles), TITLE, linespacing=_LINE_PITCH * 0.87)
        y += step * len(titles)
        self.text(
            _MARGIN_IN, y, "\n".join(captions), SMALL, color=GREY, linespacing=_LINE_PITCH * 0.87
        )

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place in inches; `top` counts from below the title."""
        bottom = self.height - self.top - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def text(self, left: float, y: float, words: str, size: float, **style: Any) -> None:
        """Words whose upper left corner is at a place in inches from the figure's."""
        place: dict[str, Any] = {"ha": "left", "va": "top", **style}
        self.figure.text(left / self.width, 1 - y / self.height, words, fontsize=size, **place)


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Writes `stem`.png (200 dpi) and `stem`.svg, each under a temporary name first.

    The same figure gives the same bytes. Makes the folder.

    Raises:
        AuheatError: if nothing can be written there.
    """
    png, svg = (stem.with_name(stem.name + suffix) for suffix in (".png", ".svg"))
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AuheatError(f"cannot make the folder {stem.parent}: {error.strerror}") from None
    for path in (png, svg):
        write(figure, path)
    return png, svg


def write(figure: Figure, path: Path) -> None:
    """Writes one file under a temporary name first, 200 dpi; the same figure gives the same bytes.

    Args:
        figure: What to write.
        path: Its ending, .png, .svg, .jpg or .jpeg, says in which format.

    Raises:
        AuheatError: if nothing can be written there.
    """
    import matplotlib

    kind = path.suffix[1:].lower()
    with matplotlib.rc_context(_SETTINGS), atomic_write(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=DPI, metadata=_UNDATED.get(kind))


def _wrapped(text: str, width: float, size: float) -> list[str]:
    """Lines no longer than a width in inches, from the mean width of this face's letters."""
    letters = int((width - 2 * _MARGIN_IN) * 72 / (0.56 * size))
    return textwrap.wrap(text, letters)
