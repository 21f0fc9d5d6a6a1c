"""BP4D, FERA 2015, BP4D+ and FERA 2017 as they lie on disk, with the oddities of copies."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from auheat.data.cropping import crop_recording
from auheat.data.datasets import bp4d_plus, fera2017
from auheat.data.datasets.bp4d import DATASET, read
from auheat.data.recording import ReadOptions, Recording, Source
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.geometry import Points
from auheat.landmarks import IN_49
from odd_sources import lossless_video, mat, pattern, save, small, text
from stand_ins import KnownFaces, face_from

WITHOUT = ReadOptions(own_landmarks=False)


def fits(face: Points, frames: list[int], lost: int, path: Path) -> Path:
    """A .mat as the dataset's: one struct for each image, without points where it was lost."""
    kind = np.dtype([("isTracked", object), ("pred", object)])
    array = np.empty((1, len(frames)), kind)
    for i, frame in enumerate(frames):
        points = small(face, frame)[list(IN_49)]
        array[0, i] = (0.0, np.empty((0, 0))) if frame == lost else (1.0, points)
    return mat(path, fit=array)


@pytest.fixture
def root(face: Points, tmp_path: Path) -> Path:
    """F001 and F002 of BP4D in the later layout; padding and case vary from file to file."""
    for subject, task, template, frames in (
        ("F001", "T1", "{:04d}.jpg", (9, 10, 11, 12)),
        ("F001", "T10", "{:d}.JPG", (1, 2)),
        ("f002", "t1", "{:03d}.jpg", (10, 11, 12, 13)),
    ):
        for frame in frames:
            name = template.format(frame)
            save(tmp_path / "2D+3D" / subject / task / name, pattern(frame))
    codes = tmp_path / "AUCoding" / "AU_INT"
    text(codes / "AU06" / "F001_T1_AU06.csv", "10,0", "11,9", "12,3")
    text(codes / "AU12" / "F001_T1_AU12.csv", "10,1", "11,2", "12,5", "13,0")
    text(codes / "AU06" / "F001_T10_AU06.csv", "1,1", "2,2")
    text(codes / "AU12" / "F001_T10_AU12.csv", "1,0", "2,4")
    text(codes / "AU06" / "f002_t1_au06.CSV", "10,0", "11,1")
    text(codes / "AU12" / "F002_T1_AU12.csv", "10,0", "11,9")
    text(codes / "AU12" / "M003_T2_AU12.csv", "1,0")
    fits(face, [9, 10, 11, 12], 12, tmp_path / "2DFeatures" / "F001_T1.mat")
    fits(face, [1, 2], 0, tmp_path / "2DFeatures" / "F001_T10.mat")
    fits(face, [10, 11], 0, tmp_path / "2DFeatures" / "F002_T1.mat")  # of four images
    return tmp_path


def named(source: Source) -> dict[str, Recording]:
    return {recording.sequence: recording for recording in source.recordings}


def test_the_official_split_and_natural_order(root: Path) -> None:
    source = read(root, ReadOptions())
    assert source.aus == ("AU06", "AU12")
    assert [(r.sequence, r.subject, r.split) for r in source.recordings] == [
        ("F001_T1", "F001", "train"),
        ("F001_T10", "F001", "train"),
        ("F002_T1", "F002", "test"),
    ]
    assert {r.split for r in bp4d_plus.read(root, ReadOptions()).recordings} == {"train"}


def test_a_frame_is_left_out_where_any_wanted_au_is_9(root: Path) -> None:
    recording = named(read(root, ReadOptions()))["F001_T1"]
    assert recording.frames.tolist() == [10, 11, 12, 13]
    nan = np.nan
    np.testing.assert_array_equal(recording.levels, np.array([[0, 1], [nan, 2], [3, 5], [nan, 0]]))
    assert recording.left_out == {11: "not codable", 13: "no image"}
    only = named(read(root, ReadOptions(aus=("AU12",))))
    assert only["F001_T1"].left_out == {13: "no image"}
    assert only["F002_T1"].left_out == {11: "not codable"}


