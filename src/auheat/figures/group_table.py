"""A report by group of people as a Markdown table."""

from __future__ import annotations

import math

from auheat.evaluation.groups import GroupReport
from auheat.tables.markdown import markdown_table


def group_table(report: GroupReport) -> str:
    """Group, people, images, ICC and MAE with their intervals, false alarms."""
    head = ("", "group", "people", "images", "ICC", "95%", "MAE", "95%", "false alarms")
    rows = [
        (
            column if number == 0 else "",
            group.name,
            group.subjects,
            group.images,
            _number(group.icc),
            _between(group.icc_interval),
            _number(group.mae),
            _between(group.mae_interval),
            "" if math.isnan(group.false_alarms) else f"{100 * group.false_alarms:.1f}%",
        )
        for column, groups in report.groups.items()
        for number, group in enumerate(groups)
    ]
    return markdown_table(head, rows)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _between(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return "" if math.isnan(low) or math.isnan(high) else f"[{low:.2f}, {high:.2f}]"
