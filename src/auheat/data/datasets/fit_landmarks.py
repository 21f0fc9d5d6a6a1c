"""The .mat files of BP4D's landmarks, one for a sequence.

How they hold points is inferred from public code that reads them, not from a description: a struct
array `fit` with one element for each image, in the order of the frames, whose `pred` is 49 x 2
pixels and whose `isTracked` is 0 where the tracker failed. Nothing in them says of which frame an
element is, so that a file with another number of elements than there are images is of no use.
Coordinates are taken as they are: nothing tells whether their first pixel is 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auheat.data.matlab import read_mat, struct_array, write_mat
from auheat.data.recording import Lookup, OtherImagesError
from auheat.errors import AuheatError
from auheat.geometry import Points
from auheat.landmarks import IN_49

if TYPE_CHECKING:
    from auheat.data.sequences import LabelledFrame

_STRUCT, _POINTS, _TRACKED = "fit", "pred", "isTracked"


@dataclass(frozen=True)
class FitLandmarks:
    """One .mat file for all images.

    Attributes:
        path: The file.
        frames: The images' numbers, in the file's order.
    """

    path: Path
    frames: tuple[int, ...]

    def open(self) -> Lookup:
        """See `Landmarks.open`."""
        fits = np.atleast_1d(read_mat(self.path, _STRUCT))
        if len(fits) != len(self.frames):
            counts = f"{len(fits)} images where there are {len(self.frames)}"
            raise OtherImagesError(f"{self.path} has landmarks of {counts}")
        by_frame = dict(zip(self.frames, fits, strict=True))

        def at(frame: int) -> Points | None:
            fit = by_frame.get(frame)
            try:
                points = np.asarray(getattr(fit, _POINTS, ()), np.float64)
                tracked = bool(getattr(fit, _TRACKED, 1))
            except (TypeError, ValueError):
                raise AuheatError(f"{self.path} holds no points for frame {frame}") from None
            return points if tracked and points.size else None

        return at


def write_fits(path: Path, frames: Sequence[LabelledFrame]) -> None:
    """Writes the landmarks of a look-alike's sequence, none for frames where they were lost."""
    fits = [
        {
            _TRACKED: float(frame.tracked),
            _POINTS: frame.landmarks[list(IN_49)] if frame.tracked else np.empty((0, 0)),
        }
        for frame in frames
    ]
    write_mat(path, {_STRUCT: struct_array(fits)})
