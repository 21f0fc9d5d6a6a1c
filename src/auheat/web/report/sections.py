"""The sections of a report, each as a piece of HTML."""

from __future__ import annotations

from html import escape

import numpy as np

from auheat.web.report import drawing, photos
from auheat.web.report.peaks import PeakPicture
from auheat.web.report.statistics import (
    Peak,
    Summary,
    correlation,
    ever_present,
    joint_presence,
    peaks,
    summaries,
)
from auheat.web.report.table import ResultTable

# Persons that are drawn at most: those seen longest.
MAX_PEOPLE = 6
_PEAK_WIDTH = 360


def facts(table: ResultTable) -> str:
    """One line: how much was read, and how many faces are in it."""
    faces = len(table.series)
    if table.kind == "video":
        rate = f", {1 / table.step:.4g} frames/s" if table.step else ""
        return (
            f"{_counted(table.places, 'frame')}{rate}, {table.duration:.2f} s · "
            f"{_counted(faces, 'person', 'people')} · "
            f"a face in {table.with_face} of {table.places} frames"
        )
    if table.kind == "folder":
        total = len(table.all_faces.frames)
        return (
            f"{_counted(table.places, 'picture')} · {_counted(total, 'face')} · "
            f"a face in {table.with_face} of {table.places}"
        )
    return f"photo · {_counted(faces, 'face')}"


def _counted(number: int, thing: str, many: str = "") -> str:
    return f"{number} {thing if number == 1 else many or f'{thing}s'}"


def _shown(table: ResultTable) -> list[int]:
    return [series.face_id for series in table.series[:MAX_PEOPLE]]


def controls(table: ResultTable) -> str:
    """Switches for Action Units and people; nothing where there are no curves."""
    if table.kind != "video" or not table.series:
        return ""
    aus = "".join(_switch("au", au, au) for au in table.aus)
    people = "".join(
        _switch("person", str(person), f"person {person}", drawing.colour_class(person))
        for person in _shown(table)
    )
    people = (
        f"<fieldset><legend>People</legend>{people}</fieldset>" if len(table.series) > 1 else ""
    )
    return (
        f'<form class="switches"><fieldset><legend>Action Units</legend>{aus}'
        f'<button type="button" id="all">all</button><button type="button" id="none">none</button>'
        f"</fieldset>{people}</form>"
    )


def _switch(kind: str, value: str, label: str, colour: str = "") -> str:
    dot = f'<i class="dot {colour}"></i>' if colour else ""
    return (
        f'<label><input type="checkbox" name="{kind}" value="{escape(value)}" checked>'
        f"{dot}{escape(label)}</label>"
    )


def results(table: ResultTable, pictures: list[PeakPicture] | str) -> list[tuple[str, str]]:
    """Titles and bodies of all that was read; sections that would be empty are left out.

    pictures: of the peaks, or the line that says why they are left out.
    """
    if not table.series:
        parts = [("Summary", "<p>No face was found: there is nothing to sum up.</p>")]
    elif table.kind == "video":
        parts = [
            ("Summary", summary(table)),
            *over_time(table),
            ("Peaks", peaks_of(table, pictures)),
            (_TOGETHER, together(table)),
        ]
    else:
        parts = _of_photos(table, pictures)
    if table.kind == "video" or (table.gaps and table.kind == "folder"):
        parts.append(("Without a face", gaps(table)))
    return parts


_TOGETHER = "Which Action Units go together"
_LEVELS = (
    '<p class="note">Intensities from 0 to 5 (FACS A is 1, E is 5). Present: share of the faces '
    "with an intensity of 1 or more.</p>"
)


def _of_photos(table: ResultTable, pictures: list[PeakPicture] | str) -> list[tuple[str, str]]:
    many = len(photos.face_names(table))
    peak = ("Peaks", peaks_of(table, pictures))
    if many == 1:
        return [("Intensities", photos.summary(table)), peak]
    parts = [("Faces", photos.faces(table)), ("Summary", photos.summary(table) + _LEVELS), peak]
    if many >= photos.MIN_FACES:
        return [*parts, (_TOGETHER, together(table))]
    few = (
        f'<p class="note">Which Action Units go together is left out: it takes at least '
        f"{photos.MIN_FACES} faces.</p>"
    )
    return [parts[0], (parts[1][0], parts[1][1] + few), peak]


