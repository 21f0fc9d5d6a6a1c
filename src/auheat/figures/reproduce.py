"""Which runs each table and figure of the paper needs, and how it is made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.errors import unknown_name
from auheat.figures import paper_figures, paper_tables, style
from auheat.figures.arm_results import control_rows, measured, result_of
from auheat.figures.table_formats import Table, write_table
from auheat.training import arms
from auheat.training.arms import Arm
from auheat.training.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = tuple[tuple[Arm, str, str], ...]  # arm, name, setting

_TABLES: dict[str, Rows] = {
    "table1": (
        (arms.PLAIN, "ResNet-Deconv (256/128/64)", ""),
        (arms.WIDE, "ResNet-Deconv (256/256/256)", ""),
        (arms.HOURGLASS, "Hourglass", ""),
        (arms.SCC, "SCC-Heatmap", ""),
    ),
    "table2": (
        (arms.SCC, "SCC-Heatmap", "a"),
        (arms.PLAIN, "ResNet-Deconv", "b"),
        (arms.TWO, "two deconvolutions, SCC", "c"),
        (arms.TWO_PLAIN, "two deconvolutions", "d"),
    ),
    "table3": (
        (arms.SCC, "SCC-Heatmap", "e"),
        (arms.EDGES_F, "centre and neighbour", "f"),
        (arms.EDGES_G, "difference alone", "g"),
    ),
}
_FIGURES: dict[str, Callable[[Study], Figure]] = {
    "figure4": paper_figures.draw_figure4,
    "figure5": paper_figures.draw_figure5,
    "figure7": paper_figures.draw_figure7,
    "figure8": paper_figures.draw_figure8,
}
# Rows that are made only when they are asked for: the paper's loss where a preset has another.
_FURTHER: dict[str, Rows] = {"table2": ((arms.PLAIN_LOSS, "SCC-Heatmap, plain loss", "eq2"),)}
TARGETS = (*_TABLES, "figure4", "figure5", "figure6", "figure7", "figure8")


@dataclass(frozen=True)
class Order:
    """What is to be made of a study, and where.

    out: folder for tables and figures; result files go into `results` below it. k: the points of
    Figure 6. rows: settings of Table 2 or 3, or positions in Table 1 counted from 1, that are
    wanted; all by default.
    """

    study: Study
    out: Path
    k: tuple[int, ...] = arms.SWEEP_K
    rows: tuple[str, ...] = ()


def arms_for(target: str, order: Order) -> list[Arm]:
    """The networks that a table or figure needs. Raises AuheatError for an unknown row."""
    if target in _TABLES:
        return [arm for arm, _, _ in _wanted(target, order)]
    needs: dict[str, list[Arm]] = {
        "figure4": [],
        "figure5": [arms.SCC],
        "figure6": [paper_figures.at(order.study, k) for k in order.k],
        "figure7": [arms.SCC],
        "figure8": [arms.SCC, arms.PLAIN],
    }
    return needs[target]


def make(target: str, order: Order) -> list[Path]:
    """Makes a table or figure from finished runs. Returns the files it wrote.

    Raises AuheatError if a run is missing or the dataset is not one of the paper's.
    """
    if target in _TABLES:
        table = _table(target, order)
        return list(write_table(table, order.out / target))
    if target == "figure6":
        figure = paper_figures.draw_figure6(order.study, order.k, _results(order))
    else:
        figure = _FIGURES[target](order.study)
    return list(style.save(figure, order.out / target))


def _wanted(target: str, order: Order) -> Rows:
    if not order.rows:
        return _TABLES[target]
    rows = (*_TABLES[target], *_FURTHER.get(target, ()))
    known = {row[2] or str(place): row for place, row in enumerate(rows, 1)}
    for key in order.rows:
        if key not in known:
            raise unknown_name("row", key, known, target)
    return tuple(row for key, row in known.items() if key in order.rows)


def _results(order: Order) -> Path:
    return order.out / "results"


def _table(target: str, order: Order) -> Table:
    study, rows, results = order.study, [], []
    for arm, name, setting in _wanted(target, order):
        results.append(result_of(study, arm, _results(order)))
        rows += results[-1].rows(name, setting)
    rows += control_rows(study, _wanted(target, order)[0][0])
    about = measured(study, results[0])
    if target == "table1":
        return paper_tables.table1(about.database, rows, about)
    return (paper_tables.table2 if target == "table2" else paper_tables.table3)(rows, about)
