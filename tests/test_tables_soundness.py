"""Tables that say what no reading can say are refused, or noted, in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auheat.errors import AuheatError
from auheat.inference.events import find_events
from auheat.tables.programs import NOTES
from auheat.tables.reading import read_table
from cli_calls import call, refused

HEAD = "frame,face_id,timestamp,confidence,success,AU12_r"
SOUND = ["1,0,0.00,0.9,1,0.5", "1,1,0.00,0.9,1,0.5", "2,0,0.04,0.9,1,2.5", "3,0,0.08,0.9,1,0.5"]


def save(path: Path, lines: list[str], head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def changed(number: int, line: str) -> list[str]:
    return [line if place == number else there for place, there in enumerate(SOUND)]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (changed(3, "3,0,0.02,0.9,1,0.5"), "line 5 of .*: timestamp is .*0.02.*, which is before"),
        (
            changed(2, "2,0,-0.04,0.9,1,0.5"),
            "line 4 of .*: timestamp is .*-0.04.*, and times count",
        ),
        (
            changed(1, "1,1,0.02,0.9,1,0.5"),
            "line 3 of .*: timestamp is .*, and another row of this",
        ),
        (changed(0, "1,0,0.00,0.9,2,0.5"), "line 2 of .*: success is .*2.*, and is 0 or 1"),
        (
            changed(0, "1e20,0,0.00,0.9,1,0.5"),
            "line 2 of .*: frame is .*1e.20.*, which is too large",
        ),
        (changed(0, "1,1e20,0.00,0.9,1,0.5"), "line 2 of .*: face_id is .*, which is too large"),
        (changed(0, "1,0,0.00,0.9,1,0.\0005"), "it holds null characters"),
    ],
)
def test_what_no_table_says(tmp_path: Path, lines: list[str], reason: str) -> None:
    """Whoever works on tables refuses them alike, in any order of their rows."""
    assert read_table(save(tmp_path / "b.csv", SOUND[::-1])).attrs[NOTES] == []
    path = save(tmp_path / "a.csv", lines)
    with pytest.raises(AuheatError, match=reason):
        read_table(path)
    assert refused("events", path).startswith("auheat: ")
    assert refused("report", path).startswith("auheat: ")
    assert not list(tmp_path.glob("*.events.csv")) and not list(tmp_path.glob("*.html"))


def test_times_of_several_videos_have_orders_of_their_own(tmp_path: Path) -> None:
    lines = ["a.mp4,1,0.5,1.0", "a.mp4,2,0.6,1.0", "b.mp4,1,0.0,1.0", "b.mp4,2,0.1,1.0"]
    path = save(tmp_path / "a.csv", lines, "input,frame,timestamp,AU12_r")
    assert read_table(path)["timestamp"].tolist() == [0.5, 0.6, 0.0, 0.1]


def test_one_time_for_all_frames_is_none(tmp_path: Path) -> None:
    """As where images of a sequence have none; their intensities are still of use."""
    lines = [f"{frame},0,0.000,0.9,1,1.5" for frame in (1, 2, 3)]
    path = save(tmp_path / "a.csv", lines)
    table = read_table(path)
    assert table["timestamp"].isna().all() and table["AU12"].tolist() == [1.5] * 3
    assert table.attrs[NOTES] == [f"all times in {path} are the same: they count as unknown"]
    with pytest.raises(AuheatError, match=r"says no times: .* or one time for all"):
        find_events(path)
    assert read_table(save(tmp_path / "b.csv", lines[:1]))["timestamp"].tolist() == [0.0]


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    """pandas called the second one `AU12_r.1`, and nobody read it."""
    path = save(tmp_path / "a.csv", ["1,0.0,1.0,2.0"], "frame,timestamp,AU12_r, AU12_r")
    with pytest.raises(AuheatError, match=r"a\.csv has two columns AU12_r: leave one out"):
        read_table(path)
    unnamed = save(tmp_path / "b.csv", ["1,0.0,1.0,,"], "frame,timestamp,AU12_r,,")
    assert read_table(unnamed)["AU12"].tolist() == [1.0]


@pytest.mark.parametrize("value", [95.0, -0.5])
def test_a_confidence_out_of_bounds_is_noted(tmp_path: Path, value: float) -> None:
    path = save(tmp_path / "a.csv", changed(0, f"1,0,0.00,{value},1,0.5"))
    line = f"confidence in {path} is {value:g}, and lies in 0 to 1"
    assert read_table(path).attrs[NOTES] == [line]
    assert call("events", path).stderr == f"auheat: note: {line}\n"


def test_tables_in_memory_and_parquet_are_checked_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"frame": [1, 2], "timestamp": [1.0, 0.5], "AU12_r": [1.0, 2.0]}, [7, 7])
    with pytest.raises(AuheatError, match=r"row 2 of the table is damaged: timestamp is .*0.5"):
        read_table(table)
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(AuheatError, match=r"row 2 of .*a\.parquet is damaged: timestamp"):
        read_table(tmp_path / "a.parquet")
    sound = table.assign(timestamp=np.array([0.5, 1.0])).reset_index(drop=True)
    sound.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet")["AU12"].tolist() == [1.0, 2.0]
