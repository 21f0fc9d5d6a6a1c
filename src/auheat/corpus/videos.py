"""What of a video is still to be read, and trackers that say how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any

from auheat.arrays import Image
from auheat.errors import AuheatError
from auheat.faces.detector import FaceDetector
from auheat.media.frames import Frame, VideoFile
from auheat.results import Face


class RestOfVideo:
    """The frames of a video behind the first ones, as a `FrameSource`.

    Args:
        path: Of the video.
        after: How many frames are left out.
        deadline: On the clock of `time.monotonic`, until when they must be out; None for no limit.
        limit: Seconds, as the error says it.

    Attributes:
        is_late: Whether the deadline passed.
    """

    def __init__(
        self, path: Path, *, after: int, deadline: float | None, limit: float | None
    ) -> None:
        self._video = VideoFile(path)
        self._after, self._deadline, self._limit = after, deadline, limit
        self.name, self.paths = self._video.name, self._video.paths
        self.count, self.rate, self.is_late = self._video.count, self._video.rate, False

    @property
    def problem(self) -> str | None:
        """See `FrameSource`."""
        return self._video.problem

    @property
    def notes(self) -> tuple[str, ...]:
        """See `VideoFile`."""
        return self._video.notes

    @property
    def frame_seconds(self) -> Fraction:
        """How long a frame is shown, on average."""
        return 1 / self.rate

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._video:
            if self._deadline is not None and monotonic() > self._deadline:
                self.is_late = True
                raise AuheatError(
                    f"{self.name} takes more than {self._limit:g} seconds: give it more with "
                    "--limit-seconds and --retry-failed"
                )
            if frame.number > self._after:
                yield frame


class Checkpoints:
    """A face detector whose trackers begin in a given state, and keep theirs now and then.

    Args:
        detector: Whose trackers have states, see `auheat.faces.tracking`.
        after: How many frames were tracked before.
        state: The state after them; None for a fresh tracker.
        every: After every so many frames, counted from the first of the video, the state is kept.
    """

    def __init__(
        self, detector: FaceDetector, *, after: int, state: dict[str, Any] | None, every: int
    ) -> None:
        self._detector, self._state = detector, state
        self._after, self._every = after, every
        self._kept: dict[int, dict[str, Any]] = {}

    def detect(self, image: Image) -> tuple[Face, ...]:
        """See `FaceDetector`."""
        return self._detector.detect(image)

    def tracker(self) -> _Tracker:
        """See `FaceDetector`."""
        tracker: Any = self._detector.tracker()
        if self._state is not None:
            tracker.resume(self._state)
        return _Tracker(tracker, self._after, self._every, self._kept)

    def pop(self, frames: int) -> dict[str, Any]:
        """The state after so many frames, which is forgotten."""
        return self._kept.pop(frames)


class _Tracker:
    def __init__(
        self, tracker: Any, frames: int, every: int, kept: dict[int, dict[str, Any]]
    ) -> None:
        self._tracker, self._frames, self._every, self._kept = tracker, frames, every, kept

    def update(self, image: Image, timestamp: float | None = None) -> tuple[Face, ...]:
        found: tuple[Face, ...] = self._tracker.update(image, timestamp)
        self._frames += 1
        if self._frames % self._every == 0:
            self._kept[self._frames] = self._tracker.state()
        return found
