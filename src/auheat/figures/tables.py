"""Tables of agreement by Action Unit, from result files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auheat.errors import AuheatError
from auheat.evaluation.report import Report
from auheat.metrics import nanmean


def by_au(reports: Sequence[Report], metric: str = "icc") -> str:
    """A Markdown table: a row per run name, the mean over its seeds, a column per AU.

    With several seeds the mean column shows the standard deviation between seeds, too. Raises
    AuheatError if the reports measured different pictures or AUs.
    """
    first = reports[0]
    aus = [au for au in first.metrics if au != "mean"]
    for report in reports:
        other = [au for au in report.metrics if au != "mean"]
        if (report.images, report.data, other) != (first.images, first.data, aus):
            raise AuheatError(
                f"{report.name} was measured on other pictures or AUs than {first.name}: "
                "a table compares like with like"
            )
    groups: dict[str, list[Report]] = {}
    for report in reports:
        groups.setdefault(report.name, []).append(report)
    head = ["run", "seeds", *aus, f"mean {metric.upper()}"]
    rows = [_row(name, members, aus, metric) for name, members in groups.items()]
    note = (
        f"{metric.upper()} on the {first.split} split: {first.images} images of "
        f"{first.subjects} held-out subjects, {_faces(first)}."
    )
    return "\n".join([note, "", _line(head), _line(["---"] * len(head)), *map(_line, rows)])


def _faces(report: Report) -> str:
    kind = str(report.data.get("kind", "unknown"))
    if not report.synthetic:
        return f"{kind} faces"
    return "synthetic faces" + ("" if kind == "synthetic" else f" in the layout of {kind}")


def _row(name: str, members: Sequence[Report], aus: Sequence[str], metric: str) -> list[str]:
    cells = [f"{nanmean([m.metrics[au][metric] for m in members]):.3f}" for au in aus]
    means = [m.metrics["mean"][metric] for m in members]
    spread = f" ± {np.std(means, ddof=1):.3f}" if len(means) > 1 else ""
    seeds = ", ".join(str(seed) for seed in sorted(m.seed for m in members))
    return [name, seeds, *cells, f"{nanmean(means):.3f}{spread}"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def metrics_table(report: Report) -> str:
    """A Markdown table of one report: a row per AU, a column per metric."""
    metrics = ("icc", "pcc", "mae", "mse")
    rows = [
        [au, *(f"{row[metric]:.3f}" for metric in metrics)] for au, row in report.metrics.items()
    ]
    head = ["AU", *(metric.upper() for metric in metrics)]
    return "\n".join([_line(head), _line(["---"] * len(head)), *map(_line, rows)])
