"""Images of the peaks of a table that lies alone: what it was made from is read again.

A table mostly does not say where faces are. They are found anew, and taken for those of the table
only where that is certain: by their number in an image, or because both have one face there. Else
the whole image is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.inference.predictor import Predictor
from auheat.media.frames import VideoFile
from auheat.media.images import read_image
from auheat.progress import Progress, track
from auheat.results import FacePrediction
from auheat.web.report.content import PeakImage
from auheat.web.report.peaks import face_image, shrunk
from auheat.web.report.readings import Readings
from auheat.web.report.statistics import Peak
from auheat.web.report.table import StoredTable

# Where times differ by more than this many seconds, the video is another one.
_SAME_TIME_S = 0.02


def peak_images(
    table: StoredTable,
    peaks: Sequence[Peak],
    *,
    source: Path,
    predictor: Predictor,
    progress: Progress,
) -> PeakImage:
    """The images of the peaks.

    Raises:
        AuheatError: If the source cannot be read or is not what the table was made from.
    """
    readings, kept = table.readings, dict[tuple[str, int, int], Image]()
    for frame, image in _images(table, {peak.frame for peak in peaks}, source, progress):
        faces = predictor.predict(image).faces
        for peak in peaks:
            if peak.frame == frame:
                key = peak.au, peak.frame, peak.face_id
                kept[key] = _image(readings, image, faces=faces, peak=peak)
    return lambda au, frame, face_id: kept.get((au, frame, face_id))


def _image(
    readings: Readings, image: Image, *, faces: Sequence[FacePrediction], peak: Peak
) -> Image:
    """The face of a peak with that AU's heatmap, or the whole image if it is not certain which."""
    known = readings.faces
    ids = known.ids[known.frames == peak.frame]
    if len(faces) != len(ids) or (len(ids) > 1 and readings.kind == "video"):
        return shrunk(image)
    face = next((f for f in faces if len(ids) == 1 or f.face_id == peak.face_id), None)
    if face is None or peak.au not in face.heatmaps:
        return shrunk(image)
    return face_image(image, face, peak.au)


def _images(
    table: StoredTable, frames: set[int], source: Path, progress: Progress
) -> Iterator[tuple[int, Image]]:
    kind = table.readings.kind
    if kind == "image":
        yield 1, read_image(source)
    elif kind == "folder":
        names = dict(zip(table.readings.frames.tolist(), table.readings.names, strict=True))
        for frame in track(sorted(frames), progress, "images", len(frames)):
            if (path := source / names[frame]).is_file():
                yield frame, read_image(path)
    elif source.is_dir():
        raise AuheatError(f"{source} is a folder: name the video that {table.path} was made from")
    else:
        yield from _frames(table, frames, source, progress)


def _frames(
    table: StoredTable, frames: set[int], source: Path, progress: Progress
) -> Iterator[tuple[int, Image]]:
    last = max(frames)
    times = dict(zip(table.readings.frames.tolist(), table.readings.times.tolist(), strict=True))
    for frame in track(VideoFile(source), progress, "peak frames", last):
        if frame.number in frames:
            time = times[frame.number]
            if table.has_times and abs(frame.timestamp - time) > _SAME_TIME_S:
                raise AuheatError(
                    f"frame {frame.number} of {source} is at {frame.timestamp:.3f} s, in "
                    f"{table.path} at {time:.3f} s: give the video it was made from"
                )
            yield frame.number, frame.image
        if frame.number >= last:
            return
