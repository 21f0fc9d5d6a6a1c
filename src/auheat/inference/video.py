"""Action Units through a video, one frame at a time, in constant memory."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auheat.faces.finder import FaceTracker
from auheat.inference.inputs import photos_in
from auheat.inference.predictor import AlignedFace, Predictor, load
from auheat.media.frames import Frame, FrameSource, PhotoSequence, VideoFile
from auheat.results import FrameResult, TableSchema

if TYPE_CHECKING:
    import pandas as pd

# Frames whose faces go through the network together. On two CPU cores this doubles the network's
# speed; more gains little, and every waiting frame costs memory.
FRAMES_TOGETHER = 8


class VideoPrediction:
    """The frames of a video with what was read in them.

    Iterating decodes the video and yields a `FrameResult` per frame; iterating again starts anew.
    If frames are missing at the end, a warning says so once the last one is out.
    """

    def __init__(self, source: FrameSource, predictor: Predictor) -> None:
        self._source, self._predictor = source, predictor

    def __iter__(self) -> Iterator[FrameResult]:
        tracker = self._predictor.finder.tracker()
        for _, result in predict_frames(self._source, self._predictor, tracker):
            yield result
        if self._source.problem:
            warnings.warn(f"{self._source.name}: {self._source.problem}", stacklevel=2)

    def table(self) -> pd.DataFrame:
        """One row per frame and face, with the columns of `TableSchema("video")`.

        Numbers are not rounded. A frame without a face has success 0 and NaN in the AU columns.
        """
        import pandas as pd

        schema = TableSchema("video", self._predictor.aus)
        columns = {name: array("d") for name in schema.columns}
        for result in self:
            for row in schema.rows(result):
                for name, value in row.items():
                    columns[name].append(float("nan") if value is None else value)
        table = pd.DataFrame({name: np.array(values) for name, values in columns.items()})
        return table.astype(dict.fromkeys(("frame", "face_id", "success"), "int64"))


def predict_video(
    path: str | Path,
    predictor: Predictor | None = None,
    *,
    weights: str | Path = "default",
    device: str = "auto",
    aus: Sequence[str] | None = None,
    max_faces: int = 5,
    fps: float = 30.0,
) -> VideoPrediction:
    """Reads a video lazily: iterate over the result, or ask it for its `table()`.

    path: a video file, or a folder whose pictures are the frames of one video.
    predictor: reuse one made by `load`; else one is made from weights, device, aus and max_faces,
        which are explained there.
    fps: frames per second of a folder of pictures.
    Raises AuheatError if the video cannot be opened.
    """
    place = Path(path)
    source: FrameSource = (
        PhotoSequence(photos_in(place), place.name, fps) if place.is_dir() else VideoFile(place)
    )
    return VideoPrediction(source, predictor or load(weights, device, aus, max_faces))


def predict_frames(
    frames: Iterable[Frame], predictor: Predictor, tracker: FaceTracker
) -> Iterator[tuple[Frame, FrameResult]]:
    """Every frame with what was read in it, in order. Holds FRAMES_TOGETHER frames at most."""
    waiting: list[tuple[Frame, list[AlignedFace]]] = []
    for frame in frames:
        faces = tracker.update(frame.image)
        waiting.append((frame, predictor.align(frame.image, faces)))
        if len(waiting) == FRAMES_TOGETHER:
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
