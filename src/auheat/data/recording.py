"""What a reader hands over: recordings with labels, images and, where there are any, landmarks.

Everything here is plain data with paths, so that it can be sent to a worker process. Frames are
numbered as the dataset numbers them. Letters: N labelled frames, A Action Units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auheat.data.image_sources import ImageSource
from auheat.data.names import Camera
from auheat.errors import AuheatError
from auheat.geometry import Points

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


class OtherImagesError(AuheatError):
    """Landmarks belong to other images than a recording has, and nothing tells which is which."""


class Landmarks(Protocol):
    """The landmarks that come with one recording: 68, 66 or 49 points in its images' pixels."""

    def open(self) -> Lookup:
        """A function from a frame to its landmarks, None where there are none.

        Both raise AuheatError for a file that cannot be read, this one `OtherImagesError` for one
        that belongs to other images.
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
    _: KW_ONLY
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
