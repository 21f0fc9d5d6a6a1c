"""Where annotated images go: a video, or one file for each image.

They are written under a temporary name and take the real one when all went well, see
`auheat.files`.
"""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

from PIL import Image as Pillow

from auheat.arrays import Image
from auheat.drawing.overlay import Overlay
from auheat.errors import AuheatError
from auheat.files import Resource, atomic_write
from auheat.media.video_writer import VideoWriter
from auheat.results import FrameResult

# What libjpeg takes.
MAX_JPEG_SIDE_PX = 65_500


class OverlayVideoSink(Resource):
    """An annotated video, see `auheat.media.video_writer`.

    Args:
        rate: frames per second on average; each frame keeps its own timestamp.
    """

    def __init__(self, path: Path, aus: tuple[str, ...], rate: Fraction) -> None:
        self.path, self._aus, self._rate = path, aus, rate
        self._overlay: Overlay | None = None

    def _open(self, parts: ExitStack) -> None:
        self._writer = parts.enter_context(VideoWriter(self.path, self._rate))

    def write(self, image: Image, result: FrameResult) -> None:
        """Adds one frame. image: (H, W, 3) RGB."""
        if self._overlay is None:
            self._overlay = Overlay(self._aus, *image.shape[:2])
        self._writer.write(self._overlay.draw(image, result), result.timestamp)


def write_overlay_image(
    path: Path, aus: tuple[str, ...], *, image: Image, result: FrameResult
) -> None:
    """Writes an annotated image as JPEG. image: (H, W, 3) RGB.

    Raises:
        AuheatError: It cannot be written, or has more pixels a side than a JPEG can.
    """
    overlay = Overlay(aus, *image.shape[:2])
    height, width = overlay.size
    if max(height, width) > MAX_JPEG_SIDE_PX:
        raise AuheatError(
            f"cannot write {path}: it would have {width}x{height} pixels, and a JPEG has at most "
            f"{MAX_JPEG_SIDE_PX:,} a side"
        )
    drawn = overlay.draw(image, result)
    with atomic_write(path) as temporary:
        Pillow.fromarray(drawn).save(temporary, "JPEG", quality=92, subsampling=0)
