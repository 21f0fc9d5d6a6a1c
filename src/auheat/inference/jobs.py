"""The job behind `auheat predict`: many inputs, each on its own.

An input that fails does not stop the others. What was measured before a video broke off is kept.
Every kind of output has one writer in `auheat.inference.writers`; the job passes each result to all
of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event
from time import perf_counter

from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.faults import message
from auheat.files import output_path, refuse_input
from auheat.inference.calibration import Baseline, calibrate
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.inputs import Input, images_in
from auheat.inference.lookahead import Lookahead, VideoInWork
from auheat.inference.origin import with_input
from auheat.inference.outcome import Outcome
from auheat.inference.postprocess import AS_PREDICTED, PostProcessedFrames, PostProcessing
from auheat.inference.writers import Outputs, Result, Target, Writer, writers_for
from auheat.inference.written import Written
from auheat.media.frames import FrameSource, ImageSequence, VideoFile
from auheat.media.images import ImageNotes, image_note, is_image, read_image
from auheat.media.limits import DEFAULT_FPS
from auheat.progress import Progress, silent, track
from auheat.results import FrameResult
from auheat.tables.columns import Extra
from auheat.tables.names import TableKind
from auheat.tables.schema import TableSchema


@dataclass(frozen=True)
class PredictionJob:
    """Reads inputs one after the other and passes what was predicted to the writers.

    Attributes:
        predictor: What reads them.
        outputs: What is written.
        processing: Calibration of all, and smoothing of videos.
        fps: Frames per second of a folder read as a video.
        progress: Shows how far each input is.
        open_video: Makes the source of frames of a video file.
    """

    predictor: FacePredictor
    outputs: Outputs
    processing: PostProcessing = AS_PREDICTED
    fps: float = DEFAULT_FPS
    progress: Progress = silent
    open_video: Callable[[Path], FrameSource] = VideoFile

    def check(self, inputs: Sequence[Input]) -> None:
        """Refuses what does not go together.

        Raises:
            AuheatError: if something that is asked for cannot be.
        """
        wanted = self.outputs
        if wanted.baseline and self.processing.baseline is None:
            raise AuheatError("no baseline to save: name it with --baseline")
        if wanted.baseline and len(inputs) > 1:
            raise AuheatError(
                f"one baseline is saved, of one input, not of {len(inputs)}: name one of them"
            )
        if wanted.baseline:
            refuse_input(wanted.baseline, [item.path for item in inputs])
            output_path(wanted.baseline, "a baseline", ".json")
        if wanted.std and not self.predictor.has_std:
            raise AuheatError(
                "these weights come without figures of uncertainty: leave out --std, or put a "
                "file <weights>.uncertainty.json beside them"
            )
        if wanted.std and wanted.layout.format == "fex":
            raise AuheatError(
                "a Fex table has no place for standard deviations: take --format openface or tidy"
            )

    def run(self, inputs: Iterable[Input]) -> Iterator[Outcome]:
        """Yields the outcome of each input as soon as it is done."""
        rest, following = iter(inputs), None
        current = self._ahead(next(rest, None))
        try:
            while current is not None:
                following = self._ahead(next(rest, None), current.decoded)
                outcome = self._read(current.item, current.video)
                current.decoded.set()
                yield outcome
                current, following = following, None
        finally:
            for begun in (current, following):
                if begun is not None:
                    begun.drop()

    def _ahead(self, item: Input | None, may_begin: Event | None = None) -> Lookahead | None:
        if may_begin is None:
            may_begin = Event()
            may_begin.set()
        return None if item is None else Lookahead(item, self._open, may_begin)

    def read(self, item: Input) -> Outcome:
        """Reads one input; whatever is wrong with it is in the outcome."""
        return self._read(item, lambda: self._open(item, lambda: None))

    def _read(self, item: Input, opening: Callable[[], VideoInWork | None]) -> Outcome:
        outcome, start = Outcome(item.path), perf_counter()
        outcome.note = item.note
        try:
            if item.problem:
                raise AuheatError(item.problem)
            if (video := opening()) is not None:
                start = video.begun
                self._read_video(video, item, outcome)
            elif item.kind == "folder":
                self._read_folder(item, outcome)
            else:
                self._read_image(item, outcome)
        except Exception as error:  # whatever it is, the other inputs are read
            outcome.problem = message(error, str(item.path))
        outcome.seconds = perf_counter() - start
        return outcome

    def _open(self, item: Input, decoded: Callable[[], object]) -> VideoInWork | None:
        """A video, ready to be read; None for what is none.

        Args:
            item: The input.
            decoded: Called once its last frame is decoded.

        Raises:
            AuheatError: It is a video that cannot be read. Other errors, too.
        """
        if item.problem or item.kind == "folder" or (item.kind == "file" and is_image(item.path)):
            return None
        source = (
            ImageSequence(images_in(item.path), str(item.path), fps=self.fps)
            if item.kind == "sequence"
            else self.open_video(item.path)
        )
        writers = self._writers("video", item, source.rate)
        results = PostProcessedFrames(
            source,
            self.predictor,
            processing=self.processing,
            images=any(writer.needs_images for writer in writers),
            progress=self.progress,
            label=item.path.name,
            decoded=decoded,
        )
        return VideoInWork(source, writers, results)

    def _read_video(self, video: VideoInWork, item: Input, outcome: Outcome) -> None:
        outcome.is_video, people = True, set[int]()
        source, written = video.source, Written(video.writers)
        with closing(video), written:
            for image, result in video:
                _pass_on(Result(image, result, item.path), written, outcome)
                people.update(face.face_id for face in result)
        outcome.faces = len(people)
        self._finish(written, video.results.baseline, outcome)
        outcome.add_notes(*getattr(source, "notes", ()))
        if source.problem:
            outcome.add_problem(f"{source.name}: {source.problem}; what could be read is kept")

    def _read_image(self, item: Input, outcome: Outcome) -> None:
        self._refuse_frames(item.path)
        image = read_image(item.path)
        result = self._result(image, 1, item.path)
        written = Written(self._writers("image", item))
        with written:
            _pass_on(Result(image, result, item.path), written, outcome)
        outcome.faces = len(result)
        self._finish(written, self._known_baseline, outcome)
        outcome.note = outcome.note or image_note(item.path)

    def _read_folder(self, item: Input, outcome: Outcome) -> None:
        paths, notes = images_in(item.path), ImageNotes()
        self._refuse_frames(paths[0])
        written = Written(self._writers("folder", item))
        with written:
            for path in track(paths, self.progress, item.path.name, len(paths)):
                try:
                    image = read_image(path)
                    result = self._result(image, outcome.frames + 1, path)
                except Exception as error:  # whatever it is, the other images are read
                    outcome.unread.append(message(error, str(path)))
                    continue
                notes.add(path)
                _pass_on(Result(image, result, path), written, outcome)
                outcome.faces += len(result)
        self._finish(written, self._known_baseline, outcome)
        outcome.add_notes(*notes.lines())
        if outcome.unread:
            outcome.add_problem(
                f"{item.path}: {len(outcome.unread)} of {len(paths)} images are left out"
            )

    def _result(self, image: Image, number: int, path: Path) -> FrameResult:
        faces = list(self.predictor.predict(image))
        baseline = self.processing.baseline
        if isinstance(baseline, Baseline):
            faces = [calibrate(face, baseline.of(face.face_id)) for face in faces]
        return FrameResult(number, 0.0, faces=tuple(faces), input=path.name, aus=self.predictor.aus)

    def _refuse_frames(self, path: Path) -> None:
        """Checks that no baseline is wanted that only a video can have.

        Raises:
            AuheatError: if a baseline is wanted that only a video can have.
        """
        if self.processing.baseline is not None and self._known_baseline is None:
            raise AuheatError(
                f"{path} is an image, which has no baseline frame: give a baseline image of the "
                "person"
            )

    def _writers(self, kind: TableKind, item: Input, rate: Fraction | None = None) -> list[Writer]:
        extras: tuple[Extra, ...] = ("raw",) if self.processing != AS_PREDICTED else ()
        extras += ("sd",) if self.outputs.std else ()
        shared = self.outputs.origin
        schema = TableSchema(
            kind,
            self.predictor.aus,
            extras=extras,
            layout=self.outputs.layout,
            input=item.path.as_posix(),
            origin="" if shared is None else json.dumps(with_input(shared, item.path)),
        )
        return writers_for(Target(item, schema, rate), self.outputs)

    def _finish(self, written: Written, baseline: Baseline | None, outcome: Outcome) -> None:
        """Has written what has to wait for the end, and notes all files."""
        outcome.files += written.finish(baseline)
        if written.problem:
            outcome.add_problem(f"{written.problem}; it is left out")
        if baseline and baseline.shared and outcome.is_video and outcome.faces > 1:
            outcome.add_notes(f"one baseline was subtracted from {outcome.faces} people")
        outcome.add_notes(*written.notes, *(baseline.notes if baseline else ()))

    @property
    def _known_baseline(self) -> Baseline | None:
        baseline = self.processing.baseline
        return baseline if isinstance(baseline, Baseline) else None


def _pass_on(item: Result, written: Written, outcome: Outcome) -> None:
    written.write(item)
    outcome.count(item.result)
