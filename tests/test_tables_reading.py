"""Everybody's tables in one schema, and what is refused with its line."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auheat.errors import AuheatError
from auheat.facs import ALL_AUS
from auheat.folders import IMAGE_SUFFIXES
from auheat.inference.events import events_of
from auheat.tables.columns import Extra, quoted, unquoted, writable
from auheat.tables.names import TableKind
from auheat.tables.programs import NOTES, PROGRAM, SCHEMA, program_of
from auheat.tables.reading import read_table
from auheat.tables.scale import aus_in, check_scale
from auheat.tables.schema import TableSchema
from auheat.tables.series import people_in

OURS = """frame,face_id,timestamp,confidence,success,AU04_r,AU12_r,AU04_c,AU12_c
1,0,0.000,0.90,1,0.00,0.25,0,0
1,1,0.000,0.80,1,2.00,0.00,1,0
2,0,0.040,0.00,0,,,,
"""


def save(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding)
    return path


def test_ours_in_the_schema(tmp_path: Path) -> None:
    table = read_table(save(tmp_path / "a.csv", OURS))
    assert tuple(table) == (*SCHEMA, "AU04", "AU12")
    assert table.attrs == {PROGRAM: "auheat", NOTES: []}
    rows = [tuple(row) for row in table.fillna(-1).itertuples(index=False)]
    assert rows == [
        ("", 1, 0.0, 0, 1, 0.9, 0.0, 0.25),
        ("", 1, 0.0, 1, 1, 0.8, 2.0, 0.0),
        ("", 2, 0.04, 0, 0, 0.0, -1, -1),
    ]


def test_ours_with_20_aus_is_ours_and_has_no_au_twice(tmp_path: Path) -> None:
    """AU07, AU28_c and AU45 are OpenFace's as well; AU43 never is, and is beside our AU45."""
    levels = "AU07_r,AU23_r,AU43_r,AU45_r,AU07_c,AU28_c,AU45_c"
    head, row = f"frame,face_id,timestamp,success,{levels}", "1,0,0.0,1,2.0,0.5,4.5,4.5,1,0,1"
    table = read_table(save(tmp_path / "ours.csv", f"{head}\n{row}\n"))
    assert table.attrs[PROGRAM] == "auheat"
    assert aus_in(table) == ("AU07", "AU23", "AU43")
    assert table.loc[0, ["AU07", "AU43"]].tolist() == [2.0, 4.5]
    theirs = save(tmp_path / "of.csv", f"{head}\n{row}\n".replace("AU43", "AU26"))
    table = read_table(theirs)
    assert table.attrs[PROGRAM] == "openface"
    assert aus_in(table) == ("AU07", "AU23", "AU26", "AU45")


@pytest.mark.parametrize("aus", [*((au,) for au in ALL_AUS), ("AU06", "AU07", "AU12"), ALL_AUS])
@pytest.mark.parametrize("extras", [(), ("raw",)])
def test_ours_of_any_aus_is_not_taken_for_openface(
    aus: tuple[str, ...], extras: tuple[Extra, ...]
) -> None:
    """`auheat predict --aus AU06,AU07,AU12` was taken for OpenFace's."""
    for kind in get_args(TableKind):
        assert program_of(TableSchema(kind, aus, extras=extras).columns) == "auheat"


@pytest.mark.parametrize(
    "mark", ["AU45_r", "AU28_c", "gaze_angle_x", "eye_lmk_x_0", "Z_67", "p_rx"]
)
def test_what_only_openface_writes_marks_its_tables(mark: str) -> None:
    assert program_of(["frame", "success", "AU12_r", mark]) == "openface"
    assert program_of(["frame", "success", "AU12_r", "pose_Rx", "x_0"]) == "auheat"


