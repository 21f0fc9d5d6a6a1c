"""What has to be said beside a table of metrics, in lines."""

from __future__ import annotations

from auheat.evaluation.predictions import Predictions
from auheat.evaluation.report import Report

_SCALE = (
    "py-feat's values run from 0 to 1 and are scored as they are: "
    "the scale affects ICC, MAE and MSE but not PCC"
)


def notes(report: Report, predictions: Predictions) -> list[str]:
    """Lines on who was tested, intervals, controls, coverage and AUs that are missing."""
    lines = [_tested(report), *_intervals(report), *_controls(report)]
    if report.coverage:
        n, of = report.coverage["images"], report.coverage["of"]
        lines.append(f"coverage: predictions for {n} of {of} pictures ({n / max(of, 1):.1%})")
    if missing := predictions.about.get("not_offered"):
        lines.append(f"not offered, so not measured: {', '.join(missing)}")
    if predictions.about.get("kind") == "py-feat":
        lines.append(_SCALE)
    return lines


def _tested(report: Report) -> str:
    faces = " of synthetic faces" if report.synthetic else ""
    division = f", protocol {report.protocol}, fold {report.fold}" if report.protocol else ""
    return (
        f"measured on {report.images} pictures{faces}, {report.subjects} subjects, "
        f"split {report.split}{division}"
    )


def _intervals(report: Report) -> list[str]:
    means = report.intervals.get("mean", {})
    if not means:
        return []
    texts = [
        f"{metric.upper()} {report.metrics['mean'][metric]:.3f} "
        f"({means[metric][0]:.3f} to {means[metric][1]:.3f})"
        for metric in ("icc", "mae")
    ]
    return [f"mean over AUs with 95% interval over subjects: {', '.join(texts)}"]


def _controls(report: Report) -> list[str]:
    return [
        f"{name} predictor: ICC {row['icc']:.3f}, MAE {row['mae']:.3f}, MSE {row['mse']:.3f}"
        for name, row in report.controls.items()
    ]