def test_problems_are_named(root: Path) -> None:
    save(root / "2D+3D" / "M001" / "T3" / "1.jpg", pattern(1))
    problems = [line.replace(f"{root}/", "") for line in read(root, ReadOptions()).problems]
    assert problems == [
        "2D+3D/M001/T3: no intensity labels",
        "AUCoding/AU_INT/AU06/F001_T1_AU06.csv lacks 1 of 4 frames: 13",
        "F001_T1: no image, 1 of 4 frames: 13",
        "M003_T2: no images",
    ]


def test_points_belong_to_the_images_in_order(root: Path, face: Points, tmp_path: Path) -> None:
    """The second image is frame 10; frame 12 was not tracked."""
    source = read(root, ReadOptions())
    recording = named(source)["F001_T1"]
    assert recording.landmarks is not None
    lookup = recording.landmarks.open()
    found = lookup(10)
    assert found is not None
    np.testing.assert_allclose(found, small(face, 10)[list(IN_49)])
    assert lookup(12) is None
    out = tmp_path / "out"
    rows, tally = crop_recording(recording, out, crop=CropSpec(48, 4), aus=source.aus)
    assert [row["frame"] for row in rows] == [10]
    assert tally.dropped == {"no landmarks": 1, "not codable": 1, "no image": 1}
    assert tally.problems == ["F001_T1: no landmarks for 1 frames: 12"]
    shown = cv2.imread(str(out / "images/F001/F001_T1/000010.jpg"))[..., ::-1]
    x, y = np.round(rows[0]["landmarks"].reshape(68, 2)[33]).astype(int)
    np.testing.assert_allclose(shown[y, x], [*(3 * small(face, 10)[33]), 200], atol=8)


def test_points_of_other_images_are_not_used(root: Path, tmp_path: Path) -> None:
    """Two elements for four images: nothing tells which is which."""
    source = read(root, ReadOptions())
    recording = named(source)["F002_T1"]
    rows, tally = crop_recording(recording, tmp_path / "out", crop=CropSpec(32), aus=source.aus)
    assert rows == []
    assert tally.dropped == {"unreadable landmarks": 1, "not codable": 1}
    assert tally.problems[0].endswith("F002_T1.mat has landmarks of 2 images where there are 4")


def test_faces_whose_points_are_of_other_images_are_found(root: Path, face: Points) -> None:
    """For one image too many a whole sequence was lost."""
    (root / "2D+3D" / "f002" / "t1" / "013.jpg").unlink()
    source = read(root, ReadOptions())
    made: list[KnownFaces] = []

    def spare() -> KnownFaces:
        made.append(KnownFaces([[face_from(small(face, 10))]]))
        return made[-1]

    rows = {}
    for name, recording in named(source).items():
        rows[name], tally = crop_recording(
            recording, root / "out", crop=CropSpec(32), aus=source.aus, spare=spare
        )
    assert [len(found) for found in rows.values()] == [1, 2, 1]
    assert len(made) == 1  # for F002_T1 alone
    assert rows["F002_T1"][0]["frame"] == 10
    (problem,) = tally.problems
    assert problem.endswith(
        "F002_T1.mat has landmarks of 2 images where there are 3: F002_T1 gets those of mediapipe "
        "instead"
    )


