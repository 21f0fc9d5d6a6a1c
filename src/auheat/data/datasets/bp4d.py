"""BP4D: eight tasks a person, intensities of five AUs. FERA 2015 and BP4D+ lie on disk as it does.

Zhang et al., Image and Vision Computing 32 (2014).

    2D+3D/F001/T1/0012.jpg                       or Sequences/, or the subjects right in the folder
    AUCoding/AU_INT/AU06/F001_T1_AU06.csv        rows `frame,level`; 9 where not codable
    AU Intensity Codes3.0/AU06/F001_T1.csv       the same in the FERA 2015 release
    AUCoding/AU_OCC/F001_T1.csv                  presence, with a header of AU numbers (not read)
    2DFeatures/F001_T1.mat                       49 points

Images are zero-padded differently from sequence to sequence. A .mat belongs to the images in their
order; see `auheat.data.datasets.fit_landmarks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auheat.data.checks import choose_aus, leave_out, own_landmarks
from auheat.data.corpora import Corpus, EventPrior, MissingData, People, numbered_people
from auheat.data.datasets.fit_landmarks import FitLandmarks, write_fits
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike, Protocol
from auheat.data.image_sources import ImageFiles, write_image
from auheat.data.labels import read_levels, write_lines
from auheat.data.recording import NO_IMAGE, NO_LANDMARKS, ReadOptions, Recording, Source
from auheat.data.source_files import numbered, one_each
from auheat.errors import AuheatError
from auheat.facs import BP4D_AUS, PAPER_AUS, au_name, au_number
from auheat.folders import IMAGE_SUFFIXES, child, files_in, matching, subfolders

if TYPE_CHECKING:
    from auheat.data.sequences import LabelledFrame, RenderedSubject

SUBJECTS = numbered_people(range(1, 24), range(1, 19))
TRAIN = numbered_people(range(1, 24, 2), range(1, 18, 2))
DEVELOPMENT = numbered_people(range(2, 23, 2), range(2, 19, 2))

SPEC = DatasetSpec(
    name="bp4d",
    title="BP4D",
    source="Zhang et al., Image and Vision Computing 32 (2014)",
    aus=BP4D_AUS,
    files="`<subject>/<task>/<frame>.jpg` with any zero padding, `AUCoding/AU_INT`, `2DFeatures`",
    split="official training and development sets",
    # The official split of FERA 2015: 21 subjects to train and 20 for development.
    protocols=(
        Protocol("bp4d", "the official training and development sets", (TRAIN, DEVELOPMENT), True),
    ),
    k=5,
    database="BP4D",
)
_LANDMARKS = ("2DFeatures", "2D Features", "2D_Features")
_CODING, _INTENSITY, _PRESENCE = "AUCoding", "AU_INT", "AU_OCC"
INTENSITY_CODES, FERA_CODES = f"{_CODING}/{_INTENSITY}", "AU Intensity Codes3.0"
_NOT_CODABLE = 9
PADDINGS = (0, 4, 3, 0, 5)  # digits of an image's number in one sequence after the other
_SUBJECT, _TASK = r"([FM])(\d+)", r"T(\d+)"

Sequence = tuple[str, str]  # subject and task: F001, T1
Split = Callable[[str, list[str]], str]
Reader = Callable[[Path, ReadOptions], Source]


def read(root: Path, options: ReadOptions) -> Source:
    """BP4D or FERA 2015, in the official split: development people are in "test".

    Raises:
        AuheatError: Labels or images are not where they should be.
    """
    return read_split(root, options, split=_official)


def _official(subject: str, problems: list[str]) -> str:
    if subject in DEVELOPMENT:
        return "test"
    if subject not in TRAIN:
        problems.append(f"{subject} is in neither part of the official split: taken for training")
    return "train"


def read_split(root: Path, options: ReadOptions, *, split: Split) -> Source:
    """A dataset that lies on disk as BP4D does.

    Args:
        root: Where it lies.
        options: What is asked for.
        split: From a subject, and lines about what is odd, to "train" or "test".

    Raises:
        AuheatError: Labels or images are not where they should be.
    """
    labels = _label_folder(root)
    problems: list[str] = []
    found = ((au_name(int(match[1])), path) for match, path in matching(labels, r"AU(\d+)"))
    by_au = one_each(found, problems, called=lambda au: au)
    aus, unknown = choose_aus(by_au, SPEC.aus, wanted=options.aus, root=root)
    files = {au: _by_sequence(by_au[au], r"(?!\d).*\.csv", problems) for au in aus}
    tracked = own_landmarks(root, *_LANDMARKS) if options.own_landmarks else None
    fits = _by_sequence(tracked, r"\.mat", problems) if tracked else {}
    images = _image_folders(root, problems)
    if not images:
        raise AuheatError(f"no images in {root}: expected F001/T1/0001.jpg or 2D+3D/F001/T1 there")
    coded = sorted(set().union(*files.values()), key=_order)
    for subject, task in sorted(set(images) - set(coded), key=_order):
        problems.append(f"{images[subject, task]}: no intensity labels")
    recordings = []
    splits: dict[str, str] = {}
    for sequence in coded:
        subject, name = sequence[0], "_".join(sequence)
        if sequence not in images:
            problems.append(f"{name}: no images")
            continue
        if subject not in splits:
            splits[subject] = split(subject, problems)
        coding = {au: files[au].get(sequence) for au in aus}
        expected = partial(_label_file, labels, name)
        levels = read_levels(coding, expected, scale=SPEC.scale, problems=problems)
        paths = numbered(images[sequence], IMAGE_SUFFIXES, problems)
        left_out, frames = dict(levels.left_out), levels.frames.tolist()
        note = partial(leave_out, left_out, of=len(frames), name=name, problems=problems)
        note([frame for frame in frames if frame not in paths], reason=NO_IMAGE)
        points = FitLandmarks(fits[sequence], tuple(paths)) if sequence in fits else None
        if options.own_landmarks and points is None:
            note(frames, reason=NO_LANDMARKS)
        recordings.append(
            Recording(subject, name, split=splits[subject], frames=levels.frames,
                      levels=levels.levels, images=ImageFiles(paths), landmarks=points,
                      left_out=left_out)
        )  # fmt: skip
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _order(sequence: Sequence) -> tuple[str, int]:
    return sequence[0], int(sequence[1][1:])


def _sequence(sex: str, subject: str, task: str) -> Sequence:
    return f"{sex.upper()}{int(subject):03d}", f"T{int(task)}"


def _label_folder(root: Path) -> Path:
    for place in (root, *subfolders(root)):
        coding = child(place, _CODING)
        inner = child(coding, _INTENSITY) if coding else None
        if found := inner or child(place, _INTENSITY, FERA_CODES):
            return found
    raise AuheatError(
        f"no intensity labels in {root}: expected {INTENSITY_CODES}/AU06 or {FERA_CODES}/AU06 there"
    )


def _by_sequence(folder: Path, ending: str, problems: list[str]) -> dict[Sequence, Path]:
    """Files that are called F001_T1 and end as a pattern says."""
    found = matching(folder, rf"{_SUBJECT}_{_TASK}{ending}")
    paths = ((_sequence(match[1], match[2], match[3]), path) for match, path in found)
    return one_each(paths, problems, called=lambda key: f"{'_'.join(key)}_{folder.name}.csv")


def _label_file(folder: Path, name: str, au: str) -> Path:
    return folder / au / f"{name}_{au}.csv"


def _image_folders(root: Path, problems: list[str]) -> dict[Sequence, Path]:
    """Folders with images by sequence, as deep as two folders below the root."""
    found: list[tuple[Sequence, Path]] = []
    below = subfolders(root)
    for place in (root, *below, *(deeper for folder in below for deeper in subfolders(folder))):
        for match, subject in matching(place, _SUBJECT):
            for task, folder in matching(subject, _TASK):
                if files_in(folder, IMAGE_SUFFIXES):
                    found.append((_sequence(match[1], match[2], task[1]), folder))
    return one_each(found, problems, called=lambda sequence: sequence[1])


def write(
    subject: RenderedSubject, out: Path, codes: str, paddings: tuple[int, ...]
) -> Iterator[int]:
    """Writes one subject of a look-alike; yields 1 for each image.

    Args:
        subject: Whom.
        out: The folder.
        codes: Where intensities lie below it.
        paddings: Digits of an image's number; one for each sequence in turn.
    """
    for position, task in enumerate(subject.corpus.sequences):
        digits = paddings[(subject.position + position) % len(paddings)]
        frames = []
        for frame in subject.frames(task):
            write_image(out / subject.name / task / f"{frame.number:0{digits}d}.jpg", frame.image)
            frames.append(replace(frame, image=np.empty((0, 0, 3), np.uint8)))
            yield 1
        name = f"{subject.name}_{task}"
        write_fits(out / _LANDMARKS[0] / f"{name}.mat", frames)
        _write_codes(out, codes, name=name, aus=subject.corpus.aus, frames=frames)


def _write_codes(
    out: Path, codes: str, *, name: str, aus: tuple[str, ...], frames: list[LabelledFrame]
) -> None:
    for au in aus:
        lines = [f"{frame.number},{frame.levels.get(au, _NOT_CODABLE)}" for frame in frames]
        write_lines(_label_file(out / codes, name, au), lines)
    lines = [",".join(["0", *(str(au_number(au)) for au in PAPER_AUS)])]
    for frame in frames:
        lacking = set(aus) - set(frame.levels)
        row = [_NOT_CODABLE if au in lacking else int(frame.is_present(au)) for au in PAPER_AUS]
        lines.append(",".join(map(str, [frame.number, *row])))
    write_lines(out / _CODING / _PRESENCE / f"{name}.csv", lines)


# Fractions of frames at level 1 or more, rounded, are .46 (AU06), .59, .56, .47 and .34 (AU17).
INTERVIEW = EventPrior(
    (
        ((6, 10, 12), 0.137), ((6, 10, 12, 25), 0.159), ((6, 10, 12, 14), 0.143),
        ((10, 12), 0.095), ((10, 12, 14), 0.107), ((10, 12, 25, 26), 0.057), ((12, 14), 0.06),
        ((14,), 0.136), ((14, 17), 0.124), ((17,), 0.068), ((10, 17), 0.079), ((15, 17), 0.079),
        ((4, 10), 0.052), ((4, 6, 9, 10), 0.059), ((4, 17), 0.045), ((1, 2), 0.06),
        ((1, 2, 5, 25), 0.03), ((25, 26), 0.06), ((20, 25), 0.02), ((1, 4), 0.03),
    )
)  # fmt: skip
PEOPLE = People(SPEC.name, 2000)
TASKS = tuple(f"T{n}" for n in range(1, 9))


def _missing(subject: str, frames: int, rng: np.random.Generator) -> MissingData:
    """Some lost landmarks, and now and then an AU that could not be coded for a while."""
    lost = frozenset(np.flatnonzero(rng.random(frames) < 0.02).tolist())
    if rng.random() > 0.2:
        return MissingData(lost)
    start = int(rng.integers(0, frames - 1))
    return MissingData(lost, ((str(rng.choice(BP4D_AUS)), start, start + max(1, frames // 6)),))


CORPUS = Corpus(
    layout=SPEC.name,
    people=PEOPLE,
    subjects=SUBJECTS,
    sequences=TASKS,
    aus=SPEC.aus,
    prior=INTERVIEW,
    count=len(SUBJECTS),
    frames=25,
    first=(95, 993, 9, 317),  # coded frames begin somewhere in a recording
    missing=_missing,
)


def dataset(
    spec: DatasetSpec, corpus: Corpus, *, read: Reader, codes: str, paddings: tuple[int, ...]
) -> Dataset:
    """A dataset that lies on disk as BP4D does; codes and paddings: see `write`."""
    layout = Lookalike(corpus, partial(write, codes=codes, paddings=paddings))
    return Dataset(spec, read, {spec.name: layout}, landmark_folders=_LANDMARKS)


DATASET = dataset(SPEC, CORPUS, read=read, codes=INTENSITY_CODES, paddings=PADDINGS)
