"""A conversion that was stopped, and taken up when its source was no longer the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auheat.data import convert as module
from auheat.data.convert import ConversionPlan, convert
from auheat.data.cropping import crop_recording
from auheat.data.datasets import DATASETS
from auheat.data.recording import ReadOptions, Recording
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.geometry import Points
from auheat.landmarks import IN_49, IN_66
from folder_contents import files
from odd_sources import column, disfa_subject, lossless_video, mat, pattern, save, small
from stand_ins import KnownFaces, face_from

PLAN = ConversionPlan("disfa", crop=CropSpec(32, 4))
NAMES = ("SN001", "SN002", "SN003", "SN004", "SN005")


class StoppedError(Exception):
    pass


@pytest.fixture
def source(face: Points, tmp_path: Path) -> Path:
    """Five people of DISFA, each with other levels."""
    root = tmp_path / "source"
    for number, name in enumerate(NAMES):
        landmarks = {f"{name}/frame_lm/l{n:05d}_lm.mat": small(face, n) for n in (1, 2, 3)}
        video = f"Videos_LeftCamera/LeftVideo{name}_comp.avi"
        disfa_subject(root, name, {4: [number] * 3}, video, landmarks, frames=3)
    return root


def stopped(source: Path, out: Path, after: int) -> None:
    """Converts some recordings and stops, as a kill would."""

    made: list[str] = []

    def crop(recording: Recording, *rest: Any, **options: Any) -> Any:
        if len(made) == after:
            raise StoppedError
        made.append(recording.sequence)
        return crop_recording(recording, *rest, **options)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(module, "crop_recording", crop)
        convert(source, out, PLAN)


def touched(path: Path) -> None:
    os.utime(path, ns=(0, 10**18))


def a_video_comes_back(root: Path) -> None:
    (root / "away.avi").rename(root / "Videos_LeftCamera" / "LeftVideoSN002_comp.avi")


def a_person_goes(root: Path) -> None:
    (root / "Videos_LeftCamera" / "LeftVideoSN003_comp.avi").unlink()


def labels_are_corrected(root: Path) -> None:
    column(root / "ActionUnit_Labels" / "SN001" / "SN001_au4.txt", [5, 1, 9])


def a_video_is_replaced(root: Path) -> None:
    path = root / "Videos_LeftCamera" / "LeftVideoSN003_comp.avi"
    lossless_video(path, 2)
    touched(path)


def landmarks_are_replaced(root: Path) -> None:
    path = root / "Landmark_Points" / "SN003" / "frame_lm" / "l00002_lm.mat"
    mat(path, other=[1])
    touched(path)


@pytest.mark.parametrize(
    "change",
    [a_video_comes_back, a_person_goes, labels_are_corrected, a_video_is_replaced,
     landmarks_are_replaced],
)  # fmt: skip
def test_it_ends_as_if_the_source_had_always_been_so(
    serial: None, source: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """Shards were told apart by their place in the list: SN004 came twice, SN002 not at all."""
    (source / "Videos_LeftCamera" / "LeftVideoSN002_comp.avi").rename(source / "away.avi")
    out = tmp_path / "out"
    stopped(source, out, 3)
    change(source)
    convert(source, out, PLAN)
    convert(source, tmp_path / "fresh", PLAN)
    assert files(out) == files(tmp_path / "fresh")
    assert {p.name for p in (out / "images").iterdir()} == {
        p.name for p in (tmp_path / "fresh" / "images").iterdir()
    }


def test_what_did_not_change_is_not_made_again(
    serial: None, monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    (source / "Videos_LeftCamera" / "LeftVideoSN002_comp.avi").rename(source / "away.avi")
    stopped(source, tmp_path / "out", 3)
    a_video_comes_back(source)
    labels_are_corrected(source)
    made: list[str] = []

    def crop(recording: Recording, *rest: Any, **options: Any) -> Any:
        made.append(recording.sequence)
        return crop_recording(recording, *rest, **options)

    monkeypatch.setattr(module, "crop_recording", crop)
    convert(source, tmp_path / "out", PLAN)
    assert made == ["SN001", "SN002", "SN005"]


def test_a_change_taken_back_finds_no_crops_of_the_other(
    serial: None, monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path, face: Points
) -> None:
    """A shard goes before its crops are replaced; else it would speak of others."""
    convert(source, tmp_path / "fresh", PLAN)
    out = tmp_path / "out"
    stopped(source, out, 3)
    points = source / "Landmark_Points" / "SN003" / "frame_lm" / "l00002_lm.mat"
    kept = points.rename(source / "kept.mat")
    mat(points, pts=small(face, 9)[list(IN_66)])

    def failing(*given: Any, **options: Any) -> None:
        crop_recording(*given, **options)
        raise StoppedError

    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(module, "crop_recording", failing)
        convert(source, out, PLAN)
    kept.replace(points)
    convert(source, out, PLAN)
    assert files(out) == files(tmp_path / "fresh")


def test_two_recordings_of_one_name_are_refused(
    serial: None, monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    found = DATASETS["disfa"].read(source, ReadOptions())
    twice = replace(found, recordings=(*found.recordings, found.recordings[0]))
    dataset = replace(DATASETS["disfa"], read=lambda root, options: twice)
    monkeypatch.setitem(DATASETS, "disfa", dataset)
    with pytest.raises(AuheatError, match=r"has two recordings of the name 'SN001'$"):
        convert(source, tmp_path / "out", PLAN)


def test_where_landmarks_are_of_other_images_faces_are_found(
    serial: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, face: Points
) -> None:
    """The detector is made once in a process, and only if it is needed."""
    made: list[KnownFaces] = []

    def detector() -> KnownFaces:
        made.append(KnownFaces([[face_from(small(face, 9))]]))
        return made[-1]

    monkeypatch.setattr(module, "default_detector", detector)
    source, codes = tmp_path / "source", "AUCoding/AU_INT/AU06"
    for task, images, fits in (("T1", 2, 2), ("T2", 2, 3), ("T3", 2, 1)):
        for frame in range(1, images + 1):
            save(source / "F001" / task / f"{frame}.jpg", pattern(frame))
        column(source / codes / f"F001_{task}_AU06.csv", [1, 2])
        array = np.empty((1, fits), [("isTracked", object), ("pred", object)])
        for i in range(fits):
            array[0, i] = (1.0, small(face, i + 1)[list(IN_49)])
        mat(source / "2DFeatures" / f"F001_{task}.mat", fit=array)
    report = convert(source, tmp_path / "out", replace(PLAN, kind="bp4d"))
    assert report.content()["total"] == {"found": 6, "kept": 6, "dropped": {}}
    assert report.source["landmarks"] == "own"
    assert len(made) == 1
    assert report.problems == [
        f"2DFeatures/F001_{task}.mat has landmarks of {count} images where there are 2: "
        f"F001_{task} gets those of mediapipe instead"
        for task, count in (("T2", 3), ("T3", 1))
    ]
