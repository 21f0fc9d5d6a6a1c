"""DISFA+: nine people who pose expressions in short trials, 12 AUs on every frame.

Mavadati, Sanger and Mahoor, CVPR workshops 2016.

    Images/SN001/A3_AU1_2_TrailNo_2/000.jpg     (spelled so)
    Labels/SN001/A3_AU1_2_TrailNo_2/AU1.txt     two header lines, then rows `000.jpg     0`
    FaceLandmarks/SN001/A3_AU1_2_TrailNo_2_FaceCropped.mat

Some copies double the folder of a subject (Labels/SN001/SN001/...). The landmarks belong to smaller
images within the .mat: its struct array `FaceImg_CropResize` has `imgID`, `ImgCropped` (the face
cut out and resized) and `LndPntCropped` (49 points, in pixels of that cut). With the dataset's own
landmarks those images are used, else those in Images. Coordinates are taken as they are: nothing
tells whether their first pixel is 0 or 1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from auheat import geometry
from auheat.arrays import Image
from auheat.data.checks import choose_aus, leave_out, own_landmarks
from auheat.data.corpora import Corpus, People
from auheat.data.datasets.disfa import PEOPLE as DISFA_PEOPLE
from auheat.data.datasets.spec import Dataset, DatasetSpec, Lookalike
from auheat.data.image_sources import ImageFiles, ImageSource, write_image
from auheat.data.labels import Column, IntensityScale, numbered_lines, read_levels, write_lines
from auheat.data.matlab import read_mat, struct_array, write_mat
from auheat.data.recording import NO_IMAGE, NO_LANDMARKS, Lookup, ReadOptions, Recording, Source
from auheat.data.source_files import frame_number, numbered, one_each
from auheat.errors import AuheatError
from auheat.facs import DISFA_AUS, au_name, au_number
from auheat.folders import IMAGE_SUFFIXES, locate, matching, subfolders
from auheat.geometry import Points
from auheat.landmarks import IN_49

if TYPE_CHECKING:
    from auheat.data.sequences import LabelledFrame, RenderedSubject

SPEC = DatasetSpec(
    name="disfa-plus",
    title="DISFA+",
    source="Mavadati, Sanger and Mahoor, CVPR workshops 2016",
    aus=DISFA_AUS,
    files="`Images`, `Labels` with two header lines (also in doubled folders), landmarks and crops "
    "in `*_FaceCropped.mat`",
)
_LABELS, _IMAGES, _LANDMARKS = "Labels", "Images", "FaceLandmarks"
_STRUCT, _NAME, _IMAGE, _POINTS = "FaceImg_CropResize", "imgID", "ImgCropped", "LndPntCropped"
_HEADER_LINES = 2

Trial = tuple[str, str]  # subject and trial: SN001, A3_AU1_2_TrailNo_2


@dataclass(frozen=True)
class MatTrial:
    """The images and the landmarks of one trial from its .mat file."""

    path: Path

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `Images.read`."""
        try:
            records = self._records(problems)
        except AuheatError as error:
            if str(error) not in problems:  # `open` says the same
                problems.append(str(error))
            return
        for frame in sorted(set(wanted) & set(records)):
            image = _rgb(records[frame][0])
            if image is None:
                problems.append(f"{self.path} holds no image for frame {frame}")
            else:
                yield frame, image

    def open(self) -> Lookup:
        """See `Landmarks.open`."""
        records = self._records([])

        def at(frame: int) -> Points | None:
            try:
                points = np.asarray(records[frame][1] if frame in records else (), np.float64)
            except (TypeError, ValueError):
                raise AuheatError(f"{self.path} holds no points for frame {frame}") from None
            if not points.size:
                return None
            return points.T if points.shape == (2, len(IN_49)) else points

        return at

    def _records(self, problems: list[str]) -> dict[int, tuple[Any, ...]]:
        """Image and points by frame, from an array of structs or a struct of arrays."""
        value = read_mat(self.path, _STRUCT)
        elements = value.ravel() if isinstance(value, np.ndarray) else [value]
        try:
            rows = [tuple(getattr(e, key) for key in (_NAME, _IMAGE, _POINTS)) for e in elements]
        except AttributeError:
            raise AuheatError(
                f"{self.path} lacks {_NAME}, {_IMAGE} or {_POINTS} of {_STRUCT}"
            ) from None
        if len(rows) == 1 and np.ndim(rows[0][0]) == 1:
            rows = list(zip(*rows[0], strict=False))
        found: dict[int, tuple[Any, ...]] = {}
        for name, *record in rows:
            if (frame := _frame(name)) in found:
                problems.append(f"{self.path} has frame {frame} again")
            elif frame is not None:
                found[frame] = tuple(record)
        return found


