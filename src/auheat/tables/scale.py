"""Which AUs a table has, and whether their values lie on the scale of who wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auheat.errors import AuheatError
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY
from auheat.tables.names import TableProgram
from auheat.tables.programs import PROGRAM, PROGRAMS, intensities_in

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING = 1e-6  # what rounding adds


def aus_in(table: pd.DataFrame) -> tuple[str, ...]:
    """The AUs of a table that `read_table` gave."""
    return tuple(intensities_in(table.columns, "auheat"))


def check_scale(table: pd.DataFrame, name: str) -> None:
    """Refuses a table unless all its intensities lie in 0 to 5.

    Args:
        table: What `read_table` gave.
        name: What to call it.

    Raises:
        AuheatError: if one does not.
    """
    program: TableProgram = table.attrs.get(PROGRAM, "auheat")
    if PROGRAMS[program].largest < MAX_INTENSITY:
        raise AuheatError(
            f"{name} is a table of {program}, whose values reach {PROGRAMS[program].largest:g}: "
            "they are no intensities from 0 to 5"
        )
    if lines := off_scale(table, name):
        raise AuheatError(lines[0])


def off_scale(table: pd.DataFrame, name: str) -> list[str]:
    """A line that says so if values lie outside the scale of who wrote the table."""
    aus = list(aus_in(table))
    program: TableProgram = table.attrs.get(PROGRAM, "auheat")
    most = PROGRAMS[program].largest
    for au in aus:
        low, high = table[au].min(), table[au].max()
        if low < MIN_INTENSITY - _ROUNDING or high > most + _ROUNDING:
            value = high if high > most else low
            hint = ": were they multiplied?" if high > most else ""
            return [f"{au} in {name} is {value:g}, and intensities lie in 0 to {most:g}{hint}"]
    return []
