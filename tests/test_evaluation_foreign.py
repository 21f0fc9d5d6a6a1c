"""Other programs' tables: reading them, and finding the rows of a dataset that they are of.

Headers are as the programs write them: OpenFace 2.2 (blanks after commas, frames from 1), py-feat
(Fex, frames from 0), LibreFace (frame_idx from 0).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auheat.errors import AuheatError
from auheat.evaluation.foreign import holds_tables, read_foreign, tables_in
from auheat.evaluation.predictions import Predictions
from foreign_tables import AUS, BP4D, DISFA, dataset, found, matched, openface, write


def test_openface_counts_frames_from_one(tmp_path: Path) -> None:
    path = openface(
        tmp_path / "LeftVideoSN002_comp.csv",
        *(f"{n}, 0, {n / 20:.3f}, 0.98, 1, 0.00, {n}.50, 0.10, 1" for n in (1, 2, 4)),
    )
    assert read_foreign(path).kind == "openface"
    assert read_foreign(path).aus == ("AU04", "AU12", "AU45")
    assert found(path, DISFA) == {("SN002", 1): 1.5, ("SN002", 2): 2.5, ("SN002", 4): 4.5}
    result = matched(path, DISFA)
    assert result.about["coverage"] == {"images": 3, "of": 8}
    assert result.about["not_offered"] == [] and result.aus == AUS
    assert result.labels()[:, 1] == pytest.approx([1.1, 1.2, 1.4])


def test_frames_without_a_face_are_no_predictions(tmp_path: Path) -> None:
    """OpenFace writes 0 where it found no face; that is not a neutral face."""
    path = openface(
        tmp_path / "SN001.csv",
        "1, 0.00, 0.98, 1, 0.00, 1.50, 0.10, 1",
        "2, 0.05, 0.02, 0, 0.00, 0.00, 0.00, 0",
        face=False,
    )
    assert found(path, DISFA) == {("SN001", 1): 1.5}


def test_our_videos_and_those_without_a_face(tmp_path: Path) -> None:
    path = write(
        tmp_path / "sn-001.csv",
        "frame,face_id,timestamp,confidence,success,AU12_r,AU12_c",
        "1,0,0.000,0.90,1,0.25,0",
        "2,,0.050,0.00,0,,",
        "3,0,0.100,0.90,1,0.75,0",
    )
    result = matched(path, DISFA)
    assert read_foreign(path).kind == "auheat"
    assert found(path, DISFA) == {("SN001", 1): 0.25, ("SN001", 3): 0.75}
    assert result.about["not_offered"] == ["AU04"]
    assert np.isnan(result.values()[:, 0]).all()


def test_tables_of_events_beside_our_own_are_passed_over(tmp_path: Path) -> None:
    """As `auheat predict --events` leaves them."""
    write(tmp_path / "SN001.csv", "frame,face,confidence,success,AU12_r", "1,0,0.9,1,2.00")
    write(tmp_path / "SN001.events.csv", "au,onset,apex,offset", "AU12,1,2,3")
    assert tables_in(tmp_path) == [tmp_path / "SN001.csv"]
    assert read_foreign(tmp_path).kind == "auheat"


def test_our_folders_of_images(tmp_path: Path) -> None:
    """The longest common end of the paths decides."""
    path = write(
        tmp_path / "faces.csv",
        "input,face,confidence,success,AU12_r,AU12_c",
        "SN001/000003.jpg,0,0.9,1,1.00,1",
        "/data/images/SN002/SN002/000004.png,0,0.9,1,2.00,1",
        r"C:\crops\SN002\000001.jpg,0,0.9,1,3.00,1",
        "SN003/000001.jpg,0,0.9,1,4.00,1",
    )
    assert found(path, DISFA) == {("SN001", 3): 1.0, ("SN002", 4): 2.0, ("SN002", 1): 3.0}


def test_original_images_are_found_by_sequence_and_number(tmp_path: Path) -> None:
    """BP4D's own images: <subject>/<task>/<number>.jpg, with fewer zeros than ours."""
    path = write(
        tmp_path / "all.csv",
        "input,face,confidence,success,AU12_r",
        "BP4D/F001/T2/0003.jpg,0,0.9,1,1.00",
        "BP4D/M001/T1/2.jpg,0,0.9,1,2.00",
        "BP4D/F001/T10/0001.jpg,0,0.9,1,3.00",
    )
    assert found(path, BP4D) == {("F001_T2", 3): 1.0, ("M001_T1", 2): 2.0}


