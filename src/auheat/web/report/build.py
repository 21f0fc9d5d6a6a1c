"""From the path of a table to a written report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError
from auheat.inference.jobs import Outcome
from auheat.inference.predictor import Predictor, load
from auheat.models.runtimes.opening import open_runtime
from auheat.progress import Progress, silent
from auheat.web.report.page import report_html, write_report
from auheat.web.report.peaks import PeakPicture, Reads, find_source, peak_pictures
from auheat.web.report.statistics import peaks
from auheat.web.report.table import ResultTable, read_table

_NO_SOURCE = (
    "Pictures are left out: what the table was made from is not beside it; name it with --video."
)
_NO_FACE = "No face was found, so there are no peaks."


def make_report(
    path: Path,
    out: Path | None = None,
    source: Path | None = None,
    weights: str = "default",
    device: str = "auto",
    progress: Progress = silent,
    read: Reads | None = None,
) -> Path:
    """Reads a table, finds what it was made from, and writes the report; gives its path.

    out: the table's name with `.html` if None. source: looked for beside the table if None.
    read: finds the faces of a picture; done with the weights if None.
    Raises AuheatError if the table, the named source or the weights cannot be read.
    """
    table = read_table(path)
    out = out or path.with_suffix(".html")
    if out.resolve() == path.resolve():
        raise AuheatError(f"{out} is the table itself: name another file with --out")
    card = card_of(weights)
    named = source
    source = source or find_source(table)

    def reader() -> Reads:
        return read or load(weights, device).predict

    pictures = _pictures(table, source, named is not None, reader, progress)
    write_report(out, table, pictures, card, _name_of(weights), source)
    return out


def report_on(outcome: Outcome, predictor: Predictor, weights: str) -> Path:
    """Writes the report on the table of an input that was just read, beside it; gives its path.

    predictor: what read it, with these weights. The peaks of a folder that was read as a video
    come without pictures. Raises AuheatError if the report cannot be written.
    """
    is_sequence = outcome.is_video and outcome.path.is_dir()
    source = None if is_sequence else outcome.path
    return make_report(outcome.files[0], None, source, weights, read=predictor.predict)


def session_report(path: Path, name: str, source: Path, weights: str, read: Reads) -> str:
    """The report on a table whose source is at hand, as HTML. name: what to call the table.

    weights: their path or "default". read: finds the faces of a picture.
    """
    table = read_table(path, name)
    found = peaks(table)
    pictures = peak_pictures(table, found, source, read) if found else _NO_FACE
    return report_html(table, pictures, card_of(weights), _name_of(weights))


def card_of(weights: str) -> Mapping[str, Any]:
    """The card of stored weights. Raises AuheatError if they cannot be read."""
    return open_runtime(weights).card


def _pictures(
    table: ResultTable,
    source: Path | None,
    was_named: bool,
    reader: Callable[[], Reads],
    progress: Progress,
) -> list[PeakPicture] | str:
    """The peaks' pictures, or why there are none. A source that the user named must fit."""
    if source is None:
        return _NO_SOURCE
    found = peaks(table)
    if not found:
        return _NO_FACE
    try:
        return peak_pictures(table, found, source, reader(), progress)
    except AuheatError as error:
        if was_named:
            raise
        return f"Pictures are left out: {error}"


def _name_of(weights: str) -> str:
    return "those that come with auheat" if weights == "default" else Path(weights).name
