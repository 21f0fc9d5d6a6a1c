"""Frames to results, in stages that run at the same time.

One thread decodes, one tracks and crops the faces, one runs the network on the faces of several
frames at once; the caller writes. Short queues join them, so that the slowest stage sets the pace
and memory stays bounded: the larger the frames, the fewer of them wait, and beyond 8 megapixels the
stages take turns. Every stage works in the order of the frames, hence results are those of a
plain loop, bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from queue import Empty, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

from auheat.arrays import Image
from auheat.faces.detector import FaceTracker
from auheat.inference.face_predictor import AlignedFace, FacePredictor
from auheat.inference.threads import end_before_exit
from auheat.media.frames import Frame
from auheat.results import FrameResult
from auheat.system import cpu_count

T = TypeVar("T")
Stage = Generator[T, None, None]

# Frames whose faces go through the network together. This doubles the network's speed on a CPU;
# more gains little, and every waiting frame costs memory.
BATCH_FRAMES = 8
# Decoded frames that wait for the tracker, and results that wait for the caller, at most.
DECODED_BATCHES = 2
READ_BATCHES = 2
# Bytes of the images in one queue, at most: 8 frames of 1920 x 1080, 2 of 3840 x 2160. Where there
# is no room for two, the stages take turns.
QUEUE_BYTES = 50_000_000

# A frame's image, if it is wanted, and what was predicted for it.
FrameAndResult = tuple[Image | None, FrameResult]
# The same before the network has run: a result without faces, and the crops to run it on.
Tracked = tuple[Image | None, FrameResult, list[AlignedFace]]


def threads_beside() -> int:
    """CPU threads for the network of a video: one less than the processors that may be used.

    Detecting and tracking faces keeps that one busy. On two processors this gave 10 to 20% more
    frames a second than both for the network.
    """
    return max(1, cpu_count() - 1)


def even_batch(count: int | None) -> int:
    """How many frames to take together, so that the last batch of a short video is not a small one.

    Args:
        count: How many frames are to be expected; None if nobody knows.

    Returns:
        `BATCH_FRAMES` or less.
    """
    return math.ceil(count / math.ceil(count / BATCH_FRAMES)) if count else BATCH_FRAMES


def predict_frames(
    frames: Iterable[Frame],
    predictor: FacePredictor,
    *,
    tracker: FaceTracker,
    images: bool = True,
    count: int | None = None,
) -> Stage[FrameAndResult]:
    """The result of every frame, in order, with its image if `images`.

    Reads some frames ahead of the caller: what the queues hold, and one in the hand of each stage.
    Close the iterator to end its threads early; none of them uses `frames`, the tracker or the
    predictor after that.

    Args:
        frames: The frames, all of one size.
        predictor: What reads their faces.
        tracker: What finds them.
        images: Whether the images are wanted.
        count: How many frames are to be expected; None if nobody knows.
    """
    rest = iter(frames)
    begun = [frame for frame in [next(rest, None)] if frame is not None]
    if not begun:
        return
    room = QUEUE_BYTES // max(begun[0].image.nbytes, 1)  # as all frames have the size of the first
    all_frames = _all(begun, rest)
    batch_frames = predictor.batch or even_batch(count)
    if images:
        batch_frames = min(batch_frames, room) if room > 1 else 1
    if room < 2:
        in_turns = _predict(_track(all_frames, predictor, tracker, images), predictor, batch_frames)
        with closing(in_turns):
            yield from in_turns
        return
    decoded = prefetch(all_frames, DECODED_BATCHES)
    tracked = prefetch(_track(decoded, predictor, tracker, images), batch_frames)
    results = _predict(tracked, predictor, batch_frames)
    yield from prefetch(results, READ_BATCHES)


def _all(begun: list[Frame], rest: Iterator[Frame]) -> Stage[Frame]:
    """The frames that are there, of which none is kept, and the others."""
    try:
        while begun:
            yield begun.pop(0)
        yield from rest
    finally:
        if close := getattr(rest, "close", None):
            close()


def _track(
    frames: Stage[Frame], predictor: FacePredictor, tracker: FaceTracker, images: bool
) -> Stage[Tracked]:
    with closing(frames):
        for frame in frames:
            faces = predictor.align(frame.image, tracker.update(frame.image, frame.timestamp))
            empty = FrameResult(frame.number, frame.timestamp, faces=(), aus=predictor.aus)
            yield frame.image if images else None, empty, faces
            del frame, faces  # the next one is waited for, and an image may be large


def _predict(
    tracked: Stage[Tracked], predictor: FacePredictor, batch_frames: int
) -> Stage[FrameAndResult]:
    waiting: list[Tracked] = []
    with closing(tracked):
        for item in tracked:
            waiting.append(item)
            del item
            if len(waiting) == batch_frames:
                yield from _predict_waiting(waiting, predictor)
        yield from _predict_waiting(waiting, predictor)


def _predict_waiting(waiting: list[Tracked], predictor: FacePredictor) -> Iterator[FrameAndResult]:
    """Results of all frames that wait, none of which is left waiting."""
    faces = [face for *_, of_frame in waiting for face in of_frame]
    predictions = iter(predictor.predict_aligned(faces))
    waiting.reverse()
    while waiting:
        image, result, of_frame = waiting.pop()
        yield image, replace(result, faces=tuple(next(predictions) for _ in of_frame))


class _End:
    """What comes last through a queue: the error that ended the stage, if one did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(items: Iterable[T], max_ahead: int) -> Stage[T]:
    """The same items in the same order, made by a thread that is up to `max_ahead` of them ahead.

    Nothing is made before the first item is asked for. An error comes out where it would have come
    out without the thread. When this iterator is closed, the thread ends, and closes `items`,
    before `close` returns.
    """
    worker = _PrefetchThread(items, max_ahead)
    try:
        while not isinstance(item := worker.queue.get(), _End):
            yield item
            del item  # the caller alone holds it
        if item.error is not None:
            raise item.error
    finally:
        worker.end()


class _PrefetchThread(Generic[T]):
    """A thread that puts items into a queue until they or the interest in them end."""

    def __init__(self, items: Iterable[T], max_ahead: int) -> None:
        self.queue: Queue[T | _End] = Queue(max_ahead)
        self._items, self._stopping = items, Event()
        self._thread = Thread(target=self._work, daemon=True)
        end_before_exit(self)
        self._thread.start()

    def _work(self) -> None:
        error: BaseException | None = None
        items = iter(self._items)
        try:
            for item in items:
                self.queue.put(item)
                del item  # the queue alone holds it
                if self._stopping.is_set():
                    break
        except BaseException as raised:
            error = raised
        finally:
            if close := getattr(items, "close", None):
                close()
        self.queue.put(_End(error))

    def end(self) -> None:
        """Ends the thread and waits for it."""
        self.end_by(math.inf)
        self._thread.join()

    def end_by(self, deadline: float) -> None:
        """Ends the thread, and waits for it until the monotonic clock shows `deadline`."""
        self._stopping.set()
        while self._thread.is_alive() and time.monotonic() < deadline:
            try:
                self.queue.get(timeout=0.01)  # room for what it is about to put
            except Empty:
                continue