def test_a_bare_number_is_not_enough(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "input,face,confidence,success,AU12_r", "3.jpg,0,0.9,1,1.00")
    with pytest.raises(AuheatError, match=r"no row of the auheat tables fits set: .*SN001, SN002"):
        found(path, DISFA)
    with pytest.raises(AuheatError, match=r"no row of the auheat tables fits set: .*\(SN001\)"):
        found(path, dataset(("SN001", "SN001")))  # one such image, perhaps of somebody else
    assert found(path.rename(tmp_path / "sn001.csv"), DISFA) == {("SN001", 3): 1.0}
    assert found(tmp_path / "sn001.csv", dataset(("P1", ""))) == {("", 3): 1.0}
    with pytest.raises(AuheatError, match="sn001/3 may be any of 2 images of that name"):
        found(tmp_path / "sn001.csv", dataset(("P1", ""), ("P2", "")))


def test_images_with_names_of_their_own(tmp_path: Path) -> None:
    whole = dataset(("P1", ""), ("P2", ""))
    images = ["a/smile.png", "a/frown.png", "b/smile.png", "b/wink.v2.png"] * 2
    whole.table["image"] = [f"{n // 4}/{image}" for n, image in enumerate(images)]
    path = write(
        tmp_path / "p.csv",
        "input,face,confidence,success,AU12_r",
        "0/b/wink.v2.png,0,0.9,1,1.00",
        "1/a/Smile.JPG,0,0.9,1,2.00",
    )
    result = matched(path, whole)
    assert result.table["image"].to_list() == ["0/b/wink.v2.png", "1/a/smile.png"]
    assert result.values()[:, 1].tolist() == [1, 2]
    write(path, "input,face,confidence,success,AU12_r", "a/smile.png,0,0.9,1,2.00")
    with pytest.raises(AuheatError, match="p/a/smile may be any of 2 images"):
        matched(path, whole)


def test_one_table_for_every_image(tmp_path: Path) -> None:
    """OpenFace's FaceLandmarkImg and our single images have neither frame nor input."""
    for n, value in ((1, 0.5), (2, 0.7)):
        write(
            tmp_path / "SN001" / f"{n:06d}.csv",
            "face,confidence, AU12_r, AU45_r",
            f"0,0.9, {value}, 0.0",
        )
    assert found(tmp_path, DISFA) == {("SN001", 1): 0.5, ("SN001", 2): 0.7}


def test_py_feat_counts_frames_from_zero(tmp_path: Path) -> None:
    path = write(
        tmp_path / "fex.csv",
        ",FaceRectX,FaceRectY,FaceScore,AU04,AU12,input,frame,approx_time",
        "0,1,1,0.99,0.1,0.91,/x/LeftVideoSN002_comp.avi,0,00:00",
        "1,1,1,0.99,0.1,0.93,/x/LeftVideoSN002_comp.avi,2,00:00",
        "2,,,0.0,,,/x/LeftVideoSN002_comp.avi,3,00:00",
    )
    assert read_foreign(path).kind == "py-feat"
    assert found(path, DISFA) == {("SN002", 1): 0.91, ("SN002", 3): 0.93}


def test_py_feat_on_images_ignores_its_running_number(tmp_path: Path) -> None:
    path = write(
        tmp_path / "fex.csv",
        "FaceScore,AU12,input,frame",
        "0.9,0.25,images/SN001/SN001/000004.jpg,0",
        "0.9,0.75,images/SN002/SN002/000001.jpg,1",
    )
    assert found(path, DISFA) == {("SN001", 4): 0.25, ("SN002", 1): 0.75}


