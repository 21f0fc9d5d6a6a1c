"""UNBC-McMaster: 25 people with shoulder pain, the AUs that pain may show.

Lucey, Cohn, Prkachin, Solomon and Matthews, IEEE FG 2011.

    Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png
    Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt   rows `AU level onset offset`
    AAM_landmarks/042-ll042/ll042t1aaaff/ll042t1aaaff001_aam.txt        66 rows `x y`

A label file without rows means that no AU is there. AU07 and AU43 (eyes closed, which has no
levels) are coded too, but auheat does not know them. Coordinates are taken as they are: nothing
tells whether their first pixel is 0 or 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auheat.data.sources.folders import child, folders, locate, numbered, spans
from auheat.data.sources.labels import read_lines
from auheat.data.sources.pictures import PhotoPictures
from auheat.data.sources.recording import (
    NO_LANDMARKS,
    NO_PICTURE,
    NOT_CODED,
    LandmarkFiles,
    Points,
    ReadOptions,
    Recording,
    Source,
    choose_aus,
)
from auheat.errors import AuheatError
from auheat.media.photo import SUFFIXES

CODED = (4, 6, 7, 9, 10, 12, 20, 25, 26, 43)


def has_landmarks(root: Path) -> bool:
    """Whether this copy holds landmarks."""
    return locate(root, "AAM_landmarks") is not None


def read(root: Path, options: ReadOptions) -> Source:
    """The recordings of UNBC-McMaster, all in the split "train".

    Raises AuheatError if pictures or labels are not where they should be.
    """
    images, labels = locate(root, "Images"), _facs_folder(root)
    if images is None or labels is None:
        raise AuheatError(
            f"no UNBC-McMaster in {root}: expected the folders Images and Frame_Labels/FACS there"
        )
    landmarks = locate(root, "AAM_landmarks")
    if options.own_landmarks and landmarks is None:
        raise AuheatError(
            f"no landmarks in {root}: expected AAM_landmarks there, or use --landmarks mediapipe"
        )
    aus, unknown = choose_aus(CODED, CODED, options.aus, root)
    problems: list[str] = []
    recordings = [
        _recording(subject.name, folder, labels, landmarks, aus, options, problems)
        for subject in folders(images)
        for folder in folders(subject)
    ]
    kept = tuple(recording for recording in recordings if len(recording.frames))
    return Source(aus, kept, tuple(problems), unknown)


def _facs_folder(root: Path) -> Path | None:
    labels = locate(root, "Frame_Labels")
    return child(labels, "FACS") if labels else None


def _recording(
    subject: str,
    folder: Path,
    labels: Path,
    landmarks: Path | None,
    aus: tuple[str, ...],
    options: ReadOptions,
    problems: list[str],
) -> Recording:
    paths = numbered(folder, SUFFIXES)
    label_files = _beside(labels, subject, folder.name)
    frames = sorted(set(paths) | set(label_files))
    left_out: dict[int, str] = {}
    levels = np.full((len(frames), len(aus)), np.nan, np.float32)
    for row, frame in enumerate(frames):
        if frame in label_files:
            found = _read_levels(label_files[frame], problems)
            if found is not None:
                levels[row] = [found.get(int(au[2:]), 0) for au in aus]
    uncoded = [f for f, row in zip(frames, levels, strict=True) if np.isnan(row).all()]
    lacking = {NOT_CODED: uncoded, NO_PICTURE: [f for f in frames if f not in paths]}
    points = None
    if options.own_landmarks and landmarks is not None:
        points = LandmarkFiles(_beside(landmarks, subject, folder.name), _read_points)
        lacking[NO_LANDMARKS] = [f for f in frames if f not in points.paths]
    for reason, missing in lacking.items():
        if missing:
            problems.append(f"{folder.name}: {reason}: {spans(missing)}")
            left_out = dict.fromkeys(missing, reason) | left_out
    return Recording(subject, folder.name, "train", np.array(frames, np.int64), levels,
                     PhotoPictures(paths), points, left_out=left_out)  # fmt: skip


def _beside(top: Path, subject: str, sequence: str) -> dict[int, Path]:
    """Text files of a sequence by frame."""
    person = child(top, subject)
    folder = child(person, sequence) if person else None
    return numbered(folder, {".txt"}) if folder else {}


def _read_points(path: Path) -> Points:
    """From a row `x y` for each point."""
    rows = [line.replace(",", " ").split() for line in read_lines(path) if line.strip()]
    try:
        return np.array(rows, np.float64)
    except ValueError:
        raise AuheatError(f"{path} holds other things than rows of x and y") from None


def _read_levels(path: Path, problems: list[str]) -> dict[int, float] | None:
    """Level by AU number, 1 for an AU without levels; None if the file cannot be read."""
    levels: dict[int, float] = {}
    try:
        for line in filter(str.strip, read_lines(path)):
            number, level = (float(field) for field in line.replace(",", " ").split()[:2])
            levels[int(number)] = level if int(number) != 43 else 1.0
    except (ValueError, OverflowError):
        problems.append(f"{path} holds other things than rows `AU level onset offset`")
        return None
    except AuheatError as error:
        problems.append(str(error))
        return None
    if any(not 0 <= level <= 5 for level in levels.values()):
        problems.append(f"{path} has a level that is not in 0 to 5")
        return None
    return levels
