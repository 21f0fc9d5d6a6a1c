"""Frames in order, one at a time: from a video file, or from a folder of images.

What breaks off in the middle is still worth its beginning. A source therefore never raises once
its first frame is out: it ends, and its `problem` says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError, check_number, checked_path
from auheat.media.colours import UNREADABLE_MATRICES, Converter, Deinterlacer
from auheat.media.containers import (
    decoded,
    expected_frames,
    opened,
    video_streams,
    what_is_missing,
)
from auheat.media.hdr import HDR_NAMES
from auheat.media.images import ImageNotes, read_image
from auheat.media.limits import MAX_FPS, check_pixels

_INTERLACED = "it is interlaced; the two fields of a frame, taken at two moments, were made one"


@dataclass(frozen=True, eq=False)
class Frame:
    """One decoded frame.

    Attributes:
        number: from 1.
        timestamp: seconds from the start of the video.
        image: (H, W, 3) RGB uint8, upright.
    """

    number: int
    timestamp: float
    image: NDArray[np.uint8]


class FrameSource(Protocol):
    """Frames in order. Iterating again starts anew."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are read, which nothing may replace; none for frames in memory."""
        ...

    @property
    def count(self) -> int | None:
        """How many frames are to be expected, as far as the header tells."""
        ...

    @property
    def rate(self) -> Fraction:
        """Frames per second, on average."""
        ...

    @property
    def problem(self) -> str | None:
        """After iterating: why frames are missing at the end, or None."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...


class VideoFile:
    """A video file, decoded lazily.

    Timestamps are those of the file, so that variable frame rates come out right; where one is
    missing or would not advance, the average rate continues. Rotation, mirroring and non-square
    pixels are undone: the image is what a player shows.

    Args:
        path: of the video file.

    Attributes:
        path: of the video file.
        rate: frames per second, on average.
        count: how many frames are to be expected, as far as the header tells.
        problem: after iterating, why frames are missing at the end, or None.
        notes: after iterating, what was done to its frames: fields merged, HDR colours converted.

    Raises:
        AuheatError: on construction, if the file is missing or holds no video; on iterating, if no
            frame can be decoded, or frames are too large or in colours that cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = checked_path("the video", path)
        self.problem: str | None = None
        self.notes: tuple[str, ...] = ()
        self._opened: Any = opened(self.path)  # for the first iteration, see `release`
        stream = video_streams(self._opened)[0]
        self.rate: Fraction = stream.average_rate or stream.guessed_rate or Fraction(30)
        self.count: int | None = expected_frames(stream, self.rate)

    def release(self) -> None:
        """Closes the file until it is iterated over, for whoever does not do so soon."""
        if self._opened is not None:
            self._opened.close()
        self._opened = None

    @property
    def name(self) -> str:
        """What it is called in messages: the path as it was given."""
        return str(self.path)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file, as all that is read."""
        return (self.path,)

    def __iter__(self) -> Iterator[Frame]:
        self.problem = None
        damaged, number, timestamp, end = 0, 0, 0.0, 0.0
        container, self._opened = self._opened, None
        with container or opened(self.path) as container:
            stream = video_streams(container)[0]
            converter = Converter(stream.sample_aspect_ratio)
            deinterlacer = Deinterlacer()
            for frame in _progressive(decoded(container, stream, self.path), deinterlacer):
                damaged += frame is None or frame.is_corrupt
                if frame is None:
                    continue
                timestamp = _timestamp(frame, stream, self.rate, number, timestamp)
                end = timestamp + _seconds_shown(frame, self.rate)
                if number == 0:
                    check_pixels(self.path, frame.width, frame.height)
                    self.notes = _notes(frame)
                try:
                    image = converter.image(frame)
                except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
                    if number == 0:
                        raise self._unreadable(frame, error) from None
                    damaged += 1
                    continue
                number += 1
                yield Frame(number, timestamp, image)
            if number == 0:
                raise AuheatError(f"no frame of {self.path} can be decoded")
            if deinterlacer.is_used:
                self.notes += (_INTERLACED,)
            self.problem = what_is_missing(
                self.path, stream, count=number, end=end, damaged=damaged
            )

    def _unreadable(self, frame: Any, error: Exception) -> AuheatError:
        """Why the first frame cannot be turned to RGB."""
        matrix = int(frame.colorspace)
        if matrix in UNREADABLE_MATRICES:
            return AuheatError(
                f"{self.path} has colours that cannot be read (matrix coefficients {matrix}, "
                f"{UNREADABLE_MATRICES[matrix]}): convert it to BT.709 first"
            )
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return AuheatError(f"cannot read the frames of {self.path}: {reason}")


def frame_rate(fps: float) -> Fraction:
    """Frames per second as a fraction that a video file can hold.

    Raises:
        AuheatError: If it is no number, not above 0, or too small or large for a file.
    """
    check_number("fps", fps)
    rate = Fraction(float(fps)).limit_denominator(100_000) if isfinite(fps) else Fraction(0)
    if not 0 < rate <= MAX_FPS:
        raise AuheatError(
            f"a video cannot have {float(fps):g} frames per second: give more than 0, and at most "
            f"{MAX_FPS:,}"
        )
    return rate


class ImageSequence:
    """Images that are the consecutive frames of one video, all of one size.

    Args:
        paths: of the images, in order.
        name: what the sequence is called in messages.
        fps: frames per second, from which the timestamps follow.

    Attributes:
        name, paths, rate, count, problem: see `FrameSource`.
        notes: after iterating, what was left out of images, or done to them.

    Raises:
        AuheatError: on construction, if `fps` is not above 0; on iterating, if the first image
            cannot be read.
    """

    def __init__(self, paths: Sequence[str | Path], name: str, *, fps: float) -> None:
        self.name, self.paths = name, tuple(Path(path) for path in paths)
        self.count: int | None = len(self.paths)
        self.rate = frame_rate(fps)
        self.problem: str | None = None
        self._notes = ImageNotes()

    @property
    def notes(self) -> tuple[str, ...]:
        """Of what was read so far."""
        return self._notes.lines()

    def __iter__(self) -> Iterator[Frame]:
        self.problem, self._notes = None, ImageNotes()
        shape = None
        for index, path in enumerate(self.paths):
            try:
                image = read_image(path)
            except AuheatError as error:
                if index == 0:
                    raise
                self.problem = f"it ends after frame {index}: {error}"
                return
            shape = shape or image.shape
            if image.shape != shape:
                self.problem = f"it ends after frame {index}: {_other_size(path, image, shape)}"
                return
            self._notes.add(path)
            yield Frame(index + 1, float(index / self.rate), image)


def _other_size(path: Path, image: NDArray[np.uint8], shape: tuple[int, ...]) -> str:
    return (
        f"{path.name} has {image.shape[1]}x{image.shape[0]} pixels where the frames before it have "
        f"{shape[1]}x{shape[0]}; the frames of one video share a size"
    )


def _progressive(packets: Iterator[list[Any] | None], deinterlacer: Deinterlacer) -> Iterator[Any]:
    """Frames without interlacing, in order, and None for each damage."""
    for frames in packets:
        if frames is None:
            yield None
        for frame in frames or ():
            yield from deinterlacer.add(frame)
    yield from deinterlacer.finish()


def _timestamp(frame: Any, stream: Any, rate: Fraction, number: int, previous: float) -> float:
    if frame.pts is not None and frame.time_base is not None:
        start = (stream.start_time or 0) * stream.time_base
        stated = max(float(frame.pts * frame.time_base - start), 0.0)
        if number == 0 or stated > previous:
            return stated
    return previous + float(1 / rate) if number else 0.0


def _seconds_shown(frame: Any, rate: Fraction) -> float:
    """How long a frame stays: the last one of a recording may stay for seconds."""
    stated = frame.duration * frame.time_base if frame.duration and frame.time_base else 0
    return float(max(stated, 1 / rate))


def _notes(frame: Any) -> tuple[str, ...]:
    """What was done to a frame that is not as it was recorded."""
    notes = []
    if frame.color_trc in HDR_NAMES:
        notes.append(
            f"its colours are HDR ({HDR_NAMES[frame.color_trc]}) and were converted to SDR; what "
            "is brighter than reference white is white"
        )
    return tuple(notes)
