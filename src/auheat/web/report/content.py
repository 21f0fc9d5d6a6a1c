"""Everything that a report shows, as plain data for the page's own components.

Texts are not escaped: the components set them as text. Numbers of every frame travel packed, as
base64 of little-endian arrays; intensities in hundredths.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.facs import MAX_INTENSITY
from auheat.inference.events import DEFAULTS, MIN_BLINK_PEAK, events_of, notes_on
from auheat.tables.names import BLINK, CLOSURE
from auheat.tables.series import PersonSeries
from auheat.web.components import au_descriptions, shared_constants
from auheat.web.report.readings import Readings
from auheat.web.report.statistics import (
    Peak,
    Summary,
    correlation,
    ever_present,
    joint_presence,
    peaks,
    summaries,
)

# The image of a peak, or None if there is none: (AU, frame, face id) -> (h, w, 3) RGB.
PeakImage = Callable[[str, int, int], "NDArray[np.uint8] | None"]

# People that have a summary and curves at most: those seen longest.
MAX_PEOPLE = 6
# Faces from which on images say which Action Units go together.
MIN_FACES = 10
# Rows of images, and events, that are listed at most.
MAX_ROWS, MAX_EVENTS = 500, 500
_JPEG_QUALITY = 85


def content(
    readings: Readings, image_of: PeakImage | None = None, no_images: str = ""
) -> dict[str, Any]:
    """What is shown of readings.

    Args:
        readings: What was read.
        image_of: Gives the images of peaks, if there are any.
        no_images: A line that says why there are none.
    """
    shown = _shown(readings)
    is_video = readings.kind == "video"
    return {
        "kind": readings.kind,
        "facts": _facts(readings),
        "aus": au_descriptions(readings.aus),
        **shared_constants(),
        "scale": readings.scale,
        "presentNote": _present_note(readings),
        "times": _packed(readings.times, "<f8"),
        "names": list(readings.names),
        "people": [_person(readings, person) for person in shown] if is_video else [],
        "morePeople": max(len(readings.series) - MAX_PEOPLE, 0) if is_video else 0,
        "gaps": [list(gap) for gap in readings.gaps],
        "summary": _summary(readings),
        "faces": [] if is_video else _faces(readings),
        "totalFaces": len(readings.faces.frames),
        "overview": _overview(readings),
        "peaks": [_peak(readings, peak, image_of) for peak in peaks(readings)],
        "noImages": no_images,
        "together": _together(readings),
        "events": _events(readings),
        "eventsNote": _events_note(readings),
    }


def packed_intensities(readings: Readings) -> list[dict[str, Any]]:
    """Of each person the frames that show them and the intensities, as `people` of `content`."""
    return [_person(readings, person) for person in readings.series]


def jpeg_address(image: NDArray[np.uint8]) -> str:
    """An image (h, w, 3) as an address that holds it."""
    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _packed(numbers: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers.astype(kind)).tobytes()).decode()


def _hundredths(intensities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.rint(np.clip(intensities, 0.0, MAX_INTENSITY) * 100), np.float64)


def _person(readings: Readings, person: PersonSeries) -> dict[str, Any]:
    return {
        "id": person.face_id,
        "confidence": round(float(person.confidences.mean()), 2),
        "frames": _packed(readings.index_of(person.frames), "<i4"),
        "intensities": _packed(_hundredths(person.intensities), "<u2"),
    }


def _shown(readings: Readings) -> list[PersonSeries]:
    """Those who were seen longest, in the order of their numbers, as everywhere on the page."""
    return sorted(readings.series[:MAX_PEOPLE], key=lambda person: person.face_id)


def _facts(readings: Readings) -> str:
    """One line: how much was read, and how many faces are in it."""
    total, seen, people = len(readings.frames), int(readings.with_face.sum()), len(readings.series)
    faces = len(readings.faces.frames)
    if readings.kind == "video":
        rate = f", {1 / readings.step:.4g} frames/s" if readings.step else ""
        return (
            f"{counted(total, 'frame')}{rate}, {readings.duration:.2f} s · "
            f"{counted(people, 'person', 'people')} · a face in {seen} of {total} frames"
        )
    if readings.kind == "folder":
        return f"{counted(total, 'image')} · {counted(faces, 'face')} · a face in {seen} of {total}"
    return f"image · {counted(faces, 'face')}"


def counted(number: int, thing: str, many: str = "") -> str:
    """A number and what it counts."""
    return f"{number} {thing if number == 1 else many or f'{thing}s'}"


def _summary(readings: Readings) -> list[dict[str, Any]]:
    """A table for each person of a video, or one for all faces in images."""
    if not readings.series:
        return []
    if readings.kind != "video":
        faces = readings.faces
        labels = [
            _where(readings, int(frame), int(face))
            for frame, face in zip(faces.frames, faces.ids, strict=True)
        ]
        return [{"rows": [_row(row, labels[row.row]) for row in _rows(readings, faces)]}]
    return [
        {
            "person": person.face_id,
            "frames": len(person.frames),
            "confidence": round(float(person.confidences.mean()), 2),
            "rows": [
                _row(row, _clock(float(person.times[row.row]))) for row in _rows(readings, person)
            ],
        }
        for person in _shown(readings)
    ]


def _rows(readings: Readings, faces: Any) -> list[Summary]:
    return summaries(faces.intensities, readings.aus, readings.threshold)


def _row(row: Summary, place: str) -> dict[str, Any]:
    return {
        "au": row.au,
        "mean": round(row.mean, 2),
        "max": round(row.max, 2),
        "at": place,
        "present": round(100 * row.present),
    }


def _faces(readings: Readings) -> list[dict[str, Any]]:
    """A row for each face in images, and for each image without one, in the table's order."""
    rows: list[dict[str, Any]] = []
    for index, frame in enumerate(readings.frames[:MAX_ROWS]):
        inside = np.flatnonzero(readings.faces.frames == frame)
        name = readings.names[index] if readings.names else ""
        if not len(inside):
            rows.append({"name": name, "face": "", "intensities": None})
        for row in inside:
            several = len(inside) > 1 or readings.kind == "image"
            rows.append(
                {
                    "name": name,
                    "face": f"face {readings.faces.ids[row]}" if several else "",
                    "intensities": [round(x, 2) for x in readings.faces.intensities[row].tolist()],
                }
            )
    return rows[:MAX_ROWS]


