"""DISFA: 27 people, one video each from two cameras, 12 AUs on every frame.

Mavadati, Mahoor, Bartlett, Trinh and Cohn, IEEE Transactions on Affective Computing 4 (2013).

    ActionUnit_Labels/SN001/SN001_au1.txt           rows `frame,level`, frames from 1
    Videos_LeftCamera/LeftVideoSN001_comp.avi       or Video(s)_RightCamera/RightVideoSN001_Comp.avi
    Landmark_Points/SN001/tmp_frame_lm/SN001_0000_lm.mat     frames from 0, or
    Landmark_Points/SN001/frame_lm/l00001_lm.mat             frames from 1

20 frames a second. A .mat holds `pts`, 66 x 2 pixels of the left camera's video; there are none of
the right one's. They are taken as they are: nothing tells whether their first pixel is 0 or 1. In
the original SN010 is a frame short, SN031 lacks the landmarks of one frame, SN004 has a file of
landmarks too many, and the case of letters in the videos' names varies; look-alikes have that, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from auheat.data.checks import choose_aus, leave_out, own_landmarks, spans
from auheat.data.corpora import Corpus, EventPrior, MissingData, People
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike, Protocol
from auheat.data.image_sources import VideoImages, compare_length
from auheat.data.labels import Levels, read_levels, write_lines
from auheat.data.matlab import read_mat, write_mat
from auheat.data.names import Camera
from auheat.data.recording import (
    NO_LANDMARKS,
    TRACKING_FAILURE,
    LandmarkFiles,
    ReadOptions,
    Recording,
    Source,
)
from auheat.data.source_files import numbered, one_each
from auheat.errors import AuheatError
from auheat.facs import DISFA_AUS, au_name, au_number
from auheat.folders import child, locate, matching, subfolders
from auheat.geometry import Points
from auheat.landmarks import IN_66
from auheat.media.video_writer import VideoWriter

if TYPE_CHECKING:
    from auheat.data.sequences import LabelledFrame, RenderedSubject


def _subjects(*numbers: int) -> tuple[str, ...]:
    return tuple(f"SN{number:03d}" for number in numbers)


SUBJECTS = _subjects(*range(1, 14), 16, 17, 18, 21, *range(23, 33))

# DISFA has no official split; two lists of three folds are in use, and results with one are not
# results with the other.
SPEC = DatasetSpec(
    name="disfa",
    title="DISFA",
    source="Mavadati et al., IEEE Transactions on Affective Computing 4 (2013)",
    aus=DISFA_AUS,
    files="`ActionUnit_Labels/SN001/SN001_au1.txt`, videos of the left or right camera, "
    "`Landmark_Points` in both naming schemes",
    split="none: folds, see [training](training.md)",
    protocols=(
        Protocol(
            "disfa-jaa",  # JAA-Net and ME-GraphAU
            "3 folds by subject (those of JAA-Net)",
            (
                _subjects(1, 2, 9, 10, 16, 26, 27, 30, 32),
                _subjects(6, 11, 12, 13, 18, 21, 24, 28, 31),
                _subjects(3, 4, 5, 7, 8, 17, 23, 25, 29),
            ),
        ),
        Protocol(
            "disfa-ntinou",  # Ntinou et al., 2021
            "3 folds by subject (those of Ntinou et al.)",
            (
                _subjects(1, 6, 7, 8, 9, 26, 27, 28, 29),
                _subjects(2, 5, 10, 11, 12, 16, 17, 21, 25),
                _subjects(3, 4, 13, 18, 23, 24, 30, 31, 32),
            ),
        ),
    ),
    k=7,
    database="DISFA",
    cameras=get_args(Camera),
)

_LABELS, _LANDMARKS, _POINTS = "ActionUnit_Labels", "Landmark_Points", "pts"
_CAMERAS: dict[Camera, tuple[str, str]] = {
    "left": ("Videos_LeftCamera", "Video_LeftCamera"),
    "right": ("Video_RightCamera", "Videos_RightCamera"),
}
_LANDMARK_CAMERA: Camera = "left"
_FROM_0, _FROM_1 = "tmp_frame_lm", "frame_lm"  # folders of landmarks by their first frame
_STEMS = {r"l(\d+)_lm": 1, r"SN\d+_(\d+)_lm": 0}  # names of landmark files, and their first frame
_FPS = 20

# Frames whose landmarks the tracker got wrong, from the list that comes with the dataset.
TRACKING_FAILURES: dict[str, tuple[tuple[int, int], ...]] = {
    "SN001": ((398, 420), (3190, 3243)), "SN002": ((800, 826),), "SN004": ((4541, 4555),),
    "SN006": ((1349, 1405),), "SN009": ((1736, 1808), (1851, 1885)),
    "SN011": ((4529, 4533), (4830, 4845)),
    "SN021": ((574, 616), (985, 1164), (1190, 1205), (1305, 1338), (1665, 1710), (1862, 2477),
              (2554, 4657), (4710, 4722)),
    "SN023": ((1021, 1049), (3378, 3557), (3584, 3668), (4547, 4621), (4741, 4772), (4825, 4845)),
    "SN025": ((4596, 4662), (4816, 4835)), "SN027": ((3461, 3494), (4738, 4785)),
    "SN028": ((1875, 1885), (4571, 4690)), "SN029": ((4090, 4543),),
    "SN030": ((939, 962), (1406, 1422), (2100, 2132), (2893, 2955)),
}  # fmt: skip


def tracking_failed(subject: str, frame: int) -> bool:
    """Whether a frame is in the dataset's list of failed landmarks."""
    return any(first <= frame <= last for first, last in TRACKING_FAILURES.get(subject, ()))


