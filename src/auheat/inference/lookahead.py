"""The next video is begun while the network still reads the last faces of the one before.

Of many short videos each would otherwise wait for the decoder and the tracker of its own first
frames while nothing else works.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event, Thread
from time import perf_counter

from auheat.inference.inputs import Input
from auheat.inference.pipeline import FrameAndResult
from auheat.inference.postprocess import PostProcessedFrames
from auheat.inference.threads import end_before_exit
from auheat.inference.writers import Writer
from auheat.media.frames import FrameSource


class VideoInWork:
    """A video that is read, and what is written of it.

    Args:
        source: The video.
        writers: Of its outputs.
        results: Its frames with what is predicted.

    Attributes:
        source: The video.
        writers: Of its outputs.
        results: Its frames with what is predicted.
        begun: When it was opened, on the clock of `time.perf_counter`.
    """

    def __init__(
        self, source: FrameSource, writers: list[Writer], results: PostProcessedFrames
    ) -> None:
        self.source, self.writers, self.results = source, writers, results
        self.begun = perf_counter()
        self._first: list[FrameAndResult] = []
        self._frames = iter(results)

    def begin(self) -> None:
        """Reads until the first result is there; the stages of the pipeline go on a little."""
        self._first = [frame for frame in [next(self._frames, None)] if frame is not None]

    def __iter__(self) -> Iterator[FrameAndResult]:
        """All results, once."""
        with closing(self):
            yield from self._first
            yield from self._frames

    def close(self) -> None:
        """Ends the threads that read it."""
        if close := getattr(self._frames, "close", None):
            close()


class Lookahead:
    """An input that a thread opens and begins as soon as it may.

    Args:
        item: The input.
        open_video: Opens it; is given what to call once its last frame is decoded. None if it is no
            video.
        may_begin: Set once it may begin; until then its thread waits.

    Attributes:
        item: The input.
        decoded: Set once its last frame is decoded, or it is done.
    """

    def __init__(
        self,
        item: Input,
        open_video: Callable[[Input, Callable[[], object]], VideoInWork | None],
        may_begin: Event,
    ) -> None:
        self.item, self.decoded = item, Event()
        self._open, self._may_begin, self._is_dropped = open_video, may_begin, False
        self._video: VideoInWork | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, daemon=True)
        end_before_exit(self)
        self._thread.start()

    def _work(self) -> None:
        self._may_begin.wait()
        if self._is_dropped:
            return
        try:
            self._video = self._open(self.item, self.decoded.set)
            if self._video is not None and self._video.results.is_light:
                self._video.begin()
        except BaseException as error:
            self._error = error

    def video(self) -> VideoInWork | None:
        """The video, or None if the input is none.

        Raises:
            Exception: What went wrong when it was opened or begun.
        """
        self._may_begin.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._video

    def drop(self) -> None:
        """Ends what was begun."""
        self._cancel()
        self._thread.join()
        if self._video is not None:
            self._video.close()

    def end_by(self, deadline: float) -> None:
        """Drops what has not begun, and waits for the thread until the clock shows `deadline`."""
        self._cancel()
        if self._thread.is_alive():
            self._thread.join(max(deadline - time.monotonic(), 0))

    def _cancel(self) -> None:
        self._is_dropped = True
        self._may_begin.set()
