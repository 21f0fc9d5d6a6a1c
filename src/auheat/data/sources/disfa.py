"""DISFA: 27 people, one video each from two cameras, 12 AUs on every frame.

Mavadati, Mahoor, Bartlett, Trinh and Cohn, IEEE Transactions on Affective Computing 4 (2013).

    ActionUnit_Labels/SN001/SN001_au1.txt           rows `frame,level`, frames from 1
    Videos_LeftCamera/LeftVideoSN001_comp.avi       or Video(s)_RightCamera/RightVideoSN001_Comp.avi
    Landmark_Points/SN001/tmp_frame_lm/l00001_lm.mat     frames from 1, or
    Landmark_Points/SN001/frame_lm/SN001_0000_lm.mat     frames from 0

A .mat holds `pts`, 66 x 2 pixels of the left camera's video. The coordinates are taken as they are:
nothing tells whether their first pixel is 0 or 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auheat.data.sources.folders import child, folders, locate, matching, spans
from auheat.data.sources.labels import Levels, read_levels
from auheat.data.sources.matlab import read_mat
from auheat.data.sources.pictures import VideoPictures
from auheat.data.sources.recording import (
    NO_LANDMARKS,
    TRACKING_FAILURE,
    LandmarkFiles,
    Points,
    ReadOptions,
    Recording,
    Source,
    choose_aus,
)
from auheat.errors import AuheatError
from auheat.media.frames import VideoFile

CODED = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)

# Frames whose landmarks the tracker got wrong, from the list that comes with the dataset.
TRACKING_FAILURES: dict[str, tuple[tuple[int, int], ...]] = {
    "SN001": ((398, 420), (3190, 3243)),
    "SN002": ((800, 826),),
    "SN004": ((4541, 4555),),
    "SN006": ((1349, 1405),),
    "SN009": ((1736, 1808), (1851, 1885)),
    "SN011": ((4529, 4533), (4830, 4845)),
    "SN021": (
        *((574, 616), (985, 1164), (1190, 1205), (1305, 1338), (1665, 1710)),
        *((1862, 2477), (2554, 4657), (4710, 4722)),
    ),
    "SN023": (
        *((1021, 1049), (3378, 3557), (3584, 3668), (4547, 4621), (4741, 4772), (4825, 4845)),
    ),
    "SN025": ((4596, 4662), (4816, 4835)),
    "SN027": ((3461, 3494), (4738, 4785)),
    "SN028": ((1875, 1885), (4571, 4690)),
    "SN029": ((4090, 4543),),
    "SN030": ((939, 962), (1406, 1422), (2100, 2132), (2893, 2955)),
}

_CAMERAS = {
    "left": ("Videos_LeftCamera", "Video_LeftCamera"),
    "right": ("Video_RightCamera", "Videos_RightCamera"),
}


def has_landmarks(root: Path) -> bool:
    """Whether this copy holds landmarks."""
    return locate(root, "Landmark_Points") is not None


def tracking_failed(subject: str, frame: int) -> bool:
    """Whether a frame is in the dataset's list of failed landmarks."""
    return any(first <= frame <= last for first, last in TRACKING_FAILURES.get(subject, ()))


def read(root: Path, options: ReadOptions) -> Source:
    """The recordings of DISFA, all in the split "train": folds are a matter of the protocol.

    Raises AuheatError if `root` is not DISFA or the wanted camera's videos are not there.
    """
    labels = locate(root, "ActionUnit_Labels")
    if labels is None:
        raise AuheatError(
            f"no DISFA in {root}: expected ActionUnit_Labels/SN001/SN001_au1.txt there"
        )
    problems: list[str] = []
    videos = _videos(root, options.camera)
    files = _label_files(labels)
    coded = {number for paths in files.values() for number in paths}
    aus, unknown = choose_aus(coded, CODED, options.aus, root)
    for subject in sorted(set(videos) - set(files)):
        problems.append(f"{videos[subject]}: no labels of {subject}")
    recordings = []
    for subject, paths in sorted(files.items()):
        if subject not in videos:
            problems.append(f"{subject}: no video of the {options.camera} camera")
            continue
        levels = _levels(labels / subject, subject, aus, paths, problems)
        points, left_out = None, dict(levels.left_out)
        if options.own_landmarks:
            points = _landmarks(root, subject, levels, left_out, problems)
        if options.skip_tracking_failures:
            failed = [int(f) for f in levels.frames if tracking_failed(subject, int(f))]
            left_out = dict.fromkeys(failed, TRACKING_FAILURE) | left_out
        _compare_lengths(videos[subject], levels, problems)
        pictures = VideoPictures(videos[subject])
        recordings.append(
            Recording(subject, subject, "train", levels.frames, levels.levels, pictures, points,
                      left_out=left_out)
        )  # fmt: skip
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _subject(number: str) -> str:
    return f"SN{int(number):03d}"


