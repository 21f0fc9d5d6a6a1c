"""Rows of the paper's tables from what variants reached, and what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from auheat.config import EdgeFeatures, ModelConfig
from auheat.data.datasets import DATASETS
from auheat.errors import AuheatError
from auheat.evaluation.intervals import difference
from auheat.evaluation.protocols import title_of
from auheat.evaluation.report import Report
from auheat.evaluation.scoring import score
from auheat.figures.printed import DATABASES as PRINTED
from auheat.figures.printed import Database
from auheat.heatmap import heatmap_side
from auheat.metrics import nanmean
from auheat.training.ablations import Sweep, Variant
from auheat.training.aggregate import VariantResult, naive_baselines

# "method": a trained network. "matched": the same after variance matching, which was fitted on
# validation subjects. "control": a naive baseline, such as all zeros or the mean.
Kind = Literal["method", "matched", "control"]
Interval = tuple[float, float]

_EDGES: dict[EdgeFeatures, str] = {
    "centre_difference": "(f_i, f_j − f_i)",
    "centre_neighbour": "(f_i, f_j)",
    "difference": "f_j − f_i",
}


@dataclass(frozen=True)
class Row:
    """One of our results, for one database. What is not defined is NaN.

    Attributes:
        name: the method (Table 1).
        setting: the letter or words in Tables 2 and 3; "" there means name.
        icc: by AU.
        mae: by AU.
        mean_icc: averages over the AUs.
        mean_mae: averages over the AUs.
        icc_interval: (low, high) of the averages.
        mae_interval: (low, high) of the averages.
        seeds: runs that were averaged.
        icc_spread: standard deviation of mean_icc between them.
        note: printed below the table.
        kind: only methods compete for bold type.
        design: cells of the columns DL, HR, SCC and EF, see `design_cells`.
    """

    name: str
    setting: str
    icc: Mapping[str, float]
    mae: Mapping[str, float]
    mean_icc: float
    mean_mae: float
    icc_interval: Interval | None = None
    mae_interval: Interval | None = None
    seeds: int = 1
    icc_spread: float | None = None
    note: str = ""
    kind: Kind = "method"
    design: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationInfo:
    """What our rows of a table were measured on.

    Attributes:
        database: the dataset, or the one that synthetic faces were made to look like in AUs, levels
            and numbers.
        protocol: such as "3 folds by subject".
        images: tested.
        subjects: tested.
        seeds: runs of each method.
        preset: of the networks, and what was changed in it.
        interval: what intervals are.
    """

    database: Database
    synthetic: bool
    protocol: str
    images: int
    subjects: int
    seeds: int
    preset: str
    interval: str = "95 % interval"

    @property
    def label(self) -> str:
        """Which data in a few words, to stand beside every group of our rows."""
        if self.synthetic:
            return f"synthetic, {self.database} look-alike"
        return self.database

    @property
    def sentence(self) -> str:
        """Everything that was measured, as one sentence without its full stop."""
        return f"Our rows were measured on {self.where}"

    @property
    def where(self) -> str:
        """Everything that was measured, to stand behind "measured on"."""
        faces = "synthetic faces, a look-alike of " if self.synthetic else ""
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return (
            f"{faces}{self.database}: {self.protocol}, "
            f"{self.images:,} test images of {self.subjects} subjects, {seeds}, "
            f"preset {self.preset}"
        )


def design_cells(config: ModelConfig) -> dict[str, str]:
    """The cells of Tables 2 and 3 that describe a network: DL, HR (pixels), SCC and EF."""
    side = heatmap_side(config)
    return {
        "DL": str(len(config.deconv_widths)) if config.kind == "deconv" else "",
        "HR": f"{side} × {side}",
        "SCC": "yes" if config.scc else "no",
        "EF": _EDGES[config.scc_edges] if config.scc else "",
    }


def rows_of(
    result: VariantResult,
    name: str,
    *,
    setting: str = "",
    base: tuple[str, VariantResult] | None = None,
) -> list[Row]:
    """A variant as a row of a table, and the same after variance matching.

    Args:
        result: what it reached.
        name: the method.
        setting: the letter of the row, if it has one.
        base: what the first is called that it is compared with in a note, and what that reached.
    """
    method = _row(result.plain, name, setting, "method", result.model)
    if base:
        method = replace(method, note=_against(result, *base))
    return [method, _row(result.matched, name, setting, "matched", result.model)]


def _against(result: VariantResult, name: str, base: VariantResult) -> str:
    """How far the mean ICC lies above another's, with the interval over the subjects of both."""
    one, other = (found.plain[0].metrics["mean"]["icc"] for found in (result, base))
    low, high = difference(result.pooled[0], base.pooled[0])["icc"]
    seed = ", first seed" if len(result.plain) > 1 else ""
    return (
        f"ICC {one - other:+.3f} [{low:+.3f}, {high:+.3f}] against {name}, "
        f"95 % over the same subjects{seed}."
    )


def control_rows(sweep: Sweep, variant: Variant) -> list[Row]:
    """Naive baselines on the images that a variant was tested on."""
    parts = sweep.predictions(variant, sweep.seeds[0])
    found = naive_baselines(sweep, parts, variant, sweep.seeds[0])
    reports = {name: score(part, resamples=0) for name, part in found.items()}
    return [_row([report], name, "", "control", None) for name, report in reports.items()]


def evaluation_info(sweep: Sweep, result: VariantResult) -> EvaluationInfo:
    """What a sweep's rows were measured on.

    Raises:
        AuheatError: for a dataset the paper lacks.
    """
    report = result.plain[0]
    return EvaluationInfo(
        database=database_of(sweep),
        synthetic=report.synthetic,
        protocol=title_of(sweep.design.protocol),
        images=report.images,
        subjects=report.subjects,
        seeds=len(sweep.seeds),
        preset=sweep.settings_words,
        interval="95 % over subjects",
    )


def database_of(sweep: Sweep) -> Database:
    """Which of the paper's datasets this is.

    Raises:
        AuheatError: if it is neither.
    """
    kind = str(sweep.manifest.source.get("kind"))
    name = DATASETS[kind].spec.database if kind in DATASETS else ""
    found = next((database for database in PRINTED if database == name), None)
    if found is None:
        raise AuheatError(
            f"{sweep.manifest.folder} is of the kind {kind!r}: the paper's tables are of DISFA and "
            "BP4D; give a dataset of `auheat prepare disfa` or `auheat prepare bp4d`"
        )
    return found


def _row(
    reports: Sequence[Report], name: str, setting: str, kind: Kind, model: ModelConfig | None
) -> Row:
    """Means over seeds; the intervals are those of the first seed."""
    first = reports[0]
    aus = [au for au in first.metrics if au != "mean"]

    def mean(key: str, metric: str) -> float:
        return nanmean([report.metrics[key][metric] for report in reports])

    def interval(metric: str) -> Interval | None:
        return first.intervals["mean"][metric] if first.intervals else None

    means = [report.metrics["mean"]["icc"] for report in reports]
    return Row(
        name,
        setting,
        {au: mean(au, "icc") for au in aus},
        {au: mean(au, "mae") for au in aus},
        mean("mean", "icc"),
        mean("mean", "mae"),
        interval("icc"),
        interval("mae"),
        len(reports),
        float(np.std(means, ddof=1)) if len(means) > 1 else None,
        kind=kind,
        design=design_cells(model) if model else {},
    )
