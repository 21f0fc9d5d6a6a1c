"""From a decoded picture to the RGB image that a player would show."""

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
    """Makes RGB images of the pictures of one video: square pixels, turned as the file says.

    One of these serves a whole video, as each reformatter makes threads of its own.

    Args:
        aspect: Width of a pixel by its height.
    """

    def __init__(self, aspect: Any) -> None:
        self._aspect = aspect or 1
        self._reformatter = VideoReformatter()

    def image(self, picture: Any, *, as_stored: bool = False) -> Image:
        """(H, W, 3) RGB uint8. as_stored: not turned.

        Raises:
            OSError: and av.FFmpegError, ValueError, MemoryError for what cannot be converted.
        """
        size = round(picture.width * self._aspect), picture.height
        if picture.colorspace in _SIMILAR_MATRIX:
            picture.colorspace = _SIMILAR_MATRIX[picture.colorspace]
        pixels: Any
        if picture.color_trc in HDR_NAMES:
            trc, primaries = int(picture.color_trc), int(picture.color_primaries)
            deep: Any = self._reformatter.reformat(picture, *size, "rgb48le").to_ndarray()
            pixels = to_sdr(deep, transfer=trc, primaries=primaries)
        else:
            pixels = self._reformatter.reformat(picture, *size, "rgb24").to_ndarray()
        if not as_stored:
            pixels = _as_shown(pixels, _display_matrix(picture))
        return np.ascontiguousarray(pixels, np.uint8)


def _display_matrix(picture: Any) -> tuple[int, ...]:
    """(a, b, c, d): a stored place (x, y) is shown at (a x + c y, b x + d y), up to a shift.

    See ISO/IEC 14496-12, 8.3.2, where they are the track header's matrix. `picture.side_data` would
    hold the picture as the picture holds it, so that its pixels stay until cycles are looked for.
    """
    container: Any = sidedata.SideDataContainer
    for data in container(picture):
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
    """Passes pictures on as they are until one is interlaced; from then on through FFmpeg's bwdif.

    There is one picture out for each one in, of the time of its first field; progressive ones stay
    as they are. The filter gives each picture once it has seen the next.
    """

    def __init__(self) -> None:
        self._graph: Any = None
        self._kind: tuple[Any, ...] = ()
        self.is_used = False

    def add(self, picture: Any) -> list[Any]:
        """The pictures that are ready once this one is there."""
        if self._graph is None and not picture.interlaced_frame:
            return [picture]
        kind = picture.width, picture.height, picture.format.name, picture.time_base
        ready: list[Any] = []
        if kind != self._kind:
            ready = self.finish()
            self._graph, self._kind, self.is_used = _bwdif(picture), kind, True
        self._graph.push(picture)
        return ready + self._pull()

    def finish(self) -> list[Any]:
        """The pictures that are still waiting."""
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


def _bwdif(picture: Any) -> Any:
    """A filter for pictures like this one."""
    graph = av.filter.Graph()
    nodes = [
        graph.add_buffer(
            width=picture.width,
            height=picture.height,
            format=picture.format,
            time_base=picture.time_base,
        ),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph
