"""From the runs of a study to result files, and from those to the rows of the paper's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from auheat.config import ModelConfig, to_dict
from auheat.data.datasets import DATASETS
from auheat.errors import AuheatError
from auheat.evaluation.controls import VarianceMatching, controls, pool_controls
from auheat.evaluation.predictions import Predictions, pool
from auheat.evaluation.protocols import title_of
from auheat.evaluation.report import Report
from auheat.figures.printed import DATABASES as PRINTED
from auheat.figures.printed import Database
from auheat.figures.rows import Interval, Kind, Measured, Row, design_of
from auheat.metrics import nanmean
from auheat.training.arms import Arm
from auheat.training.fit import read_dataset
from auheat.training.study import Study


@dataclass(frozen=True)
class ArmResult:
    """What one arm reached with every seed: reports of the pooled folds, plain and matched.

    pooled: the predictions behind `plain`.
    """

    model: ModelConfig
    plain: tuple[Report, ...]
    matched: tuple[Report, ...]
    pooled: tuple[Predictions, ...]

    def rows(self, name: str, setting: str = "") -> list[Row]:
        """The arm as a row of a table, and the same after variance matching."""
        return [
            _row(self.plain, name, setting, "method", self.model),
            _row(self.matched, name, setting, "matched", self.model),
        ]

    def mean(self, metric: str) -> float:
        """The mean over AUs of a metric of the pooled folds, averaged over seeds."""
        return nanmean([report.metrics["mean"][metric] for report in self.plain])

    @property
    def spread(self) -> dict[str, float]:
        """Standard deviation (n - 1) of the mean icc and mae: between seeds, or with a single one
        between its folds. NaN where there is one of each.
        """
        reports = list(self.plain)
        if len(reports) == 1:
            parts = self.pooled[0].by_fold()
            reports = [Report.of_predictions(part, resamples=0) for part in parts]
        values = {m: [report.metrics["mean"][m] for report in reports] for m in ("icc", "mae")}
        return {
            metric: float(np.std(found, ddof=1)) if len(found) > 1 else float("nan")
            for metric, found in values.items()
        }


def result_of(study: Study, arm: Arm, out: Path) -> ArmResult:
    """Measures an arm's predictions and writes its result files into the folder `out`."""
    plain: list[Report] = []
    matched: list[Report] = []
    pooled: list[Predictions] = []
    for seed in study.seeds:
        parts = study.predictions(arm, seed)
        fits = [VarianceMatching.fit(part) for part in study.predictions(arm, seed, "val")]
        spread = [fit.apply(part) for fit, part in zip(fits, parts, strict=True)]
        experiment = to_dict(study.experiment(arm, seed, 1))
        experiment["data"]["fold"] = 0  # all of them
        for reports, found, ending in ((plain, parts, ""), (matched, spread, "-matched")):
            together = pool(found)
            together = replace(together, about={**together.about, "experiment": experiment})
            report = Report.of_predictions(together, _controls(study, found, arm, seed))
            report.write(out / f"{arm.name}-seed{seed}{ending}.json")
            reports.append(report)
        pooled.append(pool(parts))
    return ArmResult(study.experiment(arm, 1, 1).model, tuple(plain), tuple(matched), tuple(pooled))


def control_rows(study: Study, arm: Arm) -> list[Row]:
    """Predictors without skill on the pictures that an arm was tested on."""
    parts = study.predictions(arm, study.seeds[0])
    found = _controls(study, parts, arm, study.seeds[0])
    reports = {name: Report.of_predictions(part, resamples=0) for name, part in found.items()}
    return [_row([report], name, "", "control", None) for name, report in reports.items()]


def measured(study: Study, result: ArmResult) -> Measured:
    """What a study's rows were measured on. Raises AuheatError for a dataset the paper lacks."""
    report = result.plain[0]
    return Measured(
        database=database_of(study),
        synthetic=report.synthetic,
        protocol=title_of(study.design.protocol),
        images=report.images,
        subjects=report.subjects,
        seeds=len(study.seeds),
        preset=study.preset,
        interval="95 % over subjects",
    )


def database_of(study: Study) -> Database:
    """Which of the paper's datasets this is. Raises AuheatError if it is neither."""
    kind = str(study.manifest.source.get("kind"))
    name = DATASETS[kind].spec.database if kind in DATASETS else ""
    found = next((database for database in PRINTED if database == name), None)
    if found is None:
        raise AuheatError(
            f"{study.manifest.folder} is of the kind {kind!r}: the paper's tables are of DISFA and "
            "BP4D; give a dataset of `auheat prepare disfa` or `auheat prepare bp4d`"
        )
    return found


def _controls(
    study: Study, parts: Sequence[Predictions], arm: Arm, seed: int
) -> dict[str, Predictions]:
    folds = [
        controls(part, read_dataset(study.experiment(arm, seed, number).data).split("train"))
        for number, part in enumerate(parts, 1)
    ]
    return pool_controls(folds)


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
        design=design_of(model) if model else {},
    )
