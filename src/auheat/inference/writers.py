"""One writer for every output of a job: table, overlay, events, baseline.

A writer is a context manager that is given every result of one input, in order. What it writes on
the way takes its name when the block ends well; what has to wait for all results it writes in
`finish`, after that.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from auheat.arrays import Image
from auheat.files import Resource, make_folder
from auheat.inference.calibration import Baseline
from auheat.inference.events import events_of, notes_on, write_events
from auheat.inference.inputs import (
    BASELINE,
    OVERLAY_FOLDER,
    OVERLAY_IMAGE,
    OVERLAY_VIDEO,
    Input,
)
from auheat.inference.origin import write_origin
from auheat.inference.sinks import OverlayVideoSink, write_overlay_image
from auheat.results import FrameResult
from auheat.tables.reading import EVENTS
from auheat.tables.schema import OPENFACE, Layout, TableSchema
from auheat.tables.series import SeriesRecorder
from auheat.tables.writing import table_sink


class Result(NamedTuple):
    """A frame or image on its way to the writers.

    Attributes:
        image: (H, W, 3) RGB; None in a video of which no writer needs images.
        result: What was predicted.
        path: The video or image.
    """

    image: Image | None
    result: FrameResult
    path: Path


class Target(NamedTuple):
    """What the writers of one input need to know of it.

    Attributes:
        item: The input.
        schema: Of its table.
        rate: Frames per second of a video, None for images.
    """

    item: Input
    schema: TableSchema
    rate: Fraction | None


class Writer(Resource):
    """One output of one input.

    Attributes:
        files: What it has written, as far as it has its name.
        notes: What the user should know of it, known after `finish`.
        needs_images: Whether it needs the images of a video, and heatmaps.
        is_file_each: Whether it writes a file for each result, so that after one that fails the
            others are still written.
    """

    needs_images = False
    is_file_each = False

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.notes: list[str] = []

    def _open(self, parts: ExitStack) -> None:
        """Opens nothing."""

    @abstractmethod
    def write(self, item: Result) -> None:
        """Adds one frame or image."""

    def finish(self, baseline: Baseline | None) -> None:
        """Writes what has to wait for the end. baseline: what was subtracted."""


class TableWriter(Writer):
    """The table."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        super().__init__()
        self._sink, self.files = table_sink(path, schema), [path]

    def _open(self, parts: ExitStack) -> None:
        parts.enter_context(self._sink)

    def write(self, item: Result) -> None:
        self._sink.write(item.result)


@dataclass(frozen=True)
class Outputs:
    """Which outputs are wanted of every input.

    Attributes:
        folder: Where they go; it must exist.
        layout: Of the tables.
        std: Whether tables have standard deviations.
        overlay: Annotated videos and images.
        events: A table of the events of each video.
        baseline: A file for what was subtracted, in addition to the one beside each table.
        origin: What `auheat.inference.origin` writes beside each table; nothing if None.
        table: Makes the writer of the table, of its path and schema.
        more: Further writers for an input, such as that of a report.
    """

    folder: Path
    layout: Layout = OPENFACE
    std: bool = False
    overlay: bool = False
    events: bool = False
    baseline: Path | None = None
    origin: Mapping[str, Any] | None = None
    table: Callable[[Path, TableSchema], Writer] = TableWriter
    more: Callable[[Target, Outputs], Sequence[Writer]] = lambda target, outputs: ()


class VideoOverlayWriter(Writer):
    """The annotated video."""

    needs_images = True

    def __init__(self, path: Path, aus: tuple[str, ...], rate: Fraction) -> None:
        super().__init__()
        self._sink, self.files = OverlayVideoSink(path, aus, rate), [path]

    def _open(self, parts: ExitStack) -> None:
        parts.enter_context(self._sink)

    def write(self, item: Result) -> None:
        assert item.image is not None
        self._sink.write(item.image, item.result)


class ImageOverlayWriter(Writer):
    """The annotated image, or a folder of them."""

    needs_images = True

    def __init__(self, path: Path, aus: tuple[str, ...], is_folder: bool) -> None:
        super().__init__()
        self._path, self._aus, self.is_file_each = path, aus, is_folder
        self.files = [path]

    def _open(self, parts: ExitStack) -> None:
        if self.is_file_each:
            make_folder(self._path)

    def write(self, item: Result) -> None:
        assert item.image is not None
        path = self._path / f"{item.path.name}.jpg" if self.is_file_each else self._path
        write_overlay_image(path, self._aus, image=item.image, result=item.result)


class EventsWriter(Writer):
    """The table of events of a video."""

    def __init__(self, path: Path, aus: tuple[str, ...]) -> None:
        super().__init__()
        self._path, self._recorder = path, SeriesRecorder(aus)

    def write(self, item: Result) -> None:
        self._recorder.add(item.result)

    def finish(self, baseline: Baseline | None) -> None:
        people = list(self._recorder.series().values())
        write_events(self._path, events_of(people, self._recorder.aus))
        self.files, self.notes = [self._path], notes_on(people)


class BaselineWriter(Writer):
    """What was subtracted, if anything was; otherwise the file of an earlier run goes.

    Args:
        path: The file that goes with the table.
        named: Files that the user asked for.
    """

    def __init__(self, path: Path, named: Sequence[Path]) -> None:
        super().__init__()
        self._path, self._named = path, named

    def write(self, item: Result) -> None:
        """Takes nothing from single frames."""

    def finish(self, baseline: Baseline | None) -> None:
        if baseline is None:
            self._path.unlink(missing_ok=True)
            return
        for path in (self._path, *self._named):
            baseline.write(path)
            self.files.append(path)


class OriginWriter(Writer):
    """Where the table comes from; not listed among the files, as it goes with the table."""

    def __init__(self, stem: Path, path: Path, origin: Mapping[str, Any]) -> None:
        super().__init__()
        self._stem, self._path, self._origin = stem, path, origin

    def write(self, item: Result) -> None:
        """Takes nothing from single frames."""

    def finish(self, baseline: Baseline | None) -> None:
        write_origin(self._stem, self._path, self._origin)


def writers_for(target: Target, outputs: Outputs) -> list[Writer]:
    """The writers of one input, the table's first."""
    item, schema, rate = target

    def path(end: str) -> Path:
        return outputs.folder / (item.name + end)

    writers: list[Writer] = [outputs.table(path(schema.layout.ending), schema)]
    if outputs.origin is not None:
        writers.append(OriginWriter(path(""), item.path, outputs.origin))
    if outputs.overlay and rate is not None:
        writers.append(VideoOverlayWriter(path(OVERLAY_VIDEO), schema.aus, rate))
    elif outputs.overlay:
        is_folder = schema.kind == "folder"
        end = OVERLAY_FOLDER if is_folder else OVERLAY_IMAGE
        writers.append(ImageOverlayWriter(path(end), schema.aus, is_folder))
    named = [outputs.baseline] if outputs.baseline else []
    writers.append(BaselineWriter(path(BASELINE), named))
    if outputs.events and rate is not None:
        writers.append(EventsWriter(path(EVENTS), schema.aus))
    return [*writers, *outputs.more(target, outputs)]
