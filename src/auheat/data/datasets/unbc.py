"""UNBC-McMaster: 25 people with shoulder pain, the AUs that pain may show.

Lucey, Cohn, Prkachin, Solomon and Matthews, IEEE FG 2011.

    Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png
    Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt   rows `AU level onset offset`
    AAM_landmarks/042-ll042/ll042t1aaaff/ll042t1aaaff001_aam.txt        66 rows `x y`

A label file without rows means that no AU is there. AU43 (eyes closed) is coded too, but only as
present, without a level, so that it is not read. Coordinates are taken as they are: nothing tells
whether their first pixel is 0 or 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auheat.data.checks import choose_aus, leave_out, own_landmarks
from auheat.data.corpora import Corpus, EventPrior, People
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike
from auheat.data.image_sources import ImageFiles, write_image
from auheat.data.labels import IntensityScale, numbers_in, read_text, write_lines
from auheat.data.recording import (
    NO_IMAGE,
    NO_LANDMARKS,
    NOT_CODED,
    LandmarkFiles,
    ReadOptions,
    Recording,
    Source,
)
from auheat.data.source_files import numbered
from auheat.errors import AuheatError
from auheat.facs import au_name, au_number
from auheat.folders import IMAGE_SUFFIXES, child, locate, subfolders
from auheat.geometry import Points
from auheat.landmarks import IN_66

if TYPE_CHECKING:
    from auheat.data.sequences import RenderedSubject

SPEC = DatasetSpec(
    name="unbc",
    title="UNBC-McMaster",
    source="Lucey et al., IEEE FG 2011",
    aus=tuple(au_name(number) for number in (4, 6, 7, 9, 10, 12, 20, 25, 26)),
    files="`Images`, `Frame_Labels/FACS`, `AAM_landmarks`",
    scale=IntensityScale(not_codable=None),
)
_IMAGES, _LABELS, _LANDMARKS = "Images", ("Frame_Labels", "FACS"), "AAM_landmarks"
_EYES_SHUT = 43


def read(root: Path, options: ReadOptions) -> Source:
    """The recordings of UNBC-McMaster, all in the split "train".

    Raises:
        AuheatError: Images or labels are not where they should be, or AU43 is asked for.
    """
    images, labels = locate(root, _IMAGES), _facs_folder(root)
    if images is None or labels is None:
        raise AuheatError(
            f"no UNBC-McMaster in {root}: expected the folders {_IMAGES} and {'/'.join(_LABELS)} "
            "there"
        )
    landmarks = own_landmarks(root, _LANDMARKS) if options.own_landmarks else None
    if au_name(_EYES_SHUT) in (options.aus or ()):
        raise AuheatError(
            f"{SPEC.title} says of {au_name(_EYES_SHUT)} only that it is there, not how strong it "
            f"is: ask for some of {', '.join(SPEC.aus)}"
        )
    aus, unknown = choose_aus(SPEC.aus, SPEC.aus, wanted=options.aus, root=root)
    problems: list[str] = []
    recordings = [
        _recording(
            subject.name,
            folder,
            labels=labels,
            landmarks=landmarks,
            aus=aus,
            options=options,
            problems=problems,
        )
        for subject in subfolders(images)
        for folder in subfolders(subject)
    ]
    kept = tuple(recording for recording in recordings if len(recording.frames))
    return Source(aus, kept, tuple(problems), unknown)


def _facs_folder(root: Path) -> Path | None:
    labels = locate(root, _LABELS[0])
    return child(labels, _LABELS[1]) if labels else None


def _recording(
    subject: str,
    folder: Path,
    *,
    labels: Path,
    landmarks: Path | None,
    aus: tuple[str, ...],
    options: ReadOptions,
    problems: list[str],
) -> Recording:
    name = re.escape(folder.name)
    paths = numbered(folder, IMAGE_SUFFIXES, problems, stem=rf"{name}(\d+)")
    label_files = _beside(labels, subject, folder.name, "facs", problems)
    frames = sorted(set(paths) | set(label_files))
    left_out: dict[int, str] = {}
    levels = np.full((len(frames), len(aus)), np.nan, np.float32)
    for row, frame in enumerate(frames):
        if frame in label_files:
            found = _read_levels(label_files[frame], problems)
            if found is not None:
                levels[row] = [found.get(au_number(au), 0) for au in aus]
    uncoded = [f for f, row in zip(frames, levels, strict=True) if np.isnan(row).all()]
    lacking = {NOT_CODED: uncoded, NO_IMAGE: [f for f in frames if f not in paths]}
    points = None
    if landmarks is not None:
        points = LandmarkFiles(
            _beside(landmarks, subject, folder.name, "aam", problems), _read_points
        )
        lacking[NO_LANDMARKS] = [f for f in frames if f not in points.paths]
    for reason, missing in lacking.items():
        leave_out(
            left_out, missing, reason=reason, of=len(frames), name=folder.name, problems=problems
        )
    return Recording(
        subject,
        folder.name,
        split="train",
        frames=np.array(frames, np.int64),
        levels=levels,
        images=ImageFiles(paths),
        landmarks=points,
        left_out=left_out,
    )


def _beside(
    top: Path, subject: str, sequence: str, ending: str, problems: list[str]
) -> dict[int, Path]:
    """Text files of a sequence by frame."""
    person = child(top, subject)
    folder = child(person, sequence) if person else None
    stem = rf"{re.escape(sequence)}(\d+)_{ending}"
    return numbered(folder, {".txt"}, problems, stem=stem) if folder else {}


def _read_points(path: Path) -> Points:
    """From a row `x y` for each point."""
    lines = filter(str.strip, read_text(path).splitlines())
    try:
        return np.array([numbers_in(line) for line in lines], np.float64)
    except ValueError:
        raise AuheatError(f"{path} holds other things than rows of x and y") from None


def _read_levels(path: Path, problems: list[str]) -> dict[int, float] | None:
    """Level by AU number, 0 for an AU without levels; None if the file cannot be read."""
    levels: dict[int, float] = {}
    try:
        for line in filter(str.strip, read_text(path).splitlines()):
            number, level, *_ = numbers_in(line)
            levels[int(number)] = level
    except (ValueError, OverflowError):
        problems.append(f"{path} holds other things than rows `AU level onset offset`")
        return None
    except AuheatError as error:
        problems.append(str(error))
        return None
    if any(not SPEC.scale.holds(level) for level in levels.values()):
        problems.append(f"{path} has a level that is not in 0 to 5")
        return None
    return levels


def write(subject: RenderedSubject, out: Path) -> Iterator[int]:
    """Writes one subject of a look-alike; yields 1 for each image."""
    for part in subject.corpus.sequences:
        sequence = subject.name.split("-")[1] + part
        folder, labels = Path(subject.name, sequence), out.joinpath(*_LABELS)
        coded: list[tuple[int, dict[int, int]]] = []
        for frame in subject.frames(part):
            name = f"{sequence}{frame.number:03d}"
            write_image(out / _IMAGES / folder / f"{name}.png", frame.image)
            points = [_row(point) for point in frame.landmarks[list(IN_66)].tolist()]
            write_lines(out / _LANDMARKS / folder / f"{name}_aam.txt", points)
            present = {au_number(au): level for au, level in frame.levels.items() if level}
            shut = {_EYES_SHUT: 0} if frame.shut else {}
            coded.append((frame.number, present | shut))
            yield 1
        for index, (number, levels) in enumerate(coded):
            rows = [
                _row((au, level, *_span([present for _, present in coded], au, index)))
                for au, level in levels.items()
            ]
            write_lines(labels / folder / f"{sequence}{number:03d}_facs.txt", rows)


def _span(coded: Sequence[dict[int, int]], au: int, index: int) -> tuple[int, int]:
    """First and last frame, from 1, of the run of frames that show the AU."""
    first = last = index
    while first > 0 and au in coded[first - 1]:
        first -= 1
    while last + 1 < len(coded) and au in coded[last + 1]:
        last += 1
    return first + 1, last + 1


def _row(numbers: Sequence[float]) -> str:
    """As MATLAB saves numbers in plain text."""
    return "".join(f"{number:16.7e}" for number in numbers)


PAIN = EventPrior(
    (
        ((4,), 0.03), ((4, 6), 0.04), ((4, 6, 9), 0.02), ((4, 6, 9, 10, 25), 0.03),
        ((4, 6, 10), 0.02), ((6, 12), 0.06), ((6, 12, 25), 0.05), ((12,), 0.03), ((20, 25), 0.02),
        ((4, 20), 0.01), ((25,), 0.04), ((25, 26), 0.04), ((6, 10, 20, 25, 26), 0.01),
        ((4, 6, 7), 0.04), ((7,), 0.02),
    ),
    shut=3.0,
)  # fmt: skip
_SUBJECTS = (
    "042-ll042", "043-jh043", "047-jl047", "048-aa048", "049-bm049", "052-dr052", "059-fn059",
    "064-ak064", "066-mg066", "080-bn080", "092-ch092", "095-tv095", "096-bg096", "097-gf097",
    "101-mg101", "103-jk103", "106-nm106", "107-hs107", "108-th108", "109-ib109", "115-jy115",
    "120-kz120", "121-vw121", "123-jh123", "124-dn124",
)  # fmt: skip
CORPUS = Corpus(
    layout=SPEC.name,
    people=People("unbc", 4000),
    subjects=_SUBJECTS,
    sequences=("t1aaaff", "t2aeunaff"),
    aus=SPEC.aus,
    prior=PAIN,
    count=len(_SUBJECTS),
    frames=30,
)
DATASET = Dataset(SPEC, read, {SPEC.name: Lookalike(CORPUS, write)}, landmark_folders=(_LANDMARKS,))
