"""Writes videos: MP4 whose frames keep their own timestamps, AVI of constant rate."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.files import Resource, atomic_write

# Fine enough for every usual frame rate, and within the 16 bits that MPEG-4 part 2 allows.
_TIME_BASE = Fraction(1, 60000)
_BT709 = 1
# Pixels that a side of a frame has at most.
_MAX_SIDE_PX = {"libx264": 16_384, "mpeg4": 8_191, "mjpeg": 65_500}
# Pixels of a frame above which the encoder looks at no frames ahead: it would hold some twenty.
_LARGE = 4_000_000
_NO_LOOKAHEAD = {
    "bf": "0",
    "x264-params": "rc-lookahead=0:sync-lookahead=0:mbtree=0:sliced-threads=1",
}


class VideoWriter(Resource):
    """A video without sound, of the kind that its name ends in.

    `.avi` is Motion JPEG at a constant rate: frames follow each other, whatever their timestamps,
    and each is decoded to exactly one. Anything else is MP4 (H.264 where the build of FFmpeg has
    it, else MPEG-4), whose frames keep their timestamps.

    A context manager: the file takes its name when the block ends well; after an error or an
    interrupt nothing is left.

    Args:
        path: of the video.
        rate: frames per second on average.
        quality: H.264's constant rate factor, lower is better; an `.avi` has its own.

    Attributes:
        path: of the video.

    Raises:
        AuheatError: on entering, writing or leaving, if the file cannot be written.
    """

    def __init__(self, path: str | Path, rate: Fraction, *, quality: int = 20) -> None:
        self.path = path = Path(path)
        self._rate, self._quality = rate.limit_denominator(1001), quality
        self._avi = path.suffix.lower() == ".avi"
        self._tick = 1 / self._rate if self._avi else _TIME_BASE
        self._stream: Any = None
        self._convert = VideoReformatter()
        self._pts = -1

    def _open(self, parts: ExitStack) -> None:
        temporary = parts.enter_context(atomic_write(self.path))
        try:
            kind = "avi" if self._avi else "mp4"
            self._container = av.open(str(temporary), "w", format=kind)
        except av.FFmpegError as error:
            raise self._failure(error) from None
        parts.push(self._end)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        """Writes the frames that the encoder still holds, and closes the file."""
        try:
            with self._container:
                if kind is None and self._stream is not None:
                    self._container.mux(self._stream.encode())
        except av.FFmpegError as failure:
            raise self._failure(failure) from None

    def write(self, image: NDArray[np.uint8], timestamp: float) -> None:
        """Adds a frame.

        Args:
            image: (H, W, 3) RGB uint8; H and W are even and the same for all frames.
            timestamp: seconds from the start.

        Raises:
            AuheatError: It cannot be written, or frames are larger than the encoder takes.
        """
        if self._stream is None:
            self._stream = self._open_stream(*image.shape[:2])
        rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="rgb24")
        if self._avi:
            frame = self._convert.reformat(rgb, format="yuvj420p", dst_colorspace=Colorspace.ITU601)
            self._pts += 1
        else:
            frame = self._convert.reformat(rgb, format="yuv420p", dst_colorspace=Colorspace.ITU709)
            self._pts = max(round(timestamp / _TIME_BASE), self._pts + 1)
        frame.pts, frame.time_base = self._pts, self._tick
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            raise self._failure(error) from None

    def _open_stream(self, height: int, width: int) -> Any:
        best = "libx264" in av.codecs_available
        codec = "mjpeg" if self._avi else "libx264" if best else "mpeg4"
        if max(height, width) > _MAX_SIDE_PX[codec]:
            raise AuheatError(
                f"cannot write {self.path}: its frames would have {width}x{height} pixels, "
                f"and have at most {_MAX_SIDE_PX[codec]:,} a side"
            )
        stream: Any = self._container.add_stream(codec, rate=self._rate)
        stream.height, stream.width = height, width
        context = stream.codec_context
        context.time_base = self._tick
        if self._avi:
            stream.pix_fmt = "yuvj420p"
            stream.options = {"qmin": "2", "qmax": "2"}
            return stream
        stream.pix_fmt = "yuv420p"
        quality = {"crf": str(self._quality), "preset": "veryfast"}
        quality |= _NO_LOOKAHEAD if height * width > _LARGE else {}
        stream.options = quality if best else {"qscale": "3"}
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        return stream

    def _failure(self, error: Exception) -> AuheatError:
        return AuheatError(f"cannot write {self.path}: {getattr(error, 'strerror', None) or error}")
