"""Frames in order, one at a time: from a video file, or from a folder of pictures.

What breaks off in the middle is still worth its beginning. A source therefore never raises once
its first frame is out: it ends, and its `problem` says what is missing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.media.limits import check_file, check_pixels
from auheat.media.photo import read_photo

# Demuxers that would take a text file, a playlist or a picture for a video.
_NOT_VIDEO = frozenset({"tty", "image2", "hls", "dash", "concat", "lrc"})
# A file is called truncated if its end lies this much before the length that its header states.
_TRUNCATED_SECONDS = 0.5
# Matrix coefficients (ITU-T H.273, table 4) that FFmpeg does not convert to RGB: those that another
# one comes near to, and the rest.
_SIMILAR_MATRIX = {3: 2, 10: 9, 12: 1, 13: 1}
_UNREADABLE_MATRICES = {
    **{8: "YCgCo", 11: "Y'D'zD'x", 14: "ICtCp"},
    **{15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro"},
}
# Major brands of pictures that phones write (ISO/IEC 23008-12, annex B): one tile is a frame.
_PICTURE_BRANDS = frozenset({"heic", "heix", "heim", "heis", "mif1", "msf1"})
# Transfer characteristics (table 3) of high dynamic range.
_HDR = {16: "PQ", 18: "HLG"}


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
        notes: after iterating, what may make readings worse: interlaced frames, HDR colours.

    Raises:
        AuheatError: on construction, if the file is missing or holds no video; on iterating, if no
            frame can be decoded, or frames are too large or in colours that cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problem: str | None = None
        self.notes: tuple[str, ...] = ()
        with _opened(self.path) as container:
            stream = _video_streams(container)[0]
            self.rate: Fraction = stream.average_rate or stream.guessed_rate or Fraction(30)
            self.count: int | None = _expected_frames(stream, self.rate)

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
        convert = VideoReformatter()
        with _opened(self.path) as container:
            stream = _video_streams(container)[0]
            stream.thread_type = "AUTO"
            for pictures in _decoded(container, stream):
                damaged += pictures is None
                for picture in pictures or ():
                    timestamp = _timestamp(picture, stream, self.rate, number, timestamp)
                    end = timestamp + _seconds_shown(picture, self.rate)
                    if number == 0:
                        check_pixels(self.path, picture.width, picture.height)
                        self.notes = _notes(picture)
                    try:
                        image = _upright(picture, stream, convert)
                    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
                        if number == 0:
                            raise self._unreadable(picture, error) from None
                        damaged += 1
                        continue
                    number += 1
                    yield Frame(number, timestamp, image)
            if number == 0:
                raise AuheatError(f"no frame of {self.path} can be decoded")
            self.problem = _what_is_missing(_stated_seconds(stream), number, end, damaged)

    def _unreadable(self, picture: Any, error: Exception) -> AuheatError:
        """Why the first frame cannot be turned to RGB."""
        matrix = int(picture.colorspace)
        if matrix in _UNREADABLE_MATRICES:
            return AuheatError(
                f"{self.path} has colours that cannot be read (matrix coefficients {matrix}, "
                f"{_UNREADABLE_MATRICES[matrix]}): convert it to BT.709 first"
            )
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return AuheatError(f"cannot read the frames of {self.path}: {reason}")


class PhotoSequence:
    """Pictures that are the consecutive frames of one video, all of one size.

    Args:
        paths: of the pictures, in order.
        name: what the sequence is called in messages.
        fps: frames per second, from which the timestamps follow.

    Attributes:
        name, paths, rate, count, problem: see `FrameSource`.

    Raises:
        AuheatError: on construction, if `fps` is not above 0; on iterating, if the first picture
            cannot be read.
    """

    def __init__(self, paths: Sequence[str | Path], name: str, *, fps: float) -> None:
        self.name, self.paths = name, tuple(Path(path) for path in paths)
        self.count: int | None = len(self.paths)
        if not 0 < fps < float("inf"):
            raise AuheatError(f"{fps} frames per second: expected more than 0")
        self.rate = Fraction(fps)
        self.problem: str | None = None

    def __iter__(self) -> Iterator[Frame]:
        self.problem = None
        shape = None
        for index, path in enumerate(self.paths):
            try:
                image = read_photo(path)
            except AuheatError as error:
                if index == 0:
                    raise
                self.problem = f"it ends after frame {index}: {error}"
                return
            shape = shape or image.shape
            if image.shape != shape:
                self.problem = f"it ends after frame {index}: {_other_size(path, image, shape)}"
                return
            yield Frame(index + 1, float(index / self.rate), image)


def _other_size(path: Path, image: NDArray[np.uint8], shape: tuple[int, ...]) -> str:
    return (
        f"{path.name} has {image.shape[1]}x{image.shape[0]} pixels where the frames before it have "
        f"{shape[1]}x{shape[0]}; the frames of one video share a size"
    )


def _opened(path: Path) -> Any:
    """An open container with at least one video stream."""
    check_file(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    if empty:
        raise AuheatError(f"{path} is empty")
    no_video = AuheatError(f"{path} is damaged or holds no video")
    try:
        # With "file:" a name like `P01: a.mp4` is no protocol.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError):
        raise no_video from None
    formats = set(container.format.name.split(","))
    if formats & _NOT_VIDEO or any(name.endswith("_pipe") for name in formats):
        container.close()
        raise no_video
    streams = _video_streams(container)
    if not streams:
        container.close()
        raise no_video
    if len(streams) > 1 and container.metadata.get("major_brand") in _PICTURE_BRANDS:
        container.close()
        raise AuheatError(
            f"{path} is a HEIC picture of {len(streams)} tiles, which cannot be put together: save "
            "it as JPEG or PNG first"
        )
    return container


def _video_streams(container: Any) -> list[Any]:
    """The streams that hold video, without the cover pictures of music files."""
    return [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic
    ]


def _decoded(container: Any, stream: Any) -> Iterator[list[Any] | None]:
    """The frames of each packet, or None for what is damaged, until nothing more can be read."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            yield None
            return
        if packet is None:
            return
        try:
            yield list(packet.decode())
        except (av.FFmpegError, OSError):
            yield None


