"""Results that are kept on disk, as those of a long video are too many for memory."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import IO

from auheat.errors import AuheatError
from auheat.results import FrameResult


class ResultSpool:
    """Results in a nameless temporary file, without their heatmaps: some kB for a face in a frame.

    The file is made for the first result. It goes with `close`, or with the last that holds this
    object: whoever iterates does. Nobody but this object ever opens it.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._end = 0
        self._problem: str | None = None

    def close(self) -> None:
        """Forgets everything."""
        self._end = 0
        if self._file is not None:
            _close(self._file)

    def add(self, result: FrameResult) -> None:
        """Keeps one frame. After an error none is kept any more.

        Raises:
            AuheatError: Where the temporary folder cannot be written, or is full; the first time.
        """
        if self._problem is not None:
            return
        faces = tuple(replace(face, heatmaps={}) for face in result)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
                weakref.finalize(self, _close, self._file)
            self._file.seek(self._end)
            self._file.write(pickle.dumps(replace(result, faces=faces), pickle.HIGHEST_PROTOCOL))
            self._file.flush()  # a full disk shows here, not when what was kept is wanted
            self._end = self._file.tell()
        except OSError as error:
            self.close()
            self._problem = _why(error)
            raise AuheatError(self._problem) from None

    def __iter__(self) -> Iterator[FrameResult]:
        """What was kept, in order. Several may iterate at once.

        Raises:
            AuheatError: If not everything could be kept.
        """
        if self._problem is not None:
            raise AuheatError(self._problem)
        place = 0
        while self._file is not None and place < self._end:
            self._file.seek(place)
            result = pickle.load(self._file)
            place = self._file.tell()
            yield result


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # what could not be written is not wanted any more
        file.close()


def _why(error: OSError) -> str:
    reason = error.strerror or str(error)
    try:
        place = f"the temporary folder {tempfile.gettempdir()}"
    except OSError:  # none of those that Python knows can be written
        place = "any temporary folder"
    return (
        f"cannot keep results in {place}: {reason}; make room there, or name another folder in the "
        "environment variable TMPDIR, and read the video again"
    )