def test_copies_of_images_change_nothing(root: Path, face: Points) -> None:
    """The points belong to the images in their order, which a copy called (1) had moved."""
    folder = root / "2D+3D" / "F001" / "T1"
    for name in ("0009 (1).jpg", "010.jpg", "0012 (5).jpg"):
        save(folder / name, pattern(3))
    source = read(root, ReadOptions())
    recording = named(source)["F001_T1"]
    assert recording.landmarks is not None
    found = recording.landmarks.open()(10)
    assert found is not None
    np.testing.assert_allclose(found, small(face, 10)[list(IN_49)])
    read_back = dict(recording.images.read([10], []))
    assert abs(int(read_back[10][0, 0, 2]) - 200) < 6
    lines = {line.replace(f"{root}/", "") for line in source.problems}
    assert {
        "2D+3D/F001/T1: not read, as there are others of the same frames: 010.jpg",
        "2D+3D/F001/T1: not read, as the layout has other names: 0009 (1).jpg, 0012 (5).jpg",
    } <= lines


def test_of_several_files_of_a_sequence_one_counts(root: Path) -> None:
    codes = root / "AUCoding" / "AU_INT"
    text(codes / "AU06" / "F001_T10 (1).csv", "1,5", "2,5")
    text(codes / "AU06" / "F001_T10_old.csv", "1,5", "2,5")
    text(codes / "AU6" / "F001_T10_AU06.csv", "1,5", "2,5")
    save(root / "copy" / "F001" / "T10" / "1.jpg", pattern(7))
    source = read(root, ReadOptions())
    recording = named(source)["F001_T10"]
    assert recording.levels[:, 0].tolist() == [1, 2]
    assert abs(int(dict(recording.images.read([1], []))[1][0, 0, 2]) - 20) < 6
    lines = [line.replace(f"{root}/", "") for line in source.problems]
    assert lines[:3] == [
        "AUCoding/AU_INT/AU6: not read, as there is AUCoding/AU_INT/AU06",
        "AUCoding/AU_INT/AU06/F001_T10 (1).csv, AUCoding/AU_INT/AU06/F001_T10_old.csv: not read, "
        "as there is AUCoding/AU_INT/AU06/F001_T10_AU06.csv",
        "copy/F001/T10: not read, as there is 2D+3D/F001/T10",
    ]


def test_a_sequence_without_landmarks(root: Path) -> None:
    (root / "2DFeatures" / "F001_T10.mat").unlink()
    source = read(root, ReadOptions())
    assert named(source)["F001_T10"].left_out == {1: "no landmarks", 2: "no landmarks"}
    assert "F001_T10: no landmarks, 2 of 2 frames: 1-2" in source.problems
    assert not named(read(root, WITHOUT))["F001_T10"].left_out
    assert DATASET.has_landmarks(root, "left")
    for path in (root / "2DFeatures").iterdir():
        path.unlink()
    (root / "2DFeatures").rmdir()
    assert not DATASET.has_landmarks(root, "left")
    with pytest.raises(AuheatError, match="expected 2DFeatures there, or use --landmarks"):
        read(root, ReadOptions())


@pytest.mark.parametrize("images", [".", "sequences", "BP4D/Sequences"])
def test_the_layout_of_the_challenge(tmp_path: Path, images: str) -> None:
    codes = tmp_path / "AU Intensity Codes3.0"
    text(codes / "AU17" / "M002_T4.csv", "0007,0", "0008,4")
    save(tmp_path / images / "M002" / "T4" / "7.jpg", pattern(7))
    save(tmp_path / images / "M002" / "T4" / "00008.jpg", pattern(8))
    source = read(tmp_path, WITHOUT)
    assert source.aus == ("AU17",)
    (recording,) = source.recordings
    assert (recording.sequence, recording.split) == ("M002_T4", "test")
    read_back = dict(recording.images.read([7, 8], []))
    assert abs(int(read_back[8][0, 0, 2]) - 160) < 6
    assert recording.levels.tolist() == [[0], [4]]


def test_other_folders_are_refused(root: Path, tmp_path: Path) -> None:
    (root / "2D+3D").rename(root / "away")
    for path in sorted((root / "away").rglob("*.*"), reverse=True):
        path.unlink()
    with pytest.raises(AuheatError, match=r"^no images in .*: expected F001/T1.* or 2D\+3D"):
        read(root, WITHOUT)


