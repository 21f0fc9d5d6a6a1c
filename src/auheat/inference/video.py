"""Action Units through a video, one frame at a time, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError, checked_path, warn_caller
from auheat.files import output_path, refuse_input
from auheat.inference.calibration import Baseline
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.origin import origin_of, with_input, write_origin
from auheat.inference.postprocess import (
    AS_PREDICTED,
    PostProcessedFrames,
    PostProcessing,
)
from auheat.inference.sinks import OverlayVideoSink
from auheat.inference.spool import ResultSpool
from auheat.inference.unpicklable import StaysInItsProcess
from auheat.media.frames import FrameSource, ImageSequence, VideoFile
from auheat.progress import Progress, silent
from auheat.results import FrameResult
from auheat.tables.buffer import TableBuffer
from auheat.tables.names import TableFormat
from auheat.tables.schema import Layout, TableSchema, extras_of
from auheat.tables.tabular import Tabular
from auheat.tables.writing import table_sink

_OVERLAY = ("an annotated video", ".mp4")


class VideoPrediction(StaysInItsProcess, Tabular):
    """A video with what is read in it; `Predictor.predict_video` makes one.

    Iterating yields a `FrameResult` with heatmaps for each frame, lazily. Everything else is taken
    from what was kept of the results once the video has been read to its end, and reads it if it
    has not. If frames are missing at the end, or a baseline is higher than what is taken off, a
    warning says so once the last one is out, or the table is written. Where results cannot be kept
    (the folder for temporary files is full), an iteration goes on all the same, and what needs
    them raises AuheatError.

    Args:
        source: The frames.
        predictor: What reads them.
        processing: Calibration and smoothing.
        overlay: Where to write the annotated video while the frames pass.
        progress: See `Predictor.predict_video`.

    Attributes:
        baseline: What was subtracted, known once the first result is out; None without calibration.
        problem: After the video was read, why frames are missing at its end, or None.
    """

    def __init__(
        self,
        source: FrameSource,
        predictor: FacePredictor,
        *,
        processing: PostProcessing = AS_PREDICTED,
        overlay: str | Path | None = None,
        progress: Progress = silent,
    ) -> None:
        self._source, self._predictor, self._processing = source, predictor, processing
        self._overlay = self._writable(overlay, *_OVERLAY) if overlay is not None else None
        self._progress = progress
        self._kept: ResultSpool | None = None
        self._unsaid: tuple[str, ...] = ()  # what to warn of, until it was
        self.baseline: Baseline | None = None
        self.problem: str | None = None

    def __iter__(self) -> Iterator[FrameResult]:
        yield from self._read(heatmaps=True)
        self._warn()

    def _read(self, heatmaps: bool, needed: bool = False) -> Iterator[FrameResult]:
        """One pass: keeps what is read, and writes the overlay if one is wanted.

        Args:
            heatmaps: Whether they are wanted.
            needed: Whether what is kept is needed, so that it ends where nothing can be.
        """
        overlay, kept = self._overlay, ResultSpool()
        frames = PostProcessedFrames(
            self._source,
            self._predictor,
            processing=self._processing,
            images=heatmaps or overlay is not None,
            progress=self._progress,
        )
        try:
            with self._sink(overlay) as drawn:
                for image, result in frames:
                    self.baseline = frames.baseline
                    with nullcontext() if needed else suppress(AuheatError):
                        kept.add(result)
                    if drawn and image is not None:
                        drawn.write(image, result)
                    yield result
        except BaseException:
            kept.close()
            raise
        self._overlay, self._kept = None, kept
        self.problem = self._source.problem
        notes = self.baseline.notes if self.baseline else ()
        self._unsaid = (*([self.problem] if self.problem else []), *notes)

    def _warn(self) -> None:
        """Says, once for each pass, what a user should know. What was read is safe before."""
        unsaid, self._unsaid = self._unsaid, ()
        for line in unsaid:
            warn_caller(f"{self._source.name}: {line}")

    def _writable(self, path: str | Path, what: str, *endings: str) -> Path:
        """The path of a file to write, before anything is read for it.

        Raises:
            AuheatError: If no such file can be there, or writing it would replace what is read.
        """
        path = checked_path("the file to write", path)
        baseline = self._processing.baseline
        named = [Path(baseline.source)] if isinstance(baseline, Baseline) else []
        refuse_input(path, [*self._source.paths, *named])
        return output_path(path, what, *endings)

    def _sink(self, overlay: Path | None) -> AbstractContextManager[OverlayVideoSink | None]:
        if overlay is None:
            return nullcontext()
        return OverlayVideoSink(overlay, self._predictor.aus, self._source.rate)

    def _results(self) -> Iterable[FrameResult]:
        """All results without heatmaps; reads the video if that has not been done."""
        if self._kept is None:
            for _ in self._read(heatmaps=False, needed=True):
                pass
        assert self._kept is not None
        return self._kept

    def save(
        self,
        path: str | Path,
        *,
        format: TableFormat | None = None,
        pose: bool = False,
        landmarks: bool = False,
        std: bool = False,
    ) -> None:
        """Writes the table; `docs/outputs.md` describes its columns.

        Where it comes from stands in `<name>.origin.json` beside it, and in a Parquet file's
        metadata, too.

        Args:
            path: A file whose name ends in .csv or .parquet. It is replaced.
            format: "openface", "fex" (py-feat), or "tidy" (a row for each AU); by default tidy for
                .parquet and openface for everything else.
            pose: With the columns of the head's pose.
            landmarks: With the columns of the 68 landmarks.
            std: With standard deviations; a Fex table has no place for them.

        Raises:
            AuheatError: If the video cannot be read or the file not be written, would replace the
                video, ends otherwise, or is of an unknown format.
        """
        path = self._writable(path, "a table", ".csv", ".parquet")
        usual: TableFormat = "tidy" if path.suffix.lower() == ".parquet" else "openface"
        schema = self._schema(Layout(usual if format is None else format, pose, landmarks), std)
        source, origin = self._input(), self._origin(schema, std)
        if source is not None:
            schema = replace(schema, origin=json.dumps(with_input(origin, source)))
        results = self._results()
        with table_sink(path, schema) as rows:
            for result in results:
                rows.write(result)
        if source is not None:
            write_origin(path.with_suffix(""), source, origin)
        self._warn()

    def save_overlay(self, path: str | Path) -> None:
        """Writes the annotated video. Its frames have to be decoded: ask for it first.

        Args:
            path: A file whose name ends in .mp4. It is replaced.

        Raises:
            AuheatError: If the video cannot be read or the file not be written, would replace the
                video, or ends otherwise.
        """
        self._overlay = self._writable(path, *_OVERLAY)
        for _ in self._read(heatmaps=True):
            pass
        self._warn()

    def _rows(self, layout: Layout, std: bool) -> TableBuffer:
        buffer = TableBuffer(self._schema(layout, std))
        for result in self._results():
            buffer.add(result)
        self._warn()
        return buffer

    def _input(self) -> Path | None:
        """The file or folder that is read; None for frames in memory."""
        paths = self._source.paths
        if isinstance(self._source, VideoFile):
            return self._source.path
        return paths[0].parent if paths else None

    def _origin(self, schema: TableSchema, std: bool) -> dict[str, Any]:
        """Where a table comes from, see `auheat.inference.origin`."""
        baseline, is_sequence = self._processing.baseline, isinstance(self._source, ImageSequence)
        layout = schema.layout
        return origin_of(
            self._predictor,
            {
                "max_faces": self._predictor.max_faces,
                "sequence": is_sequence,
                "fps": float(self._source.rate) if is_sequence else None,
                "baseline": baseline.source if isinstance(baseline, Baseline) else baseline,
                "smooth": self._processing.smooth,
                "pose": layout.pose,
                "landmarks": layout.landmarks,
                "std": std,
                "format": layout.format,
            },
        )

    def _schema(self, layout: Layout, std: bool) -> TableSchema:
        extras = extras_of(self._processing != AS_PREDICTED, std)
        name = Path(self._source.name).as_posix()
        return TableSchema("video", self._predictor.aus, extras=extras, layout=layout, input=name)
