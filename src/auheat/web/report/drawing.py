"""Pieces of the report as HTML and SVG. Whatever comes from the table is escaped here."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from auheat.drawing.panel import colour_scale
from auheat.facs import MAX_INTENSITY, TABLE
from auheat.tables.series import PersonSeries
from auheat.web.report.statistics import Summary, binned, pieces, thinned
from auheat.web.report.table import Gap, ResultTable

# Width and height of a curve's drawing, in units of its own, and points that it has at most.
_WIDE, _HIGH, _POINTS = 1000.0, 100.0, 1200
# Columns of a heat strip at most.
_COLUMNS = 800
_COLOURS = 6
# So many values find room one below the other beside a lane.
_STACKED = 3
SCALE = '<p class="scale">0 <i></i> 5</p>'
# From here on a cell of a matrix is nearer to white than to black where the page is dark.
_STRONG = 0.62


def colour_class(person: int) -> str:
    """The class that gives a person's marks their colour."""
    return f"person p{person % _COLOURS}"


def au_label(au: str) -> str:
    """The AU's name and its title, as the head of a row."""
    return f'<span class="au">{escape(au)}</span> <span class="title">{_title(au)}</span>'


def curves(table: ResultTable, people: Sequence[PersonSeries]) -> str:
    """A lane for each AU, over time, with the curves of the given people and the gaps."""
    lanes = []
    for column, au in enumerate(table.aus):
        shapes = [_gap_shape(gap, table) for gap in table.gaps]
        shapes += [_rule(level) for level in (1, 3)]
        for series in people:
            path = " ".join(
                _path(table, series.times[p], series.intensities[p, column]) for p in pieces(series)
            )
            shapes.append(
                f'<path class="{colour_class(series.face_id)}" data-person="{series.face_id}" '
                f'd="{path}"/>'
            )
        lanes.append(
            f'<div class="lane" data-au="{escape(au)}"><div class="name">{au_label(au)}</div>'
            f'<div class="plot"><svg viewBox="0 0 {_WIDE:.0f} {_HIGH:.0f}" '
            f'preserveAspectRatio="none" role="img" '
            f'aria-label="{_curve_words(table, people, column)}">'
            f"{''.join(shapes)}</svg></div><output></output></div>"
        )
    many = " many" if len(people) > _STACKED else ""
    return (
        f'<div class="lanes{many}" data-end="{table.duration:.3f}" data-step="{table.step:.5f}" '
        'tabindex="0" role="group" aria-label="Curves; arrow keys move the cursor by a frame">'
        f"{''.join(lanes)}{axis(table)}</div>"
    )


def axis(table: ResultTable) -> str:
    """The time axis under lanes and strips."""
    end = table.duration
    step = next((s for s in _STEPS if end / s <= 8), _STEPS[-1])
    marks = "".join(
        f'<span style="left:{100 * t / end:.2f}%">{clock(t)}</span>'
        for t in np.arange(0, end * 0.985, step)
    )
    return f'<div class="axis" aria-hidden="true"><div></div><div class="ticks">{marks}</div></div>'


_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


def strip(table: ResultTable, levels: NDArray[np.float64], label: str) -> str:
    """All AUs of one person over time as colours. levels: (A, columns), NaN is left empty."""
    names = "".join(f"<span>{escape(au)}</span>" for au in table.aus)
    return (
        f'<figure class="strip"><div class="names" aria-hidden="true">{names}</div>'
        f'<img alt="{escape(label)}" src="{_heat_png(levels)}" '
        f'style="--rows:{len(table.aus)}"></figure>'
    )


def strips(table: ResultTable, persons: Iterable[int]) -> str:
    """A heat strip for each person of a video."""
    columns = min(table.places, _COLUMNS)
    parts = []
    for series in table.series:
        if series.face_id in set(persons):
            label = f"Intensities of person {series.face_id} over time"
            heading = person_name(series.face_id) if len(table.series) > 1 else ""
            parts.append(heading + strip(table, binned(table, series, columns), label))
    return "".join(parts) + axis(table).replace('class="axis"', 'class="axis narrow"')


def person_name(person: int, word: str = "Person") -> str:
    """A person's heading with the colour of the curves."""
    return f'<h3><i class="dot {colour_class(person)}"></i>{word} {person}</h3>'


def matrix(aus: tuple[str, ...], values: NDArray[np.float64], signed: bool, label: str) -> str:
    """A square table of values, coloured. signed: -1 to 1, else shares from 0 to 1."""
    head = "".join(f'<th scope="col"><span>{au[2:]}</span></th>' for au in aus)
    rows = []
    for au, row in zip(aus, values, strict=True):
        cells = "".join(
            _cell(au, other, value, signed) for other, value in zip(aus, row, strict=True)
        )
        rows.append(f'<tr><th scope="row">{au}</th>{cells}</tr>')
    return (
        f'<div><p class="above">{label}</p><div class="wide">'
        f'<table class="matrix" aria-label="{label}" style="--columns:{len(aus)}">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></div>"
    )