def _overview(readings: Readings) -> str | None:
    """All faces' intensities packed, where there are more than are listed."""
    faces = readings.faces
    if readings.kind == "video" or len(faces.frames) <= MAX_ROWS:
        return None
    return _packed(_hundredths(faces.intensities), "<u2")


def _present_note(readings: Readings) -> str:
    meaning = (
        "Intensities from 0 to 5 (FACS A is 1, E is 5)."
        if readings.scale == MAX_INTENSITY
        else f"Values from 0 to {readings.scale:g}, as the table has them."
    )
    return (
        f"{meaning} Present: percent of the faces with a value of {readings.threshold:g} or more."
    )


def _peak(readings: Readings, peak: Peak, image_of: PeakImage | None) -> dict[str, Any]:
    image = image_of(peak.au, peak.frame, peak.face_id) if image_of else None
    return {
        "au": peak.au,
        "intensity": round(peak.intensity, 2),
        "where": _where(readings, peak.frame, peak.face_id, whole=True),
        "image": None if image is None else jpeg_address(image),
    }


def _where(readings: Readings, frame: int, face: int, *, whole: bool = False) -> str:
    """What a face is called: the frame and person, or the image and, of several, the face."""
    index = int(readings.index_of(np.array([frame]))[0])
    if readings.kind == "video":
        return f"frame {frame}, {readings.times[index]:.2f} s, person {face}"
    name = readings.names[index] if readings.names else ""
    several = whole or not name or int((readings.faces.frames == frame).sum()) > 1
    return ", ".join(part for part in (name, f"face {face}" if several else "") if part)


def _together(readings: Readings) -> dict[str, Any]:
    """Correlation and joint presence of the AUs that are present in some face."""
    faces = len(readings.faces.frames)
    if readings.kind != "video" and faces < MIN_FACES:
        return {"note": f"it takes at least {MIN_FACES} faces"} if faces > 1 else {}
    related, joint, used = correlation(readings), joint_presence(readings), ever_present(readings)
    if joint is None:
        return {"note": "it takes at least three faces"} if faces else {}
    if len(used) < 2:
        return {"note": "fewer than two Action Units are ever present"}
    square = np.ix_(used, used)
    return {
        "aus": [readings.aus[i] for i in used],
        "never": [au for i, au in enumerate(readings.aus) if i not in used],
        "correlation": None if related is None else _cells(related[square]),
        "joint": _cells(joint[square]),
    }


def _cells(values: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(x) else round(x, 4) for x in row] for row in values.tolist()]


def _events(readings: Readings) -> list[list[Any]]:
    """Person, AU, onset, apex, offset in seconds, peak, complete; those with the highest peaks."""
    if readings.kind != "video" or readings.scale != MAX_INTENSITY:
        return []
    found = events_of(_shown(readings), readings.aus)
    strongest = sorted(found, key=lambda event: -event.peak)[:MAX_EVENTS]
    rows = [
        [
            *(e.face_id, e.au),
            *(round(x, 2) for x in (e.onset, e.apex, e.offset, e.peak)),
            e.complete,
        ]
        for e in strongest
    ]
    return sorted(rows, key=lambda row: (row[2], row[0], row[1]))


def _events_note(readings: Readings) -> str:
    blinks = (
        f" A blink ({BLINK}, a short {CLOSURE}) that reaches {MIN_BLINK_PEAK:g} may be shorter."
        if {BLINK, CLOSURE} & set(readings.aus)
        else ""
    )
    far = "".join(f" Here {line}." for line in notes_on(_shown(readings)))
    return (
        f"An Action Unit that reaches {DEFAULTS.enter:g} and stays at {DEFAULTS.leave:g} or more "
        f"for {DEFAULTS.shortest:g} s or longer; times in seconds.{blinks}{far} Cut off: "
        "it was there already when the face came into view, or still there when it was lost or the "
        "video ended, so it may have lasted longer."
    )


def _clock(seconds: float) -> str:
    """Seconds as people write them: 4.20 s, 1:05.00, 1:00:05.00."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes:.0f}:{rest:05.2f}"
    return f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{rest:05.2f}"
