"""Frames to results, in stages that run at the same time.

One thread decodes, one follows the faces and cuts them out, one runs the network on the faces of
several frames together; the caller writes. Short queues join them, so that the slowest stage sets
the pace and memory stays bounded. Every stage works in the order of the frames, hence results are
those of a plain loop, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace

from auheat.faces.detector import FaceTracker
from auheat.inference.ahead import Stage, ahead
from auheat.inference.predictor import AlignedFace, Image, Predictor
from auheat.media.frames import Frame
from auheat.results import FrameResult
from auheat.system import cpu_count

# Frames whose faces go through the network together. This doubles the network's speed on a CPU;
# more gains little, and every waiting frame costs memory.
FRAMES_TOGETHER = 8
# Decoded frames that wait for the tracker, and results that wait for the caller, at most.
DECODED = 2
READ = 2

# A frame's picture, if it is wanted, and what was read in it.
Read = tuple[Image | None, FrameResult]
# The same before the network has run: a result without faces, and the faces to read.
Followed = tuple[Image | None, FrameResult, list[AlignedFace]]


def threads_beside() -> int:
    """CPU threads for the network of a video: one less than the processors that may be used.

    Finding and following the faces keeps that one busy. On two processors this gave 10 to 20% more
    frames a second than both for the network.
    """
    return max(1, cpu_count() - 1)


def predict_frames(
    frames: Iterable[Frame], predictor: Predictor, tracker: FaceTracker, images: bool = True
) -> Stage[Read]:
    """What was read in every frame, in order, with the pictures if `images`.

    Reads some frames ahead of the caller: what the queues hold, and one in the hand of each stage.
    Close the iterator to end its threads early; none of them uses `frames`, the tracker or the
    predictor after that.
    """
    together = predictor.batch or FRAMES_TOGETHER
    decoded = ahead(frames, DECODED)
    followed = ahead(_follow(decoded, predictor, tracker, images), together)
    return ahead(_read(followed, predictor, together), READ)


def _follow(
    frames: Stage[Frame], predictor: Predictor, tracker: FaceTracker, images: bool
) -> Iterator[Followed]:
    with closing(frames):
        for frame in frames:
            faces = predictor.align(frame.image, tracker.update(frame.image))
            empty = FrameResult(frame.number, frame.timestamp, ())
            yield frame.image if images else None, empty, faces


def _read(followed: Stage[Followed], predictor: Predictor, together: int) -> Iterator[Read]:
    waiting: list[Followed] = []
    with closing(followed):
        for item in followed:
            waiting.append(item)
            if len(waiting) == together:
                yield from _together(waiting, predictor)
        yield from _together(waiting, predictor)


def _together(waiting: list[Followed], predictor: Predictor) -> Iterator[Read]:
    """Results of all frames that wait, none of which is left waiting."""
    faces = [face for *_, of_frame in waiting for face in of_frame]
    predictions = iter(predictor.predict_aligned(faces))
    waiting.reverse()
    while waiting:
        image, result, of_frame = waiting.pop()
        yield image, replace(result, faces=tuple(next(predictions) for _ in of_frame))
