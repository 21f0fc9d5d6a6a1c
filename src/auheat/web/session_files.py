"""What a session leaves behind: frames for the page, heatmaps, table, overlay and a playable copy.

The copy for the page holds exactly the frames that were read, at their times, in a format that
browsers play, whatever the upload was.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.facs import is_present
from auheat.files import Resource
from auheat.inference.calibration import Baseline, PersonBaseline, calibrated
from auheat.inference.sinks import OverlayVideoSink, write_overlay_photo
from auheat.media.video_writer import VideoWriter
from auheat.results import FacePrediction, FrameResult
from auheat.tables.schema import TableSchema
from auheat.tables.series import SeriesRecorder
from auheat.tables.writing import CsvSink
from auheat.web.heat import FRAMES_PER_PIECE, HeatStore, packed

Image = NDArray[np.uint8]

# The longer side of what the page shows, in pixels.
_SHOWN = 960


class SessionFiles(Resource):
    """Collects the frames of one session in a folder of its own. A context manager.

    aus: the AUs in their order. rate: frames per second of a video, None for a photo.
    The files are whole when the block has ended: `table.csv`, `overlay.mp4` and `shown.mp4` of a
    video, `table.csv`, `overlay.jpg` and `shown.jpg` of a photo.
    """

    def __init__(self, folder: Path, aus: tuple[str, ...], rate: Fraction | None) -> None:
        self.folder, self.aus, self.rate = folder, aus, rate
        self.frames: list[str] = []
        self.size: tuple[int, int] | None = None
        self.map_size: tuple[int, int] | None = None
        self.recorder = SeriesRecorder(aus)
        self.heat = HeatStore(folder / "heat.bin")
        self.latest: tuple[int, Image] | None = None

    def _open(self, parts: ExitStack) -> None:
        kind: Any = "photo" if self.rate is None else "video"
        table = CsvSink(self.folder / "table.csv", TableSchema(kind, self.aus))
        self._table = parts.enter_context(table)
        if self.rate is not None:
            overlay = OverlayVideoSink(self.folder / "overlay.mp4", self.aus, self.rate)
            self._overlay = parts.enter_context(overlay)
            shown = VideoWriter(self.folder / "shown.mp4", self.rate, quality=23)
            self._shown = parts.enter_context(shown)
        parts.push(self._end)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.heat.flush()

    def add(self, image: Image, result: FrameResult) -> None:
        """Adds a frame or the photo. image: (H, W, 3) RGB."""
        self.size = self.size or (image.shape[1], image.shape[0])
        for face in result:
            height, width = next(iter(face.heatmaps.values())).shape
            self.map_size = (width, height)
        self._table.write(result)
        self.recorder.add(result)
        small = smaller(image)
        if self.rate is None:
            write_overlay_photo(self.folder / "overlay.jpg", self.aus, image, result)
            (self.folder / "shown.jpg").write_bytes(jpeg(small))
        else:
            self._overlay.write(image, result)
            self._shown.write(small, result.timestamp)
        self.heat.add(packed(result.faces, self.aus))
        self.frames.append(frame_text(result, self.aus))
        if len(self.frames) % FRAMES_PER_PIECE == 0:
            self.latest = (len(self.frames) - 1, small)


def smaller(image: Image) -> Image:
    """The picture at most `_SHOWN` pixels long, with even sides, as video needs them."""
    height, width = image.shape[:2]
    scale = min(1.0, _SHOWN / max(height, width))
    size = tuple(max(2, 2 * round(side * scale / 2)) for side in (width, height))
    if size == (width, height):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(image: Image) -> bytes:
    """The picture as JPEG."""
    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def frame_text(result: FrameResult, aus: tuple[str, ...]) -> str:
    """A frame as JSON: [time, [face, ...]], a face as in `_face`."""
    faces = [_face(face, aus) for face in result]
    return json.dumps([round(result.timestamp, 4), faces], separators=(",", ":"))


def _face(face: FacePrediction, aus: tuple[str, ...]) -> list[Any]:
    """[id, confidence, box, heatmap to frame, levels], lengths in frame pixels.

    The transform is six numbers as a canvas takes them: a, b, c, d, e, f.
    """
    transform = face.heatmap_to_frame.T.reshape(-1)
    return [
        face.face_id,
        round(face.confidence, 3),
        [round(float(x), 1) for x in face.box],
        [round(float(x), 4) for x in transform],
        [round(face.intensities[au], 3) for au in aus],
    ]


def calibrated_table(text: str, recorder: SeriesRecorder, baseline: Baseline) -> str:
    """A video's CSV, calibrated, with what was read in columns AUxx_raw, as `auheat predict` does.

    text: the CSV as read. recorder: the same readings unrounded. A person who is not in the
    baseline stays as read.
    """
    reader = csv.DictReader(io.StringIO(text))
    raw = [f"{au}_raw" for au in recorder.aus]
    out = io.StringIO()
    writer = csv.DictWriter(out, [*(reader.fieldnames or ()), *raw], lineterminator="\n")
    writer.writeheader()
    people = recorder.series()
    for row in reader:
        face_id, levels = int(row["face_id"]), {}
        if row["success"] == "1":
            person = people[face_id]
            read = person.intensities[np.searchsorted(person.frames, int(row["frame"]))]
            levels = _levels(read, recorder.aus, baseline.of(face_id))
        writer.writerow(row | dict.fromkeys(raw, "") | levels)
    return out.getvalue()


def _levels(
    read: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    aus: tuple[str, ...],
    baseline: PersonBaseline | None,
) -> dict[str, str]:
    base = [baseline.intensities[au] if baseline else 0.0 for au in aus]
    cells: dict[str, str] = {}
    for au, before, after in zip(aus, read.tolist(), calibrated(read, base).tolist(), strict=True):
        cells |= {f"{au}_r": f"{after:.2f}", f"{au}_c": str(is_present(after))}
        cells[f"{au}_raw"] = f"{before:.2f}"
    return cells
