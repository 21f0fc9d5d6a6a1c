"""Label files: every way in which people write two numbers, and the columns side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auheat.data.labels import (
    FACS_SCALE,
    Column,
    IntensityScale,
    _plain_column,
    numbers_in,
    read_column,
    read_levels,
)


def column_of(path: Path, content: str | bytes) -> tuple[dict[int, float], list[str]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems: list[str] = []
    column = read_column(path, FACS_SCALE, problems)
    return dict(zip(column.frames.tolist(), column.codes.tolist(), strict=True)), problems


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("7,3", [7, 3]), ("7, 3", [7, 3]), ("7 3", [7, 3]), ("7\t3", [7, 3]), ("7;3", [7, 3]),
        (" 7 ; 3 ", [7, 3]), ("7,3,", [7, 3]), ("7,2.5", [7, 2.5]), ("7;2,5", [7, 2.5]),
        ("7\t2,5", [7, 2.5]), ("7, 2,5", [7, 2.5]), ("7 2,5", [7, 2.5]), ("7,2,5", [7, 2, 5]),
        ("  4.3e+01   2.0e+00  1 9", [43, 2, 1, 9]), ("4,3e+01 2,5e+00", [43, 2.5]),
    ],
)  # fmt: skip
def test_numbers_in_a_row(line: str, numbers: list[float]) -> None:
    assert numbers_in(line) == numbers


def test_a_decimal_comma_is_never_cut_to_a_whole_number(tmp_path: Path) -> None:
    """`2,5` is two and a half, or, where it may be a third column, a fault that is named."""
    path = tmp_path / "SN001_au4.txt"
    assert column_of(path, "1;2,5\n2;0\n") == ({1: 2.5, 2: 0}, [])
    assert column_of(path, "1\t2,5\n2\t0\n") == ({1: 2.5, 2: 0}, [])
    found, problems = column_of(path, "1,2,5\n2,0\n")
    assert found == {2: 0}
    assert problems == [f"{path}: line 1 is not a frame and a level: '1,2,5'"]


def test_what_a_spreadsheet_exports(tmp_path: Path) -> None:
    path = tmp_path / "AU06.csv"
    text = "frame;level\r\n1;0\r\n2;2,5\r\n"
    for content in (text.encode("utf-16"), text.encode("utf-8-sig"), text.encode()):
        assert column_of(path, content) == ({1: 0, 2: 2.5}, [])


def test_faults_are_named_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    found, problems = column_of(path, "1,0\n2,6\n2,3\n2,4\nx,1\n3.5,1\n4,9\n5,-1\n\n6,nan\n7,1e0")
    assert found == {1: 0, 2: 3, 4: 9, 7: 1}
    fault = "is not a frame and a level"
    assert problems == [
        f"{path}: line 2 {fault}: '2,6'",
        f"{path}: line 4 has frame 2 again",
        f"{path}: line 5 {fault}: 'x,1'",
        f"{path}: line 6 {fault}: '3.5,1'",
        f"{path}: line 8 {fault}: '5,-1'",
        f"{path}: line 10 {fault}: '6,nan'",
    ]
    assert column_of(path, "")[0] == {}


ROWS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["0", "3", "5", "9", "2.25", "6", "-1", "x"])),
    max_size=12,
)


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_the_fast_way_reads_what_the_slow_way_reads(
    rows: list[tuple[int, str]], end: str, closed: bool
) -> None:
    """And leaves every file with a fault to it."""
    text = end.join(f"{frame},{code}" for frame, code in rows) + (end if closed else "")
    plain = _plain_column(text, FACS_SCALE)
    frames = [frame for frame, _ in rows]
    codes = [float(code) for _, code in rows if code != "x"]
    faultless = len(codes) == len(rows) and all(0 <= c <= 5 or c == 9 for c in codes)
    if not faultless or not rows or frames != sorted(set(frames)):
        assert plain is None
    else:
        assert plain is not None
        assert (plain.frames.tolist(), plain.codes.tolist()) == (frames, codes)


def test_columns_side_by_side() -> None:
    columns = {
        "AU01": Column.of({1: 0, 2: 9, 4: 5}),
        "AU02": Column.of({2: 1, 3: 2, 4: 3}),
        "AU04": Column.of({}),
    }
    problems: list[str] = []
    files = {au: Path(au) if au != "AU04" else None for au in columns}
    found = read_levels(
        files,
        lambda au: f"{au}.txt",
        scale=IntensityScale(),
        problems=problems,
        read=lambda path, scale, problems: columns[path.name],
    )
    assert found.frames.tolist() == [1, 2, 3, 4]
    none = np.nan
    expected = [[0, none, none], [none, 1, none], [none, 2, none], [5, 3, none]]
    np.testing.assert_array_equal(found.levels, expected)
    assert found.left_out == {2: "not codable"}
    assert problems == [
        "AU01 lacks 1 of 4 frames: 3",
        "AU02 lacks 1 of 4 frames: 1",
        "AU04.txt lacks 4 of 4 frames: 1-4",
    ]


def test_another_scale_becomes_levels() -> None:
    percent = IntensityScale(max=100, not_codable=-1)
    codes = np.array([0, 20, 50, 100, -1])
    np.testing.assert_array_equal(percent.levels(codes), [0, 1, 2.5, 5, np.nan])
    assert percent.hold(np.array([0, 100, -1, 101, -2, 9])).tolist() == [1, 1, 1, 0, 0, 1]
    assert not IntensityScale(not_codable=None).holds(9)