def summary(rows: list[Summary], at: Callable[[Summary], str], heading: str = "") -> str:
    """A table of AUs with mean, largest value and share present. at: names its place."""
    body = "".join(
        f'<tr><th scope="row">{au_label(row.au)}</th>'
        f'<td class="bar"><i style="--to:{row.mean / MAX_INTENSITY:.4f}"></i>{row.mean:.2f}</td>'
        f'<td>{row.highest:.2f}</td><td class="at">{escape(at(row))}</td>'
        f"<td>{100 * row.share:.0f}%</td></tr>"
        for row in rows
    )
    return (
        f'{heading}<table class="summary"><thead><tr><th scope="col">Action Unit</th>'
        f'<th scope="col">mean</th><th scope="col">max</th><th scope="col" class="at">at</th>'
        f'<th scope="col">present</th></tr></thead><tbody>{body}</tbody></table>'
    )


def intensities(rows: list[Summary]) -> str:
    """A table of AUs with the intensity of a single face."""
    body = "".join(
        f'<tr><th scope="row">{au_label(row.au)}</th>'
        f'<td class="bar"><i style="--to:{row.mean / MAX_INTENSITY:.4f}"></i>{row.mean:.2f}</td>'
        "</tr>"
        for row in rows
    )
    return (
        '<table class="summary"><thead><tr><th scope="col">Action Unit</th>'
        f'<th scope="col">intensity</th></tr></thead><tbody>{body}</tbody></table>'
    )


def jpeg(image: NDArray[np.uint8], width: int) -> str:
    """A picture as an address that holds it, at most `width` pixels wide."""
    picture = Image.fromarray(image)
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)))
    return _address(picture, "JPEG", quality=85)


def definition(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values one below the other."""
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs)
    return f"<dl>{rows}</dl>"


def clock(seconds: float, exact: bool = False) -> str:
    """Seconds as people write them: 4.2 s, 1:05, 1:00:05."""
    if seconds < 60:
        return f"{seconds:.2f} s" if exact else f"{seconds:.4g} s"
    minutes, rest = divmod(seconds, 60)
    tail = f"{rest:05.2f}" if exact else f"{rest:02.0f}"
    if minutes < 60:
        return f"{minutes:.0f}:{tail}"
    return f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{tail}"


def _title(au: str) -> str:
    return escape(TABLE[au].title) if au in TABLE else ""


def _path(table: ResultTable, times: NDArray[np.float64], levels: NDArray[np.float64]) -> str:
    if len(times) == 1:  # one frame alone is as long as it is shown
        times, levels = np.r_[times, times + table.step], np.r_[levels, levels]
    times, levels = thinned(times, levels, _POINTS)
    x = times / table.duration * _WIDE
    y = _HIGH - np.clip(levels, 0, MAX_INTENSITY) / MAX_INTENSITY * _HIGH
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _gap_shape(gap: Gap, table: ResultTable) -> str:
    start, end = (t / table.duration * _WIDE for t in (gap.start, gap.end))
    return f'<rect class="gap" x="{start:.1f}" y="0" width="{end - start:.1f}" height="{_HIGH}"/>'


def _rule(level: int) -> str:
    y = _HIGH - level / MAX_INTENSITY * _HIGH
    return f'<line class="rule" x1="0" x2="{_WIDE:.0f}" y1="{y:.0f}" y2="{y:.0f}"/>'


def _curve_words(table: ResultTable, people: Sequence[PersonSeries], column: int) -> str:
    """What a curve shows, for those who do not see it."""
    words = [
        f"person {s.face_id}: mean {s.intensities[:, column].mean():.2f}, "
        f"highest {s.intensities[:, column].max():.2f}"
        for s in people
    ]
    return escape(f"{table.aus[column]} over time; " + "; ".join(words))


def _cell(au: str, other: str, value: float, signed: bool) -> str:
    if np.isnan(value):
        return f'<td title="{au} with {other}: does not vary">·</td>'
    if signed:
        words = f"{value:+.2f}".replace("+0.", "+.").replace("-0.", "−.")
        words = {"+1.00": "1", "-1.00": "−1"}.get(words, words).lstrip("+")
    else:
        words = f"{100 * value:.0f}" if value else "·"
    kind = "joint" if not signed else "plus" if value >= 0 else "minus"
    strong = " strong" if abs(value) > _STRONG else ""
    return (
        f'<td class="{kind}{strong}" style="--by:{abs(value):.2f}" '
        f'title="{au} with {other}">{words}</td>'
    )


def _heat_png(levels: NDArray[np.float64]) -> str:
    steps = np.clip(np.nan_to_num(levels) * (255 / MAX_INTENSITY), 0, 255).astype(np.uint8)
    pixels = np.dstack([colour_scale()[steps], np.where(np.isnan(levels), 0, 255)])
    return _address(Image.fromarray(pixels.astype(np.uint8)), "PNG")


def _address(picture: Image.Image, kind: str, **settings: int) -> str:
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
