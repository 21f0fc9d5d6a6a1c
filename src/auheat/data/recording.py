"""What a reader hands over: recordings with labels, images and, where there are any, landmarks.

Everything here is plain data with paths, so that it can be sent to a worker process. Frames are
numbered as the dataset numbers them. Letters: N labelled frames, A Action Units.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Image
from auheat.data.names import Camera
from auheat.errors import AuheatError
from auheat.facs import TABLE, action_units
from auheat.files import atomic_write
from auheat.geometry import Points
from auheat.media.frames import VideoFile
from auheat.media.images import read_image

Lookup = Callable[[int], Points | None]

NO_IMAGE = "no image"
NO_LANDMARKS = "no landmarks"
NOT_CODED = "not coded"
NOT_CODABLE = "not codable"
TRACKING_FAILURE = "tracking failure"


@dataclass(frozen=True)
class ReadOptions:
    """What is asked of a reader.

    Attributes:
        aus: The AUs to read; None for the dataset's usual ones.
        own_landmarks: Whether the landmarks that come with the dataset will be used.
        camera: "left" or "right", where a dataset has both (DISFA).
        skip_tracking_failures: Leave out frames of the dataset's list of failed landmarks (DISFA).
    """

    aus: tuple[str, ...] | None = None
    own_landmarks: bool = True
    camera: Camera = "left"
    skip_tracking_failures: bool = False


class ImageSource(Protocol):
    """The images of one recording."""

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """(frame, RGB image) of the wanted frames that can be read, by rising number.

        A line is added to `problems` for whatever cannot be.
        """
        ...


@dataclass(frozen=True)
class VideoImages:
    """A video whose first frame is number 1."""

    path: Path

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `Images.read`."""
        if not wanted:
            return
        last, chosen = max(wanted), set(wanted)
        try:
            video = VideoFile(self.path)
            for frame in video:
                if frame.number in chosen:
                    yield frame.number, frame.image
                if frame.number >= last:
                    return
        except AuheatError as error:
            problems.append(str(error))
            return
        problems.append(f"{self.path}: {video.problem or 'it ends'} before frame {last}")


@dataclass(frozen=True)
class ImageFiles:
    """Image files by frame."""

    paths: Mapping[int, Path]

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """See `Images.read`."""
        for frame in sorted(wanted):
            if frame in self.paths:
                try:
                    image = read_image(self.paths[frame])
                except AuheatError as error:
                    problems.append(str(error))
                    continue
                yield frame, image


_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


def write_image(path: Path, image: Image) -> None:
    """Writes one of a dataset's images, a JPEG or PNG by its suffix.

    Args:
        path: The file; its folder is made.
        image: (H, W, 3) RGB.

    Raises:
        AuheatError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = _JPEG if path.suffix == ".jpg" else []
    with atomic_write(path) as temporary:
        if not cv2.imwrite(str(temporary), image[..., ::-1], settings):
            raise AuheatError(f"cannot write {path}: is the disk full?")


class Landmarks(Protocol):
    """The landmarks that come with one recording: 68, 66 or 49 points in its images' pixels."""

    def open(self) -> Lookup:
        """A function from a frame to its landmarks, None where there are none.

        Both raise AuheatError for a file that cannot be read.
        """
        ...


@dataclass(frozen=True)
class LandmarkFiles:
    """`Landmarks` with one file for each frame. read: what takes the points out of a file."""

    paths: Mapping[int, Path]
    read: Callable[[Path], Points]

    def open(self) -> Lookup:
        """See `Landmarks.open`."""
        return self._at

    def _at(self, frame: int) -> Points | None:
        path = self.paths.get(frame)
        return None if path is None else self.read(path)


@dataclass(frozen=True, eq=False)
class Recording:
    """A video, or images that belong together, of one person.

    Attributes:
        subject: Who it is.
        sequence: A name that no other recording of the source has.
        split: "train", "val" or "test".
        frames: (N,) int, rising.
        levels: (N, A) float32, 0 to 5; NaN where an AU was not coded.
        images: Where the images come from.
        landmarks: Where the landmarks come from, None if there are none.
        moving: Whether the images follow each other as the frames of a video do.
        left_out: Frames that cannot be used, with the reason.
    """

    subject: str
    sequence: str
    split: str
    frames: NDArray[np.int64]
    levels: NDArray[np.float32]
    images: ImageSource
    landmarks: Landmarks | None = None
    moving: bool = True
    left_out: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset as a reader found it.

    Attributes:
        aus: The A names, in the order of `facs.TABLE`.
        recordings: What was found, in natural order.
        problems: One line for everything that is not as it should be, with the file or sequence.
        not_in_table: AUs that are coded there but that auheat does not know.
    """

    aus: tuple[str, ...]
    recordings: tuple[Recording, ...]
    problems: tuple[str, ...] = ()
    not_in_table: tuple[str, ...] = ()


def au_name(number: int) -> str:
    """`AU01` for 1."""
    return f"AU{number:02d}"


def au_number(au: str) -> int:
    """1 for `AU01`."""
    return int(au[2:])


def choose_aus(
    coded: Collection[str], usual: Collection[str], *, wanted: tuple[str, ...] | None, root: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The AUs to read, and those among the usual ones that are coded but not in `facs.TABLE`.

    Args:
        coded: The AUs with labels in `root`.
        usual: The AUs that the dataset is known for.
        wanted: What the user asks for; None for the usual ones.
        root: For messages.

    Raises:
        AuheatError: A wanted AU is not coded in `root`, or none is.
    """
    there = tuple(sorted(coded))
    if not there:
        raise AuheatError(f"{root} has no labels of any AU where they should be")
    usually = [name for name in usual if name in there]
    if wanted is None:
        chosen = tuple(name for name in usually if name in TABLE)
    else:
        chosen = tuple(unit.name for unit in action_units(wanted))
    missing = [name for name in chosen if name not in there]
    if missing or not chosen:
        what = ", ".join(missing or usual)
        raise AuheatError(f"{root} has no labels of {what}: coded there are {', '.join(there)}")
    unknown = tuple(name for name in usually if name not in TABLE)
    return tuple(name for name in TABLE if name in chosen), unknown


def spans(numbers: Iterable[int], most: int = 5) -> str:
    """Numbers as ranges: `3, 7-9`; after `most` ranges an ellipsis."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:most]]
    return ", ".join(shown + ["..."] * (len(runs) > most))
