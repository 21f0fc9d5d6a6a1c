"""Which table is wanted, and the rows that a frame becomes in it.

A frame without a face keeps its place (one row; in a tidy table one for each AU) with success 0,
confidence 0 and nothing in the columns of readings (NaN in pandas, NA in R), so that no mean takes
it for a neutral face.

In a CSV file times have three decimals: above 1000 frames a second rows share one, and `frame`
tells them apart. Parquet files and tables in memory have them unrounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, get_args

from auheat.errors import check_choice, check_flag
from auheat.tables.columns import Column, Extra, writable
from auheat.tables.conventions import fex, openface, tidy
from auheat.tables.names import TableFormat, TableKind
from auheat.tables.protocols import FaceLike, FrameLike

# Raised whenever a column changes its name, meaning or place.
TABLE_VERSION = 1

Row = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """Which convention a table follows, and the groups of columns on request.

    Attributes:
        format: see `auheat.tables.conventions`.
        pose: with the columns of the head's pose; a Fex table always has them.
        landmarks: with the columns of the 68 landmarks; a Fex table always has them.
        input: with the path of what is read as the first column; a Fex or tidy table always has it.

    Raises:
        AuheatError: for an unknown format, and for a choice that is neither True nor False.
    """

    format: TableFormat = "openface"
    pose: bool = False
    landmarks: bool = False
    input: bool = False

    def __post_init__(self) -> None:
        check_choice("table format", self.format, get_args(TableFormat))
        check_flag("pose", self.pose)
        check_flag("landmarks", self.landmarks)

    @property
    def ending(self) -> str:
        """How the name of such a file ends."""
        return ".parquet" if self.format == "tidy" else ".csv"


OPENFACE = Layout()


@dataclass(frozen=True)
class TableSchema:
    """The columns of a result table, and the rows that a frame becomes.

    Attributes:
        kind: whether a video is read, one image, or a folder of them.
        aus: in the order of their columns.
        extras: AU after AU, in the order given; empty where a prediction has no such numbers. A Fex
            table has no place for them, and is without.
        input: path of what is read, for the column of that name.
    """

    kind: TableKind
    aus: tuple[str, ...]
    _: KW_ONLY
    extras: tuple[Extra, ...] = ()
    layout: Layout = OPENFACE
    input: str = ""
    origin: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names in order."""
        return tuple(column.name for column in self.described)

    @cached_property
    def described(self) -> tuple[Column, ...]:
        """The columns themselves."""
        layout, kind, aus = self.layout, self.kind, self.aus
        if layout.format == "fex":
            return tuple(fex(kind, aus, self.input))
        on_request = (layout.pose, layout.landmarks)
        if layout.format == "tidy":
            return tuple(tidy(kind, aus, self.extras, *on_request, self.input))
        path = self.input if layout.input else None
        return tuple(openface(kind, aus, self.extras, *on_request, path=path))

    def rows(self, result: FrameLike) -> list[Row]:
        """The rows of one frame: by face, then in a tidy table by AU."""
        faces: Sequence[FaceLike | None] = result.faces or (None,)
        aus = self.aus if self.layout.format == "tidy" else ("",)
        return [
            {column.name: _value(column, result, face=face, au=au) for column in self.described}
            for face in faces
            for au in aus
        ]

    def text(self, row: Row) -> list[str]:
        """A row as a CSV file has it."""
        return [column.text(row[column.name]) for column in self.described]


def _value(column: Column, result: FrameLike, *, face: FaceLike | None, au: str) -> Any:
    value = column.value(result, face, au)
    return writable(value) if column.type == "text" and value is not None else value


def extras_of(raw: bool, std: bool) -> tuple[Extra, ...]:
    """The columns beside intensities: raw where they were post-processed, std on request.

    Raises:
        AuheatError: If `std` is neither True nor False.
    """
    check_flag("std", std)
    wanted: tuple[tuple[bool, Extra], ...] = ((raw, "raw"), (std, "sd"))
    return tuple(extra for is_wanted, extra in wanted if is_wanted)
