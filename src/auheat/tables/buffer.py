"""Rows of results kept by column, for pandas, polars and Arrow.

Numbers take 8 bytes each. Nothing (no face, no such number) is NaN in pandas and null elsewhere.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from auheat.optional import require
from auheat.tables.columns import Column
from auheat.tables.protocols import FrameLike
from auheat.tables.schema import TABLE_VERSION, TableSchema

if TYPE_CHECKING:
    import pandas as pd
    import polars
    import pyarrow as pa

_NOTHING = float("nan")


class TableBuffer:
    """The rows of the frames added so far."""

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        self.clear()

    def __len__(self) -> int:
        """How many rows."""
        return len(next(iter(self._columns.values())))

    def add(self, result: FrameLike) -> None:
        """Adds the rows of one frame."""
        for row in self._schema.rows(result):
            for column, values in zip(self._schema.described, self._columns.values(), strict=True):
                value = row[column.name]
                if value is None and column.type != "text":
                    value = _NOTHING
                values.append(value)

    def clear(self) -> None:
        """Forgets all rows."""
        self._columns: dict[str, Any] = {
            column.name: [] if column.type == "text" else array("d")
            for column in self._schema.described
        }

    def pandas(self) -> pd.DataFrame:
        """A pandas table; a column of 0 and 1 that may be empty holds floats."""
        pd = require("pandas")
        columns: dict[str, Any] = {}
        for column, values in self._each():
            columns[column.name] = values if column.type == "text" else np.array(values)
            if column.type == "integer":
                columns[column.name] = columns[column.name].astype(np.int64)
        return pd.DataFrame(columns)

    def polars(self) -> polars.DataFrame:
        """A polars table.

        Raises:
            AuheatError: if polars is not installed.
        """
        found: polars.DataFrame = require("polars").from_arrow(self.arrow())
        return found

    def arrow(self) -> pa.Table:
        """An Arrow table of the types of `arrow_schema`."""
        pa = require("pyarrow")

        types = arrow_schema(self._schema)
        columns = [
            pa.array(values, type=kind, from_pandas=True)
            if column.type == "text"
            else pa.array(np.array(values), from_pandas=True).cast(kind)
            for (column, values), kind in zip(self._each(), types.types, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=types)

    def _each(self) -> Any:
        return zip(self._schema.described, self._columns.values(), strict=True)


def arrow_schema(schema: TableSchema) -> pa.Schema:
    """Names and types: integers of 64 bits, flags of 8, numbers of 64 bits, text."""
    pa = require("pyarrow")

    kinds = {"integer": pa.int64(), "flag": pa.int8(), "number": pa.float64(), "text": pa.string()}
    fields = [_field(column, kinds[column.type]) for column in schema.described]
    origin = {"auheat_origin": schema.origin} if schema.origin else {}
    return pa.schema(fields, {"auheat_table": str(TABLE_VERSION), **origin})


def _field(column: Column, kind: Any) -> pa.Field:
    import pyarrow as pa

    return pa.field(column.name, kind, nullable=column.type != "integer")
