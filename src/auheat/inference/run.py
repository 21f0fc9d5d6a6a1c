"""The batch job behind `auheat predict`: many inputs, each on its own.

An input that fails does not stop the others. What was measured before a video broke off is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from auheat.errors import AuheatError
from auheat.inference.inputs import (
    OVERLAY_FOLDER,
    OVERLAY_PHOTO,
    OVERLAY_VIDEO,
    TABLE,
    Input,
    photos_in,
)
from auheat.inference.predictor import Image, Predictor
from auheat.inference.sinks import CsvSink, OverlayVideoSink, write_overlay_photo
from auheat.inference.video import predict_frames
from auheat.media.frames import FrameSource, PhotoSequence, VideoFile
from auheat.media.photo import is_photo, read_photo
from auheat.results import FrameResult, TableSchema

# Wraps what is iterated over, to show progress: (items, label, how many if known).
Progress = Callable[[Iterable[Any], str, int | None], Iterable[Any]]


@dataclass
class Outcome:
    """What became of one input.

    frames: pictures or video frames read. with_face: how many of them show a face.
    faces: in all pictures, or different persons in a video. seconds: of work.
    files: what was written. problem: one line that says what is missing and why, or None.
    """

    path: Path
    is_video: bool = False
    frames: int = 0
    with_face: int = 0
    faces: int = 0
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)
    problem: str | None = None

    @property
    def fps(self) -> float:
        """Frames per second of work."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def summary(self) -> str:
        """One line: what was read, how fast, and where it is."""
        frames = _counted(self.frames, "frame" if self.is_video else "picture")
        faces = _counted(self.faces, "person" if self.is_video else "face")
        return (
            f"{self.path}: a face in {self.with_face} of {frames} ({faces}), {self.seconds:.1f} s, "
            f"{self.fps:.1f} frames/s -> {', '.join(map(str, self.files))}"
        )

    def count(self, result: FrameResult) -> None:
        """Adds one picture or frame."""
        self.frames += 1
        self.with_face += len(result) > 0


@dataclass(frozen=True)
class Batch:
    """Reads inputs one after the other and writes their tables.

    out: the folder for results; it must exist.
    overlay: write annotated pictures too. fps: frames per second of a folder read as a video.
    progress: see `Progress`.
    """

    predictor: Predictor
    out: Path
    overlay: bool = False
    fps: float = 30.0
    progress: Progress = lambda items, label, count: items

    def run(self, inputs: Iterable[Input]) -> Iterator[Outcome]:
        """Yields the outcome of each input as soon as it is done."""
        for item in inputs:
            outcome, start = Outcome(item.path), perf_counter()
            try:
                self._read(item, outcome)
            except AuheatError as error:
                outcome.problem = str(error)
            outcome.seconds = perf_counter() - start
            yield outcome

    def _read(self, item: Input, outcome: Outcome) -> None:
        if item.kind == "folder":
            self._read_folder(item, outcome)
        elif item.kind == "sequence":
            source = PhotoSequence(photos_in(item.path), str(item.path), self.fps)
            self._read_frames(source, item, outcome)
        elif is_photo(item.path):
            self._read_photo(item, outcome)
        else:
            self._read_frames(VideoFile(item.path), item, outcome)

    def _read_frames(self, source: FrameSource, item: Input, outcome: Outcome) -> None:
        aus, tracker, persons = self.predictor.aus, self.predictor.finder.tracker(), set[int]()
        table, video = self._file(item, TABLE), self._file(item, OVERLAY_VIDEO)
        with ExitStack() as sinks:
            rows = sinks.enter_context(CsvSink(table, TableSchema("video", aus)))
            drawn = (
                sinks.enter_context(OverlayVideoSink(video, aus, source.rate))
                if self.overlay
                else None
            )
            frames = self.progress(source, item.path.name, source.count)
            for frame, result in predict_frames(frames, self.predictor, tracker):
                rows.write(result)
                if drawn:
                    drawn.write(frame.image, result)
                outcome.count(result)
                persons.update(face.face_id for face in result)
        outcome.is_video, outcome.faces = True, len(persons)
        outcome.files += [table, video] if drawn else [table]
        if source.problem:
            outcome.problem = f"{source.name}: {source.problem}; what could be read is kept"

    def _read_photo(self, item: Input, outcome: Outcome) -> None:
        image = read_photo(item.path)
        result = self._result(image, 1, item.path)
        table = self._file(item, TABLE)
        with CsvSink(table, TableSchema("photo", self.predictor.aus)) as rows:
            rows.write(result)
        outcome.files.append(table)
        if self.overlay:
            drawn = self._file(item, OVERLAY_PHOTO)
            write_overlay_photo(drawn, self.predictor.aus, image, result)
            outcome.files.append(drawn)
        outcome.count(result)
        outcome.faces = len(result)

    def _read_folder(self, item: Input, outcome: Outcome) -> None:
        photos, unreadable = photos_in(item.path), list[str]()
        table, drawn = self._file(item, TABLE), self._file(item, OVERLAY_FOLDER)
        if self.overlay:
            make_folder(drawn)
        with CsvSink(table, TableSchema("folder", self.predictor.aus)) as rows:
            for photo in self.progress(photos, item.path.name, len(photos)):
                try:
                    image = read_photo(photo)
                except AuheatError as error:
                    unreadable.append(str(error))
                    continue
                result = self._result(image, outcome.frames + 1, photo)
                rows.write(result)
                if self.overlay:
                    path = drawn / f"{photo.name}.jpg"
                    write_overlay_photo(path, self.predictor.aus, image, result)
                outcome.count(result)
                outcome.faces += len(result)
        outcome.files = [table, drawn] if self.overlay else [table]
        if unreadable:
            more = f"; and {len(unreadable) - 3} more" if len(unreadable) > 3 else ""
            outcome.problem = (
                f"{item.path}: {len(unreadable)} of {len(photos)} pictures are left out: "
                f"{'; '.join(unreadable[:3])}{more}"
            )

    def _result(self, image: Image, number: int, path: Path) -> FrameResult:
        return FrameResult(number, 0.0, tuple(self.predictor.predict(image)), path.name)

    def _file(self, item: Input, end: str) -> Path:
        return self.out / (item.name + end)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def make_folder(path: Path) -> None:
    """Makes a folder for results. Raises AuheatError if it cannot be made or written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        raise AuheatError(f"{path} cannot be a folder for results: a file is in the way") from None
    except OSError as error:
        raise AuheatError(f"cannot write to folder {path}: {error.strerror}") from None
