"""The rows of one input: kept in segments while it is read, in one file once it is.

Every `SEGMENT_FRAMES` frames the rows since the last segment go into a file of their own, together
with the state of the tracker after them. Who reads the input again after a stop, on whatever
machine, goes on behind the last segment from that state: ids and readings are those of one unbroken
pass, bit for bit. The frames before are decoded once more, but not searched and not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from auheat.corpus.parquet import parquet_metadata, parquet_table
from auheat.corpus.records import Record, key_of, rows_name
from auheat.corpus.storage import WORK, Storage
from auheat.corpus.videos import Checkpoints
from auheat.inference.writers import Result, Writer
from auheat.json_files import parse_json
from auheat.optional import require
from auheat.tables.buffer import TableBuffer, arrow_schema
from auheat.tables.schema import TableSchema

# Two minutes of video: about a minute of work, and some MB for each face.
SEGMENT_FRAMES = 3000
_KEY = b"auheat_segment"


@dataclass
class Extent:
    """How far an input is read.

    Attributes:
        frames: Frames whose rows are kept.
        with_face: Those with a face.
        people: Ids of all faces.
        last: The timestamp of the last frame.
        tracker: The state of the tracker after it; None before the first.
    """

    frames: int = 0
    with_face: int = 0
    people: set[int] = field(default_factory=set)
    last: float = 0.0
    tracker: dict[str, Any] | None = None

    def stored(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**vars(self), "people": sorted(self.people)}

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Extent:
        """What was stored."""
        return cls(**{**stored, "people": set(stored["people"])})


class Segments:
    """What is kept of an input that is not done.

    Args:
        storage: Of the dataset.
        address: The input.
        of: What must be the same for segments of an earlier run to be of use: content, weights and
            settings, frames of a segment.
    """

    def __init__(self, storage: Storage, address: str, of: list[Any]) -> None:
        self._storage, self._of = storage, of
        self._folder = f"{WORK}/segments/{key_of(address)}"
        self._names: list[str] = []
        self.extent = Extent()
        for name in sorted(storage.sizes(self._folder)):
            extent = self._extent(name)
            if name != self._name(len(self._names)) or extent is None:
                break
            self._names.append(name)
            self.extent = extent

    def _name(self, number: int) -> str:
        return f"{self._folder}/{number:06d}.parquet"

    def _extent(self, name: str) -> Extent | None:
        """How far the input is after a segment; None if that is of no use."""
        try:
            stored = parse_json(parquet_metadata(self._storage, name)[0][_KEY])
            return Extent.restored(stored["extent"]) if stored["of"] == self._of else None
        except (OSError, KeyError, ValueError, TypeError):  # Arrow's errors are among these
            return None

    def add(self, rows: Any, extent: Extent) -> None:
        """Keeps the next rows, an Arrow table."""
        stored = json.dumps({"of": self._of, "extent": extent.stored()}).encode()
        name = self._name(len(self._names))
        with self._storage.new(name) as path:
            marked = rows.replace_schema_metadata({**(rows.schema.metadata or {}), _KEY: stored})
            require("pyarrow.parquet").write_table(marked, path, compression="zstd")
        self._names.append(name)

    def tables(self) -> Iterator[Any]:
        """The rows kept, as Arrow tables."""
        for name in self._names:
            yield parquet_table(self._storage, name)

    def clear(self) -> None:
        """Forgets everything."""
        self._storage.remove(self._folder)
        self._names = []


class RowsWriter(Writer):
    """The rows of one input.

    Args:
        schema: Of its rows.
        segments: What is kept of it already.
        checkpoints: Knows the states of its tracker.
        every: Frames of a segment.

    Attributes:
        is_whole: Whether the last result has come, and no error.
        extent: How far it is.
    """

    def __init__(
        self, schema: TableSchema, segments: Segments, checkpoints: Checkpoints, every: int
    ) -> None:
        super().__init__()
        self.extent, self.is_whole = segments.extent, False
        self._schema, self._segments = schema, segments
        self._checkpoints, self._every = checkpoints, every
        self._rows = TableBuffer(schema)

    def _open(self, parts: ExitStack) -> None:
        parts.push(self._end)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        self.is_whole = kind is None

    def write(self, item: Result) -> None:
        result, extent = item.result, self.extent
        self._rows.add(result)
        extent.frames += 1
        extent.with_face += len(result) > 0
        extent.people.update(face.face_id for face in result)
        extent.last = result.timestamp
        if extent.frames % self._every == 0:
            extent.tracker = self._checkpoints.pop(extent.frames)
            self._segments.add(self._rows.arrow(), extent)
            self._rows.clear()

    def tables(self) -> Iterator[Any]:
        """All rows, as Arrow tables."""
        yield from self._segments.tables()
        if len(self._rows):
            yield self._rows.arrow()


def write_rows(
    storage: Storage, record: Record, schema: TableSchema, tables: Iterator[Any], origin: bytes
) -> Record:
    """Puts the rows of an input and its record into the dataset, both in one file.

    Args:
        storage: Of the dataset.
        record: What became of the input.
        schema: Of its rows.
        tables: Its rows, as Arrow tables.
        origin: Where they come from, as JSON.

    Returns:
        The record with its file.

    Raises:
        AuheatError: It cannot be written.
    """
    record = replace(record, file=rows_name(record.input))
    types = arrow_schema(schema)
    about = {**types.metadata, **record.metadata(), b"auheat_origin": origin}
    with storage.new(record.file) as path:
        with require("pyarrow.parquet").ParquetWriter(
            path, types.with_metadata(about), compression="zstd"
        ) as writer:
            for table in tables:
                writer.write_table(table)
        size = path.stat().st_size
    return replace(record, file_bytes=size)
