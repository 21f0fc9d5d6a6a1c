"""DISFA+: nine people who pose expressions in short trials, 12 AUs on every frame.

Mavadati, Sanger and Mahoor, CVPR workshops 2016.

    Images/SN001/A3_AU1_2_TrailNo_2/000.jpg
    Labels/SN001/A3_AU1_2_TrailNo_2/AU1.txt     two header lines, then rows `000.jpg     0`
    FaceLandmarks/SN001/A3_AU1_2_TrailNo_2_FaceCropped.mat

Some copies double the folder of a subject (Labels/SN001/SN001/...). The landmarks belong to smaller
pictures within the .mat: its struct array `FaceImg_CropResize` has `imgID`, `ImgCropped` and
`LndPntCropped` (49 points). With the dataset's own landmarks those pictures are used, else those
in Images. Coordinates are taken as they are: nothing tells whether their first pixel is 0 or 1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auheat.data.sources.disfa import CODED
from auheat.data.sources.folders import (
    child,
    folders,
    frame_number,
    locate,
    matching,
    numbered,
    spans,
)
from auheat.data.sources.labels import Levels, numbered_lines, read_levels
from auheat.data.sources.matlab import read_mat
from auheat.data.sources.pictures import PhotoPictures
from auheat.data.sources.recording import (
    NO_LANDMARKS,
    NO_PICTURE,
    Image,
    Lookup,
    Pictures,
    Points,
    ReadOptions,
    Recording,
    Source,
    choose_aus,
)
from auheat.errors import AuheatError
from auheat.media.photo import SUFFIXES

_HEADER_LINES = 2


@dataclass(frozen=True)
class MatTrial:
    """The pictures and the landmarks of one trial from its .mat file."""

    path: Path

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `Pictures.read`."""
        try:
            records = self._records()
        except AuheatError as error:
            if str(error) not in problems:  # `open` says the same
                problems.append(str(error))
            return
        for frame in sorted(set(wanted) & set(records)):
            image = _rgb(records[frame][0])
            if image is None:
                problems.append(f"{self.path} holds no picture for frame {frame}")
            else:
                yield frame, image

    def open(self) -> Lookup:
        """See `Landmarks.open`."""
        records = self._records()

        def at(frame: int) -> Points | None:
            try:
                points = np.asarray(records[frame][1] if frame in records else (), np.float64)
            except (TypeError, ValueError):
                raise AuheatError(f"{self.path} holds no points for frame {frame}") from None
            return (points.T if points.shape == (2, 49) else points) if points.size else None

        return at

    def _records(self) -> dict[int, tuple[Any, Any]]:
        """Picture and points by frame, from an array of structs or a struct of arrays."""
        value = read_mat(self.path, "FaceImg_CropResize")
        elements = value.ravel() if isinstance(value, np.ndarray) else [value]
        try:
            rows = [(e.imgID, e.ImgCropped, e.LndPntCropped) for e in elements]
        except AttributeError:
            raise AuheatError(
                f"{self.path} lacks imgID, ImgCropped or LndPntCropped of FaceImg_CropResize"
            ) from None
        if len(rows) == 1 and np.ndim(rows[0][0]) == 1:
            rows = list(zip(*rows[0], strict=False))
        frames = [_frame(name) for name, _, _ in rows]
        return {f: row[1:] for f, row in zip(frames, rows, strict=True) if f is not None}


def has_landmarks(root: Path) -> bool:
    """Whether this copy holds landmarks."""
    return locate(root, "FaceLandmarks") is not None


