"""What no table of readings can say: times against the order of frames, numbers out of bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

# Numbers of frames and faces from here on are damage; floats would no longer tell them apart.
MAX_NUMBER = 10**15
# What rounding may move a time by, in seconds.
_ROUNDING_S = 1e-3


def wrong_time(table: pd.DataFrame) -> tuple[NDArray[np.bool_], str] | None:
    """The rows whose time cannot be, and why; None if all can.

    Args:
        table: With the columns input, frame and timestamp, as `read_table` makes them; the frames
            of an input in any order.
    """
    times = table["timestamp"].to_numpy(np.float64)
    if (times < 0).any():
        return times < 0, "is {}, and times count from 0"
    plain = table.reset_index(drop=True)
    rows = plain[(plain["frame"] > 0) & plain["timestamp"].notna()]
    rows = rows.sort_values(["input", "frame"], kind="stable")
    before = rows.groupby("input")[["frame", "timestamp"]].shift()
    behind = rows["timestamp"] - before["timestamp"]
    same = rows["frame"] == before["frame"]
    found = np.zeros(len(table), np.bool_)
    for wrong, reason in (
        (
            same & (behind.abs() > _ROUNDING_S),
            "is {}, and another row of this frame says otherwise",
        ),
        (~same & (behind < -_ROUNDING_S), "is {}, which is before that of the frame before"),
    ):
        if wrong.any():
            found[rows.index[wrong]] = True
            return found, reason
    return None


def without_times(table: pd.DataFrame) -> NDArray[np.bool_]:
    """The rows of inputs whose frames all say one time, as where nobody knew any: (N,)."""
    of_input = table.reset_index(drop=True).groupby(table["input"].to_numpy())
    frames = of_input["frame"].transform("nunique").to_numpy()
    times = of_input["timestamp"].transform("nunique").to_numpy()
    return np.asarray((frames > 1) & (times == 1), np.bool_)


def odd_confidence(table: pd.DataFrame, name: str) -> list[str]:
    """A line that says so if a confidence lies outside 0 to 1."""
    low, high = table["confidence"].min(), table["confidence"].max()
    odd = high if high > 1 else low if low < 0 else None
    return [] if odd is None else [f"confidence in {name} is {odd:g}, and lies in 0 to 1"]
