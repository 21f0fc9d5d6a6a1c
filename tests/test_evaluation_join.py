"""Which rows of a dataset a table of predictions is of, by the names in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.foreign import read_foreign
from auheat.evaluation.join import join_to_labels
from foreign_tables import DISFA, dataset, found, matched, openface, write


@pytest.mark.parametrize(
    ("stem", "sequence"),
    [
        ("LeftVideoSN001_comp", "SN001"),
        ("rightvideosn001_comp", "SN001"),
        ("SN0010", None),
        ("F001_T1", "F001_T1"),
        ("f001-t1", "F001_T1"),
        ("F001_T10", None),
        ("F001_T1_6", "F001_T1"),
        ("FERA17_TR_F001_T1_6", "F001_T1"),
        ("F001/T1", "F001_T1"),
        ("F001_T1_A", "F001_T1_A"),
    ],
)
def test_the_name_of_a_table_names_its_sequence(
    tmp_path: Path, stem: str, sequence: str | None
) -> None:
    whole = dataset(
        ("SN001", "SN001"), ("F001", "F001_T1"), ("F001", "F001_T2"), ("F001", "F001_T1_A")
    )
    openface(tmp_path / "all" / f"{stem}.csv", "2, 0, 0, 0.9, 1, 0, 1.5, 0, 0")
    if sequence is None:
        with pytest.raises(AuheatError, match="no row of the openface tables fits set"):
            found(tmp_path / "all", whole)
    else:
        assert found(tmp_path / "all", whole) == {(sequence, 2): 1.5}


def test_tasks_that_are_called_the_same_for_everybody(tmp_path: Path) -> None:
    whole = dataset(("F001", "T1"), ("M001", "T1"))
    path = openface(tmp_path / "M001_T1.csv", "2, 0, 0, 0.9, 1, 0, 1.5, 0, 0")
    assert matched(path, whole).subjects.tolist() == ["M001"]
    path = path.rename(tmp_path / "T1.csv")
    with pytest.raises(AuheatError, match=r"T1 may be of \('F001', 'T1'\) or of \('M001', 'T1'\)"):
        matched(path, whole)


def test_two_tables_of_one_sequence_are_refused(tmp_path: Path) -> None:
    for side in ("Left", "Right"):
        openface(tmp_path / f"{side}VideoSN001.csv", "1, 0, 0, 0.9, 1, 0, 1.5, 0, 0")
    with pytest.raises(AuheatError, match="both LeftVideoSN001 and RightVideoSN001 are of sequ"):
        matched(tmp_path, DISFA)
    for name in ("a", "b"):
        write(
            tmp_path / "twice" / f"{name}.csv",
            "input,face,confidence,success,AU12_r",
            "SN001/000001.jpg,0,0.9,1,1.00",
        )
    with pytest.raises(AuheatError, match=r"both a/SN001/000001 and b/SN001/000001 are of images"):
        matched(tmp_path / "twice", DISFA)


def test_only_the_asked_part_is_measured(tmp_path: Path) -> None:
    """Tables of everybody: who is not in the part is neither measured nor in the way."""
    for name in ("SN001", "SN002"):
        openface(tmp_path / f"{name}.csv", "2, 0, 0, 0.9, 1, 0, 1.5, 0, 0")
    second = DISFA.table[DISFA.table["subject"] == "SN002"].reset_index(drop=True)
    part = Manifest(second, DISFA.folder, DISFA.crop, DISFA.source)
    result = join_to_labels(read_foreign(tmp_path), DISFA, part=part, about={})
    assert result.subjects.tolist() == ["SN002"]
    assert result.about["coverage"] == {"images": 1, "of": 4}


def test_aus_that_the_dataset_does_not_code_are_left_out(tmp_path: Path) -> None:
    path = openface(tmp_path / "SN001.csv", "2, 0, 0, 0.9, 1, 0.5, 1.5, 0, 0")
    table = DISFA.table.assign(AU04=np.float32(np.nan))
    coded = Manifest(table, DISFA.folder, DISFA.crop, DISFA.source)
    assert matched(path, coded).aus == ("AU12",)
