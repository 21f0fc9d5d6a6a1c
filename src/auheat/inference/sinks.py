"""Where results go: tables and annotated pictures.

Every sink is a context manager. It writes under a temporary name in the folder of its target and
takes the real name when the block ends well; after an error or an interrupt nothing is left.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.files import replacing
from auheat.inference.dataframes import Gathered, arrow_schema
from auheat.inference.overlay import Overlay
from auheat.media.video_writer import VideoWriter
from auheat.results import FrameResult
from auheat.tables.schema import TableSchema

Image = NDArray[np.uint8]

# Cells of a Parquet table that wait in memory, 8 bytes each, before they are written as a group.
_CELLS = 500_000


class _Sink:
    """Opens its resources on entering and closes them, in reverse order, on leaving."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._resources = ExitStack()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.__exit__(kind, error, trace)


class TableSink(_Sink, ABC):
    """A table, written frame by frame."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        super().__init__(path)
        self._schema = schema

    @abstractmethod
    def __enter__(self) -> TableSink: ...

    @abstractmethod
    def write(self, result: FrameResult) -> None:
        """Adds the rows of one frame."""


class CsvSink(TableSink):
    """A table as a CSV file: UTF-8, comma, header row, no spaces."""

    def __enter__(self) -> CsvSink:
        with ExitStack() as opening:
            temporary = opening.enter_context(replacing(self.path))
            stream = opening.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            self._writer = csv.writer(stream, lineterminator="\n")
            self._writer.writerow(self._schema.columns)
            self._resources = opening.pop_all()
        return self

    def write(self, result: FrameResult) -> None:
        for row in self._schema.rows(result):
            self._writer.writerow(self._schema.text(row))


class ParquetSink(TableSink):
    """A table as a Parquet file, in groups of rows, so that memory stays bounded."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        super().__init__(path, schema)
        self._waiting = Gathered(schema)
        self._most = max(_CELLS // len(schema.described), 1)

    def __enter__(self) -> ParquetSink:
        from pyarrow.parquet import ParquetWriter

        with ExitStack() as opening:
            temporary = opening.enter_context(replacing(self.path))
            types = arrow_schema(self._schema)
            self._writer = opening.enter_context(
                ParquetWriter(temporary, types, compression="zstd")
            )
            self._resources = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._resources:
            if kind is None:
                self._flush()
            self._resources.pop_all().__exit__(kind, error, trace)

    def write(self, result: FrameResult) -> None:
        self._waiting.add(result)
        if len(self._waiting) >= self._most:
            self._flush()

    def _flush(self) -> None:
        if len(self._waiting):
            self._writer.write_table(self._waiting.arrow())
            self._waiting.clear()


def table_sink(path: Path, schema: TableSchema) -> TableSink:
    """The sink for a table of the schema's layout."""
    return ParquetSink(path, schema) if schema.layout.format == "tidy" else CsvSink(path, schema)


class OverlayVideoSink(_Sink):
    """An annotated video, see `auheat.media.video_writer`.

    rate: frames per second on average; each frame keeps its own timestamp.
    """

    def __init__(self, path: Path, aus: tuple[str, ...], rate: Fraction) -> None:
        super().__init__(path)
        self._aus, self._rate = aus, rate
        self._overlay: Overlay | None = None

    def __enter__(self) -> OverlayVideoSink:
        with ExitStack() as opening:
            self._writer = opening.enter_context(VideoWriter(self.path, self._rate))
            self._resources = opening.pop_all()
        return self

    def write(self, image: Image, result: FrameResult) -> None:
        """Adds one frame. image: (H, W, 3) RGB."""
        if self._overlay is None:
            self._overlay = Overlay(self._aus, *image.shape[:2])
        self._writer.write(self._overlay.draw(image, result), result.timestamp)


def write_overlay_photo(
    path: Path, aus: tuple[str, ...], image: Image, result: FrameResult
) -> None:
    """Writes an annotated picture as JPEG. image: (H, W, 3) RGB."""
    drawn = Overlay(aus, *image.shape[:2]).draw(image, result)
    with replacing(path) as temporary:
        Pillow.fromarray(drawn).save(temporary, "JPEG", quality=92, subsampling=0)
