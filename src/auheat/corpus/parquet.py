"""Reads Parquet files of a dataset, wherever they lie, through no Python object but bytes.

Arrow's threads would call a Python file, or let go of Python's bytes, and one that is late when
Python ends takes the process down ("terminate called without an active exception"). So Arrow is
given memory of its own, and reads it in the thread that asks.
"""

from __future__ import annotations

from typing import Any

from auheat.corpus.storage import Storage
from auheat.optional import require

_MAGIC, _TAIL_BYTES = b"PAR1", 8


def parquet_table(storage: Storage, name: str) -> Any:
    """A whole file as an Arrow table.

    Raises:
        OSError: There is none, or it cannot be read; a damaged one raises ValueError, too.
    """
    with storage.open(name) as file:
        content = _in_arrow(file.read())
    return require("pyarrow.parquet").ParquetFile(content).read(use_threads=False)


def parquet_metadata(storage: Storage, name: str) -> tuple[dict[bytes, bytes], int]:
    """The metadata of a file's schema, and the size of the file; no more of it than that is read.

    Raises:
        OSError: There is none, or it cannot be read; a damaged one raises ValueError, too.
    """
    with storage.open(name) as file:
        size = file.seek(0, 2)
        file.seek(max(size - _TAIL_BYTES, 0))
        tail = file.read(_TAIL_BYTES)
        length = int.from_bytes(tail[:-4], "little")
        if not tail.endswith(_MAGIC) or length > size - _TAIL_BYTES:
            raise ValueError("it is no Parquet file")
        file.seek(size - _TAIL_BYTES - length)
        footer = _in_arrow(_MAGIC + file.read(length) + tail)
    return dict(require("pyarrow.parquet").read_schema(footer).metadata or {}), size


def _in_arrow(content: bytes) -> Any:
    pa = require("pyarrow")
    copy = pa.BufferOutputStream()
    copy.write(content)
    return pa.BufferReader(copy.getvalue())
