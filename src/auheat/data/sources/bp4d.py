"""BP4D, its FERA 2015 release, and BP4D+: eight tasks a person, intensities of five or more AUs.

Zhang et al., Image and Vision Computing 32 (2014); Zhang et al., CVPR 2016 (BP4D+).

    2D+3D/F001/T1/0012.jpg                       or Sequences/, or the subjects right in the folder
    AUCoding/AU_INT/AU06/F001_T1_AU06.csv        rows `frame,level`; 9 where not codable
    AU Intensity Codes3.0/AU06/F001_T1.csv       the same in the FERA 2015 release
    2DFeatures/F001_T1.mat                       49 points

How the .mat holds its points is inferred from public code that reads it, not from a description: a
struct array `fit` with one element for each picture, in the order of the frames, whose `pred` is
49 x 2 pixels and whose `isTracked` is 0 where the tracker failed. Coordinates are taken as they
are: nothing tells whether their first pixel is 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auheat.data.sources.folders import (
    child,
    entries,
    folders,
    locate,
    matching,
    natural,
    numbered,
    spans,
)
from auheat.data.sources.labels import Levels, read_levels
from auheat.data.sources.matlab import read_mat
from auheat.data.sources.pictures import PhotoPictures
from auheat.data.sources.recording import (
    NO_LANDMARKS,
    NO_PICTURE,
    Lookup,
    Points,
    ReadOptions,
    Recording,
    Source,
    choose_aus,
)
from auheat.data.splits import BP4D_DEVELOPMENT, BP4D_TRAIN
from auheat.errors import AuheatError
from auheat.media.photo import SUFFIXES

INTENSITY = (6, 10, 12, 14, 17)
_LANDMARKS = ("2DFeatures", "2D Features", "2D_Features")
_SUBJECT, _TASK = r"([FM])(\d+)", r"T(\d+)"

Sequence = tuple[str, str]  # subject and task: F001, T1
Split = Callable[[str, list[str]], str]


@dataclass(frozen=True)
class FitLandmarks:
    """One .mat file for all pictures; frames: their numbers, in the file's order."""

    path: Path
    frames: tuple[int, ...]

    def open(self) -> Lookup:
        """See `Landmarks.open`."""
        fits = np.atleast_1d(read_mat(self.path, "fit"))
        if len(fits) != len(self.frames):
            raise AuheatError(
                f"{self.path} has landmarks of {len(fits)} pictures where there are "
                f"{len(self.frames)}"
            )
        by_frame = dict(zip(self.frames, fits, strict=True))

        def at(frame: int) -> Points | None:
            fit = by_frame.get(frame)
            try:
                points = np.asarray(getattr(fit, "pred", ()), np.float64)
                tracked = bool(getattr(fit, "isTracked", 1))
            except (TypeError, ValueError):
                raise AuheatError(f"{self.path} holds no points for frame {frame}") from None
            return points if tracked and points.size else None

        return at


def has_landmarks(root: Path) -> bool:
    """Whether this copy holds landmarks."""
    return locate(root, *_LANDMARKS) is not None


def read_bp4d(root: Path, options: ReadOptions) -> Source:
    """BP4D or FERA 2015, in the official split: development people are in "test"."""
    return _read(root, options, _official)


def read_bp4d_plus(root: Path, options: ReadOptions) -> Source:
    """BP4D+, which has no official split: everybody is in "train"."""
    return _read(root, options, lambda subject, problems: "train")


def _official(subject: str, problems: list[str]) -> str:
    if subject in BP4D_DEVELOPMENT:
        return "test"
    if subject not in BP4D_TRAIN:
        problems.append(f"{subject} is in neither part of the official split: taken for training")
    return "train"