def _timestamp(picture: Any, stream: Any, rate: Fraction, number: int, previous: float) -> float:
    if picture.pts is not None and picture.time_base is not None:
        start = (stream.start_time or 0) * stream.time_base
        stated = max(float(picture.pts * picture.time_base - start), 0.0)
        if number == 0 or stated > previous:
            return stated
    return previous + float(1 / rate) if number else 0.0


def _seconds_shown(picture: Any, rate: Fraction) -> float:
    """How long a frame stays: the last one of a recording may stay for seconds."""
    stated = picture.duration * picture.time_base if picture.duration and picture.time_base else 0
    return float(max(stated, 1 / rate))


def _upright(picture: Any, stream: Any, convert: VideoReformatter) -> NDArray[np.uint8]:
    """RGB as a player shows it: square pixels, turned as the file says.

    One reformatter serves a whole video: each makes threads of its own.
    """
    aspect = stream.sample_aspect_ratio or 1
    width = round(picture.width * aspect)
    if picture.colorspace in _SIMILAR_MATRIX:
        picture.colorspace = _SIMILAR_MATRIX[picture.colorspace]
    image = convert.reformat(picture, width, picture.height, "rgb24").to_ndarray()
    return np.ascontiguousarray(_as_shown(image, _display_matrix(picture)), np.uint8)


def _display_matrix(picture: Any) -> tuple[int, ...]:
    """(a, b, c, d): a stored place (x, y) is shown at (a x + c y, b x + d y), up to a shift.

    See ISO/IEC 14496-12, 8.3.2, where they are the track header's matrix. `picture.side_data` would
    hold the picture as the picture holds it, so that its pixels stay until cycles are looked for.
    """
    for data in SideDataContainer(picture):
        if data.type == SideDataType.DISPLAYMATRIX and len(bytes(data)) >= 36:
            a, b, _, c, d = struct.unpack("<5i", bytes(data)[:20])
            return a, b, c, d
    return 1, 0, 0, 1


def _as_shown(image: NDArray[np.uint8], matrix: tuple[int, ...]) -> NDArray[np.uint8]:
    """An image rotated by right angles and mirrored as a display matrix says."""
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, across, down = image.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    return image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _notes(picture: Any) -> tuple[str, ...]:
    """What of a frame may make readings worse."""
    notes = []
    if picture.interlaced_frame:
        notes.append(
            "it is interlaced, so that moving faces are combed: deinterlace it first, as with "
            "ffmpeg -vf bwdif"
        )
    if picture.color_trc in _HDR:
        notes.append(
            f"its colours are HDR ({_HDR[picture.color_trc]}) and are read as if they were not: "
            "tone-map it first"
        )
    return tuple(notes)


def _expected_frames(stream: Any, rate: Fraction) -> int | None:
    seconds = _stated_seconds(stream)
    return round(seconds * rate) if seconds else stream.frames or None


def _stated_seconds(stream: Any) -> float | None:
    """How long a stream is by its header; None if it does not say."""
    if stream.container.format.name == "avi":  # `duration` would be guessed from the file's size
        return float(stream.frames * stream.time_base) or None
    if stream.duration:
        return float(stream.duration * stream.time_base)
    try:  # Matroska: "00:01:02.500000000", the time of the end, not counted from the start
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        start = float((stream.start_time or 0) * stream.time_base)
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - max(start, 0.0)
    except (KeyError, ValueError):
        return None


def _what_is_missing(stated: float | None, count: int, end: float, damaged: int) -> str | None:
    """Why a video is shorter than its header says or has holes, or None if it is whole."""
    if stated and end < stated - _TRUNCATED_SECONDS:
        return f"it is truncated after frame {count}, at {end:.1f} of {stated:.1f} seconds"
    if damaged:
        return f"parts of it are damaged (packets: {damaged}); {count} frames could be decoded"
    return None
