"""A table as Markdown, CSV or LaTeX, so that the three never disagree; agreement by Action Unit.

Every format shows the same cells in the same order; bold type is a list of columns in CSV, which
has no type faces.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from auheat.errors import AuheatError
from auheat.evaluation.breakdown import MEASURED, Breakdown
from auheat.evaluation.report import Report
from auheat.files import atomic_write
from auheat.metrics import METRICS, nanmean
from auheat.tables.markdown import markdown_table

_LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "f_i": "$f_i$",
    "f_j": "$f_j$",
}
_SPECIAL = re.compile("|".join(re.escape(sign) for sign in sorted(_LATEX, key=len, reverse=True)))


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    bold: bool = False


@dataclass(frozen=True)
class Group:
    """Rows that belong together, and a title that says what they are."""

    title: str
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Table:
    """A table as plain text.

    Attributes:
        caption: its first sentences say what was measured.
        notes: lines below the table.
        above: what stands above each column where the head has parts, "" above the others.

    Raises:
        ValueError: if a row has not as many cells as the head.
    """

    caption: str
    head: tuple[str, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()
    above: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.above) not in (0, len(self.head)):
            raise ValueError(f"{len(self.above)} words above {len(self.head)} heads")
        for group in self.groups:
            for row in group.rows:
                if len(row) != len(self.head):
                    raise ValueError(f"{group.title}: {len(row)} cells for {len(self.head)} heads")

    @property
    def columns(self) -> tuple[str, ...]:
        """The head in a single line: what stands above a column comes first in its name."""
        if not self.above:
            return self.head
        return tuple(
            " ".join(filter(None, pair)) for pair in zip(self.above, self.head, strict=True)
        )


def markdown(table: Table) -> str:
    """A table as GitHub shows it: the caption above, notes below."""
    blank = [""] * (len(table.head) - 1)
    rows: list[list[str]] = []
    for group in table.groups:
        rows.append([f"*{_markdown_text(group.title)}*", *blank])
        rows += [[_markdown_cell(cell) for cell in row] for row in group.rows]
    head = [_markdown_text(name) for name in table.columns]
    lines = [_markdown_text(table.caption), "", markdown_table(head, rows, numbers=True)]
    if table.notes:
        lines += ["", "  \n".join(map(_markdown_text, table.notes))]
    return "\n".join(lines) + "\n"


def comma_separated(table: Table) -> str:
    """CSV: a head, then a line for each row.

    The columns `group` (first) and `bold` (last, names of columns) take the place of titles and
    type. Caption and notes are in `notes`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["group", *table.columns, "bold"])
    for group in table.groups:
        for row in group.rows:
            pairs = zip(table.columns, row, strict=True)
            bold = " ".join(name.replace(" ", "_") for name, cell in pairs if cell.bold)
            writer.writerow([group.title, *(cell.text for cell in row), bold])
    return text.getvalue()


