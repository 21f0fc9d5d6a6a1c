"""What the variants of a sweep reached: folds pooled, measured, and written as result files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from auheat.config import ModelConfig
from auheat.evaluation.controls import VarianceMatching, controls, pool_controls
from auheat.evaluation.predictions import Predictions, pool
from auheat.evaluation.report import Report
from auheat.evaluation.scoring import score
from auheat.metrics import nanmean
from auheat.settings import to_dict
from auheat.training.ablations import Sweep, Variant
from auheat.training.run_data import read_dataset


@dataclass(frozen=True)
class VariantResult:
    """What one variant reached with every seed: reports of the pooled folds, plain and matched.

    Attributes:
        pooled: the predictions behind `plain`.
    """

    model: ModelConfig
    plain: tuple[Report, ...]
    matched: tuple[Report, ...]
    pooled: tuple[Predictions, ...]

    def mean(self, metric: str) -> float:
        """The mean over AUs of a metric of the pooled folds, averaged over seeds."""
        return nanmean([report.metrics["mean"][metric] for report in self.plain])

    @property
    def spread(self) -> dict[str, float]:
        """Standard deviation (n - 1) of the mean icc and mae.

        Between seeds, or with a single one between its folds. NaN where there is one of each.
        """
        reports = list(self.plain)
        if len(reports) == 1:
            parts = self.pooled[0].by_fold()
            reports = [score(part, resamples=0) for part in parts]
        values = {m: [report.metrics["mean"][m] for report in reports] for m in ("icc", "mae")}
        return {
            metric: float(np.std(found, ddof=1)) if len(found) > 1 else float("nan")
            for metric, found in values.items()
        }


def aggregate(sweep: Sweep, variant: Variant, out: Path) -> VariantResult:
    """Measures a variant's predictions and writes its result files into the folder `out`."""
    plain: list[Report] = []
    matched: list[Report] = []
    pooled: list[Predictions] = []
    for seed in sweep.seeds:
        parts = sweep.predictions(variant, seed)
        fits = [VarianceMatching.fit(part) for part in sweep.predictions(variant, seed, "val")]
        spread = [fit.apply(part) for fit, part in zip(fits, parts, strict=True)]
        experiment = to_dict(sweep.experiment(variant, seed, 1))
        experiment["data"]["fold"] = 0  # all of them
        for reports, found, ending in ((plain, parts, ""), (matched, spread, "-matched")):
            together = pool(found)
            together = replace(together, about={**together.about, "experiment": experiment})
            report = score(together, naive_baselines(sweep, found, variant, seed))
            report.write(out / f"{variant.name}-seed{seed}{ending}.json")
            reports.append(report)
        pooled.append(pool(parts))
    return VariantResult(
        sweep.experiment(variant, 1, 1).model, tuple(plain), tuple(matched), tuple(pooled)
    )


def naive_baselines(
    sweep: Sweep, parts: Sequence[Predictions], variant: Variant, seed: int
) -> dict[str, Predictions]:
    """Naive baselines on the images that the folds `parts` of a variant were tested on."""
    folds = [
        controls(part, read_dataset(sweep.experiment(variant, seed, number).data).split("train"))
        for number, part in enumerate(parts, 1)
    ]
    return pool_controls(folds)
