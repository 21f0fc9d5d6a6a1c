"""Sections about photos: one row for each face, with its levels as coloured cells.

Rows stand in the table's order; a photo without a face keeps a row that says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from auheat.drawing.panel import intensity_colour
from auheat.facs import MAX_INTENSITY, TABLE
from auheat.web.report import drawing
from auheat.web.report.statistics import Summary, summaries
from auheat.web.report.table import ResultTable

# Rows of the grid at most; of more faces there is also a strip of all.
MAX_ROWS = 500
# Faces from which on photos say which Action Units go together.
MIN_FACES = 10
# Relative luminance at which white and black are equally far away (WCAG 2.1, contrast ratio).
_MIDDLE = 0.179


def face_names(table: ResultTable) -> list[str]:
    """What each face is called: its photo, and its number where the photo shows several."""
    return [", ".join(part for part in parts if part) for parts in _named(table)]


def _named(table: ResultTable) -> list[tuple[str, str]]:
    found = table.rows[table.rows["success"] == 1]
    faces = [f"face {int(face)}" for face in found["face"]]
    if table.kind == "photo":
        return [("", face) for face in faces]
    several = found.groupby("place")["face"].transform("size") > 1
    return [
        (str(name), face if many else "")
        for name, face, many in zip(found["input"], faces, several, strict=True)
    ]


def faces(table: ResultTable) -> str:
    """The grid of faces and AUs, and of very many faces a strip of all."""
    levels = table.all_faces.intensities
    note = (
        '<p class="note">One row for each face, from 0 to 5. Press the name of an Action Unit to '
        "sort by it, again for the first order.</p>"
    )
    overview = ""
    if len(table.rows) > MAX_ROWS:
        note += (
            f'<p class="note">The first {MAX_ROWS} of {len(table.rows)} rows are here; the strip '
            "has a column for each face of all.</p>"
        )
        overview = drawing.strip(table, levels.T, f"Intensities of {len(levels)} faces")
    return f"{drawing.SCALE}{overview}{_grid(table)}{note}"


def summary(table: ResultTable) -> str:
    """Over all faces; of a single face its intensities alone."""
    rows = summaries(table.all_faces, table.aus)
    names = face_names(table)
    if len(names) == 1:
        return f'<div class="cards"><div class="card">{drawing.intensities(rows)}</div></div>'

    def at(row: Summary) -> str:
        return names[row.row]

    return f'<div class="cards photos"><div class="card">{drawing.summary(rows, at)}</div></div>'


def _grid(table: ResultTable) -> str:
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button" title="{_title(au)}">{au}'
        "</button></th>"
        for au in table.aus
    )
    first = "Photo" if table.kind == "folder" else "Face"
    rows = table.rows.head(MAX_ROWS)
    names = iter(_named(table))
    body = "".join(_row(table, row, names) for row in rows.to_dict("records"))
    return (
        '<div class="scroll" role="region" aria-label="Faces and their intensities" tabindex="0">'
        f'<table class="grid"><thead><tr><th scope="col">{first}</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(table: ResultTable, row: dict[str, Any], names: Iterator[tuple[str, str]]) -> str:
    if row["success"] != 1:
        name = str(row.get("input", table.name_of(int(row["place"]))))
        return (
            f'<tr>{_head(name, "")}<td class="empty" colspan="{len(table.aus)}">no face</td></tr>'
        )
    cells = "".join(_cell(float(row[f"{au}_r"])) for au in table.aus)
    return f"<tr>{_head(*next(names))}{cells}</tr>"


def _head(name: str, face: str) -> str:
    """The head of a row; a long name is cut, the number of the face is not."""
    file = f'<span class="file" title="{escape(name)}">{escape(name)}</span>' if name else ""
    return f'<th scope="row"><span class="who">{file}<span>{face}</span></span></th>'


def _cell(level: float) -> str:
    colour = intensity_colour(min(max(level, 0.0), MAX_INTENSITY))
    ink = ' class="dark"' if luminance(colour) > _MIDDLE else ""
    return f'<td{ink} style="background:#{bytes(colour).hex()}">{level:.2f}</td>'


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.1)."""
    shares = np.array(colour) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _title(au: str) -> str:
    return escape(TABLE[au].title) if au in TABLE else ""