def read(root: Path, options: ReadOptions) -> Source:
    """The recordings of DISFA, all in the split "train": folds are a matter of the protocol.

    Raises:
        AuheatError: `root` is not DISFA, or the wanted camera's videos or landmarks are not there.
    """
    labels = locate(root, _LABELS)
    if labels is None:
        expected = _label_file(Path(_LABELS), "SN001", "AU01")
        raise AuheatError(f"no DISFA in {root}: expected {expected} there")
    if options.own_landmarks and options.camera != _LANDMARK_CAMERA:
        unseen = f"the {options.camera} camera's videos have no landmarks of their own"
        raise AuheatError(f"{unseen}: use --landmarks mediapipe")
    problems: list[str] = []
    videos = _videos(root, options.camera, problems)
    files = _label_files(labels, problems)
    coded = {au_name(number) for paths in files.values() for number in paths}
    aus, unknown = choose_aus(coded, SPEC.aus, wanted=options.aus, root=root)
    for subject in sorted(set(videos) - set(files)):
        problems.append(f"{videos[subject]}: no labels of {subject}")
    top = own_landmarks(root, _LANDMARKS) if options.own_landmarks else None
    tracked = _folders(top, problems) if top else {}
    recordings = []
    for subject, paths in sorted(files.items()):
        if subject not in videos:
            problems.append(f"{subject}: no video of the {options.camera} camera")
            continue
        coding = {au: paths.get(au_number(au)) for au in aus}
        label = partial(_label_file, labels, subject)
        levels = read_levels(coding, label, scale=SPEC.scale, problems=problems)
        points, left_out = None, dict(levels.left_out)
        if top:
            points = _landmarks(tracked.get(subject, top / subject), levels, left_out, problems)
        if options.skip_tracking_failures:
            failed = [int(f) for f in levels.frames if tracking_failed(subject, int(f))]
            left_out = dict.fromkeys(failed, TRACKING_FAILURE) | left_out
        compare_length(videos[subject], int(levels.frames.max(initial=0)), problems)
        recordings.append(
            Recording(subject, subject, split="train", frames=levels.frames, levels=levels.levels,
                      images=VideoImages(videos[subject]), landmarks=points, left_out=left_out)
        )  # fmt: skip
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _subject(number: str) -> str:
    return f"SN{int(number):03d}"


def _videos(root: Path, camera: Camera, problems: list[str]) -> dict[str, Path]:
    names = _CAMERAS[camera]
    folder = locate(root, *names)
    if folder is None:
        raise AuheatError(f"no videos of the {camera} camera in {root}: expected {names[0]} there")
    found = matching(folder, rf"{camera}VideoSN(\d+).*\.(avi|mp4|mkv|mov|wmv)")
    videos = ((_subject(match[1]), path) for match, path in found)
    return one_each(videos, problems, called=lambda who: f"{camera}Video{who}_comp.avi")


def _label_files(labels: Path, problems: list[str]) -> dict[str, dict[int, Path]]:
    """Label files by subject and AU number."""
    files: dict[str, dict[int, Path]] = {}
    for subject, folder in _folders(labels, problems).items():
        found = ((int(m[1]), path) for m, path in matching(folder, r"SN\d+_au(\d+)\.txt"))
        files[subject] = one_each(found, problems, called=f"{subject}_au{{}}.txt".format)
    return files


def _folders(top: Path, problems: list[str]) -> dict[str, Path]:
    found = ((_subject(match[1]), path) for match, path in matching(top, r"SN(\d+)"))
    return one_each(found, problems, called=lambda subject: subject)


def _label_file(labels: Path, subject: str, au: str) -> Path:
    return labels / subject / f"{subject}_au{au_number(au)}.txt"