def test_a_string_a_path_a_data_frame_and_its_own_result_give_the_same(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", OURS)
    expected = read_table(path)
    for given_ in (str(path), pd.read_csv(path), expected):
        pd.testing.assert_frame_equal(read_table(given_), expected)
    polars = pytest.importorskip("polars")
    pd.testing.assert_frame_equal(read_table(polars.read_csv(path)), expected)


def test_rows_of_images_have_frame_0_whatever_kind_of_image_they_are_of(tmp_path: Path) -> None:
    """Every ending that is read as an image counts, and those that only others read; a GIF with
    several frames is a video. Only ten endings did, and frames of .gif and .jp2 counted from 1."""
    endings = sorted(IMAGE_SUFFIXES | {".heic"})
    lines = [f"{number},a{ending},1.0" for number, ending in enumerate(endings)]
    lines += [f"{number},moves.gif,1.0" for number in range(2)] + ["0,clip.mp4,1.0"]
    path = save(tmp_path / "a.csv", "\n".join(["frame,input,AU12", *lines, ""]))
    frames = {f"a{ending}": [0] for ending in endings}
    frames |= {"moves.gif": [1, 2], "clip.mp4": [1]}
    table = read_table(path, format="py-feat")
    assert {name: list(rows["frame"]) for name, rows in table.groupby("input")} == frames


def test_other_programs_in_the_schema(tmp_path: Path) -> None:
    """OpenFace writes 0 where it found no face; py-feat and LibreFace count frames from 0."""
    openface = read_table(
        save(tmp_path / "of.csv", "frame, timestamp, confidence, success, AU12_r, AU45_r\n"
             "1, 0.00, 0.98, 1, 1.50, 0.10\n2, 0.05, 0.02, 0, 0.00, 0.00\n")
    )  # fmt: skip
    assert openface.attrs[PROGRAM] == "openface"
    assert openface["AU12"].fillna(-1).tolist() == [1.5, -1.0]
    feat = read_table(
        save(tmp_path / "fex.csv", "FaceScore,AU12,input,frame\n0.7,0.25,c.avi,0\n"
             "0.9,0.75,c.avi,0\n0.9,0.5,c.avi,2\n")
    )  # fmt: skip
    assert feat.attrs[PROGRAM] == "py-feat"
    columns = ["input", "frame", "face_id", "confidence", "AU12"]
    assert feat[columns].to_numpy().tolist() == [
        ["c.avi", 1, 0, 0.9, 0.75],  # the surest face of a frame comes first
        ["c.avi", 1, 1, 0.7, 0.25],
        ["c.avi", 3, 0, 0.9, 0.5],
    ]
    libre = read_table(
        save(tmp_path / "l.csv", "frame_idx,frame_time_in_ms,au_12_intensity\n0,0,2.5\n3,150,0.5\n")
    )
    assert libre.attrs[PROGRAM] == "libreface"
    assert libre[["frame", "timestamp", "AU12"]].to_numpy().tolist() == [
        [1, 0, 2.5],
        [4, 0.15, 0.5],
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_of_all_countries(tmp_path: Path, delimiter: str, encoding: str) -> None:
    expected = read_table(save(tmp_path / "a.csv", OURS))
    text = OURS.replace(",", delimiter)
    if delimiter != ",":
        text = text.replace(".", ",")
    found = read_table(save(tmp_path / "b.txt", text.replace("\n", "\r\n"), encoding))
    pd.testing.assert_frame_equal(found, expected)


def test_a_line_that_names_the_delimiter_and_gzip(tmp_path: Path) -> None:
    expected = read_table(save(tmp_path / "a.csv", OURS))
    found = read_table(save(tmp_path / "b.csv", "sep=;\n" + OURS.replace(",", ";")))
    pd.testing.assert_frame_equal(found, expected)
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(OURS.encode()))
    pd.testing.assert_frame_equal(read_table(tmp_path / "c.csv.gz"), expected)
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(OURS.encode())[:-9])
    with pytest.raises(AuheatError, match="gzip data end too early"):
        read_table(tmp_path / "d.csv.gz")


