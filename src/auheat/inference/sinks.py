"""Where results go: tables and annotated pictures.

Every sink is a context manager. It writes under a temporary name in the folder of its target and
takes the real name when the block ends well; after an error or an interrupt nothing is left.
"""

from __future__ import annotations

import csv
from abc import abstractmethod
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.files import Resource, atomic_write
from auheat.inference.dataframes import Gathered, arrow_schema
from auheat.inference.overlay import Overlay
from auheat.media.video_writer import VideoWriter
from auheat.results import FrameResult
from auheat.tables.schema import TableSchema

Image = NDArray[np.uint8]

# Cells of a Parquet table that wait in memory, 8 bytes each, before they are written as a group.
_CELLS = 500_000


class TableSink(Resource):
    """A table, written frame by frame."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        self.path, self._schema = path, schema

    @abstractmethod
    def write(self, result: FrameResult) -> None:
        """Adds the rows of one frame."""


class CsvSink(TableSink):
    """A table as a CSV file: UTF-8, comma, header row, no spaces."""

    def _open(self, parts: ExitStack) -> None:
        temporary = parts.enter_context(atomic_write(self.path))
        stream = parts.enter_context(temporary.open("w", encoding="utf-8", newline=""))
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(self._schema.columns)

    def write(self, result: FrameResult) -> None:
        for row in self._schema.rows(result):
            self._writer.writerow(self._schema.text(row))


class ParquetSink(TableSink):
    """A table as a Parquet file, in groups of rows, so that memory stays bounded."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        super().__init__(path, schema)
        self._waiting = Gathered(schema)
        self._most = max(_CELLS // len(schema.described), 1)

    def _open(self, parts: ExitStack) -> None:
        from pyarrow.parquet import ParquetWriter

        temporary = parts.enter_context(atomic_write(self.path))
        types = arrow_schema(self._schema)
        self._writer = parts.enter_context(ParquetWriter(temporary, types, compression="zstd"))
        parts.push(self._end)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()

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


class OverlayVideoSink(Resource):
    """An annotated video, see `auheat.media.video_writer`.

    rate: frames per second on average; each frame keeps its own timestamp.
    """

    def __init__(self, path: Path, aus: tuple[str, ...], rate: Fraction) -> None:
        self.path, self._aus, self._rate = path, aus, rate
        self._overlay: Overlay | None = None

    def _open(self, parts: ExitStack) -> None:
        self._writer = parts.enter_context(VideoWriter(self.path, self._rate))

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
    with atomic_write(path) as temporary:
        Pillow.fromarray(drawn).save(temporary, "JPEG", quality=92, subsampling=0)
