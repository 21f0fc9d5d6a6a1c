"""Which runs each table and figure of the paper needs, and how it is made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.errors import check_choice, unknown_name
from auheat.figures import paper_figures, paper_tables, style
from auheat.figures.rows import Row, control_rows, evaluation_info, rows_of
from auheat.figures.tables import Table, write_table
from auheat.training import ablations
from auheat.training.ablations import Sweep, Variant
from auheat.training.aggregate import VariantResult, aggregate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = tuple[tuple[Variant, str, str], ...]  # variant, name, setting
_RESULTS = "results"

_TABLES: dict[str, Rows] = {
    "table1": (
        (ablations.PLAIN, "ResNet-Deconv (256/128/64)", ""),
        (ablations.WIDE, "ResNet-Deconv (256/256/256)", ""),
        (ablations.HOURGLASS, "Hourglass", ""),
        (ablations.SCC, "SCC-Heatmap", ""),
    ),
    "table2": (
        (ablations.SCC, "SCC-Heatmap", "a"),
        (ablations.PLAIN, "ResNet-Deconv", "b"),
        (ablations.TWO, "two deconvolutions, SCC", "c"),
        (ablations.TWO_PLAIN, "two deconvolutions", "d"),
    ),
    "table3": (
        (ablations.SCC, "SCC-Heatmap", "e"),
        (ablations.EDGES_F, "centre and neighbour", "f"),
        (ablations.EDGES_G, "difference alone", "g"),
    ),
}
_FIGURES: dict[str, Callable[[Sweep], Figure]] = {
    "figure4": paper_figures.draw_figure4,
    "figure5": paper_figures.draw_figure5,
    "figure7": paper_figures.draw_figure7,
    "figure8": paper_figures.draw_figure8,
}
# Rows that are made only when they are asked for: the paper's loss where a preset has another.
_FURTHER: dict[str, Rows] = {"table2": ((ablations.PLAIN_LOSS, "SCC-Heatmap, plain loss", "eq2"),)}
TARGETS = (*_TABLES, "figure4", "figure5", "figure6", "figure7", "figure8")


@dataclass(frozen=True)
class Target:
    """A table or figure that is to be made of a sweep.

    Attributes:
        name: one of `TARGETS`.
        out: folder for tables and figures; result files go into `results` below it.
        k: the points of Figure 6.
        rows: settings of Table 2 or 3, or positions in Table 1 counted from 1, that are wanted; all
            by default.

    Raises:
        AuheatError: for an unknown name or row.
    """

    name: str
    sweep: Sweep
    out: Path
    k: tuple[int, ...] = ablations.SWEEP_K
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("target", self.name, TARGETS)
        if self.name in _TABLES:
            self._wanted()

    def variants(self) -> list[Variant]:
        """The networks that it needs."""
        if self.name in _TABLES:
            return [variant for variant, _, _ in self._wanted()]
        needs: dict[str, list[Variant]] = {
            "figure4": [],
            "figure5": [ablations.SCC],
            "figure6": [paper_figures.at(self.sweep, k) for k in self.k],
            "figure7": [ablations.SCC],
            "figure8": [ablations.SCC, ablations.PLAIN],
        }
        return needs[self.name]

    def make(self) -> list[Path]:
        """Makes it from finished runs. Returns the files it wrote.

        Raises:
            AuheatError: if a run is missing or the dataset is not one of the paper's.
        """
        if self.name in _TABLES:
            return list(write_table(self._table(), self.out / self.name))
        if self.name == "figure6":
            figure = paper_figures.draw_figure6(self.sweep, self.k, self.out / _RESULTS)
        else:
            figure = _FIGURES[self.name](self.sweep)
        return list(style.save(figure, self.out / self.name))

    def _wanted(self) -> Rows:
        if not self.rows:
            return _TABLES[self.name]
        rows = (*_TABLES[self.name], *_FURTHER.get(self.name, ()))
        known = {row[2] or str(place): row for place, row in enumerate(rows, 1)}
        for key in self.rows:
            if key not in known:
                raise unknown_name("row", key, known, self.name)
        return tuple(row for key, row in known.items() if key in self.rows)

    def _table(self) -> Table:
        rows, results = list[Row](), list[VariantResult]()
        for variant, name, setting in self._wanted():
            results.append(aggregate(self.sweep, variant, self.out / _RESULTS))
            rows += rows_of(results[-1], name, setting)
        rows += control_rows(self.sweep, self._wanted()[0][0])
        info = evaluation_info(self.sweep, results[0])
        if self.name == "table1":
            return paper_tables.table1(info.database, rows, info)
        return (paper_tables.table2 if self.name == "table2" else paper_tables.table3)(rows, info)
