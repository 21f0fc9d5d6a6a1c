"""Reads the file of a session: each frame with what it shows, and why frames are missing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from time import monotonic

from auheat.arrays import Image
from auheat.inference.pipeline import predict_frames
from auheat.inference.predictor import Predictor
from auheat.media.frames import Frame, VideoFile
from auheat.media.images import read_image
from auheat.results import FrameResult
from auheat.web.limits import Limits
from auheat.web.session import Session


def results_of(
    session: Session, source: VideoFile | None, *, predictor: Predictor, limits: Limits
) -> Iterator[tuple[Image, FrameResult]]:
    """Each frame of a session's file with what it shows, until it is stopped.

    Args:
        session: Whose file it is.
        source: Its video; None for an image.
        predictor: What reads.
        limits: How long a video is read at most, in frames and seconds.

    Raises:
        AuheatError: If the file cannot be read.
    """
    if session.stopping.is_set():
        return
    if source is None:
        image = read_image(session.upload)
        yield image, FrameResult(1, 0.0, faces=predictor.predict(image).faces)
        return
    tracker = predictor.detector.tracker()
    frames = _until(source, session.stopping, limits)
    with closing(predict_frames(frames, predictor, tracker=tracker)) as read:
        for shown, result in read:
            assert shown is not None
            yield shown, result


def _until(source: VideoFile, stopping: threading.Event, limits: Limits) -> Iterator[Frame]:
    """The frames of a video, until it is stopped or a limit is reached."""
    end = monotonic() + limits.reading_s
    for frame in source:
        if monotonic() > end:
            stopping.set()
        if stopping.is_set():
            return
        yield frame
        if frame.number >= limits.frames:
            return


def shortfall(session: Session, source: VideoFile | None, limits: Limits) -> str | None:
    """A line if frames of a session's file are missing, or None. source: None for an image."""
    count = session.files.count
    if session.stopping.is_set() and source and count != source.count:
        return f"stopped after frame {count}; what was read is kept"
    if source and count >= limits.frames:
        return f"stopped after frame {count}: more are not read here; what was read is kept"
    if source and source.problem:
        return f"{session.name}: {source.problem}; what could be read is kept"
    return None


def nothing_read(session: Session, source: VideoFile | None) -> str:
    """Why not a single frame was read."""
    if session.stopping.is_set():
        return "stopped before the first frame was read"
    return f"{session.name}: {source.problem if source and source.problem else 'it has no frames'}"