def _landmarks(
    folder: Path, levels: Levels, left_out: dict[int, str], problems: list[str]
) -> LandmarkFiles:
    """The landmark files in a subject's folder; frames without one are added to `left_out`."""
    paths, frames = _landmark_files(folder, problems), levels.frames.tolist()
    missing = [frame for frame in frames if frame not in paths]
    name = str(folder)
    leave_out(left_out, missing, reason=NO_LANDMARKS, of=len(frames), name=name, problems=problems)
    beyond = sorted(set(paths) - set(frames))
    if beyond:
        problems.append(f"{paths[beyond[0]].parent}: landmarks without labels: {spans(beyond)}")
    return LandmarkFiles(paths, _read_points)


def _read_points(path: Path) -> Points:
    try:
        return np.asarray(read_mat(path, _POINTS), np.float64)
    except (TypeError, ValueError):
        raise AuheatError(f"{path} holds no points of a face") from None


def _landmark_files(folder: Path, problems: list[str]) -> dict[int, Path]:
    """Landmark files by frame from 1, from whichever folder holds them."""
    inner = [child(folder, _FROM_0), child(folder, _FROM_1), folder, *subfolders(folder)]
    for place in filter(None, inner):
        counts = {stem: len([*matching(place, rf"{stem}\.mat")]) for stem in _STEMS}
        stem = max(counts, key=lambda stem: counts[stem])
        if counts[stem]:
            files = numbered(place, {".mat"}, problems, stem=stem)
            return {number + 1 - _STEMS[stem]: path for number, path in files.items()}
    return {}


def write(subject: RenderedSubject, out: Path) -> Iterator[int]:
    """Writes one subject of a look-alike; yields 1 for each image."""
    name = subject.name
    ending = "Comp" if name == "SN017" else "comp"
    video = out / _CAMERAS["left"][0] / f"LeftVideo{name}_{ending}.avi"
    video.parent.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[str]] = {au: [] for au in subject.corpus.aus}
    with VideoWriter(video, Fraction(_FPS)) as writer:
        for frame in subject.frames("video"):
            writer.write(frame.image, (frame.number - 1) / _FPS)
            if frame.tracked:
                _write_points(_landmark_path(out, subject, frame.number), frame)
            for au, coded in lines.items():
                coded.append(f"{frame.number},{frame.levels[au]}")
            yield 1
    if name == "SN004":  # a file too many
        _write_points(_landmark_path(out, subject, frame.number + 1), frame)
    for au, coded in lines.items():
        write_lines(_label_file(out / _LABELS, name, au), coded)


def _write_points(path: Path, frame: LabelledFrame) -> None:
    write_mat(path, {_POINTS: frame.landmarks[list(IN_66)]})


def _landmark_path(out: Path, subject: RenderedSubject, number: int) -> Path:
    folder = out / _LANDMARKS / subject.name
    if subject.position % 3 == 1:
        return folder / _FROM_1 / f"l{number:05d}_lm.mat"
    return folder / _FROM_0 / f"{subject.name}_{number - 1:04d}_lm.mat"


# So that the fraction of frames at level 1 or more resembles Mavadati et al. (2013): AU25 in 46,052
# and AU05 in 2,728 of 130,814 frames.
SPONTANEOUS = EventPrior(
    (
        ((6, 12), 0.034), ((6, 12, 25), 0.077), ((6, 12, 25, 26), 0.031), ((12,), 0.061),
        ((12, 25), 0.045), ((25,), 0.045), ((25, 26), 0.111), ((1, 2), 0.015),
        ((1, 2, 5), 0.011), ((1, 2, 5, 25, 26), 0.009), ((1, 2, 25, 26), 0.013), ((2,), 0.01),
        ((1, 4), 0.009), ((1, 4, 15, 17), 0.012), ((4,), 0.064), ((4, 9), 0.018),
        ((4, 9, 17), 0.01), ((4, 6, 9), 0.008), ((4, 9, 10, 25), 0.015), ((4, 17), 0.024),
        ((4, 25, 26), 0.031), ((15,), 0.008), ((15, 17), 0.04), ((17,), 0.012), ((20,), 0.009),
        ((20, 25), 0.02), ((4, 20, 25, 26), 0.008), ((14,), 0.02),
    )
)  # fmt: skip
PEOPLE = People("disfa", 1000)


def _missing(subject: str, frames: int, rng: np.random.Generator) -> MissingData:
    return MissingData(frozenset({3 * frames // 4} if subject == "SN031" else ()))


CORPUS = Corpus(
    layout=SPEC.name,
    people=PEOPLE,
    subjects=SUBJECTS,
    sequences=("video",),
    aus=SPEC.aus,
    prior=SPONTANEOUS,
    count=len(SUBJECTS),
    frames=200,
    shorter=frozenset({"SN010"}),
    missing=_missing,
)
DATASET = Dataset(
    SPEC, read, {SPEC.name: Lookalike(CORPUS, write)},
    landmark_folders=(_LANDMARKS,), landmark_camera=_LANDMARK_CAMERA,
)  # fmt: skip
