"""A place for the results of a video until all of it has been seen."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType

from auheat.results import FrameResult


class Spool:
    """Results in a nameless temporary file, without their heatmaps: some kB for a face in a frame.

    A context manager; the file goes when it ends. Nobody but this object ever opens the file.
    """

    def __enter__(self) -> Spool:
        self._file = tempfile.TemporaryFile()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, result: FrameResult) -> None:
        """Keeps one frame."""
        faces = tuple(replace(face, heatmaps={}) for face in result)
        pickle.dump(replace(result, faces=faces), self._file, pickle.HIGHEST_PROTOCOL)

    def __iter__(self) -> Iterator[FrameResult]:
        """What was kept, in order."""
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            yield pickle.load(self._file)