@pytest.mark.parametrize("column", ["au_12_intensity", "AU_12_intensity"])
def test_libreface_counts_frames_from_zero(tmp_path: Path, column: str) -> None:
    path = write(
        tmp_path / "LeftVideoSN001_comp_results.csv",
        f",frame_idx,frame_time_in_ms,au_12,{column},facial_expression",
        "0,0,0.0,1,2.5,Happiness",
        "1,3,150.0,0,0.5,Neutral",
    )
    assert read_foreign(path).kind == "libreface"
    assert read_foreign(path).aus == ("AU12",)  # au_12 is presence
    assert found(path, DISFA) == {("SN001", 1): 2.5, ("SN001", 4): 0.5}


def test_our_own_result_of_another_day(tmp_path: Path) -> None:
    part = DISFA.split("test")
    written = Predictions.of(part, AUS, part.labels(AUS) / 2, {})
    written.write(tmp_path / "predictions-test.parquet")
    read = matched(tmp_path / "predictions-test.parquet", DISFA)
    pd.testing.assert_frame_equal(read.table, written.table)


def test_the_face_that_is_there_most_often_counts(tmp_path: Path) -> None:
    rows = [(1, 0, 0.99, 9), (1, 1, 0.5, 1), (2, 1, 0.5, 2), (3, 1, 0.5, 3), (3, 2, 0.99, 9)]
    path = openface(
        tmp_path / "SN001.csv", *(f"{n}, {f}, 0, {c}, 1, 0, {v / 2}, 0, 0" for n, f, c, v in rows)
    )
    assert found(path, DISFA) == {("SN001", 1): 0.5, ("SN001", 2): 1.0, ("SN001", 3): 1.5}
    tie = [(1, 0, 0.4, 1), (1, 1, 0.9, 3), (2, 0, 0.4, 1), (2, 1, 0.2, 3), (4, 7, 0.1, 4)]
    openface(path, *(f"{n}, {f}, 0, {c}, 1, 0, {v / 2}, 0, 0" for n, f, c, v in tie))
    # Two frames each: 0.55 on average for face 1, 0.4 for face 0. Alone in frame 4, face 7 counts.
    assert found(path, DISFA) == {("SN001", 1): 1.5, ("SN001", 2): 1.5, ("SN001", 4): 2.0}


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.csv", "frame,timestamp,AU12", "1,0,2")
    with pytest.raises(AuheatError, match=r"unknown kind: looked for auheat: AU12_r.*libreface"):
        read_foreign(labels)
    assert read_foreign(labels, "py-feat").rows["frame"].to_list() == [2]  # if one insists
    with pytest.raises(AuheatError, match=r"has no columns of libreface \(au_12_intensity\)"):
        read_foreign(labels, "libreface")
    with pytest.raises(AuheatError, match="unknown format 'pyfeat'"):
        read_foreign(labels, "pyfeat")
    with pytest.raises(AuheatError, match="no table at"):
        read_foreign(tmp_path / "none.csv")
    for name in ("empty.csv", "damaged.parquet"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(AuheatError, match=f"{name} is not a readable table"):
            read_foreign(tmp_path / name)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(AuheatError, match="no CSV or Parquet tables in"):
        read_foreign(tmp_path / "nothing")
    openface(tmp_path / "two" / "SN001.csv", "2, 0, 0, 0.9, 1, 0.5, 1.5, 0, 0")
    write(tmp_path / "two" / "SN002.csv", "frame_idx,au_12_intensity", "0,1")
    with pytest.raises(AuheatError, match="two mixes tables of libreface, openface: give one"):
        read_foreign(tmp_path / "two")


def test_runs_and_tables_are_told_apart(tmp_path: Path) -> None:
    table = openface(tmp_path / "run" / "SN001.csv")
    assert holds_tables(table) and holds_tables(table.parent)
    (table.parent / "best.safetensors").touch()
    assert not holds_tables(table.parent)
    assert not holds_tables(table.parent / "best.safetensors")
    assert not holds_tables(tmp_path / "nowhere")
