"""Where results go: tables and annotated pictures.

Every sink is a context manager. It writes under a temporary name in the folder of its target and
takes the real name when the block ends well; after an error or an interrupt nothing is left.
"""

from __future__ import annotations

import csv
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from auheat.files import replacing
from auheat.inference.overlay import Overlay
from auheat.media.video_writer import VideoWriter
from auheat.results import FrameResult, TableSchema, format_row

Image = NDArray[np.uint8]


class _Sink:
    """Opens its resources on entering and closes them, in reverse order, on leaving."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._resources = ExitStack()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._resources.__exit__(kind, error, trace)


class CsvSink(_Sink):
    """A table as a CSV file: UTF-8, comma, header row, no spaces."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        super().__init__(path)
        self._schema = schema

    def __enter__(self) -> CsvSink:
        with ExitStack() as opening:
            temporary = opening.enter_context(replacing(self.path))
            stream = opening.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            self._writer = csv.writer(stream, lineterminator="\n")
            self._writer.writerow(self._schema.columns)
            self._resources = opening.pop_all()
        return self

    def write(self, result: FrameResult) -> None:
        """Adds the rows of one frame."""
        for row in self._schema.rows(result):
            self._writer.writerow(format_row(row, self._schema.columns))


class OverlayVideoSink(_Sink):
    """An annotated video, see `auheat.media.video_writer`.

    rate: frames per second on average; each frame keeps its own timestamp.
    """

    def __init__(self, path: Path, aus: tuple[str, ...], rate: Fraction) -> None:
        super().__init__(path)
        self._aus, self._rate = aus, rate
        self._overlay: Overlay | None = None

    def __enter__(self) -> OverlayVideoSink:
        with ExitStack() as opening:
            self._writer = opening.enter_context(VideoWriter(self.path, self._rate))
            self._resources = opening.pop_all()
        return self

    def write(self, image: Image, result: FrameResult) -> None:
        """Adds one frame. image: (H, W, 3) RGB."""
        if self._overlay is None:
            self._overlay = Overlay(self._aus, *image.shape[:2])
        self._writer.write(self._overlay.draw(image, result), result.timestamp)


def write_overlay_photo(
    path: Path, aus: tuple[str, ...], image: Image, result: FrameResult
) -> None:
    """Writes an annotated picture as JPEG. image: (H, W, 3) RGB."""
    drawn = Overlay(aus, *image.shape[:2]).draw(image, result)
    with replacing(path) as temporary:
        Pillow.fromarray(drawn).save(temporary, "JPEG", quality=92, subsampling=0)