def read(root: Path, options: ReadOptions) -> Source:
    """The trials of DISFA+, all in the split "train".

    Raises:
        AuheatError: Labels or images are not where they should be.
    """
    labels, images = locate(root, _LABELS), locate(root, _IMAGES)
    if labels is None or (images is None and not options.own_landmarks):
        raise AuheatError(
            f"no DISFA+ in {root}: expected the folders {_LABELS} and {_IMAGES} there"
        )
    problems: list[str] = []
    trials = _trials(labels, problems)
    files = {key: _label_files(folder, problems) for key, folder in trials.items()}
    folders = _trials(images, problems) if images else {}
    crops = _landmark_files(root, problems) if options.own_landmarks else {}
    coded = {au_name(number) for paths in files.values() for number in paths}
    aus, unknown = choose_aus(coded, SPEC.aus, wanted=options.aus, root=root)
    problems += [f"{folders[key]}: no labels" for key in folders if key not in files]
    recordings = []
    for key, folder in trials.items():
        name, label = "/".join(key), partial(_label_file, folder)
        coding = {au: files[key].get(au_number(au)) for au in aus}
        levels = read_levels(coding, label, scale=SPEC.scale, problems=problems, read=_column)
        left_out, points = dict(levels.left_out), crops.get(key)
        frames = levels.frames.tolist()
        source: ImageSource | None = None
        if options.own_landmarks:
            source = MatTrial(points) if points else None
            missing, reason = ([] if points else frames), NO_LANDMARKS
        elif key in folders:
            paths = numbered(folders[key], IMAGE_SUFFIXES, problems)
            source = ImageFiles(paths)
            missing, reason = [f for f in frames if f not in paths], NO_IMAGE
        else:
            missing, reason = frames, NO_IMAGE
        leave_out(left_out, missing, reason=reason, of=len(frames), name=name, problems=problems)
        recordings.append(
            Recording(key[0], name, split="train", frames=levels.frames, levels=levels.levels,
                      images=source or ImageFiles({}),
                      landmarks=MatTrial(points) if points else None, left_out=left_out)
        )  # fmt: skip
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _trials(top: Path, problems: list[str]) -> dict[Trial, Path]:
    """Folders by subject and trial; a doubled subject's folder counts once."""
    found: list[tuple[Trial, Path]] = []
    for match, folder in matching(top, r"SN(\d+)"):
        person, below = f"SN{int(match[1]):03d}", subfolders(folder)
        doubled = [path for path in below if path.name.casefold() == folder.name.casefold()]
        inner = (trial for path in doubled for trial in subfolders(path))
        trials = (*(path for path in below if path not in doubled), *inner)
        found += [((person, trial.name), trial) for trial in trials]
    return one_each(found, problems, called=lambda key: key[1])


def _label_files(folder: Path, problems: list[str]) -> dict[int, Path]:
    found = ((int(match[1]), path) for match, path in matching(folder, r"AU(\d+)\.txt"))
    return one_each(found, problems, called=lambda au: f"AU{au}.txt")


def _landmark_files(root: Path, problems: list[str]) -> dict[Trial, Path]:
    found: list[tuple[Trial, Path]] = []
    for match, folder in matching(own_landmarks(root, _LANDMARKS), r"SN(\d+)"):
        for path in sorted(folder.rglob("*")):
            if name := re.fullmatch(r"(.+)_FaceCropped\.mat", path.name, re.IGNORECASE):
                found.append(((f"SN{int(match[1]):03d}", name[1]), path))
    return one_each(found, problems, called=lambda key: f"{key[1]}_FaceCropped.mat")


def _label_file(folder: Path, au: str) -> Path:
    return folder / f"AU{au_number(au)}.txt"