def read(root: Path, options: ReadOptions) -> Source:
    """The trials of DISFA+, all in the split "train".

    Raises AuheatError if labels or pictures are not where they should be.
    """
    labels, images = locate(root, "Labels"), locate(root, "Images")
    if labels is None or (images is None and not options.own_landmarks):
        raise AuheatError(f"no DISFA+ in {root}: expected the folders Labels and Images there")
    files = _trials(labels)
    pictures = _trials(images) if images else {}
    crops = _landmark_files(root) if options.own_landmarks else {}
    coded = {n for folder in files.values() for n in _label_files(folder)}
    aus, unknown = choose_aus(coded, CODED, options.aus, root)
    problems = [f"{pictures[key]}: no labels" for key in pictures if key not in files]
    recordings = []
    for key, folder in files.items():
        name = "/".join(key)
        levels = _levels(folder, aus, problems)
        left_out, points = dict(levels.left_out), crops.get(key)
        source: Pictures | None = None
        if options.own_landmarks:
            source = MatTrial(points) if points else None
            missing, reason = ([] if points else levels.frames.tolist()), NO_LANDMARKS
        elif key in pictures:
            photos = numbered(pictures[key], SUFFIXES)
            source = PhotoPictures(photos)
            missing, reason = [f for f in levels.frames.tolist() if f not in photos], NO_PICTURE
        else:
            missing, reason = levels.frames.tolist(), NO_PICTURE
        if missing:
            problems.append(f"{name}: {reason} of {len(missing)} frames: {spans(missing)}")
            left_out = dict.fromkeys(missing, reason) | left_out
        recordings.append(
            Recording(key[0], name, "train", levels.frames, levels.levels,
                      source or PhotoPictures({}), MatTrial(points) if points else None,
                      left_out=left_out)
        )  # fmt: skip
    return Source(aus, tuple(recordings), tuple(problems), unknown)


def _trials(top: Path) -> dict[tuple[str, str], Path]:
    """Folders by subject and trial; a doubled subject's folder counts once."""
    found: dict[tuple[str, str], Path] = {}
    for match, folder in matching(top, r"SN(\d+)"):
        person = child(folder, folder.name) or folder
        for trial in folders(person):
            found[f"SN{int(match[1]):03d}", trial.name] = trial
    return found


def _label_files(folder: Path) -> dict[int, Path]:
    return {int(match[1]): path for match, path in matching(folder, r"AU(\d+)\.txt")}


def _landmark_files(root: Path) -> dict[tuple[str, str], Path]:
    top = locate(root, "FaceLandmarks")
    if top is None:
        raise AuheatError(
            f"no landmarks in {root}: expected FaceLandmarks there, or use --landmarks mediapipe"
        )
    found: dict[tuple[str, str], Path] = {}
    for match, folder in matching(top, r"SN(\d+)"):
        for path in sorted(folder.rglob("*")):
            if name := re.fullmatch(r"(.+)_FaceCropped\.mat", path.name, re.IGNORECASE):
                found[f"SN{int(match[1]):03d}", name[1]] = path
    return found


def _levels(folder: Path, aus: tuple[str, ...], problems: list[str]) -> Levels:
    paths = _label_files(folder)
    files = {au: paths.get(int(au[2:])) for au in aus}
    return read_levels(files, lambda au: folder / f"AU{int(au[2:])}.txt", problems, _column)


def _column(path: Path, problems: list[str]) -> dict[int, float]:
    """Level by frame. Rows are told from the header by their looks."""
    column: dict[int, float] = {}
    for number, line in numbered_lines(path, problems):
        row = re.fullmatch(r"\s*(\d+)(?:\.[a-z]+)?[\s,]+([0-59])(?:\.0*)?\s*", line, re.IGNORECASE)
        if row:
            column.setdefault(int(row[1]), float(row[2]))
        elif line.strip() and number > _HEADER_LINES:
            problems.append(f"{path}: line {number} is not a frame and a level: {line.strip()!r}")
    return column


def _frame(name: Any) -> int | None:
    """A frame's number from `000.jpg` or a number."""
    value = np.asarray(name)
    if value.size != 1:
        return None
    text = str(value.item())
    if re.fullmatch(r"\d+(\.0*)?", text):
        return int(float(text))
    return frame_number(Path(text).stem)


def _rgb(picture: Any) -> Image | None:
    """(H, W, 3) uint8 from grey or colour, whole numbers to 255 or shares of 1."""
    array = np.asarray(picture)
    if array.ndim == 2:
        array = np.stack([array] * 3, -1)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "uif" or not array.size:
        return None
    if array.dtype.kind == "f" and array.max() <= 1:
        array = array * 255
    return np.ascontiguousarray(np.clip(np.rint(array), 0, 255).astype(np.uint8))
