"""DISFA as it lies on disk, with the oddities that copies of it have."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from auheat.data.cropping import crop_recording
from auheat.data.datasets import protocols
from auheat.data.datasets.disfa import (
    DATASET,
    SPEC,
    TRACKING_FAILURES,
    read,
    tracking_failed,
)
from auheat.data.image_sources import VideoImages
from auheat.data.recording import LandmarkFiles, ReadOptions, Recording
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.facs import au_number
from auheat.geometry import Points
from auheat.landmarks import IN_66
from odd_sources import column, disfa_subject, lossless_video, mat, small, text

LEVELS = {4: [0, 1, 2, 3, 4], 12: [5, 0, 0, 1, 2]}


@pytest.fixture
def root(face: Points, tmp_path: Path) -> Path:
    """Three people: one regular, one in other spelling with oddities, one without a video."""
    regular = {f"SN001/tmp_frame_lm/l{n:05d}_lm.mat": small(face, n) for n in range(1, 6)}
    disfa_subject(tmp_path, "SN001", LEVELS, "Videos_LeftCamera/LeftVideoSN001_comp.avi", regular)
    from_zero = {f"sn002/frame_lm/SN002_{n:04d}_lm.mat": small(face, n + 1) for n in range(7)}
    del from_zero["sn002/frame_lm/SN002_0002_lm.mat"]  # frame 3
    short = {4: [0, 1], 12: [5, 0, 0, 9, 2]}
    video = "videos_leftcamera/leftvideosn002_COMP.AVI"
    folder = tmp_path / "Videos_LeftCamera"
    folder.rename(tmp_path / "videos_leftcamera")
    disfa_subject(tmp_path, "SN002", short, video, from_zero)
    (tmp_path / "ActionUnit_Labels" / "SN002").rename(tmp_path / "ActionUnit_Labels" / "sn002")
    disfa_subject(tmp_path, "SN010", LEVELS, None)
    return tmp_path


def by_name(recordings: tuple[Recording, ...]) -> dict[str, Recording]:
    return {recording.sequence: recording for recording in recordings}


def test_labels_and_names(root: Path) -> None:
    source = read(root, ReadOptions())
    assert source.aus == ("AU04", "AU12")
    found = by_name(source.recordings)
    assert list(found) == ["SN001", "SN002"]
    regular, odd = found.values()
    assert (regular.subject, regular.split) == ("SN001", "train")
    assert regular.frames.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(regular.levels, np.array([LEVELS[4], LEVELS[12]]).T)
    assert not regular.left_out
    nan = np.nan
    np.testing.assert_array_equal(
        odd.levels, np.array([[0, 5], [1, 0], [nan, 0], [nan, nan], [nan, 2]])
    )
    assert odd.left_out == {3: "no landmarks", 4: "not codable"}


def test_problems_are_named(root: Path) -> None:
    text(root / "ActionUnit_Labels" / "SN001" / "SN001_au12.txt", "1,5", "2,7", "2,0", "x", "2,1")
    lines = [line.replace(f"{root}/", "") for line in read(root, ReadOptions()).problems]
    assert lines == [
        "ActionUnit_Labels/SN001/SN001_au12.txt: line 2 is not a frame and a level: '2,7'",
        "ActionUnit_Labels/SN001/SN001_au12.txt: line 4 is not a frame and a level: 'x'",
        "ActionUnit_Labels/SN001/SN001_au12.txt: line 5 has frame 2 again",
        "ActionUnit_Labels/SN001/SN001_au12.txt lacks 3 of 5 frames: 3-5",
        "ActionUnit_Labels/sn002/SN002_au4.txt lacks 3 of 5 frames: 3-5",
        "Landmark_Points/sn002: no landmarks, 1 of 5 frames: 3",
        "Landmark_Points/sn002/frame_lm: landmarks without labels: 6-7",
        "SN010: no video of the left camera",
    ]


def test_both_schemes_of_landmark_names(root: Path, face: Points) -> None:
    """l00001 and SN002_0000 are both frame 1."""
    for recording in read(root, ReadOptions()).recordings:
        assert recording.landmarks is not None
        lookup = recording.landmarks.open()
        for frame in (1, 5):
            found = lookup(frame)
            assert found is not None
            np.testing.assert_allclose(found, small(face, frame)[list(IN_66)])
    assert lookup(3) is None


def test_crops_come_from_their_frames(root: Path, face: Points, tmp_path: Path) -> None:
    """The crop at a landmark has the colour of the image at that landmark, frame by frame."""
    source = read(root, ReadOptions())
    out = tmp_path / "out"
    rows, tally = crop_recording(source.recordings[1], out, crop=CropSpec(48, 8), aus=source.aus)
    assert [row["frame"] for row in rows] == [1, 2, 5]
    assert [row["AU12"] for row in rows] == [5, 0, 2]
    assert tally.dropped == {"no landmarks": 1, "not codable": 1}
    assert (tally.found, tally.kept, tally.problems) == (5, 3, [])
    for row in rows:
        assert row["image"] == f"images/SN002/SN002/{row['frame']:06d}.jpg"
        crop = cv2.imread(str(out / row["image"]))[..., ::-1].astype(float)
        points = row["landmarks"].reshape(68, 2)
        for index in (36, 45, 33, 30):
            x, y = points[index]
            seen = crop[round(float(y)), round(float(x))]
            true = small(face, row["frame"])[index]
            np.testing.assert_allclose(seen, [*(3 * true), 20 * row["frame"]], atol=5)


def test_damaged_landmarks_are_left_out(root: Path, face: Points, tmp_path: Path) -> None:
    folder = root / "Landmark_Points" / "SN001" / "tmp_frame_lm"
    (folder / "l00001_lm.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(40))
    mat(folder / "l00002_lm.mat", other=np.zeros((66, 2)))
    mat(folder / "l00003_lm.mat", pts=np.zeros((66, 2)))
    mat(folder / "l00004_lm.mat", pts=np.zeros((65, 2)))
    source = read(root, ReadOptions())
    rows, tally = crop_recording(source.recordings[0], tmp_path, crop=CropSpec(32), aus=source.aus)
    assert [row["frame"] for row in rows] == [5]
    assert tally.dropped == {"unreadable landmarks": 3, "unusable landmarks": 1}
    lines = [line.replace(f"{folder}/", "") for line in tally.problems]
    assert lines == [
        "l00001_lm.mat is not a readable .mat file",
        "l00002_lm.mat has no variable 'pts'",
        "landmarks of shape (65, 2): expected 68, 66 or 49 points (x, y)",
        "SN001: unusable landmarks for 1 frames: 3",
    ]


def test_a_video_that_ends_early(root: Path, tmp_path: Path) -> None:
    labels = root / "ActionUnit_Labels" / "SN001" / "SN001_au4.txt"
    text(labels, *(f"{frame},0" for frame in range(1, 9)))
    source = read(root, ReadOptions(own_landmarks=False))
    video = root / "videos_leftcamera" / "LeftVideoSN001_comp.avi"
    assert f"{video} has 5 frames where the last label is of frame 8" in source.problems
    problems: list[str] = []
    frames = dict(source.recordings[0].images.read([1, 4, 8], problems))
    assert list(frames) == [1, 4]
    assert problems == [f"{video}: it ends before frame 8"]
    assert abs(frames[4][..., 2].mean() - 80) < 1


@pytest.mark.parametrize("folder", ["Video_RightCamera", "Videos_rightCamera"])
def test_the_other_camera(root: Path, folder: str) -> None:
    disfa_subject(root, "SN001", LEVELS, f"{folder}/RightVideoSN001_Comp.avi")
    source = read(root, ReadOptions(camera="right", own_landmarks=False))
    assert [recording.sequence for recording in source.recordings] == ["SN001"]
    assert {"SN002: no video of the right camera", "SN010: no video of the right camera"} <= set(
        source.problems
    )


def test_the_other_camera_has_no_landmarks(root: Path) -> None:
    """Those that there are would be of other pixels: crops were cut beside the face."""
    disfa_subject(root, "SN001", LEVELS, "Video_RightCamera/RightVideoSN001_Comp.avi")
    assert DATASET.has_landmarks(root, "left")
    assert not DATASET.has_landmarks(root, "right")
    with pytest.raises(AuheatError, match=r"^the right camera's videos have no .* mediapipe$"):
        read(root, ReadOptions(camera="right"))


def test_of_several_files_the_layout_s_name_counts(root: Path) -> None:
    videos, labels = root / "videos_leftcamera", root / "ActionUnit_Labels"
    lossless_video(videos / "LeftVideoSN001_preview.mkv", 3)
    lossless_video(videos / "LeftVideoSN001_1.avi", 3)
    column(labels / "SN001" / "SN001_au04.txt", [5, 5])
    column(labels / "SN001" / "SN010_au12.txt", [5, 5])
    column(labels / "SN1" / "SN001_au4.txt", [5, 5])
    points = root / "Landmark_Points" / "SN001" / "tmp_frame_lm"
    for name in ("l00002_lm (1).mat", "SN001_0003_lm.mat", "l5_lm.mat"):
        mat(points / name, pts=np.zeros((66, 2)))
    source = read(root, ReadOptions())
    first = source.recordings[0]
    assert first.images == VideoImages(videos / "LeftVideoSN001_comp.avi")
    np.testing.assert_array_equal(first.levels, np.array([LEVELS[4], LEVELS[12]]).T)
    assert isinstance(first.landmarks, LandmarkFiles)
    assert {frame: path.name for frame, path in first.landmarks.paths.items()} == {
        n: f"l{n:05d}_lm.mat" for n in range(1, 6)
    }
    lines = [line.replace(f"{root}/", "") for line in source.problems]
    assert lines[:3] == [
        "videos_leftcamera/LeftVideoSN001_1.avi, videos_leftcamera/LeftVideoSN001_preview.mkv: "
        "not read, as there is videos_leftcamera/LeftVideoSN001_comp.avi",
        "ActionUnit_Labels/SN1: not read, as there is ActionUnit_Labels/SN001",
        "ActionUnit_Labels/SN001/SN001_au04.txt: not read, as there is "
        "ActionUnit_Labels/SN001/SN001_au4.txt",
    ]
    assert {
        "ActionUnit_Labels/SN001/SN010_au12.txt: not read, as there is "
        "ActionUnit_Labels/SN001/SN001_au12.txt",
        "Landmark_Points/SN001/tmp_frame_lm: not read, as there are others of the same frames: "
        "l5_lm.mat",
        "Landmark_Points/SN001/tmp_frame_lm: not read, as the layout has other names: "
        "l00002_lm (1).mat, SN001_0003_lm.mat",
    } <= set(lines)


def test_a_folder_further_up_and_a_choice_of_aus(root: Path) -> None:
    source = read(root.parent, ReadOptions(aus=("AU12",)))
    assert source.aus == ("AU12",)
    assert source.recordings[0].levels.shape == (5, 1)
    with pytest.raises(AuheatError, match=r"has no labels of AU01: coded there are AU04, AU12$"):
        read(root, ReadOptions(aus=("AU12", "AU01")))


def test_other_folders_are_refused(root: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(AuheatError, match=f"^no DISFA in {empty}: expected ActionUnit_Labels"):
        read(empty, ReadOptions())
    with pytest.raises(AuheatError, match=r"^no videos of the right camera in"):
        read(root, ReadOptions(own_landmarks=False, camera="right"))
    (root / "Landmark_Points").rename(root / "elsewhere")
    with pytest.raises(AuheatError, match="--landmarks mediapipe"):
        read(root, ReadOptions())


def test_the_list_of_tracking_failures() -> None:
    """Without them 126,144 of the dataset's 130,814 frames are left (figures of the release)."""
    people = [subject for fold in protocols()["disfa-jaa"].lists for subject in fold]
    assert set(TRACKING_FAILURES) < set(people)
    frames = [(s, f) for s in people for f in range(1, 4845 if s == "SN010" else 4846)]
    assert len(frames) == 130_814
    assert sum(not tracking_failed(*frame) for frame in frames) == 126_144
    assert tracking_failed("SN001", 398)
    assert not tracking_failed("SN001", 397)