def _column(path: Path, scale: IntensityScale, problems: list[str]) -> Column:
    """The codes of one AU. Rows are told from the header by their form."""
    column: dict[int, float] = {}
    for number, line in numbered_lines(path, problems):
        row = re.fullmatch(r"\s*(\d+)(?:\.[a-z]+)?[\s,]+(\d)(?:\.0*)?\s*", line, re.IGNORECASE)
        if row and int(row[1]) in column:
            problems.append(f"{path}: line {number} has frame {int(row[1])} again")
        elif row and scale.holds(float(row[2])):
            column[int(row[1])] = float(row[2])
        elif line.strip() and number > _HEADER_LINES:
            problems.append(f"{path}: line {number} is not a frame and a level: {line.strip()!r}")
    return Column.of(column)


def _frame(name: Any) -> int | None:
    """A frame's number from `000.jpg` or a number."""
    value = np.asarray(name)
    if value.size != 1:
        return None
    text = str(value.item())
    if re.fullmatch(r"\d+(\.0*)?", text):
        return int(float(text))
    return frame_number(Path(text).stem)


def _rgb(image: Any) -> Image | None:
    """(H, W, 3) uint8 from grey or colour, whole numbers to 255 or fractions of 1."""
    array = np.asarray(image)
    if array.ndim == 2:
        array = np.stack([array] * 3, -1)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "uif" or not array.size:
        return None
    if array.dtype.kind == "f" and array.max() <= 1:
        array = array * 255
    return np.ascontiguousarray(np.clip(np.rint(array), 0, 255).astype(np.uint8))


def write(subject: RenderedSubject, out: Path) -> Iterator[int]:
    """Writes one subject of a look-alike; yields 1 for each image."""
    labels = out / _LABELS / subject.name
    if subject.position % 3 == 1:
        labels = labels / subject.name
    for trial in subject.corpus.sequences:
        cuts: list[dict[str, Any]] = []
        lines: dict[str, list[str]] = {
            au: [f"AU{au_number(au)} of {subject.name} in {trial}", "image     intensity"]
            for au in subject.corpus.aus
        }
        for frame in subject.frames(trial):
            name = f"{frame.number:03d}.jpg"
            write_image(out / _IMAGES / subject.name / trial / name, frame.image)
            cuts.append({_NAME: name, **_cut(frame, subject.plan.size // 2)})
            for au, level in frame.levels.items():
                lines[au].append(f"{name}     {level}")
            yield 1
        for au, text in lines.items():
            write_lines(_label_file(labels / trial, au), text)
        path = out / _LANDMARKS / subject.name / f"{trial}_FaceCropped.mat"
        write_mat(path, {_STRUCT: struct_array(cuts)})


def _cut(frame: LabelledFrame, side: int) -> dict[str, Any]:
    """The square around the landmarks, 1.3 times as wide, resized to `side` pixels."""
    low, high = frame.landmarks.min(0), frame.landmarks.max(0)
    scale = side / (1.3 * float((high - low).max()))
    middle = (low + high) / 2
    shift = np.array([(side - 1) / 2] * 2) - scale * middle
    transform = geometry.similarity(scale, shift=shift)
    image = cv2.warpAffine(
        frame.image, transform, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    points = geometry.apply(transform, frame.landmarks[list(IN_49)])
    return {_IMAGE: image, _POINTS: points}


def _posed(trial: str) -> list[str]:
    """`A3_AU1_2_TrailNo_2` shows AU01 and AU02."""
    return [au_name(int(n)) for n in re.findall(r"\d+", trial.split("_", 1)[1].split("_Trail")[0])]


_SUBJECTS = tuple(f"SN{n:03d}" for n in (1, 3, 4, 7, 9, 10, 13, 25, 27))
CORPUS = Corpus(
    layout=SPEC.name,
    people=People(SPEC.name, DISFA_PEOPLE.first),  # the same ones
    subjects=_SUBJECTS,
    sequences=tuple(
        f"{trial}_TrailNo_{number}"
        for trial in (
            "A1_AU1", "A2_AU2", "A3_AU1_2", "A4_AU4", "A5_AU5", "A6_AU1_2_5", "A9_AU9", "A12_AU12",
            "A13_AU6_12_25", "A15_AU15", "A17_AU15_17", "A20_AU20_25", "A25_AU25", "A26_AU25_26",
        )
        for number in (1, 2)
    ),
    aus=SPEC.aus,
    prior=None,
    count=len(_SUBJECTS),
    frames=20,
    first=(0,),
    posed=_posed,
)  # fmt: skip
DATASET = Dataset(SPEC, read, {SPEC.name: Lookalike(CORPUS, write)}, landmark_folders=(_LANDMARKS,))
