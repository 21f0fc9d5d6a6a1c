"""Delimited text as programs and spreadsheets write it, into columns.

Read are commas, semicolons and tabs; decimal commas; UTF-8 and UTF-16, with or without a mark; a
first line `sep=;`; blanks around names and values; gzip. A row that is longer or shorter than the
header is refused with its line, so that a file cut in its last row is never read as whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.errors import AuheatError
from auheat.files import check_file
from auheat.optional import require

if TYPE_CHECKING:
    import pandas as pd

_DELIMITERS = ",;\t"
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DECIMAL_COMMA = re.compile(r"\s*-?\d+,\d+\s*")


@dataclass(frozen=True, eq=False)
class Delimited:
    """The columns of a file, and the line of every row.

    Attributes:
        table: As pandas reads it; names without blanks around them.
        lines: (N,) from 1; None where there are none.
        notes: What the user should know, one line each.
    """

    table: pd.DataFrame
    lines: list[int] | None
    notes: tuple[str, ...] = ()


def read_delimited(path: Path) -> Delimited:
    """Reads a file of delimited text.

    Raises:
        OSError: If it cannot be opened.
        AuheatError: If it is no such text, or a row does not fit its header.
    """
    pd = require("pandas")
    text = _text(path)
    first = text.partition("\n")[0].strip()
    declared = first[4:5] if first.lower().startswith("sep=") and len(first) == 5 else ""
    skipped = 1 if declared else 0
    body = text.partition("\n")[2] if declared else text
    delimiter = declared or _delimiter(body)
    if "\0" in text:
        raise AuheatError(f"{path} is not a readable table: it holds null characters")
    lines = _checked_lines(path, body, delimiter=delimiter, skipped=skipped)
    comma = delimiter != "," and _has_decimal_commas(body, delimiter)
    table = pd.read_csv(
        io.StringIO(body),
        sep=delimiter,
        decimal="," if comma else ".",
        skipinitialspace=True,
        index_col=False,
        low_memory=False,
    )
    ended = not text or text.endswith("\n")
    notes = () if ended else (f"{path} ends in the middle of a line: it may have been cut off",)
    return Delimited(table.rename(columns=lambda name: str(name).strip()), lines, notes)


def _text(path: Path) -> str:
    check_file(path)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError):
            raise AuheatError(f"{path} is damaged: its gzip data end too early") from None
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    if not encoding:  # without a mark, UTF-16 shows in the zeros of its plain letters
        zeros = content[:64].count(0)
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        encoding = encoding if 2 * zeros >= len(content[:64]) > 3 else "utf-8"
    try:
        return content.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise AuheatError(f"{path} is not a readable table: save it as UTF-8") from None


def _delimiter(text: str) -> str:
    """The sign that splits the header into most columns; a comma if none does."""
    head = text.partition("\n")[0]
    return max(_DELIMITERS, key=lambda sign: (head.count(sign), sign == ","))


def _has_decimal_commas(text: str, delimiter: str) -> bool:
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    return any(
        _DECIMAL_COMMA.fullmatch(cell) for row, _ in zip(rows, range(20), strict=False)
        for cell in row
    )  # fmt: skip


def _checked_lines(path: Path, text: str, *, delimiter: str, skipped: int) -> list[int]:
    """The line of every row.

    Raises:
        AuheatError: where a row has not as many cells as the header, or a name is there twice.
    """
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    lines: list[int] = []
    try:
        names = [name.strip() for name in next(rows, [])]
        width = len(names)
        if twice := next((name for name in names if name and names.count(name) > 1), ""):
            raise AuheatError(f"{path} has two columns {twice}: leave one out")
        for row in rows:
            if row and len(row) != width:
                raise AuheatError(
                    f"line {rows.line_num + skipped} of {path} is damaged: it has {len(row)} "
                    f"values, and the header {width} names"
                )
            if row:
                lines.append(rows.line_num + skipped)
    except csv.Error as error:
        raise AuheatError(f"{path} is not a readable table ({error})") from None
    if not width:
        raise AuheatError(f"{path} is not a readable table: it is empty")
    return lines
