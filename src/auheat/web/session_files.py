"""What a session leaves behind: frames for the page, heatmaps, table, overlay and a playable copy.

The copy for the page holds exactly the frames that were read, at their times, in a format that
browsers play, whatever the upload was. What grows with a video lies on disk, but for its
intensities.
"""

from __future__ import annotations

import csv
import io
import json
from array import array
from contextlib import ExitStack
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.arrays import Image
from auheat.facs import is_present
from auheat.files import Resource
from auheat.inference.calibration import Baseline, PersonBaseline, calibrated
from auheat.inference.writers import (
    ImageOverlayWriter,
    Result,
    TableWriter,
    VideoOverlayWriter,
    Writer,
)
from auheat.inference.written import Written
from auheat.media.video_writer import VideoWriter
from auheat.results import FacePrediction, FrameResult
from auheat.tables.names import BLINK, CLOSURE
from auheat.tables.schema import TableSchema
from auheat.tables.series import SeriesRecorder
from auheat.web.heat import FRAMES_PER_PIECE, HeatStore, packed
from auheat.web.report.build import report_html
from auheat.web.report.collector import Collector
from auheat.web.report.content import content, packed_intensities
from auheat.web.report.provenance import Source

# The longer side of what the page shows, in pixels.
_MAX_SIDE_PX = 960


