"""A place for the results of a video until all of it has been seen."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from auheat.files import Resource
from auheat.results import FrameResult


class Spool(Resource):
    """Results in a nameless temporary file, without their heatmaps: some kB for a face in a frame.

    A context manager; the file goes when it ends. Nobody but this object ever opens the file.
    """

    def _open(self, parts: ExitStack) -> None:
        self._file = parts.enter_context(tempfile.TemporaryFile())  # noqa: SIM115

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
