"""The JSON lists that go with the authors' released code: crops with AU points and intensities.

    [{"imgpath": ".../F001/T1/0012.jpg", "AUs": [x1, y1, I1, x2, y2, I2, ...]}, ...]

10 points are BP4D (AU06, 10, 12, 14 and 17, two each), 24 are DISFA (AU04 one, AU09 three, the rest
two), in the order of the AUs' numbers. The points lie in the crop of 256 x 256 pixels; auheat reads
the intensities and finds the 68 landmarks itself, so that every dataset is cropped in one way.
Look-alikes have the points of `facs.PointLayout` and the crop of `faces.crop`, not the authors'.

A list with `train` in its file's name is the split "train", with `test` "test", else "train".
Subject, task and frame are read from the path: F001/T1/0012.jpg, F001_T1_0012.jpg, SN001/0012.jpg,
else the names of the folder and the file. Paths of another machine are looked up below the list's
folder by as many of their last pieces as fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from auheat import geometry
from auheat.data.checks import choose_aus, leave_out
from auheat.data.corpora import Corpus, nothing_missing
from auheat.data.datasets import bp4d, disfa
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike
from auheat.data.image_sources import ImageFiles, write_image
from auheat.data.labels import write_lines
from auheat.data.recording import NO_IMAGE, NOT_CODABLE, ReadOptions, Recording, Source
from auheat.data.source_files import frame_number
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.facs import BP4D_AUS, DISFA_AUS, PAPER_AUS, PointLayout
from auheat.files import atomic_write, check_file
from auheat.folders import entries
from auheat.json_files import parse_json

if TYPE_CHECKING:
    from auheat.data.sequences import LabelledFrame, RenderedSubject

SPEC = DatasetSpec(
    name="authors-json",
    title="the authors' lists",
    source="the code released with Fan, Lam and Li, AAAI 2020",
    aus=PAPER_AUS,
    files="the JSON of the paper's authors: crops and points",
    split="by file name",
)
_LAYOUTS = {PointLayout.of(aus).count: PointLayout.of(aus) for aus in (BP4D_AUS, DISFA_AUS)}


@dataclass(frozen=True)
class _Row:
    """One entry of a list: who, where, its image, and the intensity of each AU."""

    subject: str
    sequence: str
    frame: int
    split: str
    path: Path | None
    levels: dict[str, float]


def read(root: Path, options: ReadOptions) -> Source:
    """The recordings of one list (`root` is the file) or of all lists in a folder.

    Raises:
        AuheatError: There is no list, or its own landmarks are asked for.
    """
    if options.own_landmarks:
        raise AuheatError("the authors' lists have no landmarks: use --landmarks mediapipe")
    lists = [root] if root.is_file() else [p for p in entries(root) if p.suffix.lower() == ".json"]
    if not lists:
        raise AuheatError(f"no lists in {root}: expected files like train.json there")
    problems: list[str] = []
    rows = [row for path in lists for row in _read_list(path, problems)]
    coded = {au for row in rows for au in row.levels}
    aus, unknown = choose_aus(coded, sorted(coded), wanted=options.aus, root=root)
    by_sequence: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        by_sequence.setdefault((row.split, row.sequence), []).append(row)
    recordings = tuple(_recording(group, aus, problems) for group in by_sequence.values())
    return Source(aus, recordings, tuple(problems), unknown)


def _recording(rows: list[_Row], aus: tuple[str, ...], problems: list[str]) -> Recording:
    by_frame: dict[int, _Row] = {}
    for row in rows:
        if row.frame in by_frame:
            problems.append(f"{row.sequence}: frame {row.frame} comes twice, the first one counts")
        by_frame.setdefault(row.frame, row)
    frames = sorted(by_frame)
    levels = np.array(
        [[by_frame[f].levels.get(au, np.nan) for au in aus] for f in frames], np.float32
    )
    hidden = levels == SPEC.scale.not_codable
    left_out = {f: NOT_CODABLE for f, row in zip(frames, hidden, strict=True) if row.any()}
    levels[hidden] = np.nan
    missing = [f for f in frames if by_frame[f].path is None]
    leave_out(
        left_out, missing, reason=NO_IMAGE, of=len(frames), name=rows[0].sequence,
        problems=problems,
    )  # fmt: skip
    paths = {f: path for f in frames if (path := by_frame[f].path)}
    return Recording(
        rows[0].subject,
        rows[0].sequence,
        split=rows[0].split,
        frames=np.array(frames, np.int64),
        levels=levels,
        images=ImageFiles(paths),
        moving=False,
        left_out=left_out,
    )


def _read_list(path: Path, problems: list[str]) -> Iterable[_Row]:
    check_file(path)
    try:
        content = parse_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise AuheatError(f"{path} is not a readable JSON file") from None
    if not isinstance(content, list):
        raise AuheatError(f'{path} is not a list of {{"imgpath": ..., "AUs": [...]}}')
    split = "test" if re.search("test", path.name, re.IGNORECASE) else "train"
    if re.search("train", path.name, re.IGNORECASE):
        split = "train"
    for number, entry in enumerate(content, 1):
        try:
            name, values = str(entry["imgpath"]), np.array(entry["AUs"], np.float64)
            levels = _levels(values)
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{path}: entry {number} cannot be read: {error}")
            continue
        pieces = PurePosixPath(name.replace("\\", "/")).parts
        subject, sequence, frame = _names(pieces, number)
        yield _Row(subject, sequence, frame, split, _image(path.parent, pieces), levels)


def _levels(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    """Intensity of each AU, the mean over its points (which agree in the authors' lists).

    Raises:
        ValueError: if the points are not those of a known dataset.
    """
    if values.ndim != 1 or len(values) % 3 or len(values) // 3 not in _LAYOUTS:
        raise ValueError(f"{values.size} numbers are not x, y, intensity of 10 or 24 points")
    layout = _LAYOUTS[len(values) // 3]
    owner, given = np.array(layout.au_of_point), values[2::3]
    levels = {au: float(given[owner == a].mean()) for a, au in enumerate(layout.aus)}
    if not all(SPEC.scale.holds(level) for level in levels.values()):
        raise ValueError("an intensity is not in 0 to 5")
    return levels


def _names(pieces: tuple[str, ...], number: int) -> tuple[str, str, int]:
    """Subject, sequence and frame from the pieces of a path; number: the entry's, from 1."""
    stem = PurePosixPath(pieces[-1]).stem if pieces else ""
    last = frame_number(stem)
    frame = number if last is None else last
    whole = "/".join((*pieces[:-1], stem))
    if match := re.search(r"(?:^|[/_])([FM])(\d{3})[/_]T(\d+)(?=[/_])", whole, re.IGNORECASE):
        subject = f"{match[1].upper()}{match[2]}"
        return subject, f"{subject}_T{int(match[3])}", frame
    if match := re.search(r"SN(\d{3})", whole, re.IGNORECASE):
        return (subject := f"SN{match[1]}"), subject, frame
    folder = re.sub(r"[^\w.-]", "_", pieces[-2]) if len(pieces) > 1 else "unknown"
    return folder, folder, frame


def _image(folder: Path, pieces: tuple[str, ...]) -> Path | None:
    """The image at a path, or below `folder` at as many of its last pieces as possible."""
    for start in range(len(pieces)):
        path = folder.joinpath(*pieces[start:])
        if path.is_file():
            return path
    return None


_CROP = CropSpec(256)
_ROWS = ".rows"  # hidden: not part of the layout


def write(subject: RenderedSubject, out: Path) -> Iterator[int]:
    """Writes one subject's images and rows; yields 1 for each image."""
    layout, rows = PointLayout.of(subject.corpus.aus), []
    for sequence in subject.corpus.sequences:
        for frame in subject.frames(sequence):
            path = f"images/{subject.name}_{sequence}_{frame.number:04d}.jpg"
            transform = _CROP.transform(frame.landmarks)
            write_image(out / path, _CROP.extract(frame.image, transform))
            rows.append(json.dumps({"imgpath": path, "AUs": _triples(layout, frame, transform)}))
            yield 1
    write_lines(out / _ROWS / f"{subject.name}.txt", rows)


def _triples(
    layout: PointLayout, frame: LabelledFrame, transform: geometry.Transform
) -> list[float]:
    points = layout.locate(geometry.apply(transform, frame.landmarks))
    flat: list[float] = []
    for (x, y), a in zip(points.tolist(), layout.au_of_point, strict=True):
        flat += [round(x, 2), round(y, 2), frame.levels[layout.aus[a]]]
    return flat


def finish(out: Path, subjects: Sequence[str]) -> None:
    """Puts the rows of all subjects into the two lists; every third subject is tested."""
    split: dict[str, list[Any]] = {"train": [], "test": []}
    for position, subject in enumerate(subjects):
        lines = (out / _ROWS / f"{subject}.txt").read_text().splitlines()
        split["test" if position % 3 == 2 else "train"] += [parse_json(line) for line in lines]
    for name, rows in split.items():
        with atomic_write(out / f"{name}.json") as temporary:
            temporary.write_text(json.dumps(rows))


def _corpus(layout: str, original: Corpus, frames: int) -> Corpus:
    """The people of another look-alike in larger images, of which nothing is missing."""
    complete = replace(original, shorter=frozenset(), missing=nothing_missing, first=(1,))
    return replace(complete, layout=layout, frames=frames, size=400)


CORPUS = _corpus(SPEC.name, disfa.CORPUS, 40)
BP4D_CORPUS = _corpus(f"{SPEC.name}-bp4d", bp4d.CORPUS, 5)
DATASET = Dataset(
    SPEC,
    read,
    {corpus.layout: Lookalike(corpus, write, finish) for corpus in (CORPUS, BP4D_CORPUS)},
)
