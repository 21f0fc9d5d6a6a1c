"""Opens video files, takes their packets apart, and knows what of them is missing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from auheat.errors import AuheatError
from auheat.files import check_file
from auheat.folders import IMAGE_SUFFIXES
from auheat.media.endings import breaks_off
from auheat.media.heif import is_heif

# Demuxers that would take a text file, a playlist or an image for a video.
_NOT_VIDEO = frozenset({"tty", "image2", "hls", "dash", "concat", "lrc"})
# A file is called truncated if its end lies this much before the length that its header states.
_TRUNCATED_S = 0.5
# Frames up to this many pixels are decoded by one thread, which takes a fraction of what reading a
# face in them takes; more threads cost a third more processor time and some 3 ms a video to start.
_ONE_THREAD_PIXELS = 1280 * 720
# Why a file cannot be opened that is sound: this process, or the machine, has too many open.
_TOO_MANY = (errno.EMFILE, errno.ENFILE)
# Stands for a packet that cannot be read or decoded.
_BROKEN: list[Any] = []
# Containers whose own length is read from their header, not guessed from where the file ends.
_STATES_LENGTH = frozenset({"flv"})


def opened(path: Path) -> Any:
    """An open container with at least one video stream.

    Raises:
        AuheatError: if there is no such file, or it holds no video.
    """
    check_file(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
        heic = is_heif(path)
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        if error.errno in _TOO_MANY:
            raise _too_many(path) from None
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    if empty:
        raise AuheatError(f"{path} is empty")
    what = (
        "of a kind that is not read" if path.suffix.lower() in IMAGE_SUFFIXES else "holds no video"
    )
    no_video = AuheatError(f"{path} is damaged or {what}")
    try:
        # With "file:" a name like `P01: a.mp4` is no protocol.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        if getattr(error, "errno", None) in _TOO_MANY:
            raise _too_many(path) from None
        raise no_video from None
    formats = set(container.format.name.split(","))
    is_video = not formats & _NOT_VIDEO and not any(name.endswith("_pipe") for name in formats)
    if not (is_video and video_streams(container)):
        container.close()
        raise no_video
    if heic:
        container.close()
        raise AuheatError(f"{path} is an image (HEIC), not a video")
    return container


def _too_many(path: Path) -> AuheatError:
    return AuheatError(
        f"cannot read {path}: too many files are open in this process; close some of them, or "
        "raise the limit (ulimit -n)"
    )


def video_streams(container: Any) -> list[Any]:
    """The streams that hold video, without the cover images of music files."""
    return [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic
    ]


def decoded(container: Any, stream: Any, path: Path) -> Iterator[list[Any] | None]:
    """The frames of each packet, or None for what is damaged, until nothing more can be read.

    A decoder with threads loses frames where it meets an error, more or fewer by the number of
    processors, and says nothing of an error in its last ones. A file that is damaged or cut is
    therefore decoded again without threads, and goes on where the first one stopped.

    Args:
        container: The open file.
        stream: Its video, of which nothing has been read.
        path: The file.
    """
    out = marks = 0  # frames and marks that are out already
    stream.thread_type = "AUTO" if _is_large(stream) else "NONE"
    for frames in _decoded(container, stream):
        if frames is _BROKEN:
            break
        if frames is None:
            marks += 1
        else:
            out += len(frames)
        yield frames
    else:
        if not (marks or breaks_off(path, container.format.name)):
            return
    with opened(path) as again:
        single = video_streams(again)[0]
        single.thread_type = "NONE"
        for frames in _decoded(again, single):
            if frames is None or frames is _BROKEN:
                marks -= 1
                if marks < 0:
                    yield None
                continue
            there = min(out, len(frames))
            out -= there
            yield frames[there:]


def _decoded(container: Any, stream: Any) -> Iterator[list[Any] | None]:
    """The frames of each packet; None for damage that the container knows of, else `_BROKEN`."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            yield _BROKEN
            yield _held_back(stream)
            return
        if packet is None:
            return
        try:
            frames = list(packet.decode())
        except (av.FFmpegError, OSError):
            yield _BROKEN
            continue
        if packet.is_corrupt and not any(frame.is_corrupt for frame in frames):
            yield None  # the decoder does not know
        yield frames


def _is_large(stream: Any) -> bool:
    """Whether decoding its frames is heavy, as far as the header tells."""
    codec = stream.codec_context
    return bool((codec.width or 0) * (codec.height or 0) > _ONE_THREAD_PIXELS)


def _held_back(stream: Any) -> list[Any]:
    """What a decoder keeps for later, as frames may come in another order than they are shown."""
    try:
        return list(stream.decode(None))
    except (av.FFmpegError, OSError):
        return []


def expected_frames(stream: Any, rate: Fraction) -> int | None:
    """How many frames a header promises, or None."""
    seconds = stated_seconds(stream)
    return round(seconds * rate) if seconds else stream.frames or None


def stated_seconds(stream: Any) -> float | None:
    """How long a stream is by its header; None if it does not say."""
    container = stream.container
    if container.format.name == "avi":  # `duration` would be guessed from the file's size
        return float(stream.frames * stream.time_base) or None
    start = max(float((stream.start_time or 0) * stream.time_base), 0.0)
    if container.format.name in _STATES_LENGTH and container.duration:
        return float(container.duration / av.time_base) - start
    if stream.duration:
        return float(stream.duration * stream.time_base)
    try:  # Matroska: "00:01:02.500000000", the time of the end, not counted from the start
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - start
    except (KeyError, ValueError):
        return None


def what_is_missing(path: Path, stream: Any, *, count: int, end: float, damaged: int) -> str | None:
    """Why a video is shorter than its file says or has holes, or None if it is whole.

    Args:
        path: The file.
        stream: Of it, read to its end.
        count: Frames that were decoded.
        end: When the last one ends, in seconds.
        damaged: Packets and frames that are damaged.
    """
    stated = stated_seconds(stream)
    if stated and end < stated - _TRUNCATED_S:
        return f"it is truncated after frame {count}, at {end:.1f} of {stated:.1f} seconds"
    if breaks_off(path, stream.container.format.name):
        return f"it is truncated: the file breaks off after frame {count}, at {end:.1f} seconds"
    if damaged:
        return f"parts of it are damaged ({damaged} packets or frames); {count} were decoded"
    return None
