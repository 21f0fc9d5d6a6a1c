"""Writes result tables frame by frame, as CSV or Parquet.

A sink is a context manager. It writes under a temporary name in the folder of its target and takes
the real name when the block ends well; after an error or an interrupt nothing is left.
"""

from __future__ import annotations

import csv
from abc import abstractmethod
from contextlib import ExitStack
from pathlib import Path

from auheat.files import Resource, atomic_write
from auheat.optional import require
from auheat.tables.buffer import TableBuffer, arrow_schema
from auheat.tables.protocols import FrameLike
from auheat.tables.schema import TableSchema

# Cells of a Parquet table that wait in memory, 8 bytes each, before they are written as a group.
_BLOCK_CELLS = 500_000


class TableSink(Resource):
    """A table, written frame by frame."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        self.path, self._schema = path, schema

    @abstractmethod
    def write(self, result: FrameLike) -> None:
        """Adds the rows of one frame."""


class CsvSink(TableSink):
    """A table as a CSV file: UTF-8, comma, header row, no spaces."""

    def _open(self, parts: ExitStack) -> None:
        temporary = parts.enter_context(atomic_write(self.path))
        stream = parts.enter_context(temporary.open("w", encoding="utf-8", newline=""))
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(self._schema.columns)

    def write(self, result: FrameLike) -> None:
        for row in self._schema.rows(result):
            self._writer.writerow(self._schema.text(row))


class ParquetSink(TableSink):
    """A table as a Parquet file, in groups of rows, so that memory stays bounded."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        super().__init__(path, schema)
        self._waiting = TableBuffer(schema)
        self._max_rows = max(_BLOCK_CELLS // len(schema.described), 1)

    def _open(self, parts: ExitStack) -> None:
        writer = require("pyarrow.parquet").ParquetWriter
        temporary = parts.enter_context(atomic_write(self.path))
        types = arrow_schema(self._schema)
        self._writer = parts.enter_context(writer(temporary, types, compression="zstd"))
        parts.push(self._end)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()

    def write(self, result: FrameLike) -> None:
        self._waiting.add(result)
        if len(self._waiting) >= self._max_rows:
            self._flush()

    def _flush(self) -> None:
        if len(self._waiting):
            self._writer.write_table(self._waiting.arrow())
            self._waiting.clear()


def table_sink(path: Path, schema: TableSchema) -> TableSink:
    """The sink for a table: Parquet if the file's name ends so, else CSV."""
    return ParquetSink(path, schema) if path.suffix.lower() == ".parquet" else CsvSink(path, schema)