HEAD = "frame,face_id,timestamp,confidence,success,AU12_r\n"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("1,0,0,1,1,1\n1.5,0,.04,1,1,1\n", r"line 3 of .*frame is '?1\.5'?.* whole numbers"),
        ("1,0,0,1,1,much\n", r"line 2 of .*AU12_r is 'much', which is no number"),
        ("1,0,0,1,1,inf\n", r"line 2 of .*AU12_r is inf"),
        ("1,0,0,1,1,1\n\n2,0,,1,1,1\n", r"line 4 of .*timestamp is empty"),
        ("1,0,0,1,1,1\n2,0,.04,1,1\n", r"line 3 of .*it has 5 values, and the header 6 names"),
        ("1,0,0,1,1,1\n2,0,.04,1,1,1,7\n", r"line 3 of .*it has 7 values"),
        ("1,0,0,1,1,1\n1,0,0,1,1,2\n", r"line 3 of .*face 0 of frame 1 is there twice"),
        ("1,0.5,0,1,1,1\n", r"line 2 of .*face_id is .*0\.5"),
        ("-1,0,0,1,1,1\n", r"line 2 of .*frame is -1"),
        ("sep,0,0,1,1,1\n", r"line 2 of .*frame is 'sep'"),
    ],
)
def test_damage_is_refused_with_its_line(tmp_path: Path, rows: str, reason: str) -> None:
    path = save(tmp_path / "a.csv", HEAD + rows)
    with pytest.raises(AuheatError, match=reason) as refused:
        read_table(path)
    assert "\n" not in str(refused.value)


def test_a_file_that_ends_in_a_line_is_noted(tmp_path: Path) -> None:
    table = read_table(save(tmp_path / "a.csv", HEAD + "1,0,0,1,1,1.2"))
    assert table.attrs[NOTES] == [
        f"{tmp_path / 'a.csv'} ends in the middle of a line: it may have been cut off"
    ]


@pytest.mark.parametrize(("value", "says"), [("200", "200"), ("-1", "-1")])
def test_values_off_the_scale(tmp_path: Path, value: str, says: str) -> None:
    """They are read as they are, with a note; whoever needs intensities refuses them."""
    path = save(tmp_path / "a.csv", HEAD + f"1,0,0,1,1,{value}\n")
    table = read_table(path)
    assert table["AU12"].tolist() == [float(value)]
    (note,) = table.attrs[NOTES]
    assert f"AU12 in {path} is {says}, and intensities lie in 0 to 5" in note
    with pytest.raises(AuheatError, match="intensities lie in 0 to 5"):
        check_scale(table, "a.csv")


def test_py_feats_values_are_no_intensities(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", "FaceScore,AU12,input,frame\n0.9,0.9,c.avi,0\n")
    with pytest.raises(AuheatError, match="whose values reach 1"):
        check_scale(read_table(path), "a.csv")


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(24)))
def test_events_do_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    values = [0, 0, 1, 2, 3, 2, 1, 0, 0, 0, 2, 2, 2, 0, 0, 0, 0, 4, 4, 0, 0, 0, 0, 0]
    frames = np.arange(1, 25)
    table = pd.DataFrame(
        {"frame": frames, "face_id": 0, "timestamp": frames / 10, "confidence": 1.0, "success": 1,
         "AU12_r": np.array(values, float)}
    )  # fmt: skip
    read = read_table(table.iloc[order])
    found = events_of(people_in(read), aus_in(read))
    assert [(event.onset_frame, event.offset_frame) for event in found] == [
        (3, 7), (11, 13), (18, 19),
    ]  # fmt: skip


def test_tables_without_times_are_no_curves(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", "frame,success,AU12_r\n1,1,2\n")
    with pytest.raises(AuheatError, match="no column timestamp"):
        people_in(read_table(path))
    images = save(tmp_path / "b.csv", "input,face,success,AU12_r\na.jpg,0,1,2\n")
    with pytest.raises(AuheatError, match="no table of a video"):
        people_in(read_table(images))


@pytest.mark.parametrize("text", ["=cmd|' !A0.jpg", "+1.jpg", "-1.jpg", "@a.jpg", "\ta", "\ra"])
def test_no_name_is_a_formula(text: str) -> None:
    assert quoted(text) == f"'{text}"
    assert unquoted(quoted(text)) == text


def test_other_names_are_themselves() -> None:
    for text in ("a.jpg", "'a'.jpg", "", "1=2.jpg"):
        assert quoted(text) == unquoted(text) == text
    assert writable("a\udcff.jpg") == r"a\udcff.jpg"
