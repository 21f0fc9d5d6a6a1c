"""All that is written of one input, of which one output that fails does not cost the others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from auheat.faults import message
from auheat.files import Resource
from auheat.inference.calibration import Baseline
from auheat.inference.writers import Result, Writer

# Failures of an input that are said in full.
_MAX_NAMED = 3


class Written(Resource):
    """The writers of one input. A context manager, in which results are written.

    An input whose table cannot be written fails as a whole. Any other output that cannot be written
    is left out, and the rest is still written.

    Args:
        writers: The table's first.
    """

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._table, *self._more = writers
        self._left_out: list[str] = []

    def _open(self, parts: ExitStack) -> None:
        parts.enter_context(self._table)
        parts.push(self._end)
        self._running: list[Writer] = []
        for writer in self._more:
            try:
                writer.__enter__()
            except Exception as error:
                self._leave_out(error)
            else:
                self._running.append(writer)

    def write(self, item: Result) -> None:
        """Adds one frame or image.

        Raises:
            AuheatError: The table cannot be written.
        """
        self._table.write(item)
        for writer in list(self._running):
            try:
                writer.write(item)
            except Exception as error:
                self._leave_out(error)
                if not writer.is_file_each:
                    self._running.remove(writer)
                    writer.__exit__(type(error), error, error.__traceback__)

    def _end(self, kind: type[BaseException] | None, *rest: object) -> None:
        ended = []
        for writer in self._running:
            try:
                writer.__exit__(kind, *rest)  # type: ignore[arg-type]
            except Exception as error:
                self._leave_out(error)
            else:
                ended.append(writer)
        self._running = ended

    def finish(self, baseline: Baseline | None) -> list[Path]:
        """Has them write what has to wait for the end; gives all files that are there then.

        Args:
            baseline: What was subtracted.
        """
        self._table.finish(baseline)
        files = list(self._table.files)
        for writer in self._running:
            try:
                writer.finish(baseline)
            except Exception as error:
                self._leave_out(error)
            else:
                files += writer.files
        return files

    @property
    def notes(self) -> list[str]:
        """What the user should know of what is written, after `finish`."""
        return [line for writer in self._running for line in writer.notes]

    def _leave_out(self, error: Exception) -> None:
        self._left_out.append(message(error, "an output"))

    @property
    def problem(self) -> str | None:
        """What is left out and why, or None."""
        more = len(self._left_out) - _MAX_NAMED
        named = [*self._left_out[:_MAX_NAMED], *([f"and {more} more"] if more > 0 else [])]
        return "; ".join(named) or None