def _read(root: Path, options: ReadOptions, split: Split) -> Source:
    """Raises AuheatError if labels or pictures are not where they should be."""
    labels = _label_folder(root)
    by_au = {int(match[1]): path for match, path in matching(labels, r"AU(\d+)")}
    aus, unknown = choose_aus(by_au, INTENSITY, options.aus, root)
    problems: list[str] = []
    files = {au: _label_files(by_au[int(au[2:])]) for au in aus}
    pictures = _picture_folders(root)
    if not pictures:
        raise AuheatError(
            f"no pictures in {root}: expected F001/T1/0001.jpg or 2D+3D/F001/T1 there"
        )
    coded = sorted(set().union(*files.values()), key=_order)
    for subject, task in sorted(set(pictures) - set(coded), key=_order):
        problems.append(f"{pictures[subject, task]}: no intensity labels")
    recordings = []
    splits: dict[str, str] = {}
    for sequence in coded:
        subject, name = sequence[0], "_".join(sequence)
        if sequence not in pictures:
            problems.append(f"{name}: no pictures")
            continue
        if subject not in splits:
            splits[subject] = split(subject, problems)
        levels = _levels(labels, name, {au: files[au].get(sequence) for au in aus}, problems)
        paths = numbered(pictures[sequence], SUFFIXES)
        left_out = dict(levels.left_out)
        _without_picture(name, levels, paths, left_out, problems)
        points = None
        if options.own_landmarks:
            points = _landmarks(root, sequence, tuple(paths))
            if points is None:
                problems.append(f"{name}: no landmarks")
                left_out = dict.fromkeys(levels.frames.tolist(), NO_LANDMARKS) | left_out
        recordings.append(
            Recording(subject, name, splits[subject], levels.frames, levels.levels,
                      PhotoPictures(paths), points, left_out=left_out)
        )  # fmt: skip
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _order(sequence: Sequence) -> tuple[object, ...]:
    return natural("_".join(sequence))


def _sequence(sex: str, subject: str, task: str) -> Sequence:
    return f"{sex.upper()}{int(subject):03d}", f"T{int(task)}"


def _label_folder(root: Path) -> Path:
    for place in (root, *folders(root)):
        coding = child(place, "AUCoding")
        inner = child(coding, "AU_INT") if coding else None
        if found := inner or child(place, "AU_INT", "AU Intensity Codes3.0"):
            return found
    raise AuheatError(
        f"no intensity labels in {root}: expected AUCoding/AU_INT/AU06 "
        "or AU Intensity Codes3.0/AU06 there"
    )


def _label_files(folder: Path) -> dict[Sequence, Path]:
    found = matching(folder, rf"{_SUBJECT}_{_TASK}(?!\d).*\.csv")
    return {_sequence(match[1], match[2], match[3]): path for match, path in found}


def _levels(labels: Path, name: str, paths: dict[str, Path | None], problems: list[str]) -> Levels:
    return read_levels(paths, lambda au: labels / au / f"{name}_{au}.csv", problems)


def _picture_folders(root: Path) -> dict[Sequence, Path]:
    """Folders with pictures by sequence, as deep as two folders below the root."""
    found: dict[Sequence, Path] = {}
    below = folders(root)
    for place in (root, *below, *(deeper for folder in below for deeper in folders(folder))):
        for match, subject in matching(place, _SUBJECT):
            for task, folder in matching(subject, _TASK):
                if any(path.suffix.casefold() in SUFFIXES for path in entries(folder)):
                    found.setdefault(_sequence(match[1], match[2], task[1]), folder)
    return found


def _without_picture(
    name: str,
    levels: Levels,
    paths: dict[int, Path],
    left_out: dict[int, str],
    problems: list[str],
) -> None:
    there = {*paths, *left_out}
    missing = [frame for frame in levels.frames.tolist() if frame not in there]
    if missing:
        left_out |= dict.fromkeys(missing, NO_PICTURE)
        problems.append(f"{name}: no picture of {len(missing)} coded frames: {spans(missing)}")


def _landmarks(root: Path, sequence: Sequence, frames: tuple[int, ...]) -> FitLandmarks | None:
    folder = locate(root, *_LANDMARKS)
    if folder is None:
        raise AuheatError(
            f"no landmarks in {root}: expected {_LANDMARKS[0]} there, or use --landmarks mediapipe"
        )
    for match, path in matching(folder, rf"{_SUBJECT}_{_TASK}\.mat"):
        if _sequence(match[1], match[2], match[3]) == sequence:
            return FitLandmarks(path, frames)
    return None
