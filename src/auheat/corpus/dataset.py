"""A dataset of readings: one file of rows for each input, and the table of inputs.

    rows/0a/0a1b....parquet   the rows of one input, with its record as metadata
    inputs.parquet            all records, as a table
    corpus.json               what made it
    .work/                    what is being made

The files of rows are what counts. The table of inputs is made from them; where it is behind, after
a stop, the records of the files that it does not know are read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from auheat.corpus.parquet import parquet_table
from auheat.corpus.records import Record, records_in, stored_record, table_of
from auheat.corpus.storage import WORK, open_storage
from auheat.errors import AuheatError
from auheat.json_files import parse_json
from auheat.optional import require

_PROGRESS = f"{WORK}/progress.json"
ABOUT, INPUTS, ROWS = "corpus.json", "inputs.parquet", "rows"
FORMAT = 1
_KEY = "auheat_corpus"
_READER_THREADS = 16  # threads that wait for a network


class Corpus:
    """What is known of a dataset.

    Args:
        address: Its path, or an address that fsspec knows.

    Attributes:
        storage: Its files.
        address: Its path or address.

    Raises:
        AuheatError: fsspec is missing, or the address is empty or unknown.
    """

    def __init__(self, address: str) -> None:
        if not address:  # it would be the working folder
            raise AuheatError("the name of the dataset is empty: give a folder or an address")
        self.address, self.storage = address, open_storage(address)

    @property
    def exists(self) -> bool:
        """Whether there is a dataset.

        Raises:
            AuheatError: There is one of another format.
        """
        try:
            with self.storage.open(ABOUT) as file:
                found = parse_json(file.read())[_KEY]
        except OSError:
            return False
        except (ValueError, KeyError, TypeError):
            found = None
        if found != FORMAT:
            raise AuheatError(f"{self.address} is no dataset that this version of auheat knows")
        return True

    def check_place(self) -> None:
        """Looks whether a dataset is there or can be made; makes nothing.

        Raises:
            AuheatError: Something else is there.
        """
        if not self.exists and any(not name.startswith(WORK) for name in self.storage.sizes("")):
            raise AuheatError(f"{self.address} holds other files: name a new or empty folder")

    def begin(self, origin: Mapping[str, Any]) -> None:
        """Makes the dataset if there is none, and notes what reads it.

        Raises:
            AuheatError: Something else is there, or it cannot be written.
        """
        self.check_place()
        text = json.dumps({_KEY: FORMAT, "origin": origin}, indent=1) + "\n"
        with self.storage.new(ABOUT) as path:
            path.write_text(text, "utf-8")

    def records(self, known: Iterable[Record] | None = None) -> dict[str, Record]:
        """What is known of every input, by its name.

        Args:
            known: Records that need not be read again where their files still stand; None takes
                them from the table of inputs.

        Raises:
            AuheatError: pyarrow is missing.
        """
        sizes = self.storage.sizes(ROWS)
        listed = self._table() if known is None else list(known)
        unwritten = {record.input: record for record in listed if not record.file}
        current = {
            record.file: record for record in listed if sizes.get(record.file) == record.file_bytes
        }
        missing = [name for name in sizes if name not in current and name.endswith(".parquet")]
        with ThreadPoolExecutor(_READER_THREADS) as pool:
            found = pool.map(lambda name: stored_record(self.storage, name), missing)
            current |= {record.file: record for record in found if record}
        return unwritten | {record.input: record for record in current.values()}

    def _table(self) -> list[Record]:
        require("pyarrow.parquet")
        try:
            return records_in(parquet_table(self.storage, INPUTS))
        except (OSError, ValueError, TypeError):  # not there, or damaged: the files tell
            return []

    def save(self, records: Iterable[Record]) -> None:
        """Writes the table of inputs.

        Raises:
            AuheatError: It cannot be written.
        """
        with self.storage.new(INPUTS) as path:
            require("pyarrow.parquet").write_table(table_of(records), path, compression="zstd")

    def note_progress(self, line: str) -> None:
        """Notes for `progress` how far a run is; "" once it has ended."""
        if not line:
            self.storage.remove(_PROGRESS)
            return
        with suppress(AuheatError), self.storage.new(_PROGRESS) as path:
            path.write_text(json.dumps({"line": line, "time": time.time()}), "utf-8")

    def progress(self) -> str | None:
        """How far the run is that is at work now, as far as that is known; None without one."""
        if not self.storage.may_be_written():
            return None
        try:
            with self.storage.open(_PROGRESS) as file:
                noted = parse_json(file.read())
            return f"{noted['line']} ({max(time.time() - noted['time'], 0):.0f} s ago)"
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def clean(self) -> None:
        """Removes what killed runs and workers left half made; segments stay."""
        for name in self.storage.sizes(WORK):
            if name.endswith(".parquet") and "/segments/" not in name:
                self.storage.remove(name)
