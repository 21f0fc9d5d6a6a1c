"""Readings in progress and done: one predictor, one worker, a folder that is removed at the end.

A video is read in the background, a few frames at a time, so that the webcam and photos need not
wait for its end. The oldest readings are dropped when there are many.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from auheat.errors import AuheatError
from auheat.faces.finder import FaceTracker
from auheat.inference.predictor import Image, Predictor
from auheat.inference.reading import predict_frames
from auheat.media.frames import Frame, VideoFile
from auheat.media.photo import read_photo
from auheat.results import FrameResult
from auheat.web import uploads
from auheat.web.heat import packed
from auheat.web.record import Record, frame_text, jpeg
from auheat.web.report.making import reading_report

State = Literal["waiting", "reading", "done", "failed"]
Kind = Literal["photo", "video", "live"]

# Readings that are kept, and frames that one recording of the webcam may have.
KEPT, MOST_LIVE_FRAMES = 6, 20_000
_LIVE_RATE = Fraction(12)


class MissingError(Exception):
    """What was asked for is not there, or not any more."""


@dataclass
class Reading:
    """One photo, video or recording. problem: a line for the page, or None.

    tracker, begun, last: of a recording: who is in it, and the times of its frames."""

    id: str
    name: str
    kind: Kind
    folder: Path
    record: Record
    state: State = "waiting"
    expected: int | None = None
    problem: str | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    tracker: FaceTracker | None = None
    begun: float | None = None
    last: float = -1.0

    @property
    def upload(self) -> Path:
        """Where the file lies that was given."""
        return self.folder / "upload"

    def moment(self, seconds: float) -> float:
        """Time of the next live frame: from 0, and always later than the one before."""
        self.begun = seconds if self.begun is None else self.begun
        self.last = max(seconds - self.begun, self.last + 0.001)
        return self.last

    def status(self, since: int) -> dict[str, Any]:
        """What the page needs to know; `frames` are JSON texts from number `since` on."""
        record = self.record
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "expected": self.expected,
            "problem": self.problem,
            "size": record.size,
            "mapSize": record.map_size,
            "pieces": record.heat.pieces,
            "latest": record.latest[0] if record.latest else None,
            "frames": record.frames[since:],
        }


class Desk:
    """Does the readings. A context manager; at its end every file is gone."""

    def __init__(self, predictor: Predictor, weights: str = "default") -> None:
        self.predictor, self._weights = predictor, weights
        self._recording = threading.Lock()
        self._readings: dict[str, Reading] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="auheat-serve-"))
        self._worker = ThreadPoolExecutor(1, "reading")

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        for reading in self._readings.values():
            reading.stopping.set()
        self._worker.shutdown(cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        """Where all files lie."""
        return self._folder

    def new_folder(self) -> Path:
        """An empty folder with a name that cannot be guessed."""
        folder = self._folder / secrets.token_hex(12)
        folder.mkdir()
        return folder

    def start(self, folder: Path, name: str) -> Reading:
        """Begins to read `folder / "upload"`. Raises AuheatError if it is nothing to read."""
        kind = uploads.kind_of(folder / "upload")
        source = VideoFile(folder / "upload") if kind == "video" else None
        reading = self._new(folder, name, kind, source.rate if source else None)
        reading.expected = source.count if source else 1
        self._worker.submit(self._read, reading, source)
        return reading

    def get(self, reading_id: str) -> Reading:
        """A reading by its id. Raises MissingError."""
        if reading_id not in self._readings:
            raise MissingError(reading_id)
        return self._readings[reading_id]

    def remove(self, reading_id: str) -> None:
        """Stops a reading and deletes its files."""
        reading = self.get(reading_id)
        del self._readings[reading_id]
        reading.stopping.set()
        if reading.kind == "live" and reading.state == "reading":
            self.finish_live(reading)
        if reading.state in ("done", "failed"):
            shutil.rmtree(reading.folder, ignore_errors=True)

    def start_live(self) -> Reading:
        """A recording that is fed frame by frame."""
        reading = self._new(self.new_folder(), "webcam", "live", _LIVE_RATE)
        reading.tracker = self.predictor.finder.tracker()
        reading.record.__enter__()
        reading.state = "reading"
        return reading

    def add_live(self, reading: Reading, picture: Path, seconds: float) -> tuple[str, bytes]:
        """Reads the next picture of a recording: the frame as JSON, and its heatmaps.

        Raises AuheatError if it cannot be read or the recording has ended.
        """
        uploads.checked_photo(picture)
        image = read_photo(picture)
        with self._recording:
            self._check_live(reading, image)
            assert reading.tracker is not None
            faces = reading.tracker.update(image)
            found = tuple(self.predictor.predict_faces(image, faces))
            number = len(reading.record.frames) + 1
            result = FrameResult(number, reading.moment(seconds), found)
            reading.record.add(image, result)
        aus = self.predictor.aus
        return frame_text(result, aus), packed(found, aus)

    def finish_live(self, reading: Reading) -> None:
        """Ends a recording: from then on it is like a video that was read."""
        with self._recording:
            if reading.state != "reading":
                return
            reading.state = "done"
            try:
                reading.record.__exit__(None, None, None)
            except AuheatError as error:
                reading.state, reading.problem = "failed", str(error)
            if not reading.record.frames:
                reading.state, reading.problem = "failed", "nothing was recorded"

    def discard(self, folder: Path) -> None:
        """Deletes the folder of an upload that was refused."""
        shutil.rmtree(folder, ignore_errors=True)

    def latest(self, reading_id: str) -> bytes:
        """JPEG of the newest frame whose heatmaps are there, else MissingError."""
        latest = self.get(reading_id).record.latest
        if latest is None:
            raise MissingError(reading_id)
        return jpeg(latest[1])

    def report(self, reading: Reading) -> str:
        """The report on a reading that is done, as HTML."""
        source = "shown.mp4" if reading.kind == "live" else "upload"
        table, name = reading.folder / "table.csv", f"{Path(reading.name).stem}.csv"
        return reading_report(
            table, name, reading.folder / source, self._weights, self.predictor.predict
        )

    def _new(self, folder: Path, name: str, kind: Kind, rate: Fraction | None) -> Reading:
        while len(self._readings) >= KEPT:
            self.remove(next(iter(self._readings)))
        record = Record(folder, self.predictor.aus, rate)
        reading = Reading(folder.name, name, kind, folder, record)
        self._readings[reading.id] = reading
        return reading

    def _check_live(self, reading: Reading, image: Image) -> None:
        if reading.state != "reading":
            raise AuheatError("the recording has ended")
        if reading.record.size not in (None, (image.shape[1], image.shape[0])):
            raise AuheatError("the camera changed the size of its picture: start again")
        if len(reading.record.frames) >= MOST_LIVE_FRAMES:
            raise AuheatError(f"a recording has at most {MOST_LIVE_FRAMES} frames")

    def _read(self, reading: Reading, source: VideoFile | None) -> None:
        reading.state = "reading"
        try:
            with reading.record as record:
                for image, result in self._results(reading, source):
                    record.add(image, result)
            count = len(record.frames)
            if reading.stopping.is_set() and source and count != source.count:
                reading.problem = f"stopped after frame {count}; what was read is kept"
            elif source and source.problem:
                reading.problem = f"{reading.name}: {source.problem}; what could be read is kept"
            reading.state = "done"
        except AuheatError as error:
            reading.problem = str(error).replace(str(reading.upload), reading.name)
            reading.state = "failed"
        except Exception as error:  # a defect, but the page must not wait for ever
            reading.problem = f"reading failed: {type(error).__name__}: {error}"
            reading.state = "failed"
        finally:
            if reading.id not in self._readings:
                shutil.rmtree(reading.folder, ignore_errors=True)

    def _results(
        self, reading: Reading, source: VideoFile | None
    ) -> Iterator[tuple[Image, FrameResult]]:
        if source is None:
            image = read_photo(reading.upload)
            yield image, FrameResult(1, 0.0, tuple(self.predictor.predict(image)))
            return
        tracker = self.predictor.finder.tracker()
        frames = _until(source, reading.stopping)
        with closing(predict_frames(frames, self.predictor, tracker)) as read:
            for picture, result in read:
                assert picture is not None
                yield picture, result


def _until(source: VideoFile, stopping: threading.Event) -> Iterator[Frame]:
    for frame in source:
        if stopping.is_set():
            return
        yield frame
