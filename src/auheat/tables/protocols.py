"""What a table needs to know of a result: `auheat.results` has the types that fit.

Tables are below results, so that a result can say which table it becomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]


class PoseLike(Protocol):
    """A head's place and turn."""

    @property
    def translation(self) -> Triple:
        """(x, y, z) in millimetres."""

    @property
    def rotation(self) -> Triple:
        """(pitch, yaw, roll) in radians."""

    @property
    def degrees(self) -> Triple:
        """(pitch, yaw, roll) in degrees."""


class FaceLike(Protocol):
    """One face with its intensities."""

    @property
    def face_id(self) -> int:
        """From 0."""

    @property
    def score(self) -> float:
        """Certainty that this is a face, 0 to 1."""

    @property
    def confidence(self) -> float:
        """0 to 1."""

    @property
    def box(self) -> NDArray[np.float64]:
        """(x0, y0, x1, y1) in pixels."""

    @property
    def landmarks(self) -> NDArray[np.float64]:
        """(68, 2) in pixels."""

    @property
    def pose(self) -> PoseLike | None:
        """Where the head is, if that is known."""

    @property
    def intensities(self) -> Mapping[str, float]:
        """By AU."""

    @property
    def raw(self) -> Mapping[str, float] | None:
        """By AU, before post-processing, if there was any."""

    @property
    def std(self) -> Mapping[str, float] | None:
        """Standard deviations by AU, if they are known."""


class FrameLike(Protocol):
    """All faces of a frame or image."""

    @property
    def frame(self) -> int:
        """From 1."""

    @property
    def timestamp(self) -> float:
        """Seconds."""

    @property
    def input(self) -> str | None:
        """Name of the image, where several are in one table."""

    @property
    def faces(self) -> Sequence[FaceLike]:
        """May be empty."""