def test_images_that_cannot_be_read_are_named(root: Path, tmp_path: Path) -> None:
    path = root / "2D+3D" / "F001" / "T10" / "2.JPG"
    path.write_bytes(b"not an image")
    source = read(root, WITHOUT)
    detector = KnownFaces([()])
    _, tally = crop_recording(
        named(source)["F001_T10"],
        tmp_path / "out",
        crop=CropSpec(32),
        aus=source.aus,
        detector=detector,
    )
    assert tally.dropped == {"no face found": 1, "no image": 1}
    assert tally.problems[0] == f"{path} is not an image in a format that can be read"


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """FERA 2017: F001 is one person in training and another one in validation."""
    lossless_video(tmp_path / "train" / "FERA17_TR_F001_T1_6.mkv", 3)
    lossless_video(tmp_path / "train" / "FERA17_TR_F001_T1_1.mkv", 3)
    lossless_video(tmp_path / "valid" / "fera17_va_f001_t6_9.MKV", 2)
    lossless_video(tmp_path / "valid" / "FERA17_VA_M002_T6_9.mkv", 1)
    for au, levels in (("AU06", "1,0 2,9 3,4"), ("AU12", "1,1 2,2 3,3")):
        rows = levels.split()
        text(tmp_path / "train" / "labels" / f"FERA17_TR_F001_T1_{au}_Int.csv", *rows)
        text(tmp_path / f"FERA17_VA_F001_T6_{au}_Int.csv", *rows[:1])
    return tmp_path


def test_fera_2017(videos: Path, face: Points, tmp_path: Path) -> None:
    source = fera2017.read(videos, WITHOUT)
    assert source.aus == ("AU06", "AU12")
    found = [(r.sequence, r.subject, r.split) for r in source.recordings]
    assert sorted(found) == [
        ("TR_F001_T1_1", "F001", "train"),
        ("TR_F001_T1_6", "F001", "train"),
        ("VA_F001_T6_9", "VA-F001", "test"),
    ]
    problems = [line.replace(f"{videos}/", "") for line in source.problems]
    assert problems == ["valid/FERA17_VA_M002_T6_9.mkv: no labels"]
    recording = named(source)["TR_F001_T1_6"]
    assert recording.left_out == {2: "not codable"}
    detector = KnownFaces([[face_from(small(face, 1))]])
    rows, _ = crop_recording(
        recording, tmp_path / "out", crop=CropSpec(32), aus=source.aus, detector=detector
    )
    assert [(row["frame"], row["AU06"]) for row in rows] == [(1, 0), (3, 4)]
    shown = cv2.imread(str(tmp_path / "out" / rows[1]["image"]))
    assert abs(float(shown[..., 0].mean()) - 60) < 3


def test_of_several_videos_of_a_view_one_counts(videos: Path) -> None:
    """Both were cut into the same files, and their rows came twice."""
    lossless_video(videos / "again" / "FERA17_TR_F001_T1_6.mkv", 2)
    text(videos / "again" / "FERA17_TR_F001_T1_AU6_Int.csv", "1,5")
    source = fera2017.read(videos, WITHOUT)
    assert sorted(named(source)) == ["TR_F001_T1_1", "TR_F001_T1_6", "VA_F001_T6_9"]
    assert len(source.recordings) == 3
    first, second = source.problems[:2]
    assert "again/FERA17_TR_F001_T1_AU6_Int.csv: not read, as there is " in first
    assert first.endswith("FERA17_TR_F001_T1_AU06_Int.csv")
    assert "FERA17_TR_F001_T1_6.mkv: not read, as there is " in second
    assert named(source)["TR_F001_T1_6"].left_out == {2: "not codable"}


def test_fera_2017_has_no_landmarks(videos: Path) -> None:
    assert not fera2017.DATASET.has_landmarks(videos, "left")
    with pytest.raises(AuheatError, match="--landmarks mediapipe"):
        fera2017.read(videos, ReadOptions())
