"""The batch job behind `auheat predict`: many inputs, each on its own.

An input that fails does not stop the others. What was measured before a video broke off is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from auheat.errors import AuheatError
from auheat.inference.baseline import Baseline
from auheat.inference.calibration import calibrate
from auheat.inference.curves import Recorder, write_events
from auheat.inference.inputs import (
    EVENTS,
    NEUTRAL,
    OVERLAY_FOLDER,
    OVERLAY_PHOTO,
    OVERLAY_VIDEO,
    Input,
    photos_in,
)
from auheat.inference.predictor import Image, Predictor
from auheat.inference.refining import AS_READ, RefinedFrames, Refinement
from auheat.inference.sinks import OverlayVideoSink, table_sink, write_overlay_photo
from auheat.media.frames import FrameSource, PhotoSequence, VideoFile
from auheat.media.photo import is_photo, read_photo
from auheat.results import FrameResult
from auheat.tables.columns import Extra
from auheat.tables.conventions import TableKind
from auheat.tables.schema import OPENFACE, Layout, TableSchema

# Wraps what is iterated over, to show progress: (items, label, how many if known).
Progress = Callable[[Iterable[Any], str, int | None], Iterable[Any]]


@dataclass
class Outcome:
    """What became of one input.

    frames: pictures or video frames read. with_face: how many of them show a face.
    faces: in all pictures, or different persons in a video. seconds: of work.
    files: what was written. problem: one line that says what is missing and why, or None.
    note: one line that the user should know about the results, or None.
    """

    path: Path
    is_video: bool = False
    frames: int = 0
    with_face: int = 0
    faces: int = 0
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)
    problem: str | None = None
    note: str | None = None

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
    progress: see `Progress`. refinement: calibration of all, and smoothing of videos.
    save_neutral: a file for what was subtracted, in addition to the one beside each table.
    deviations: with standard deviations. events: write a table of the events of each video.
    layout: of the tables.
    """

    predictor: Predictor
    out: Path
    overlay: bool = False
    fps: float = 30.0
    progress: Progress = lambda items, label, count: items
    refinement: Refinement = AS_READ
    save_neutral: Path | None = None
    deviations: bool = False
    events: bool = False
    layout: Layout = OPENFACE

    def check(self, inputs: Sequence[Input]) -> None:
        """Raises AuheatError if what is asked for does not go together."""
        if self.save_neutral and self.refinement.neutral is None:
            raise AuheatError("nothing neutral to save: name it with --neutral")
        if self.save_neutral and len(inputs) > 1:
            raise AuheatError(
                f"one neutral face is saved, of one input, not of {len(inputs)}: name one of them"
            )
        if self.deviations and not self.predictor.has_deviations:
            raise AuheatError(
                "these weights come without figures of uncertainty: leave out --sd, or put a "
                "file <weights>.uncertainty.json beside them"
            )
        if self.deviations and self.layout.format == "fex":
            raise AuheatError(
                "a Fex table has no place for standard deviations: take --format openface or tidy"
            )

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
            source = PhotoSequence(photos_in(item.path), str(item.path), fps=self.fps)
            self._read_frames(source, item, outcome)
        elif is_photo(item.path):
            self._read_photo(item, outcome)
        else:
            self._read_frames(VideoFile(item.path), item, outcome)

    def _read_frames(self, source: FrameSource, item: Input, outcome: Outcome) -> None:
        aus, persons, curves = self.predictor.aus, set[int](), Recorder(self.predictor.aus)
        table, video = self._table(item), self._file(item, OVERLAY_VIDEO)
        results = RefinedFrames(
            source,
            self.predictor,
            self.refinement,
            self.overlay,
            lambda frames: self.progress(frames, item.path.name, source.count),
        )
        with ExitStack() as sinks:
            rows = sinks.enter_context(table_sink(table, self._schema("video", item)))
            drawn = (
                sinks.enter_context(OverlayVideoSink(video, aus, source.rate))
                if self.overlay
                else None
            )
            for image, result in results:
                rows.write(result)
                if drawn and image is not None:
                    drawn.write(image, result)
                outcome.count(result)
                persons.update(face.face_id for face in result)
                if self.events:
                    curves.add(result)
        outcome.is_video, outcome.faces = True, len(persons)
        outcome.files += [table, video] if drawn else [table]
        self._write_neutral(results.baseline, item, outcome)
        if self.events:
            write_events(self._file(item, EVENTS), curves.events())
            outcome.files.append(self._file(item, EVENTS))
        if source.problem:
            outcome.problem = f"{source.name}: {source.problem}; what could be read is kept"

    def _read_photo(self, item: Input, outcome: Outcome) -> None:
        image = read_photo(item.path)
        result = self._result(image, 1, item.path)
        table = self._table(item)
        with table_sink(table, self._schema("photo", item)) as rows:
            rows.write(result)
        outcome.files.append(table)
        if self.overlay:
            drawn = self._file(item, OVERLAY_PHOTO)
            write_overlay_photo(drawn, self.predictor.aus, image, result)
            outcome.files.append(drawn)
        outcome.count(result)
        outcome.faces = len(result)
        self._write_neutral(self._known_neutral, item, outcome)

    def _read_folder(self, item: Input, outcome: Outcome) -> None:
        photos, unreadable = photos_in(item.path), list[str]()
        table, drawn = self._table(item), self._file(item, OVERLAY_FOLDER)
        if self.overlay:
            make_folder(drawn)
        with table_sink(table, self._schema("folder", item)) as rows:
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
        self._write_neutral(self._known_neutral, item, outcome)
        if unreadable:
            more = f"; and {len(unreadable) - 3} more" if len(unreadable) > 3 else ""
            outcome.problem = (
                f"{item.path}: {len(unreadable)} of {len(photos)} pictures are left out: "
                f"{'; '.join(unreadable[:3])}{more}"
            )

    def _result(self, image: Image, number: int, path: Path) -> FrameResult:
        faces = self.predictor.predict(image)
        neutral = self.refinement.neutral
        if isinstance(neutral, Baseline):
            faces = [calibrate(face, neutral.of(face.face_id)) for face in faces]
        elif neutral is not None:
            raise AuheatError(
                f"{path} is a photo, which has no neutral frame: give a neutral photo of the person"
            )
        return FrameResult(number, 0.0, tuple(faces), path.name)

    def _schema(self, kind: TableKind, item: Input) -> TableSchema:
        extras: tuple[Extra, ...] = ("raw",) if self.refinement != AS_READ else ()
        extras += ("sd",) if self.deviations else ()
        return TableSchema(kind, self.predictor.aus, extras, self.layout, item.path.as_posix())

    def _table(self, item: Input) -> Path:
        return self._file(item, self.layout.ending)

    def _write_neutral(self, baseline: Baseline | None, item: Input, outcome: Outcome) -> None:
        """Writes what was subtracted, and notes whom it does not fit."""
        if baseline is None:
            return
        for path in filter(None, (self._file(item, NEUTRAL), self.save_neutral)):
            baseline.write(path)
            outcome.files.append(path)
        if baseline.shared and outcome.is_video and outcome.faces > 1:
            outcome.note = f"one resting face was subtracted from {outcome.faces} people"

    @property
    def _known_neutral(self) -> Baseline | None:
        neutral = self.refinement.neutral
        return neutral if isinstance(neutral, Baseline) else None

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