def _videos(root: Path, camera: str) -> dict[str, Path]:
    names = _CAMERAS[camera]
    folder = locate(root, *names)
    if folder is None:
        raise AuheatError(f"no videos of the {camera} camera in {root}: expected {names[0]} there")
    found = matching(folder, rf"{camera}VideoSN(\d+).*\.(avi|mp4|mkv|mov|wmv)")
    return {_subject(match[1]): path for match, path in found}


def _label_files(labels: Path) -> dict[str, dict[int, Path]]:
    """Label files by subject and AU number."""
    files: dict[str, dict[int, Path]] = {}
    for match, folder in matching(labels, r"SN(\d+)"):
        found = matching(folder, r"SN\d+_au(\d+)\.txt")
        files[_subject(match[1])] = {int(name[1]): path for name, path in found}
    return files


def _levels(
    folder: Path, subject: str, aus: tuple[str, ...], paths: dict[int, Path], problems: list[str]
) -> Levels:
    files = {au: paths.get(int(au[2:])) for au in aus}
    return read_levels(files, lambda au: folder / f"{subject}_au{int(au[2:])}.txt", problems)


def _landmarks(
    root: Path, subject: str, levels: Levels, left_out: dict[int, str], problems: list[str]
) -> LandmarkFiles:
    """The landmark files of a subject; frames without one are added to `left_out`."""
    top = locate(root, "Landmark_Points")
    if top is None:
        raise AuheatError(
            f"no landmarks in {root}: expected Landmark_Points there, or use --landmarks mediapipe"
        )
    below = next((f for m, f in matching(top, r"SN(\d+)") if _subject(m[1]) == subject), None)
    paths = _landmark_files(below) if below else {}
    missing = [int(frame) for frame in levels.frames if int(frame) not in paths]
    if missing:
        left_out |= dict.fromkeys(missing, NO_LANDMARKS) | left_out
        problems.append(
            f"{below or top / subject}: no landmarks of {len(missing)} of {len(levels.frames)} "
            f"frames: {spans(missing)}"
        )
    beyond = sorted(set(paths) - {int(frame) for frame in levels.frames})
    if beyond:
        problems.append(f"{paths[beyond[0]].parent}: landmarks without labels: {spans(beyond)}")
    return LandmarkFiles(paths, _read_points)


def _read_points(path: Path) -> Points:
    try:
        return np.asarray(read_mat(path, "pts"), np.float64)
    except (TypeError, ValueError):
        raise AuheatError(f"{path} holds no points of a face") from None


def _landmark_files(folder: Path) -> dict[int, Path]:
    """Landmark files by frame from 1, from whichever folder holds them."""
    inner = [child(folder, "tmp_frame_lm"), child(folder, "frame_lm"), folder, *folders(folder)]
    for place in filter(None, inner):
        files = {int(m[1]): path for m, path in matching(place, r"l(\d+)_lm\.mat")}
        files |= {int(m[1]) + 1: path for m, path in matching(place, r"SN\d+_(\d+)_lm\.mat")}
        if files:
            return files
    return {}


def _compare_lengths(video: Path, levels: Levels, problems: list[str]) -> None:
    try:
        count = VideoFile(video).count
    except AuheatError as error:
        problems.append(str(error))
        return
    last = int(levels.frames.max(initial=0))
    if count is not None and count != last:
        problems.append(f"{video} has {count} frames where the last label is of frame {last}")