def latex(table: Table, label: str) -> str:
    """A float as wide as the page. Needs the package booktabs. label: for references to it.

    A head with parts is wide, so such a table is made as small as the page is; that needs graphicx.
    """
    width = len(table.head)
    lines = [
        r"\begin{table*}[t]",
        r"\centering\small\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{_latex_text(table.caption)}}}",
        rf"\label{{{label}}}",
        *([r"\resizebox{\textwidth}{!}{%"] if table.above else []),
        rf"\begin{{tabular}}{{@{{}}l{'r' * (width - 1)}@{{}}}}",
        r"\toprule",
        *_latex_above(table.above),
        _latex_line(map(_latex_text, table.head)),
    ]
    for group in table.groups:
        title = rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textit{{{_latex_text(group.title)}}}}} \\"
        lines += [r"\midrule", title]
        lines += [_latex_line(map(_latex_cell, row)) for row in group.rows]
    lines += [r"\bottomrule", r"\end{tabular}" + ("}" if table.above else "")]
    lines += [rf"\par\footnotesize {_latex_text(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


def notes(table: Table) -> str:
    """What the CSV has no room for: the caption and the notes, a line each."""
    return "".join(f"{line}\n" for line in (table.caption, *table.notes))


def write_table(table: Table, stem: Path) -> tuple[Path, ...]:
    """Writes `stem`.md, .csv, .notes.txt and .tex, each under a temporary name first.

    Returns their paths.

    The LaTeX label is `tab:` and the stem's last part.

    Raises:
        AuheatError: if nothing can be written there.
    """
    texts = {
        ".md": markdown(table),
        ".csv": comma_separated(table),
        ".notes.txt": notes(table),
        ".tex": latex(table, f"tab:{stem.name}"),
    }
    paths = {stem.with_name(stem.name + ending): text for ending, text in texts.items()}
    for path, text in paths.items():
        with atomic_write(path) as temporary:
            temporary.write_text(text, "utf-8")
    return tuple(paths)


def by_au(reports: Sequence[Report], metric: str = "icc") -> str:
    """A Markdown table: a row per run name, the mean over its seeds, a column per AU.

    With several seeds the mean column shows the standard deviation between seeds, too.

    Raises:
        AuheatError: if the reports measured different images or AUs, or no such metric.
    """
    if metric not in METRICS:
        raise AuheatError(f"result files have no {metric} by AU: choose from {', '.join(METRICS)}")
    first = reports[0]
    aus = [au for au in first.metrics if au != "mean"]
    for report in reports:
        other = [au for au in report.metrics if au != "mean"]
        if (report.images, report.data, other) != (first.images, first.data, aus):
            raise AuheatError(
                f"{report.name} was measured on other images or AUs than {first.name}: "
                "a table compares like with like"
            )
    groups: dict[str, list[Report]] = {}
    for report in reports:
        groups.setdefault(report.name, []).append(report)
    head = ["run", "seeds", *aus, f"mean {metric.upper()}"]
    rows = [_row_of_run(name, members, aus=aus, metric=metric) for name, members in groups.items()]
    note = (
        f"{metric.upper()} on the {first.split} split: {first.images} images of "
        f"{first.subjects} held-out subjects, {_faces(first)}."
    )
    return "\n".join([note, "", markdown_table(head, rows)])


def by_part(breakdowns: Sequence[Breakdown], metric: str = "icc") -> str:
    """A Markdown table: a row for each family or group, a column for each run.

    Raises:
        AuheatError: They have other parts, or no such metric.
    """
    if metric not in MEASURED:
        raise AuheatError(
            f"families and groups have no {metric}: choose from {', '.join(MEASURED)}"
        )
    first = breakdowns[0]
    for other in breakdowns:
        if not other.is_of_the_same(first):
            differ = "families or groups" if set(other.parts) != set(first.parts) else "images"
            raise AuheatError(
                f"{other.file or other.name} is of other {differ} than {first.file or first.name}: "
                "a table compares like with like"
            )
    faces = {True: ", synthetic faces", False: "", None: ""}[first.synthetic]
    head = ["part", *(f"{one.name} (seed {one.seed})" for one in breakdowns)]
    rows = []
    for part in first.parts:
        values = [one.parts[part][metric] for one in breakdowns]
        rows.append([part, *("" if np.isnan(value) else f"{value:.3f}" for value in values)])
    what = "False alarms" if metric == "false_alarms" else metric.upper()
    return "\n".join([f"{what}, mean over AUs{faces}.", "", markdown_table(head, rows)])


def _faces(report: Report) -> str:
    kind = str(report.data.get("kind", "unknown"))
    if not report.synthetic:
        return f"{kind} faces"
    return "synthetic faces" + ("" if kind == "synthetic" else f" in the layout of {kind}")


def _row_of_run(
    name: str, members: Sequence[Report], *, aus: Sequence[str], metric: str
) -> list[str]:
    cells = [f"{nanmean([m.metrics[au][metric] for m in members]):.3f}" for au in aus]
    means = [m.metrics["mean"][metric] for m in members]
    spread = f" ± {np.std(means, ddof=1):.3f}" if len(means) > 1 else ""
    seeds = ", ".join(str(seed) for seed in sorted(m.seed for m in members))
    return [name, seeds, *cells, f"{nanmean(means):.3f}{spread}"]


def metrics_table(report: Report) -> str:
    """A Markdown table of one report: a row per AU, a column per metric."""
    metrics = ("icc", "pcc", "mae", "mse")
    rows = [
        [au, *(f"{row[metric]:.3f}" for metric in metrics)] for au, row in report.metrics.items()
    ]
    head = ["AU", *(metric.upper() for metric in metrics)]
    return markdown_table(head, rows)


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\|*<])", r"\\\1", text)


def _markdown_cell(cell: Cell) -> str:
    text = _markdown_text(cell.text)
    return f"**{text}**" if cell.bold else text


def _latex_text(text: str) -> str:
    return _SPECIAL.sub(lambda found: _LATEX[found[0]], text)


def _latex_cell(cell: Cell) -> str:
    text = _latex_text(cell.text)
    return rf"\textbf{{{text}}}" if cell.bold else text


def _latex_above(above: Sequence[str]) -> list[str]:
    """A line of words, each across its columns, and a rule below each."""
    cells, rules, first = list[str](), list[str](), 1
    for words, columns in groupby(above):
        last = first + len(list(columns)) - 1
        cells.append(rf"\multicolumn{{{last - first + 1}}}{{c}}{{{_latex_text(words)}}}")
        rules += [rf"\cmidrule(lr){{{first}-{last}}}"] if words else []
        first = last + 1
    return [_latex_line(cells), "".join(rules)] if cells else []


def _latex_line(cells: Iterable[str]) -> str:
    parts: Sequence[str] = list(cells)
    return " & ".join(parts) + r" \\"