class FrameLog:
    """The frames of a session as JSON, on disk; only their places stay in memory.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends = array("q", [0])
        path.write_bytes(b"")

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, text: str) -> None:
        """Adds a frame."""
        line = text.encode()
        with self._path.open("ab") as file:
            file.write(line)
        self._ends.append(self._ends[-1] + len(line))

    def since(self, number: int) -> list[str]:
        """The frames from a number on, from 0."""
        count = len(self)
        if number >= count:
            return []
        with self._path.open("rb") as file:
            file.seek(self._ends[number])
            text = file.read(self._ends[count] - self._ends[number])
        first = self._ends[number]
        edges = [end - first for end in self._ends[number : count + 1]]
        return [text[a:b].decode() for a, b in pairwise(edges)]


class SessionFiles(Resource):
    """Collects the frames of one session in a folder of its own. A context manager.

    The files are whole when the block has ended: `table.csv`, `overlay.mp4` and `shown.mp4` of a
    video, `table.csv`, `overlay.jpg` and `shown.jpg` of an image. An overlay that cannot be drawn
    is left out.

    Args:
        folder: Where they lie.
        aus: The AUs in their order.
        rate: Frames per second of a video, None for an image.

    Attributes:
        frames: The frames for the page.
        heat: Their heatmaps.
        size: Width and height of the frames, once there is one.
        map_size: Width and height of the heatmaps, once there is one.
        latest: Number, from 0, and JPEG of the newest frame whose heatmaps are there. It stays when
            all is read: who was told of it while that went on asks for it after.
    """

    def __init__(self, folder: Path, aus: tuple[str, ...], rate: Fraction | None) -> None:
        self.folder, self.aus, self.rate = folder, aus, rate
        self.frames = FrameLog(folder / "frames.json")
        self.heat = HeatStore(folder / "heat.bin")
        self.size: tuple[int, int] | None = None
        self.map_size: tuple[int, int] | None = None
        self.latest: tuple[int, bytes] | None = None
        self._collector = Collector(self._kind, aus)

    @property
    def count(self) -> int:
        """Frames that were read so far."""
        return len(self.frames)

    @property
    def recorder(self) -> SeriesRecorder:
        """The intensities of everyone so far."""
        return self._collector.recorder

    def add(self, image: Image, result: FrameResult) -> None:
        """Adds a frame or the image. image: (H, W, 3) RGB."""
        self.size = self.size or (image.shape[1], image.shape[0])
        for face in result:
            height, width = next(iter(face.heatmaps.values())).shape
            self.map_size = (width, height)
        small = smaller(image)
        if self.rate is None:
            (self.folder / "shown.jpg").write_bytes(jpeg(small))
        else:
            self._shown.write(small, result.timestamp)
        self._written.write(Result(image, result, self.folder))
        self._collector.add(image, result)
        self.heat.add(packed(result.faces, self.aus))
        self.frames.add(frame_text(result, self.aus))
        if self.count % FRAMES_PER_PIECE == 0:
            self.latest = (self.count - 1, jpeg(small))

    @property
    def problem(self) -> str | None:
        """Which file is left out and why, or None."""
        return self._written.problem

    def gaps(self) -> list[list[float]]:
        """The stretches without any face so far, as `Gap`."""
        return [list(gap) for gap in self._collector.gaps()]

    def content(self, baseline: Baseline | None) -> dict[str, Any]:
        """What the page shows besides the frames: the content of a report.

        With a baseline there is `calibrated` besides: the intensities of everyone in every frame.
        """
        readings = self._collector.readings().calibrated(baseline)
        shown = content(readings, self._collector.peaks.image)
        return shown | {"calibrated": packed_intensities(readings) if baseline else None}

    def report(self, baseline: Baseline | None, name: str, weights: str) -> str:
        """The report as HTML.

        Args:
            baseline: What is taken off first, if anything.
            name: What was read.
            weights: Those that read it.
        """
        readings = self._collector.readings().calibrated(baseline)
        source = Source(f"{Path(name).stem}.csv", name, baseline)
        return report_html(readings, self._collector.peaks.image, source, weights)

    @property
    def _kind(self) -> Literal["image", "video"]:
        return "image" if self.rate is None else "video"

    def _open(self, parts: ExitStack) -> None:
        table = TableWriter(self.folder / "table.csv", TableSchema(self._kind, self.aus))
        overlay: Writer = ImageOverlayWriter(self.folder / "overlay.jpg", self.aus, False)
        if self.rate is not None:
            overlay = VideoOverlayWriter(self.folder / "overlay.mp4", self.aus, self.rate)
        self._written = parts.enter_context(Written([table, overlay]))
        if self.rate is not None:
            shown = VideoWriter(self.folder / "shown.mp4", self.rate, quality=23)
            self._shown = parts.enter_context(shown)
        parts.push(self._end)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        self._collector.peaks.pack()
        if kind is None:
            self.heat.flush()


def smaller(image: Image) -> Image:
    """The image at most `_MAX_SIDE_PX` pixels long, with even sides, as video needs them."""
    height, width = image.shape[:2]
    scale = min(1.0, _MAX_SIDE_PX / max(height, width))
    size = tuple(max(2, 2 * round(side * scale / 2)) for side in (width, height))
    if size == (width, height):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(image: Image) -> bytes:
    """The image as JPEG."""
    stream = io.BytesIO()
    Pillow.fromarray(image).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def frame_text(result: FrameResult, aus: tuple[str, ...]) -> str:
    """A frame as JSON: [time, [face, ...]], a face as in `_face`."""
    faces = [_face(face, aus) for face in result]
    return json.dumps([round(result.timestamp, 4), faces], separators=(",", ":"))


def _face(face: FacePrediction, aus: tuple[str, ...]) -> list[Any]:
    """[id, confidence, box, heatmap to frame, intensities], lengths in frame pixels.

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

    Args:
        text: The CSV as read.
        recorder: The same intensities, not rounded.
        baseline: What is taken off; a person who is not in it stays as read.
    """
    schema = TableSchema("video", recorder.aus, extras=("raw",))
    columns = {column.name: column for column in schema.described}
    out = io.StringIO()
    writer = csv.DictWriter(out, schema.columns, restval="", lineterminator="\n")
    writer.writeheader()
    people = recorder.series()
    for row in csv.DictReader(io.StringIO(text)):
        face_id, values = int(row["face_id"]), dict[str, float]()
        if row["success"] == "1":
            person = people[face_id]
            read = person.intensities[np.searchsorted(person.frames, int(row["frame"]))]
            values = _calibrated_values(read, recorder.aus, baseline.of(face_id))
        writer.writerow(row | {name: columns[name].text(x) for name, x in values.items()})
    return out.getvalue()


def _calibrated_values(
    read: NDArray[np.float64], aus: tuple[str, ...], baseline: PersonBaseline | None
) -> dict[str, float]:
    """By column: what a calibrated table says of the AUs of one face."""
    base = [baseline.intensities[au] if baseline else 0.0 for au in aus]
    values: dict[str, float] = {}
    for au, before, after in zip(aus, read.tolist(), calibrated(read, base).tolist(), strict=True):
        values |= {f"{au}_r": after, f"{au}_c": is_present(after), f"{au}_raw": before}
        if au == CLOSURE:
            values |= {f"{BLINK}_r": after, f"{BLINK}_c": is_present(after)}
    return values
