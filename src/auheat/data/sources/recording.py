"""What a reader hands over: recordings with labels, pictures and, where there are any, landmarks.

Everything here is plain data with paths, so that it can be sent to a worker process. Frames are
numbered as the dataset numbers them. Letters: N labelled frames, A Action Units.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.facs import TABLE, action_units

Image = NDArray[np.uint8]
Points = NDArray[np.float64]
Lookup = Callable[[int], Points | None]

NO_PICTURE = "no picture"
NO_LANDMARKS = "no landmarks"
NOT_CODED = "not coded"
NOT_CODABLE = "not codable"
TRACKING_FAILURE = "tracking failure"


@dataclass(frozen=True)
class ReadOptions:
    """What is asked of a reader.

    aus: the AUs to read; None for the dataset's usual ones.
    own_landmarks: whether the landmarks that come with the dataset will be used.
    camera: "left" or "right", where a dataset has both (DISFA).
    skip_tracking_failures: leave out frames of the dataset's list of failed landmarks (DISFA).
    """

    aus: tuple[str, ...] | None = None
    own_landmarks: bool = True
    camera: str = "left"
    skip_tracking_failures: bool = False


class Pictures(Protocol):
    """The pictures of one recording."""

    def read(self, wanted: Collection[int], problems: list[str]) -> Iterator[tuple[int, Image]]:
        """(frame, RGB image) of the wanted frames that can be read, by rising number.

        A line is added to `problems` for whatever cannot be.
        """
        ...


class Landmarks(Protocol):
    """The landmarks that come with one recording: 68, 66 or 49 points in its pictures' pixels."""

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
    """A video, or pictures that belong together, of one person.

    subject: who it is; sequence: a name that no other recording of the source has.
    split: "train", "val" or "test".
    frames: (N,) int, rising.
    levels: (N, A) float32, 0 to 5; NaN where an AU was not coded.
    moving: whether the pictures follow each other as the frames of a video do.
    left_out: frames that cannot be used, with the reason.
    """

    subject: str
    sequence: str
    split: str
    frames: NDArray[np.int64]
    levels: NDArray[np.float32]
    pictures: Pictures
    landmarks: Landmarks | None = None
    moving: bool = True
    left_out: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset as a reader found it.

    aus: the A names, in the order of `facs.TABLE`.
    not_in_table: AUs that are coded there but that auheat does not know.
    problems: one line for everything that is not as it should be, each with the file or sequence.
    """

    aus: tuple[str, ...]
    recordings: tuple[Recording, ...]
    problems: tuple[str, ...] = ()
    not_in_table: tuple[str, ...] = ()


def choose_aus(
    coded: Collection[int], usual: Collection[int], wanted: tuple[str, ...] | None, root: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The AUs to read, and those among the usual ones that are coded but not in `facs.TABLE`.

    Raises AuheatError if a wanted AU is not coded in `root`.
    """
    there = tuple(_name(number) for number in sorted(coded))
    if not there:
        raise AuheatError(f"{root} has no labels of any AU where they should be")
    usually = [_name(number) for number in usual if _name(number) in there]
    if wanted is None:
        chosen = tuple(name for name in usually if name in TABLE)
    else:
        chosen = tuple(unit.name for unit in action_units(wanted))
    missing = [name for name in chosen if name not in there]
    if missing or not chosen:
        what = ", ".join(missing or [_name(number) for number in usual])
        raise AuheatError(f"{root} has no labels of {what}: coded there are {', '.join(there)}")
    unknown = tuple(name for name in usually if name not in TABLE)
    return tuple(name for name in TABLE if name in chosen), unknown


def _name(number: int) -> str:
    return f"AU{number:02d}"
