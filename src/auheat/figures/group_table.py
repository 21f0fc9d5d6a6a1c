"""A report by group of people as a Markdown table."""

from __future__ import annotations

import math

from auheat.evaluation.groups import GroupReport
from auheat.figures.suite_table import number, percent
from auheat.tables.markdown import markdown_table


def group_table(report: GroupReport) -> str:
    """Group, people, images, ICC and MAE with their intervals, false alarms."""
    head = ("", "group", "people", "images", "ICC", "95%", "MAE", "95%", "false alarms")
    rows = [
        (
            column if place == 0 else "",
            group.name,
            group.subjects,
            group.images,
            number(group.icc),
            _between(group.icc_interval),
            number(group.mae),
            _between(group.mae_interval),
            percent(group.false_alarms),
        )
        for column, groups in report.groups.items()
        for place, group in enumerate(groups)
    ]
    return markdown_table(head, rows)


def _between(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return "" if math.isnan(low) or math.isnan(high) else f"[{low:.2f}, {high:.2f}]"
