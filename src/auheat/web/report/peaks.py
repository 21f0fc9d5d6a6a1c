"""The pictures in which AUs are strongest, with the heatmap of that AU on the face.

The table holds no places of faces, so the pictures are read again. Of several faces in a picture
the one whose levels are nearest to the row in the table is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.drawing.overlay import Overlay
from auheat.errors import AuheatError
from auheat.inference.inputs import VIDEO_SUFFIXES
from auheat.media.frames import VideoFile
from auheat.media.photo import SUFFIXES as PHOTO_SUFFIXES
from auheat.media.photo import read_photo
from auheat.progress import Progress, silent, track
from auheat.results import FacePrediction, FrameResult
from auheat.web.report.statistics import Peak
from auheat.web.report.table import ResultTable

Image = NDArray[np.uint8]

# Finds the faces of a picture (H, W, 3).
Reads = Callable[[Image], FrameResult]

# Room around the face, as a share of its size.
_ROOM = 0.35
# Where times differ by more than this many seconds, the video is another one.
_SAME_TIME = 0.02


class PeakPicture(NamedTuple):
    """A peak with its picture, (H, W, 3) RGB; None if no face was found there again."""

    peak: Peak
    image: Image | None


def find_source(table: ResultTable) -> Path | None:
    """What a table was made from.

    What it says, or else the video, photo or folder with its name, in its folder or the one above;
    None if it is at neither place.
    """
    if "source" in table.rows and (told := Path(str(table.rows["source"].iloc[0]))).is_file():
        return told.parent if table.kind == "folder" else told
    kinds = {"video": VIDEO_SUFFIXES, "photo": PHOTO_SUFFIXES}.get(table.kind)
    folder = table.path.resolve().parent
    for place in (folder, folder.parent):
        if kinds is None and (place / table.path.stem).is_dir():
            return place / table.path.stem
        for suffix in sorted(kinds or ()):
            if (found := place / (table.path.stem + suffix)).is_file():
                return found
    return None


def peak_pictures(
    table: ResultTable,
    peaks: Sequence[Peak],
    source: Path,
    read: Reads,
    progress: Progress = silent,
) -> list[PeakPicture]:
    """The pictures of the peaks, in their order.

    Raises AuheatError if the source cannot be read or is not what the table was made from.
    """
    images = dict(_images(table, {peak.place for peak in peaks}, source, progress))
    missing = sorted({peak.place for peak in peaks} - set(images))
    if missing:
        raise AuheatError(
            f"{source} has no {table.name_of(missing[0])}: is it what {table.path} was made from?"
        )
    faces = {place: read(image).faces for place, image in images.items()}
    return [
        PeakPicture(peak, _drawn(images[peak.place], faces[peak.place], peak, table.aus))
        for peak in peaks
    ]


def _images(
    table: ResultTable, places: set[int], source: Path, progress: Progress
) -> Iterator[tuple[int, Image]]:
    if table.kind == "photo":
        yield 1, read_photo(source)
    elif table.kind == "folder":
        for place in track(sorted(places), progress, "pictures", len(places)):
            if (path := source / Path(table.name_of(place)).name).is_file():
                yield place, read_photo(path)
    elif source.is_dir():
        raise AuheatError(f"{source} is a folder: name the video that {table.path} was made from")
    else:
        yield from _frames(table, places, source, progress)


def _frames(
    table: ResultTable, places: set[int], source: Path, progress: Progress
) -> Iterator[tuple[int, Image]]:
    last, times = max(places, default=0), table.rows.groupby("place")["time"].first()
    for frame in track(VideoFile(source), progress, "peak frames", last):
        if frame.number in places:
            if abs(frame.timestamp - times[frame.number]) > _SAME_TIME:
                raise AuheatError(
                    f"frame {frame.number} of {source} is at {frame.timestamp:.3f} s, in "
                    f"{table.path} at {times[frame.number]:.3f} s: give the video it was made from"
                )
            yield frame.number, frame.image
        if frame.number >= last:
            return


def _drawn(
    image: Image, faces: Sequence[FacePrediction], peak: Peak, aus: tuple[str, ...]
) -> Image | None:
    """The face of the peak with that AU's heatmap, cut out."""
    shared = [index for index, au in enumerate(aus) if faces and au in faces[0].intensities]
    if not faces or peak.au not in faces[0].heatmaps:
        return None
    face = min(faces, key=lambda face: _difference(face, peak, aus, shared))
    single = replace(
        face,
        intensities={peak.au: face.intensities[peak.au]},
        heatmaps={peak.au: face.heatmaps[peak.au]},
    )
    overlay = Overlay((peak.au,), *image.shape[:2])
    drawn = overlay.picture(image, FrameResult(peak.place, peak.time, (single,)))
    scale = drawn.shape[0] / image.shape[0]
    return _around(drawn, face.box * scale)


def _difference(face: FacePrediction, peak: Peak, aus: tuple[str, ...], shared: list[int]) -> float:
    return float(sum(abs(face.intensities[aus[index]] - peak.levels[index]) for index in shared))


def _around(image: Image, box: NDArray[np.float64]) -> Image:
    """A square around a box, moved into the picture."""
    height, width = image.shape[:2]
    side = min(round((1 + 2 * _ROOM) * max(box[2] - box[0], box[3] - box[1])), height, width)
    x = int(np.clip((box[0] + box[2] - side) / 2, 0, width - side))
    y = int(np.clip((box[1] + box[3] - side) / 2, 0, height - side))
    return image[y : y + side, x : x + side]
