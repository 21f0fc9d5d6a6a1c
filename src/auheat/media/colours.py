"""From a decoded frame to the RGB image that a player would show."""

from __future__ import annotations

import struct
from typing import Any

import av
import numpy as np
from av.sidedata import sidedata
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from auheat.arrays import Image
from auheat.media.hdr import HDR_NAMES, to_sdr

# Matrix coefficients (ITU-T H.273, table 4) that FFmpeg does not convert to RGB: those that another
# one comes near to, and the rest.
_SIMILAR_MATRIX = {3: 2, 10: 9, 12: 1, 13: 1}
UNREADABLE_MATRICES = {
    **{8: "YCgCo", 11: "Y'D'zD'x", 14: "ICtCp"},
    **{15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro"},
}


class Converter:
    """Makes RGB images of the frames of one video: square pixels, turned as the file says.

    One of these serves a whole video, as each reformatter makes threads of its own.

    Args:
        aspect: Width of a pixel by its height.
    """

    def __init__(self, aspect: Any) -> None:
        self._aspect = aspect or 1
        self._reformatter = VideoReformatter()

    def image(self, frame: Any, *, as_stored: bool = False) -> Image:
        """(H, W, 3) RGB uint8. as_stored: not turned.

        Raises:
            OSError: and av.FFmpegError, ValueError, MemoryError for what cannot be converted.
        """
        size = round(frame.width * self._aspect), frame.height
        if frame.colorspace in _SIMILAR_MATRIX:
            frame.colorspace = _SIMILAR_MATRIX[frame.colorspace]
        pixels: Any
        if frame.color_trc in HDR_NAMES:
            trc, primaries = int(frame.color_trc), int(frame.color_primaries)
            deep: Any = self._reformatter.reformat(frame, *size, "rgb48le").to_ndarray()
            pixels = to_sdr(deep, transfer=trc, primaries=primaries)
        else:
            pixels = self._reformatter.reformat(frame, *size, "rgb24").to_ndarray()
        if not as_stored:
            pixels = _as_shown(pixels, _display_matrix(frame))
        return np.ascontiguousarray(pixels, np.uint8)


def _display_matrix(frame: Any) -> tuple[int, ...]:
    """(a, b, c, d): a stored place (x, y) is shown at (a x + c y, b x + d y), up to a shift.

    See ISO/IEC 14496-12, 8.3.2, where they are the track header's matrix. `frame.side_data` would
    hold the frame as the frame holds it, so that its pixels stay until cycles are looked for.
    """
    container: Any = sidedata.SideDataContainer
    for data in container(frame):
        if data.type == sidedata.Type.DISPLAYMATRIX and len(bytes(data)) >= 36:
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


class Deinterlacer:
    """Passes frames on as they are until one is interlaced; from then on through FFmpeg's bwdif.

    There is one frame out for each one in, of the time of its first field; progressive ones stay
    as they are. The filter gives each frame once it has seen the next.
    """

    def __init__(self) -> None:
        self._graph: Any = None
        self._kind: tuple[Any, ...] = ()
        self.is_used = False

    def add(self, frame: Any) -> list[Any]:
        """The frames that are ready once this one is there."""
        if self._graph is None and not frame.interlaced_frame:
            return [frame]
        kind = frame.width, frame.height, frame.format.name, frame.time_base
        ready: list[Any] = []
        if kind != self._kind:
            ready = self.finish()
            self._graph, self._kind, self.is_used = _bwdif(frame), kind, True
        self._graph.push(frame)
        return ready + self._pull()

    def finish(self) -> list[Any]:
        """The frames that are still waiting."""
        if self._graph is None:
            return []
        self._graph.push(None)
        ready = self._pull()
        self._graph, self._kind = None, ()
        return ready

    def _pull(self) -> list[Any]:
        ready: list[Any] = []
        while True:
            try:
                ready.append(self._graph.pull())
            except (av.BlockingIOError, av.EOFError):
                return ready


def _bwdif(frame: Any) -> Any:
    """A filter for frames like this one."""
    graph = av.filter.Graph()
    nodes = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base,
        ),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph
