"""FERA 2017: videos of BP4D's people from nine directions, intensities of seven AUs.

Valstar et al., FERA 2017 challenge, IEEE FG 2017.

    FERA17_TR_F001_T1_6.mp4          view 1 to 9; TR is the training part, VA the validation part
    FERA17_TR_F001_T1_AU06_Int.csv   rows `frame,level`, for all views; frames from 1

The files may lie in any folders. The training part becomes "train", the validation part "test". The
set has no landmarks. People of the two parts are different even where they have the same number;
such a validation subject is called VA-F001. Look-alikes have the frontal view only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.data.checks import choose_aus
from auheat.data.corpora import Corpus
from auheat.data.datasets import bp4d, bp4d_plus
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike
from auheat.data.image_sources import VideoImages
from auheat.data.labels import Levels, read_levels, write_lines
from auheat.data.recording import ReadOptions, Recording, Source
from auheat.data.source_files import one_each
from auheat.errors import AuheatError
from auheat.facs import au_name, au_number
from auheat.folders import natural_key
from auheat.media.video_writer import VideoWriter

if TYPE_CHECKING:
    from auheat.data.sequences import RenderedSubject

SPEC = DatasetSpec(
    name="fera2017",
    title="FERA 2017",
    source="Valstar et al., IEEE FG 2017",
    aus=tuple(au_name(number) for number in (1, 4, 6, 10, 12, 14, 17)),
    files="`FERA17_TR_*_6.mp4` and `*_Int.csv`",
    split="TR trains, VA tests",
)
SPLITS = {"TR": "train", "VA": "test"}
_PREFIX = r"FERA17_(TR|VA)_([FM])(\d+)_T(\d+)_"
_FPS, _FRONTAL = 25, 6

Task = tuple[str, str, str]  # part, subject, task: TR, F001, T1


def read(root: Path, options: ReadOptions) -> Source:
    """The recordings of FERA 2017, one for each video.

    Raises:
        AuheatError: There are no label files, or the set's own landmarks are asked for.
    """
    if options.own_landmarks:
        raise AuheatError("FERA 2017 has no landmarks of its own: use --landmarks mediapipe")
    problems: list[str] = []
    labels: dict[Task, dict[int, Path]] = {}
    for (task, au), path in _label_files(root, problems).items():
        labels.setdefault(task, {})[au] = path
    videos = _videos(root, problems)
    if not labels:
        raise AuheatError(
            f"no FERA 2017 in {root}: expected {_label_name('TR_F001_T1', 'AU06')} there"
        )
    coded = {au_name(number) for paths in labels.values() for number in paths}
    aus, unknown = choose_aus(coded, SPEC.aus, wanted=options.aus, root=root)
    problems += [f"{path}: no labels" for (task, _), path in videos.items() if task not in labels]
    seen = {task for task, _ in videos}
    problems += [f"{'_'.join(task)}: no video" for task in labels if task not in seen]
    training = {subject for part, subject, _ in labels if part == "TR"}
    levels = {task: _levels(paths, aus, task, problems) for task, paths in labels.items()}
    recordings = []
    for (task, view), path in videos.items():
        if task in labels:
            part, subject, _ = task
            clash = part == "VA" and subject in training
            rows = levels[task]
            recordings.append(
                Recording(
                    f"VA-{subject}" if clash else subject,
                    "_".join((*task, view)),
                    split=SPLITS[part],
                    frames=rows.frames,
                    levels=rows.levels,
                    images=VideoImages(path),
                    left_out=rows.left_out,
                )
            )
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _label_files(root: Path, problems: list[str]) -> dict[tuple[Task, int], Path]:
    found = _files(root, _PREFIX + r"AU(\d+)_Int\.csv")
    coded = (((_task(match), int(match[5])), path) for match, path in found)
    return one_each(
        coded, problems, called=lambda key: _label_name("_".join(key[0]), au_name(key[1]))
    )


def _videos(root: Path, problems: list[str]) -> dict[tuple[Task, str], Path]:
    """Videos by task and view."""
    found = _files(root, _PREFIX + r"(\d)\.(mp4|avi|mkv)")
    seen = (((_task(match), match[5]), path) for match, path in found)
    return one_each(seen, problems, called=lambda key: f"FERA17_{'_'.join((*key[0], key[1]))}.mp4")


def _files(root: Path, pattern: str) -> list[tuple[re.Match[str], Path]]:
    paths = sorted(root.rglob("*"), key=lambda path: natural_key(path.name))
    found = ((re.fullmatch(pattern, path.name, re.IGNORECASE), path) for path in paths)
    return [(match, path) for match, path in found if match]


def _task(match: re.Match[str]) -> Task:
    part, sex, subject, task = match.group(1, 2, 3, 4)
    return part.upper(), f"{sex.upper()}{int(subject):03d}", f"T{int(task)}"


def _levels(
    paths: dict[int, Path], aus: tuple[str, ...], task: Task, problems: list[str]
) -> Levels:
    files = {au: paths.get(au_number(au)) for au in aus}
    return read_levels(
        files, lambda au: _label_name("_".join(task), au), scale=SPEC.scale, problems=problems
    )


def _label_name(sequence: str, au: str) -> str:
    return f"FERA17_{sequence}_{au}_Int.csv"


def write(subject: RenderedSubject, out: Path) -> Iterator[int]:
    """Writes one subject of a look-alike, named like `TR_F001`; yields 1 for each image."""
    for task in subject.corpus.sequences:
        sequence = f"{subject.name}_{task}"
        lines: dict[str, list[str]] = {au: [] for au in subject.corpus.aus}
        video = out / "Videos" / f"FERA17_{sequence}_{_FRONTAL}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(video, Fraction(_FPS)) as writer:
            for frame in subject.frames(task):
                writer.write(frame.image, (frame.number - 1) / _FPS)
                for au, level in frame.levels.items():
                    lines[au].append(f"{frame.number},{level}")
                yield 1
        for au, coded in lines.items():
            write_lines(out / "Intensity" / _label_name(sequence, au), coded)


# The people who validate come from BP4D+: the same name, another person.
_SUBJECTS = tuple(
    f"{part}_{name}"
    for k, subject in enumerate(bp4d.SUBJECTS)
    for part, name in (("TR", subject), ("VA", bp4d_plus.SUBJECTS[3 * k]))[: 1 + k % 2]
)
CORPUS = Corpus(
    layout=SPEC.name,
    people=bp4d.PEOPLE,
    guests={"VA": bp4d_plus.PEOPLE},
    subjects=_SUBJECTS,
    sequences=bp4d.TASKS,
    aus=SPEC.aus,
    prior=bp4d.INTERVIEW,
    count=len(_SUBJECTS),
    frames=25,
)


def corpus_name(subject: str, split: str) -> str:
    """TR_F001 or VA_F001 for F001 of a split, VA_F001 for VA-F001."""
    part = next(part for part, held in SPLITS.items() if held == split)
    return f"{part}_{subject.removeprefix('VA-')}"


DATASET = Dataset(SPEC, read, {SPEC.name: Lookalike(CORPUS, write)}, corpus_name=corpus_name)
