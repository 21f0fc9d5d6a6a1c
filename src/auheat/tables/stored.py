"""Opens a file that holds a table, whatever its format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auheat.errors import AuheatError
from auheat.files import check_file
from auheat.optional import require
from auheat.tables.delimited import Delimited, read_delimited

if TYPE_CHECKING:
    import pandas as pd


def stored_table(path: Path) -> Delimited:
    """The columns of a Parquet file or of delimited text.

    Returns:
        As of delimited text; without the lines of rows if it is none.

    Raises:
        AuheatError: If it is no table, or cannot be read.
    """
    try:
        if path.is_dir():
            raise AuheatError(f"{path} is a folder: give a table")
        if path.suffix.lower() == ".parquet":
            return Delimited(_parquet(path), None)
        return read_delimited(path)
    except FileNotFoundError:
        raise AuheatError(f"no table at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AuheatError(f"{path} is not a readable table ({reason})") from None


def _parquet(path: Path) -> pd.DataFrame:
    pa, parquet = require("pyarrow"), require("pyarrow.parquet")
    check_file(path)
    try:  # by its path, not through a Python file as pandas would: see `auheat.corpus.parquet`
        read: pd.DataFrame = parquet.ParquetFile(path).read().to_pandas()
        return read
    except (pa.ArrowException, AttributeError, TypeError):
        raise AuheatError(f"{path} is not a readable table: it is no Parquet file") from None
