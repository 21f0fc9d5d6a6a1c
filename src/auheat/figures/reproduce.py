"""Which runs each table and figure of the paper needs, and how it is made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.data.datasets import DATASETS
from auheat.errors import AuheatError, check_choice, unknown_name
from auheat.figures import paper_figures, paper_tables, style
from auheat.figures.printed import DATABASES, Database
from auheat.figures.rows import (
    EvaluationInfo,
    Row,
    control_rows,
    database_of,
    evaluation_info,
    rows_of,
)
from auheat.figures.tables import Table, write_table
from auheat.files import make_folder
from auheat.training import ablations
from auheat.training.ablations import Job, Sweep, Variant
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
_FIGURES: dict[str, Callable[..., Figure]] = {
    "figure4": paper_figures.draw_figure4,
    "figure5": paper_figures.draw_figure5,
    "figure7": paper_figures.draw_figure7,
    "figure8": paper_figures.draw_figure8,
}
# Rows that are made only when they are asked for: the paper's loss where a preset has another.
_FURTHER: dict[str, Rows] = {"table2": ((ablations.PLAIN_LOSS, "SCC-Heatmap, plain loss", "eq2"),)}
TARGETS = (*_TABLES, "figure4", "figure5", "figure6", "figure7", "figure8")
# Those that the paper prints of both datasets; it has the others of one.
OF_BOTH = ("table1", "figure4", "figure5")


def side_by_side(sweeps: Sequence[Sweep], runs: Sequence[Path]) -> tuple[Sweep, ...]:
    """The sweeps of several datasets in the paper's order, each with folders of its own.

    A protocol that was published for one of the datasets holds for that one alone.

    Args:
        sweeps: one for each dataset.
        runs: a folder for each sweep, or one, in which `bp4d` and `disfa` are made.

    Raises:
        AuheatError: for folders that are not as many or the same, a dataset that the paper lacks,
            or two of one.
    """
    if len(runs) not in (1, len(sweeps)):
        raise AuheatError("--runs: give one folder, or one for each --data in the same order")
    if 1 < len(runs) != len({path.resolve() for path in runs}):
        raise AuheatError(f"--runs {runs[0]}: every --data needs a folder of its own")
    if len(sweeps) == 1:
        return (replace(sweeps[0], runs=runs[0]),)
    named: dict[Database, Sweep] = {}
    for place, sweep in enumerate(sweeps):
        name = database_of(sweep)
        if name in named:
            first = named[name].manifest.folder
            raise AuheatError(
                f"{first} and {sweep.manifest.folder} are both {name}: give one of each dataset"
            )
        folder = runs[place] if len(runs) > 1 else runs[0] / name.lower()
        named[name] = replace(sweep, runs=folder)
    own = {name: _protocols(sweep) for name, sweep in named.items()}
    for name, sweep in named.items():
        if any(sweep.protocol in known for other, known in own.items() if other != name):
            named[name] = replace(sweep, protocol="")
    return tuple(named[name] for name in DATABASES if name in named)


def _protocols(sweep: Sweep) -> list[str]:
    """Those that were published for a dataset of the paper."""
    spec = DATASETS[str(sweep.manifest.source["kind"])].spec
    return [protocol.name for protocol in spec.protocols]


@dataclass(frozen=True)
class Target:
    """A table or figure that is to be made of a sweep, or of one for each dataset.

    Attributes:
        name: one of `TARGETS`.
        sweeps: one, or several as `side_by_side` gives them.
        out: folder for tables and figures; result files go into `results` below it.
        k: the points of Figure 6.
        rows: settings of Table 2 or 3, or positions in Table 1 counted from 1, that are wanted; all
            by default.

    Raises:
        AuheatError: for an unknown name or row, several sweeps of what the paper has of one, or a
            dataset that is none of the paper's.
    """

    name: str
    sweeps: tuple[Sweep, ...]
    out: Path
    k: tuple[int, ...] = ablations.SWEEP_K
    rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("target", self.name, TARGETS)
        if self.name in _TABLES:
            self._wanted()
        for sweep in self.sweeps:
            database_of(sweep)  # before anything is trained
        if len(self.sweeps) > 1 and self.name not in OF_BOTH:
            raise AuheatError(
                f"{self.name} is of one dataset: give --data once; of two are {', '.join(OF_BOTH)}"
            )
        if self.name == "figure6":
            paper_figures.refuse_other_k(self.sweeps[0], self.k)

    def missing(self) -> list[tuple[Sweep, Job]]:
        """The runs that have no predictions yet.

        Raises:
            AuheatError: as `Sweep.missing`, for any of the sweeps, or nothing can be written into
                the folder for tables and figures.
        """
        missing = [(sweep, job) for sweep in self.sweeps for job in sweep.missing(self.variants())]
        make_folder(self.out)
        return missing

    def variants(self) -> list[Variant]:
        """The networks that it needs of every dataset."""
        if self.name in _TABLES:
            return [variant for variant, _, _ in self._wanted()]
        needs: dict[str, list[Variant]] = {
            "figure4": [],
            "figure5": [ablations.SCC],
            "figure6": [paper_figures.at(self.sweeps[0], k) for k in self.k],
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
            figure = paper_figures.draw_figure6(self.sweeps[0], self.k, results=self.out / _RESULTS)
        else:
            figure = _FIGURES[self.name](*self.sweeps)
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
        if len(self.sweeps) > 1:
            return paper_tables.table1_beside([self._measured(sweep) for sweep in self.sweeps])
        rows, info = self._measured(self.sweeps[0])
        if self.name == "table1":
            return paper_tables.table1(info.database, rows, info)
        return (paper_tables.table2 if self.name == "table2" else paper_tables.table3)(rows, info)

    def _measured(self, sweep: Sweep) -> tuple[list[Row], EvaluationInfo]:
        """Our rows of one dataset, and what they were measured on."""
        results_folder = self.out / _RESULTS
        if len(self.sweeps) > 1:
            results_folder /= database_of(sweep).lower()
        rows, results = list[Row](), list[VariantResult]()
        for variant, name, setting in self._wanted():
            results.append(aggregate(sweep, variant, results_folder))
            first = rows[0].setting or rows[0].name if rows else ""
            rows += rows_of(
                results[-1], name, setting=setting, base=(first, results[0]) if first else None
            )
        rows += control_rows(sweep, self._wanted()[0][0])
        return rows, evaluation_info(sweep, results[0])