def summary(table: ResultTable) -> str:
    """Mean, largest intensity and share present of a video: a table for each person."""
    parts = []
    for series in table.series[:MAX_PEOPLE]:
        heading = drawing.person_name(series.face_id) + (
            f'<p class="note">{_counted(len(series.frames), "frame")}, mean confidence '
            f"{series.confidences.mean():.2f}</p>"
        )
        rows = drawing.summary(summaries(series, table.aus), _time)
        parts.append(f'<div class="card">{heading}{rows}</div>')
    left = len(table.series) - MAX_PEOPLE
    more = (
        f"<p>{_counted(left, 'person', 'people')} seen for a shorter time left out.</p>"
        if left > 0
        else ""
    )
    return f'<div class="cards">{"".join(parts)}</div>{more}{_LEVELS}'


def _time(row: Summary) -> str:
    return drawing.clock(row.time, exact=True)


def over_time(table: ResultTable) -> list[tuple[str, str]]:
    """Titles and bodies: curves and heat strip of a video."""
    note = (
        '<p class="note">Each lane runs from 0 to 5; the fine lines are 1 (present) and 3. '
        "Shaded: no face.</p>"
    )
    return [
        ("Curves", drawing.curves(table, table.series[:MAX_PEOPLE]) + note),
        ("Heat strip", drawing.SCALE + drawing.strips(table, _shown(table))),
    ]


def peaks_of(table: ResultTable, pictures: list[PeakPicture] | str) -> str:
    """Where each AU is strongest, with pictures or with the line that says why there are none."""
    if isinstance(pictures, str):
        rows = "".join(
            f"<li>{drawing.au_label(peak.au)} {peak.level:.2f} – {_where(table, peak)}</li>"
            for peak in peaks(table)
        )
        return f'<p class="note">{escape(pictures)}</p><ul class="list">{rows}</ul>'
    figures = []
    for peak, image in pictures:
        drawn = '<div class="missing">not found again</div>'
        if image is not None:
            alt = f"Face with the heatmap of {peak.au}, {_where(table, peak)}"
            drawn = f'<img alt="{escape(alt)}" src="{drawing.jpeg(image, _PEAK_WIDTH)}">'
        figures.append(
            f"<figure>{drawn}<figcaption><b>{drawing.au_label(peak.au)}</b>"
            f'<span class="value">{peak.level:.2f}</span><br>{_where(table, peak)}'
            "</figcaption></figure>"
        )
    return f'<div class="peaks">{"".join(figures)}</div>'


def _where(table: ResultTable, peak: Peak) -> str:
    person = f"person {peak.person}" if table.kind == "video" else f"face {peak.person}"
    time = f", {peak.time:.2f} s" if table.kind == "video" else ""
    return escape(f"{table.name_of(peak.place)}{time}, {person}")


def together(table: ResultTable) -> str:
    """Correlation and joint presence of the AUs that are present in some face."""
    related, joint, used = correlation(table), joint_presence(table), ever_present(table)
    if joint is None:
        return '<p class="note">Left out: it takes at least three faces.</p>'
    if len(used) < 2:
        return '<p class="note">Left out: fewer than two Action Units are ever present.</p>'
    aus, square = tuple(table.aus[i] for i in used), np.ix_(used, used)
    parts = [drawing.matrix(aus, joint[square], False, _JOINT)]
    if related is not None:
        words = _RELATED if table.kind == "video" else _RELATED_PHOTOS
        parts.insert(0, drawing.matrix(aus, related[square], True, words))
    never = ", ".join(au for au in table.aus if au not in aus)
    rest = f'<p class="note">Never present, so left out: {never}.</p>' if never else ""
    return f'<div class="matrices">{"".join(parts)}</div>{rest}'


_RELATED = "Correlation (Pearson’s r) of the intensities, each person’s own mean taken off"
_RELATED_PHOTOS = "Correlation (Pearson’s r) of the intensities over all faces"
_JOINT = "Joint presence: percent of the faces that show both; on the diagonal, that show it at all"


def gaps(table: ResultTable) -> str:
    """The stretches, or pictures, without a face."""
    if not table.gaps:
        return "<p>Every frame shows a face.</p>"
    if table.kind != "video":
        places = [place for gap in table.gaps for place in range(gap.first, gap.last + 1)]
        rows = "".join(f"<li>{escape(table.name_of(place))}</li>" for place in places)
        return f'<ul class="list">{rows}</ul>'
    rows = "".join(
        f"<tr><td>{gap.first}–{gap.last}</td><td>{gap.start:.2f}–{gap.end:.2f} s</td>"
        f"<td>{gap.end - gap.start:.2f} s</td></tr>"
        for gap in table.gaps
    )
    return (
        '<table class="summary stretches"><thead><tr><th scope="col">frames</th>'
        '<th scope="col">time</th><th scope="col">length</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
