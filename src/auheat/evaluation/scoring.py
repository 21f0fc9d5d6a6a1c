"""From predictions beside labels to the figures of a result file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auheat.errors import AuheatError
from auheat.evaluation.intervals import RESAMPLES, intervals
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.report import Report
from auheat.metrics import METRICS, nanmean, summary


def score(
    predictions: Predictions,
    controls: Mapping[str, Predictions] | None = None,
    *,
    resamples: int = RESAMPLES,
) -> Report:
    """Compares predictions with the labels beside them.

    Args:
        predictions: What is measured.
        controls: Naive baselines by name, of the same rows.
        resamples: For the intervals; 0 for none.

    Raises:
        AuheatError: There are no rows.
    """
    about = predictions.about
    if not len(predictions.table):
        raise AuheatError(f"nothing to measure: {about.get('name', '')} has no predictions")
    found = summary(predictions.agreement(), predictions.aus)
    others = {name: other.agreement() for name, other in (controls or {}).items()}
    return Report(
        name=str(about.get("name", "")),
        seed=int(about.get("seed", 0)),
        weights=str(about.get("weights", "")),
        split=str(about.get("split", "test")),
        subjects=int(predictions.table["subject"].nunique()),
        images=len(predictions.table),
        data=about.get("data", {}),
        experiment=about.get("experiment", {}),
        metrics=found,
        protocol=_protocol(about),
        fold=", ".join(name for name in predictions.table["fold"].unique() if name),
        intervals=intervals(predictions, resamples) if resamples else {},
        fold_means=_fold_means(predictions),
        controls={k: summary(v, predictions.aus)["mean"] for k, v in others.items()},
        coverage=about.get("coverage", {}),
    )


def _protocol(about: Mapping[str, Any]) -> str:
    """What predictions say of the protocol, else their run's settings, else their first part."""
    if "protocol" in about:
        return str(about["protocol"])
    own = about.get("experiment", {}).get("data", {}).get("protocol")
    parts = about.get("parts", ())
    return str(own or (_protocol(parts[0]) if parts else ""))


def _fold_means(predictions: Predictions) -> dict[str, dict[str, float]]:
    """By AU and as "mean": the mean over folds of each metric; nothing for a single fold."""
    parts = predictions.by_fold()
    if len(parts) < 2:
        return {}
    tables = [summary(part.agreement(), part.aus) for part in parts]
    return {
        au: {metric: nanmean([table[au][metric] for table in tables]) for metric in METRICS}
        for au in tables[0]
    }
