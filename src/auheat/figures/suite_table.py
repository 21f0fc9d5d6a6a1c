"""A test suite's report as a Markdown table: a row for each family."""

from __future__ import annotations

import math

from auheat.evaluation.suite import Measures, SuiteReport
from auheat.tables.markdown import markdown_table


def suite_table(report: SuiteReport) -> str:
    """Family, images, ICC, its worst AU, MAE, false alarms and their worst AU."""
    head = ("family", "images", "ICC", "worst AU", "MAE", "false alarms", "worst AU")
    rows = [
        (
            family,
            f"{measures['mean']['n']:.0f}",
            number(measures["mean"]["icc"]),
            _worst(measures, "icc", -1),
            number(measures["mean"]["mae"]),
            percent(measures["mean"]["false_alarms"]),
            _worst(measures, "false_alarms", 1),
        )
        for family, measures in report.families.items()
    ]
    return markdown_table(head, rows)


def number(value: float) -> str:
    """To three places, nothing if it is NaN."""
    return "" if math.isnan(value) else f"{value:.3f}"


def percent(value: float) -> str:
    """Of a fraction, nothing if it is NaN."""
    return "" if math.isnan(value) else f"{100 * value:.1f}%"


def _worst(measures: Measures, name: str, sign: int) -> str:
    """The AU with the lowest (sign -1) or the highest (sign 1) value, and that value."""
    values = {
        au: sign * row[name]
        for au, row in measures.items()
        if au != "mean" and not math.isnan(row[name])
    }
    if not values:
        return ""
    au = max(values, key=lambda name: values[name])
    value = measures[au][name]
    return f"{au} {number(value) if name == 'icc' else percent(value)}"
