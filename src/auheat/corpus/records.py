"""What is known of each input: one row of the table of inputs.

A record travels in the metadata of the Parquet file that holds the rows of its input, so that both
are there at the same moment or not at all. `inputs.parquet` is made from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from typing import Any, Literal

from auheat.corpus.parquet import parquet_metadata
from auheat.corpus.storage import Storage
from auheat.json_files import parse_json
from auheat.optional import require

# "read": all of it; "partly": what could be read; "failed": nothing.
State = Literal["read", "partly", "failed"]
KEY = b"auheat_input"


@dataclass(frozen=True)
class Record:
    """What became of one input.

    Attributes:
        input: Its address, as the rows have it.
        state: How much of it was read.
        problem: The cause of failure, or what is missing; None if nothing is.
        note: What may make the readings worse, or None.
        frames: Frames read.
        frames_with_face: Those with a face.
        people: Different persons.
        video_seconds: Its length, as far as it was read.
        seconds: Of work on it, on the clock.
        cpu_seconds: Of processor time.
        sha256: Of its content; "" if it could not be read.
        stamp: By which a change is noticed without reading it.
        reading: Which weights and settings read it, see `ReadSettings`.
        weights: SHA-256 of the file of weights.
        auheat: The version.
        file: Its rows, within the dataset; "" if they could not be written.
        file_bytes: Size of that file.
        kept: Why the rows are still those of an earlier run though it was to be read again, or
            None. This stands in the table of inputs alone.
    """

    input: str
    state: State
    problem: str | None = None
    note: str | None = None
    frames: int = 0
    frames_with_face: int = 0
    people: int = 0
    video_seconds: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sha256: str = ""
    stamp: str = ""
    reading: str = ""
    weights: str = ""
    auheat: str = ""
    file: str = ""
    file_bytes: int = 0
    kept: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all of the input was read, by what it was asked to be read with."""
        return self.state == "read" and self.kept is None

    def again(self, later: Record) -> Record:
        """What is known after it was to be read again.

        Rows of an input that is as it was, or that cannot be reached, are not given up for fewer.

        Args:
            later: What became of it then.
        """
        order = ("failed", "partly", "read")
        is_worse = order.index(later.state) < order.index(self.state)
        if is_worse and later.sha256 in ("", self.sha256):
            return replace(self, kept=later.problem)
        return later

    def metadata(self) -> dict[bytes, bytes]:
        """For the Parquet file of its rows."""
        return {KEY: json.dumps(asdict(self)).encode()}

    @classmethod
    def of_metadata(cls, metadata: Mapping[bytes, bytes] | None, size: int) -> Record | None:
        """The record in a file of `size` bytes; None if there is none."""
        try:
            stored = parse_json((metadata or {})[KEY])
            names = {field.name for field in fields(cls)} - {"kept"}
            known = {name: stored[name] for name in names}
        except (KeyError, ValueError, TypeError):
            return None
        return cls(**{**known, "file_bytes": size})


def key_of(address: str) -> str:
    """A name for an input that is no longer than any folder allows, and its own."""
    return sha256(address.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def rows_name(address: str) -> str:
    """The file with the rows of an input: 256 folders keep each of them short."""
    key = key_of(address)
    return f"rows/{key[:2]}/{key}.parquet"


def table_of(records: Iterable[Record]) -> Any:
    """The Arrow table of inputs, in the order of their addresses."""
    pa = require("pyarrow")
    kinds = {"str": pa.string(), "State": pa.string(), "str | None": pa.string()}
    kinds |= {"int": pa.int64(), "float": pa.float64()}
    schema = pa.schema([(field.name, kinds[str(field.type)]) for field in fields(Record)])
    rows = sorted(records, key=lambda record: record.input)
    return pa.Table.from_pylist([vars(record) for record in rows], schema=schema)


def records_in(table: Any) -> list[Record]:
    """The records of such a table."""
    return [Record(**row) for row in table.to_pylist()]


def stored_record(storage: Storage, name: str) -> Record | None:
    """The record in a file of rows; None if there is none."""
    try:
        metadata, size = parquet_metadata(storage, name)
    except (OSError, ValueError):  # Arrow's errors are among these
        return None
    return Record.of_metadata(metadata, size)
