"""Tables 1 to 3 of the paper with our figures beside the printed ones.

The two never stand in one group: printed rows are headed "printed (DISFA)", ours "ours (DISFA)" or
"ours (synthetic, DISFA look-alike)". Bold marks the best of our methods in each column, ties
included, as printed with two decimals; rows after variance matching and controls stand apart and
never take part. What is undefined shows as a dash.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from auheat.figures.printed import (
    ADOPTED,
    DATABASES,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    Database,
    PrintedMethod,
    PrintedSetting,
)
from auheat.figures.rows import EvaluationInfo, Interval, Kind, Row
from auheat.figures.tables import Cell, Group, Table

PAPER = "Fan, Lam and Li (AAAI 2020)"
_UNDEFINED = "–"
_TITLES: dict[Kind, str] = {
    "method": "ours",
    "matched": "ours + variance matching",
    "control": "controls",
}

PrintedMetric = Literal["icc", "mae"]
_METRICS: tuple[PrintedMetric, ...] = get_args(PrintedMetric)


class _Entry(NamedTuple):
    """A cell before the best are known. rank: the larger the better; None takes no part."""

    text: str
    rank: float | None = None


def table1(database: Database, ours: Sequence[Row], measured: EvaluationInfo | None) -> Table:
    """ICC and MAE of every AU of a database. Without rows of ours `measured` may be None.

    Raises:
        ValueError: if our rows are of other AUs, or measured on another database.
    """
    aus = DATABASES[database]
    if measured and measured.database != database:
        raise ValueError(f"figures of {measured.database} do not belong in a table of {database}")
    for row in ours:
        if set(row.icc) != set(aus) or set(row.mae) != set(aus):
            raise ValueError(f"{row.name}: a row of {database} has the AUs {', '.join(aus)}")
    interval = _interval_head(ours, measured)
    groups = []
    for metric in _METRICS:
        printed = [_printed_line(method, metric, bool(interval)) for method in TABLE_1[database]]
        groups.append(_group(f"{metric.upper()}, printed ({database})", printed))
        lines = [_line(row, metric, aus, bool(interval)) for row in ours]
        groups += _our_groups(f"{metric.upper()}, ", ours, lines=lines, measured=measured)
    what = f"Agreement by Action Unit, beside Table 1 ({database}) of {PAPER}"
    starred = ", ".join(f"{name} ({paper})" for name, paper in ADOPTED.items())
    note = f"* adopted by {PAPER} from the methods' own papers: {starred}."
    head = ("Method", *aus, "Avg.", *interval)
    return Table(_caption(what, ours, measured), head, tuple(groups), (note, *_notes(ours, "name")))


def table1_beside(halves: Sequence[tuple[Sequence[Row], EvaluationInfo]]) -> Table:
    """Table 1 of several databases, side by side as the paper prints it.

    Args:
        halves: our rows, alike in each, and what they were measured on; in the paper's order.

    Raises:
        ValueError: if the rows of the databases are not alike.
    """
    tables = [table1(measured.database, rows, measured) for rows, measured in halves]
    groups = tuple(
        _beside(parts) for parts in zip(*(table.groups for table in tables), strict=True)
    )
    databases = [measured.database for _, measured in halves]
    what = f"Agreement by Action Unit, beside Table 1 of {PAPER}"
    ours = [row for rows, _ in halves for row in rows]
    caption = _caption(what, ours, *(measured for _, measured in halves))
    above = [name for name, table in zip(databases, tables, strict=True) for _ in table.head[1:]]
    head = (tables[0].head[0], *(name for table in tables for name in table.head[1:]))
    starred = tables[0].notes[:1]
    own = [f"{name}, {note}" for name, table in zip(databases, tables, strict=True)
           for note in table.notes[1:]]  # fmt: skip
    notes = (*starred, *own)
    return Table(caption, head, groups, notes, ("", *above))


def _beside(parts: Sequence[Group]) -> Group:
    """The same rows of several tables as one group, which is titled for all of them."""
    starts, ends = zip(
        *(part.title.removesuffix(")").split(" (", 1) for part in parts), strict=True
    )
    rows = []
    for cells in zip(*(part.rows for part in parts), strict=True):
        names = [row[0].text for row in cells]
        if len(set(names)) > 1:
            raise ValueError(f"rows of different methods side by side: {', '.join(names)}")
        rows.append((cells[0][0], *(cell for row in cells for cell in row[1:])))
    return Group(f"{starts[0]} ({'; '.join(ends)})", tuple(rows))


def table2(ours: Sequence[Row], measured: EvaluationInfo | None) -> Table:
    """Averages with and without SCC at two heatmap resolutions. Methods need DL, HR and SCC."""
    what = (
        f"SCC and heatmap resolution, beside Table 2 of {PAPER}. DL: deconvolutional layers. "
        "HR: heatmap resolution in pixels. SCC: semantic correspondence convolutions"
    )
    return _ablation(what, TABLE_2, ("DL", "HR", "SCC"), ours, measured)


def table3(ours: Sequence[Row], measured: EvaluationInfo | None) -> Table:
    """Averages for each kind of edge feature. Methods need EF."""
    what = f"Edge features (EF) of the graph, beside Table 3 of {PAPER}"
    return _ablation(what, TABLE_3, ("EF",), ours, measured)


def _ablation(
    what: str,
    printed: Sequence[PrintedSetting],
    columns: tuple[str, ...],
    ours: Sequence[Row],
    measured: EvaluationInfo | None,
) -> Table:
    for row in ours:
        if row.kind == "method" and not set(columns) <= set(row.design):
            raise ValueError(f"{row.name}: the design of a method has {', '.join(columns)}")
    interval = _interval_head(ours, measured)
    blank = [_Entry("")] * len(interval)
    lines = []
    for setting in printed:
        design = [_Entry(setting.design[column]) for column in columns]
        averages = [_Entry(_figure(setting.icc)), *blank, _Entry(_figure(setting.mae)), *blank]
        lines.append([_Entry(setting.letter), *design, *averages])
    groups = [_group("printed (DISFA)", lines)]
    lines = []
    for row in ours:
        design = [_Entry(row.design.get(column, "")) for column in columns]
        averages = [e for m in _METRICS for e in _average(row, m, bool(interval))]
        lines.append([_Entry(_name(row, row.setting or row.name)), *design, *averages])
    groups += _our_groups("", ours, lines=lines, measured=measured)
    averages_head = [
        part for m in _METRICS for part in (m.upper(), *(f"{m.upper()}, {i}" for i in interval))
    ]
    head = ("Setting", *columns, *averages_head)
    return Table(_caption(what, ours, measured), head, tuple(groups), _notes(ours, "setting"))


def _our_groups(
    start: str,
    ours: Sequence[Row],
    *,
    lines: Sequence[list[_Entry]],
    measured: EvaluationInfo | None,
) -> list[Group]:
    """A group for each kind of row that there is; only methods have bold cells."""
    groups = []
    for kind, title in _TITLES.items():
        chosen = [line for row, line in zip(ours, lines, strict=True) if row.kind == kind]
        if chosen and measured:
            title = f"{start}{title} ({measured.label})"
            groups.append(_group(title, chosen, best_bold=kind == "method" and len(chosen) > 1))
    return groups


def _group(title: str, lines: Sequence[Sequence[_Entry]], best_bold: bool = False) -> Group:
    columns = list(zip(*lines, strict=True))
    best = [max((e.rank for e in column if e.rank is not None), default=None) for column in columns]
    rows = []
    for line in lines:
        cells = [
            Cell(entry.text, best_bold and entry.rank is not None and entry.rank == top)
            for entry, top in zip(line, best, strict=True)
        ]
        rows.append(tuple(cells))
    return Group(title, tuple(rows))


def _printed_line(method: PrintedMethod, metric: PrintedMetric, interval: bool) -> list[_Entry]:
    values, mean = (
        (method.icc, method.mean_icc) if metric == "icc" else (method.mae, method.mean_mae)
    )
    name = method.name + ("*" if method.adopted else "")
    texts = [name, *map(_figure, values.values()), _figure(mean), *([""] if interval else [])]
    return [_Entry(text) for text in texts]


def _line(row: Row, metric: PrintedMetric, aus: Sequence[str], interval: bool) -> list[_Entry]:
    values = row.icc if metric == "icc" else row.mae
    figures = [_entry(values[au], metric) for au in aus]
    return [_Entry(_name(row, row.name)), *figures, *_average(row, metric, interval)]


def _average(row: Row, metric: PrintedMetric, interval: bool) -> list[_Entry]:
    """The average, with its spread between seeds, and its interval if there is such a column."""
    if metric == "icc":
        mean, spread, ends = row.mean_icc, row.icc_spread, row.icc_interval
    else:
        mean, spread, ends = row.mean_mae, None, row.mae_interval
    entry = _entry(mean, metric)
    if spread is not None and not math.isnan(spread):
        entry = entry._replace(text=f"{entry.text} ± {_figure(spread)}")
    return [entry, _Entry(_range(ends))] if interval else [entry]


def _entry(value: float, metric: PrintedMetric) -> _Entry:
    """A figure of ours; it is ranked as it is printed, so that equal figures tie."""
    if math.isnan(value):
        return _Entry(_UNDEFINED)
    return _Entry(_figure(value), round(value, 2) * (1 if metric == "icc" else -1))


def _figure(value: float) -> str:
    """Two decimals without the leading zero, as the paper prints them."""
    if math.isnan(value):
        return _UNDEFINED
    text = f"{round(value, 2) + 0.0:.2f}"  # + 0.0 makes -0.0 positive
    return re.sub(r"^(-?)0\.", r"\1.", text)


def _range(ends: Interval | None) -> str:
    return "" if ends is None else f"[{_figure(ends[0])}, {_figure(ends[1])}]"


def _name(row: Row, name: str) -> str:
    return name if row.seeds == 1 else f"{name} ({row.seeds} seeds)"


def _interval_head(ours: Sequence[Row], measured: EvaluationInfo | None) -> tuple[str, ...]:
    """The head of a column of intervals, if a row has one.

    Raises:
        ValueError: for nameless data.
    """
    if ours and measured is None:
        raise ValueError("rows of ours need to say what they were measured on")
    some = any(row.icc_interval or row.mae_interval for row in ours)
    return (measured.interval,) if measured and some else ()


def _caption(what: str, ours: Sequence[Row], *measured: EvaluationInfo | None) -> str:
    known = [info for info in measured if info]
    if not ours or not known:
        return f"Figures as printed in the paper; nothing of ours was measured. {what}."
    further = "".join(f"; on {info.where}" for info in known[1:])
    words = f"{known[0].sentence}{further}. {what}."
    if any(row.icc_spread is not None for row in ours):
        words += " ±: standard deviation between seeds."
    if any(math.isnan(x) for row in ours for x in (*row.icc.values(), *row.mae.values())):
        words += f" Averages leave out AUs whose figure is not defined ({_UNDEFINED})."
    if sum(row.kind == "method" for row in ours) > len(known):
        words += " Bold: the best of our methods, controls and variance matching left out."
    return words


def _notes(ours: Sequence[Row], called: Literal["name", "setting"]) -> tuple[str, ...]:
    return tuple(f"{getattr(row, called) or row.name}: {row.note}" for row in ours if row.note)
