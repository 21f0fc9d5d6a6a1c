"""Puts a report together: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from auheat import __version__
from auheat.files import atomic_write
from auheat.web.report import drawing, sections
from auheat.web.report.peaks import PeakPicture
from auheat.web.report.provenance import model_card, settings
from auheat.web.report.table import ResultTable


def write_report(
    path: Path,
    table: ResultTable,
    pictures: list[PeakPicture] | str,
    card: Mapping[str, Any],
    weights: str,
    source: Path | None = None,
) -> None:
    """Writes the report under a temporary name, then renames it.

    pictures: of the peaks, or the line that says why they are left out.
    card: of the weights, see `auheat.models.checkpoint`. weights: what they are called.
    source: the video or photo, as far as it is known.
    """
    text = report_html(table, pictures, card, weights, source)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def report_html(
    table: ResultTable,
    pictures: list[PeakPicture] | str,
    card: Mapping[str, Any],
    weights: str,
    source: Path | None = None,
) -> str:
    """The whole page; see `write_report`."""
    parts = [
        *(_section(*part) for part in sections.results(table, pictures)),
        _section("Settings", drawing.definition(settings(table, source))),
        _section("Model card", model_card(card, weights)),
    ]
    return Template(_own("report.html")).substitute(
        title=escape(table.name),
        facts=escape(sections.facts(table)),
        theme=(files("auheat.web") / "static" / "theme.css").read_text("utf-8"),
        style=_own("report.css"),
        script=_own("report.js"),
        controls=sections.controls(table),
        sections="\n".join(parts),
        made=escape(f"auheat {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M}"),
    )


def _own(name: str) -> str:
    return (files("auheat.web.report") / name).read_text("utf-8")


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"
