"""FERA 2017: videos of BP4D's people from nine directions, intensities of seven AUs.

Valstar et al., FERA 2017 challenge, IEEE FG 2017.

    FERA17_TR_F001_T1_6.mp4          view 1 to 9; TR is the training part, VA the validation part
    FERA17_TR_F001_T1_AU06_Int.csv   rows `frame,level`, for all views

The files may lie in any folders. The training part becomes "train", the validation part "test". The
set has no landmarks. People of the two parts are different even where they have the same number;
such a validation subject is called VA-F001.
"""

from __future__ import annotations

import re
from pathlib import Path

from auheat.data.sources.folders import natural
from auheat.data.sources.labels import Levels, read_levels
from auheat.data.sources.pictures import VideoPictures
from auheat.data.sources.recording import ReadOptions, Recording, Source, choose_aus
from auheat.errors import AuheatError

CODED = (1, 4, 6, 10, 12, 14, 17)
SPLITS = {"TR": "train", "VA": "test"}
_PREFIX = r"FERA17_(TR|VA)_([FM])(\d+)_T(\d+)_"

Task = tuple[str, str, str]  # part, subject, task: TR, F001, T1


def has_landmarks(root: Path) -> bool:
    """Never: the set has none."""
    return False


def read(root: Path, options: ReadOptions) -> Source:
    """The recordings of FERA 2017, one for each video.

    Raises AuheatError if there are no label files, or if its own landmarks are asked for.
    """
    if options.own_landmarks:
        raise AuheatError("FERA 2017 has no landmarks of its own: use --landmarks mediapipe")
    labels: dict[Task, dict[int, Path]] = {}
    for match, path in _files(root, _PREFIX + r"AU(\d+)_Int\.csv"):
        labels.setdefault(_task(match), {})[int(match[5])] = path
    videos = [(_task(m), m[5], path) for m, path in _files(root, _PREFIX + r"(\d)\.(mp4|avi|mkv)")]
    if not labels:
        raise AuheatError(f"no FERA 2017 in {root}: expected FERA17_TR_F001_T1_AU06_Int.csv there")
    coded = {number for paths in labels.values() for number in paths}
    aus, unknown = choose_aus(coded, CODED, options.aus, root)
    problems = [f"{path}: no labels" for task, _, path in videos if task not in labels]
    seen = {task for task, _, _ in videos}
    problems += [f"{'_'.join(task)}: no video" for task in labels if task not in seen]
    training = {subject for part, subject, _ in labels if part == "TR"}
    levels = {task: _levels(paths, aus, task, problems) for task, paths in labels.items()}
    recordings = []
    for task, view, path in videos:
        if task in labels:
            part, subject, _ = task
            clash = part == "VA" and subject in training
            rows = levels[task]
            recordings.append(
                Recording(f"VA-{subject}" if clash else subject, "_".join((*task, view)),
                          SPLITS[part], rows.frames, rows.levels, VideoPictures(path),
                          left_out=rows.left_out)
            )  # fmt: skip
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _files(root: Path, pattern: str) -> list[tuple[re.Match[str], Path]]:
    paths = sorted(root.rglob("*"), key=lambda path: natural(path.name))
    found = ((re.fullmatch(pattern, path.name, re.IGNORECASE), path) for path in paths)
    return [(match, path) for match, path in found if match]


def _task(match: re.Match[str]) -> Task:
    part, sex, subject, task = match.group(1, 2, 3, 4)
    return part.upper(), f"{sex.upper()}{int(subject):03d}", f"T{int(task)}"


def _levels(
    paths: dict[int, Path], aus: tuple[str, ...], task: Task, problems: list[str]
) -> Levels:
    files = {au: paths.get(int(au[2:])) for au in aus}
    return read_levels(files, lambda au: f"FERA17_{'_'.join(task)}_{au}_Int.csv", problems)
