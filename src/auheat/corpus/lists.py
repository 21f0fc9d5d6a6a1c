"""Lists of inputs: a text file with one a line, or a Parquet file with one a row."""

from __future__ import annotations

import re
from pathlib import Path

from auheat.errors import AuheatError, on_one_line
from auheat.files import check_file
from auheat.optional import require

ENDINGS = (".txt", ".parquet")
# Columns of a Parquet list that may hold the inputs, the first that is there.
_COLUMNS = ("input", "path", "file", "video", "url")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def entries_of(path: Path) -> list[str]:
    """The inputs that a list names.

    Lines that are empty or begin with # are left out, and quotes around a line.

    Raises:
        AuheatError: It cannot be read.
    """
    return _rows(path) if path.suffix.lower() == ".parquet" else _lines(path)


def _lines(path: Path) -> list[str]:
    check_file(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read list {path}: {error.strerror}") from None
    if content.startswith(_UTF_16):  # as PowerShell writes
        text = content.decode("utf-16", errors="replace")
    else:
        text = content.decode("utf-8-sig", errors="surrogateescape")
    lines = [line.strip() for line in re.split(r"\r?\n", text)]
    return [_unquoted(line) for line in lines if line and not line.startswith("#")]


def _unquoted(line: str) -> str:
    is_quoted = len(line) > 1 and line[0] == line[-1] and line[0] in "\"'"
    return line[1:-1] if is_quoted else line


def _rows(path: Path) -> list[str]:
    parquet = require("pyarrow.parquet")
    check_file(path)
    try:
        table = parquet.read_table(path)
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except Exception as error:  # Arrow's errors have no one base
        raise AuheatError(f"cannot read list {path}: {on_one_line(error)}") from None
    column = next((name for name in _COLUMNS if name in table.column_names), None)
    if column is None:
        raise AuheatError(f"{path} lists no inputs: it needs a column called {_COLUMNS[0]}")
    return [str(value) for value in table[column].to_pylist() if value]
