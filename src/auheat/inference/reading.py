"""Frames to results: faces are followed one frame at a time and read several frames at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from auheat.faces.finder import FaceTracker
from auheat.inference.predictor import AlignedFace, Predictor
from auheat.media.frames import Frame
from auheat.results import FrameResult

# Frames whose faces go through the network together. On two CPU cores this doubles the network's
# speed; more gains little, and every waiting frame costs memory.
FRAMES_TOGETHER = 8


def predict_frames(
    frames: Iterable[Frame], predictor: Predictor, tracker: FaceTracker
) -> Iterator[tuple[Frame, FrameResult]]:
    """Every frame with what was read in it, in order.

    Holds as many frames as the predictor's batch, FRAMES_TOGETHER if it leaves that open.
    """
    waiting: list[tuple[Frame, list[AlignedFace]]] = []
    together = predictor.batch or FRAMES_TOGETHER
    for frame in frames:
        faces = tracker.update(frame.image)
        waiting.append((frame, predictor.align(frame.image, faces)))
        if len(waiting) == together:
            yield from _read(waiting, predictor)
            waiting = []
    yield from _read(waiting, predictor)


def _read(
    waiting: Sequence[tuple[Frame, list[AlignedFace]]], predictor: Predictor
) -> Iterator[tuple[Frame, FrameResult]]:
    together = [face for _, faces in waiting for face in faces]
    predictions = iter(predictor.predict_aligned(together))
    for frame, faces in waiting:
        found = tuple(next(predictions) for _ in faces)
        yield frame, FrameResult(frame.number, frame.timestamp, found)