def test_tracking_failures_are_left_out(face: Points, tmp_path: Path) -> None:
    levels = {number: [0] * 802 for number in map(au_number, SPEC.aus)}
    disfa_subject(tmp_path, "SN002", levels, "Videos_LeftCamera/LeftVideoSN002_comp.avi")
    for skip, expected in ((True, {800, 801, 802}), (False, set())):
        options = ReadOptions(own_landmarks=False, skip_tracking_failures=skip)
        recording = read(tmp_path, options).recordings[0]
        assert set(recording.left_out) == expected
        assert set(recording.left_out.values()) <= {"tracking failure"}


def test_published_splits() -> None:
    jaa, ntinou = (protocols()[name].lists for name in ("disfa-jaa", "disfa-ntinou"))
    for folds in (jaa, ntinou):
        assert [len(fold) for fold in folds] == [9, 9, 9]
        assert len({subject for fold in folds for subject in fold}) == 27
    train, development = protocols()["bp4d"].lists
    assert (len(train), len(development)) == (21, 20)
    everybody = [f"F{n:03d}" for n in range(1, 24)] + [f"M{n:03d}" for n in range(1, 19)]
    assert sorted(train + development) == everybody
    assert jaa[1][:2] == ("SN006", "SN011")
    assert ntinou[2][-1] == "SN032"
