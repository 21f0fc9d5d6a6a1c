"""From readings, or from the path of a table, to a written report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from auheat import __version__
from auheat.errors import AuheatError
from auheat.files import atomic_write, output_path, refuse_input
from auheat.inference.predictor import load
from auheat.progress import Progress, silent
from auheat.tables.columns import writable
from auheat.web.components import report_page
from auheat.web.report.content import PeakImage, content
from auheat.web.report.origins import card_note, known_origin
from auheat.web.report.provenance import Source, baseline_beside, card_lines, card_of, settings
from auheat.web.report.readings import Readings
from auheat.web.report.rereading import peak_images
from auheat.web.report.statistics import peaks
from auheat.web.report.table import StoredTable, find_source, read_stored_table

_NO_SOURCE = (
    "Images are left out: what the table was made from is not beside it; name it with --video."
)
# Of what was just read; of a table that lies alone, see `auheat.web.report.origins`.
_CARD = "The weights that read it."


def write_report(
    path: Path, readings: Readings, image_of: PeakImage, source: Source, weights: str
) -> None:
    """Writes the report on what was just read.

    Args:
        path: The HTML file; it is replaced only when the report is whole.
        readings: What was read.
        image_of: The images of peaks.
        source: What it is about.
        weights: Those that read it: their path, or "default".

    Raises:
        AuheatError: If it cannot be written.
    """
    text = report_html(readings, image_of, source, weights)
    with atomic_write(path) as temporary:
        temporary.write_text(writable(text), "utf-8")


def report_html(
    readings: Readings,
    image_of: PeakImage | None,
    source: Source,
    weights: str,
    *,
    no_images: str = "",
    card_note: str = _CARD,
) -> str:
    """The whole report; see `write_report`. no_images: why there are no images of peaks."""
    card = card_of(weights)
    about: dict[str, Any] = {
        "settings": settings(readings, source),
        "cardLines": card_lines(card, weights),
        "cardNote": card_note,
        "card": dict(card),
    }
    made = f"auheat {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M}"
    return report_page(source.name, content(readings, image_of, no_images) | about, made)


def make_report(
    path: Path,
    *,
    out: Path | None = None,
    source: Path | None = None,
    weights: str = "default",
    device: str = "auto",
    progress: Progress = silent,
) -> Path:
    """Writes the report on a table.

    Args:
        path: The table.
        out: The HTML file; the table's name with the ending .html by default.
        source: What the table was made from; looked for beside it by default. If it is there, the
            images of the peaks are read anew.
        weights: Those that made the table: their path, or "default".
        device: Where they run.
        progress: Shows how far the images are.

    Returns:
        Where the report is.

    Raises:
        AuheatError: If the table, the named source or the weights cannot be read, or `out` is the
            table or the source.
    """
    out = out or path.with_suffix(".html")
    refuse_input(out, [path])
    output_path(out, "a report", ".html", ".htm")
    table = read_stored_table(path)
    if found := source or find_source(table):
        refuse_input(out, [found])
    origin, trouble = known_origin(path)
    image_of, reason = _images(table, found, source is not None, weights, device, progress)
    about = Source(
        path.name,
        _made_from(found, origin),
        origin=origin,
        more=[*baseline_beside(path), *trouble, *table.notes],
    )
    note = card_note(origin, weights)
    text = report_html(table.readings, image_of, about, weights, no_images=reason, card_note=note)
    with atomic_write(out) as temporary:
        temporary.write_text(writable(text), "utf-8")
    return out


def _made_from(found: Path | None, origin: Mapping[str, Any] | None) -> str | None:
    """The name of what was read, whether or not it is at hand."""
    if found or not origin:
        return found.name if found else None
    return f"{Path(origin['input']['path']).name}, which is not at hand"


def _images(
    table: StoredTable,
    source: Path | None,
    was_named: bool,
    weights: str,
    device: str,
    progress: Progress,
) -> tuple[PeakImage | None, str]:
    """The images of the peaks, or why there are none. A source that the user named must fit."""
    found = peaks(table.readings)
    if source is None:
        return None, _NO_SOURCE
    if not found:
        return None, ""
    try:
        return peak_images(
            table, found, source=source, predictor=load(weights, device), progress=progress
        ), ""
    except AuheatError as error:
        if was_named:
            raise
        return None, f"Images are left out: {error}"
