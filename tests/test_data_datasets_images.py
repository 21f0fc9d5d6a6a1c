"""UNBC-McMaster, DISFA+ and the authors' lists as they lie on disk, with the oddities of copies."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from auheat.data.cropping import crop_recording
from auheat.data.datasets import authors_json, disfa_plus, unbc
from auheat.data.image_sources import ImageFiles
from auheat.data.recording import ReadOptions
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.geometry import Points
from auheat.landmarks import IN_49, IN_66
from odd_sources import mat, pattern, save, small, text

WITHOUT = ReadOptions(own_landmarks=False)


@pytest.fixture
def pain(face: Points, tmp_path: Path) -> Path:
    """One sequence of UNBC; frame 2 is without pain, 3 lacks landmarks, 4 labels, 5 an image."""
    place = "042-ll042/ll042t1aaaff"
    for frame in range(1, 5):
        save(tmp_path / "Images" / place / f"ll042t1aaaff{frame:03d}.png", pattern(frame))
    facs = tmp_path / "frame_labels" / "FACS" / place
    text(
        facs / "ll042t1aaaff001_facs.txt",
        "   4.0000000e+00   2.0000000e+00   1.0000000e+00   9.0000000e+00",
        "   4.3000000e+01   0.0000000e+00   1.0000000e+00   2.0000000e+00",
        "   2.5000000e+01   5.0000000e+00   1.0000000e+00   2.0000000e+00",
    )
    text(facs / "ll042t1aaaff002_facs.txt")
    text(facs / "ll042t1aaaff003_facs.txt", "6 1 0 0")
    text(facs / "ll042t1aaaff005_facs.txt", "6 1 0 0")
    for frame in (1, 2, 4, 5):
        rows = [f"   {x:.7e}   {y:.7e}" for x, y in small(face, frame)[list(IN_66)]]
        text(tmp_path / "AAM_landmarks" / place / f"ll042t1aaaff{frame:03d}_aam.txt", *rows)
    return tmp_path


def test_unbc(pain: Path, face: Points, tmp_path: Path) -> None:
    source = unbc.read(pain, ReadOptions())
    assert source.aus == ("AU04", "AU06", "AU07", "AU09", "AU10", "AU12", "AU20", "AU25", "AU26")
    assert source.not_in_table == ()  # AU43 is coded without levels
    (recording,) = source.recordings
    assert (recording.subject, recording.sequence) == ("042-ll042", "ll042t1aaaff")
    assert recording.frames.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(recording.levels[0], [2, 0, 0, 0, 0, 0, 0, 5, 0])
    np.testing.assert_array_equal(recording.levels[1], [0] * 9)
    assert np.isnan(recording.levels[3]).all()
    assert recording.left_out == {3: "no landmarks", 4: "not coded", 5: "no image"}
    assert source.problems == (
        "ll042t1aaaff: not coded, 1 of 5 frames: 4",
        "ll042t1aaaff: no image, 1 of 5 frames: 5",
        "ll042t1aaaff: no landmarks, 1 of 5 frames: 3",
    )
    rows, _ = crop_recording(recording, tmp_path / "out", crop=CropSpec(48), aus=source.aus)
    assert [(row["frame"], row["AU25"]) for row in rows] == [(1, 5), (2, 0)]
    assert rows[0]["image"] == "images/042-ll042/ll042t1aaaff/000001.jpg"
    shown = cv2.imread(str(tmp_path / "out" / rows[1]["image"]))[..., ::-1]
    x, y = np.round(rows[1]["landmarks"].reshape(68, 2)[33]).astype(int)
    np.testing.assert_allclose(shown[y, x], [*(3 * small(face, 2)[33]), 40], atol=5)


def test_unbc_s_damaged_files_are_named(pain: Path, tmp_path: Path) -> None:
    place = "042-ll042/ll042t1aaaff"
    first = text(pain / "frame_labels/FACS" / place / "ll042t1aaaff001_facs.txt", "AU4: 2")
    second = text(pain / "frame_labels/FACS" / place / "ll042t1aaaff002_facs.txt", "4 7 0 0")
    points = text(pain / "AAM_landmarks" / place / "ll042t1aaaff003_aam.txt", "1 2", "3")
    source = unbc.read(pain, ReadOptions())
    assert source.problems[:3] == (
        f"{first} holds other things than rows `AU level onset offset`",
        f"{second} has a level that is not in 0 to 5",
        "ll042t1aaaff: not coded, 3 of 5 frames: 1-2, 4",
    )
    _, tally = crop_recording(
        source.recordings[0], tmp_path / "out", crop=CropSpec(32), aus=source.aus
    )
    assert tally.problems == [f"{points} holds other things than rows of x and y"]
    assert tally.dropped == {"unreadable landmarks": 1, "not coded": 3, "no image": 1}


def test_unbc_without_landmarks(pain: Path) -> None:
    (pain / "AAM_landmarks").rename(pain / "other")
    assert not unbc.DATASET.has_landmarks(pain, "left")
    with pytest.raises(AuheatError, match="expected AAM_landmarks there"):
        unbc.read(pain, ReadOptions())
    assert unbc.read(pain, WITHOUT).recordings[0].left_out == {4: "not coded", 5: "no image"}


def test_unbc_s_shut_eyes_have_no_levels(pain: Path) -> None:
    """The files name AU43, so that a list of what is coded cannot be the answer."""
    with pytest.raises(AuheatError, match=r"^UNBC-McMaster says of AU43 only that it is there"):
        unbc.read(pain, ReadOptions(aus=("AU06", "AU43")))
    with pytest.raises(AuheatError, match=r"has no labels of AU01: coded there are AU04, AU06"):
        unbc.read(pain, ReadOptions(aus=("AU01",)))


def test_of_several_files_of_a_frame_of_unbc_one_counts(pain: Path) -> None:
    place = "042-ll042/ll042t1aaaff"
    save(pain / "Images" / place / "ll042t1aaaff002 (1).png", pattern(9))
    facs = pain / "frame_labels" / "FACS" / place
    text(facs / "ll042t1aaaff02_facs.txt", "4 5 0 0")
    text(facs / "ll042t1aaaff001_old.txt", "4 5 0 0")
    text(pain / "AAM_landmarks" / place / "ll042t1aaaff001_aam 7.txt", "1 2")
    source = unbc.read(pain, ReadOptions())
    (recording,) = source.recordings
    assert recording.levels[:2, 0].tolist() == [2, 0]
    assert recording.left_out == {3: "no landmarks", 4: "not coded", 5: "no image"}
    images, others, strange, points = source.problems[:4]
    assert images.endswith("not read, as the layout has other names: ll042t1aaaff002 (1).png")
    assert others.endswith("others of the same frames: ll042t1aaaff02_facs.txt")
    assert strange.endswith("the layout has other names: ll042t1aaaff001_old.txt")
    assert points.endswith("the layout has other names: ll042t1aaaff001_aam 7.txt")


TRIAL = "A3_AU1_2_TrailNo_2"


@pytest.fixture
def posed(face: Points, tmp_path: Path) -> Path:
    """DISFA+: SN001 with the doubled folder, SN003 without; .mat files of both kinds."""
    for subject, place in (("SN001", "SN001/SN001"), ("SN003", "SN003")):
        for frame in range(3):
            save(tmp_path / "Images" / subject / TRIAL / f"{frame:03d}.jpg", pattern(frame))
        labels = tmp_path / "Labels" / place / TRIAL
        header = ("AU intensities of one trial", "Frame     Intensity")
        text(labels / "AU1.txt", *header, "000.jpg     0", "001.jpg     3", "002.jpg     9")
        text(labels / "AU12.txt", *header, "000.jpg     1", "001.jpg     0", "002.jpg     5")
    crops = [pattern(frame + 5) for frame in range(3)]
    points = [small(face, frame)[list(IN_49)] for frame in range(3)]
    kind = [("imgID", object), ("ImgCropped", object), ("LndPntCropped", object)]
    array = np.empty((1, 3), kind)
    for frame in range(3):
        array[0, frame] = (f"{frame:03d}.jpg", crops[frame], points[frame])
    file = tmp_path / "FaceLandmarks" / "SN001" / "SN001" / f"{TRIAL}_FaceCropped.mat"
    mat(file, FaceImg_CropResize=array)
    cells = {name: np.empty(3, object) for name, _ in kind}
    for frame in range(3):
        cells["imgID"][frame] = float(frame)
        cells["ImgCropped"][frame] = crops[frame][..., 1] / 255  # grey, as fractions of 1
        cells["LndPntCropped"][frame] = points[frame].T
    mat(tmp_path / "FaceLandmarks" / "SN003" / f"{TRIAL}_FACECROPPED.MAT", FaceImg_CropResize=cells)
    return tmp_path


def test_disfa_plus_labels(posed: Path) -> None:
    source = disfa_plus.read(posed, WITHOUT)
    assert source.aus == ("AU01", "AU12")
    assert [r.sequence for r in source.recordings] == [f"SN001/{TRIAL}", f"SN003/{TRIAL}"]
    assert source.problems == ()
    for recording in source.recordings:
        assert recording.frames.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(recording.levels, np.array([[0, 1], [3, 0], [np.nan, 5]]))
        assert recording.left_out == {2: "not codable"}
        images = dict(recording.images.read([0, 1], []))
        assert abs(int(images[1][0, 0, 2]) - 20) < 6


@pytest.mark.parametrize("subject", ["SN001", "SN003"])
def test_disfa_plus_own_images(posed: Path, face: Points, tmp_path: Path, subject: str) -> None:
    """With its own landmarks the images within the .mat are used, to which they belong."""
    source = disfa_plus.read(posed, ReadOptions())
    recording = next(r for r in source.recordings if r.subject == subject)
    rows, tally = crop_recording(recording, tmp_path / "out", crop=CropSpec(48), aus=source.aus)
    assert [row["frame"] for row in rows] == [0, 1]
    assert rows[1]["image"] == f"images/{subject}/{TRIAL}/000001.jpg"
    assert tally.problems == []
    shown = cv2.imread(str(tmp_path / "out" / rows[1]["image"]))[..., ::-1]
    x, y = np.round(rows[1]["landmarks"].reshape(68, 2)[33]).astype(int)
    true = small(face, 1)[33]
    expected = [3 * true[0], 3 * true[1], 120] if subject == "SN001" else [3 * true[1]] * 3
    np.testing.assert_allclose(shown[y, x], expected, atol=6)


def test_disfa_plus_without_what_it_should_have(posed: Path, tmp_path: Path) -> None:
    next((posed / "FaceLandmarks" / "SN003").iterdir()).write_bytes(b"")
    next((posed / "FaceLandmarks" / "SN001" / "SN001").iterdir()).unlink()
    text(posed / "Labels" / "SN003" / TRIAL / "AU12.txt", "a", "b", "000.jpg 1", "001.jpg", "2 5")
    source = disfa_plus.read(posed, ReadOptions())
    file = f"{posed}/Labels/SN003/{TRIAL}/AU12.txt"
    assert source.problems == (
        f"SN001/{TRIAL}: no landmarks, 3 of 3 frames: 0-2",
        f"{file}: line 4 is not a frame and a level: '001.jpg'",
        f"{file} lacks 1 of 3 frames: 1",
    )
    first, second = source.recordings
    assert first.left_out == {0: "no landmarks", 1: "no landmarks", 2: "not codable"}
    _, tally = crop_recording(second, tmp_path / "out", crop=CropSpec(32), aus=source.aus)
    assert tally.dropped == {"no image": 2, "not codable": 1}
    assert tally.problems[0].endswith("_FACECROPPED.MAT is not a readable .mat file")
    assert len(tally.problems) == 2


def test_of_several_files_of_a_trial_one_counts(posed: Path) -> None:
    labels = posed / "Labels" / "SN003" / TRIAL
    text(labels / "AU01.txt", "a", "b", "000.jpg 5")
    text(labels / "AU12.txt", "a", "b", "000.jpg 1", "001.jpg 0", "000.jpg 4", "002.jpg 5")
    text(posed / "Labels" / "SN001" / TRIAL / "AU1.txt", "a", "b", "000.jpg 2")
    save(posed / "Images" / "SN003" / TRIAL / "001 (1).jpg", pattern(9))
    for name in ("FaceLandmarks/SN001/old", "FaceLandmarks/SN003"):
        mat(posed / name / f"{TRIAL}_FaceCropped.mat", FaceImg_CropResize=[1])
    source = disfa_plus.read(posed, WITHOUT)
    first, second = source.recordings
    np.testing.assert_array_equal(first.levels, [[2, np.nan]])
    np.testing.assert_array_equal(second.levels[:, 0], [0, 3, np.nan])
    assert second.levels[0, 1] == 1
    assert isinstance(second.images, ImageFiles)
    assert [path.name for path in second.images.paths.values()] == ["000.jpg", "001.jpg", "002.jpg"]
    lines = [line.replace(f"{posed}/", "") for line in source.problems]
    assert {
        f"Labels/SN001/SN001/{TRIAL}: not read, as there is Labels/SN001/{TRIAL}",
        f"Labels/SN003/{TRIAL}/AU01.txt: not read, as there is Labels/SN003/{TRIAL}/AU1.txt",
        f"Labels/SN003/{TRIAL}/AU12.txt: line 5 has frame 0 again",
        f"Images/SN003/{TRIAL}: not read, as the layout has other names: 001 (1).jpg",
    } <= set(lines)
    assert not [line for line in lines if "Landmarks" in line]
    own = [line for line in disfa_plus.read(posed, ReadOptions()).problems if "Landmarks" in line]
    assert len(own) == 2
    assert all(": not read, as there is " in line for line in own)


def test_a_frame_twice_in_a_trial_s_file(face: Points, tmp_path: Path) -> None:
    kind = [("imgID", object), ("ImgCropped", object), ("LndPntCropped", object)]
    array = np.empty((1, 2), kind)
    for index in range(2):
        array[0, index] = ("007.jpg", pattern(index + 1), small(face)[list(IN_49)])
    path = mat(tmp_path / "a.mat", FaceImg_CropResize=array)
    problems: list[str] = []
    images = dict(disfa_plus.MatTrial(path).read([7], problems))
    assert images[7][0, 0, 2] == 20
    assert problems == [f"{path} has frame 7 again"]


def bp4d_row(name: str, levels: list[float]) -> dict[str, object]:
    return {"imgpath": name, "AUs": [v for level in levels for v in (1, 2, level) * 2]}


def test_the_authors_lists(tmp_path: Path) -> None:
    """Paths of another machine; frames by number; code 9; a file name that decides the split."""
    save(tmp_path / "crops" / "F001" / "T1" / "0012.jpg", pattern(4, 256))
    save(tmp_path / "F002_T3_7.jpg", pattern(4, 256))
    training = [
        bp4d_row("Z:\\data\\crops\\F001\\T1\\0012.jpg", [0, 1, 2, 3, 4]),
        bp4d_row("/data/crops/F001/T1/0013.jpg", [0, 1, 2, 3, 4]),
        bp4d_row("/data/crops/F001/T1/0014.jpg", [9, 1, 2, 3, 4]),
        {"imgpath": "/data/crops/F001/T1/0015.jpg", "AUs": [1, 2, 3]},
    ]
    (tmp_path / "BP4D_Train.json").write_text(json.dumps(training))
    testing = [bp4d_row("/data/F002_T3_7.jpg", [5, 0, 0, 0, 0])]
    (tmp_path / "bp4d_test.json").write_text(json.dumps(testing))
    source = authors_json.read(tmp_path, WITHOUT)
    assert source.aus == ("AU06", "AU10", "AU12", "AU14", "AU17")
    second, first = source.recordings
    assert (first.subject, first.sequence, first.split) == ("F001", "F001_T1", "train")
    assert (second.subject, second.sequence, second.split) == ("F002", "F002_T3", "test")
    assert first.frames.tolist() == [12, 13, 14]
    assert first.levels[0].tolist() == [0, 1, 2, 3, 4]
    assert first.left_out == {13: "no image", 14: "not codable"}
    assert not first.moving
    assert list(dict(second.images.read([7], []))) == [7]
    assert source.problems == (
        f"{tmp_path}/BP4D_Train.json: entry 4 cannot be read: 3 numbers are not x, y, intensity "
        "of 10 or 24 points",
        "F001_T1: no image, 2 of 3 frames: 13-14",
    )


def test_the_authors_points_of_disfa(tmp_path: Path) -> None:
    """24 points: AU04 has one, AU09 three, every other AU two."""
    counts = {1: 2, 2: 2, 4: 1, 5: 2, 6: 2, 9: 3, 12: 2, 15: 2, 17: 2, 20: 2, 25: 2, 26: 2}
    levels = {number: i % 6 for i, number in enumerate(counts)}
    values = [v for number, n in counts.items() for v in (0, 0, levels[number]) * n]
    path = tmp_path / "all.json"
    path.write_text(json.dumps([{"imgpath": "img/SN021/77.png", "AUs": values}]))
    save(tmp_path / "img" / "SN021" / "77.png", pattern(1))
    source = authors_json.read(path, WITHOUT)
    (recording,) = source.recordings
    assert (recording.subject, recording.sequence, recording.split) == ("SN021", "SN021", "train")
    assert recording.frames.tolist() == [77]
    assert recording.levels[0].tolist() == list(levels.values())
    assert recording.left_out == {}


@pytest.mark.parametrize("content", ["{", '{"imgpath": 1}', "3"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(AuheatError, match=rf"^{tmp_path}/a.json is not a "):
        authors_json.read(tmp_path, WITHOUT)
    with pytest.raises(AuheatError, match="--landmarks mediapipe"):
        authors_json.read(tmp_path, ReadOptions())
