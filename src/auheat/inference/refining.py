"""Readings of a video, calibrated and smoothed on request.

Smoothing comes first, calibration second, so that the clipping at 0 does not bias the smoothed
curve. Smoothing, and a resting face found in the video itself, need the whole video before the
first result: results then wait in a temporary file, and where pictures or heatmaps are wanted as
well, the video is read a second time. Memory grows by the readings alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auheat.inference.ahead import Stage
from auheat.inference.baseline import Baseline
from auheat.inference.calibration import Neutral, at_frame, calibrate, from_video
from auheat.inference.curves import Recorder
from auheat.inference.predictor import Predictor
from auheat.inference.reading import Read, predict_frames
from auheat.inference.smoothing import smooth
from auheat.inference.spool import Spool
from auheat.media.frames import Frame, FrameSource
from auheat.results import FacePrediction, FrameResult

# Wraps the frames of a pass through the video, to show progress.
Watch = Callable[[Iterable[Frame]], Iterable[Frame]]


@dataclass(frozen=True)
class Refinement:
    """What is done with readings. neutral: see `auheat.inference.calibration`."""

    neutral: Neutral | None = None
    smooth: bool = False

    @property
    def looks_ahead(self) -> bool:
        """Whether the whole video must be seen before the first result."""
        return self.smooth or self.neutral == "auto"


AS_READ = Refinement()


class RefinedFrames:
    """The pictures of a video, if they are wanted, with their refined results, in order.

    images: whether pictures and heatmaps are wanted; without, heatmaps may be missing.
    watch: see `Watch`. `baseline` is what is subtracted, known once the first result is out.
    Iterating again starts anew. Raises AuheatError, while iterating, as calibration does.
    """

    def __init__(
        self,
        source: FrameSource,
        predictor: Predictor,
        refinement: Refinement = AS_READ,
        images: bool = True,
        watch: Watch = lambda frames: frames,
    ) -> None:
        self._source, self._predictor, self._watch = source, predictor, watch
        self._refinement, self._images = refinement, images
        self.baseline: Baseline | None = None

    def __iter__(self) -> Iterator[Read]:
        neutral = self._refinement.neutral
        if isinstance(neutral, Baseline):
            self.baseline = neutral
        elif isinstance(neutral, int):
            self.baseline = at_frame(neutral, self._source, self._predictor)
        yield from self._after_all() if self._refinement.looks_ahead else self._as_they_come()

    def _read(self, images: bool) -> Stage[Read]:
        tracker = self._predictor.detector.tracker()
        return predict_frames(self._watch(self._source), self._predictor, tracker, images)

    def _as_they_come(self) -> Iterator[Read]:
        with closing(self._read(self._images)) as read:
            for image, result in read:
                yield image, _each(result, self._calibrated)

    def _after_all(self) -> Iterator[Read]:
        recorder = Recorder(self._predictor.aus)
        with Spool() as spool:
            with closing(self._read(images=False)) as read:
                for _, result in read:
                    recorder.add(result)
                    spool.add(result)
            if self._refinement.neutral == "auto":
                self.baseline = from_video(recorder, self._source.name)
            smoothed = _Smoothed(recorder) if self._refinement.smooth else _unchanged
            again = self._read(images=True) if self._images else _without_images(spool)
            with closing(again):
                for image, result in again:
                    yield image, _each(_each(result, smoothed), self._calibrated)

    def _calibrated(self, face: FacePrediction) -> FacePrediction:
        return calibrate(face, self.baseline.of(face.face_id)) if self.baseline else face


class _Smoothed:
    """Gives faces their smoothed intensities. Every person's must come in the order of time."""

    def __init__(self, recorder: Recorder) -> None:
        self._aus = recorder.aus
        self._levels: dict[int, Iterator[NDArray[np.float64]]] = {
            face_id: iter(smooth(person.times, person.levels))
            for face_id, person in recorder.curves().items()
        }

    def __call__(self, face: FacePrediction) -> FacePrediction:
        levels = next(self._levels[face.face_id])
        return face.refined(dict(zip(self._aus, levels.tolist(), strict=True)))


def _without_images(results: Iterable[FrameResult]) -> Stage[Read]:
    for result in results:
        yield None, result


def _unchanged(face: FacePrediction) -> FacePrediction:
    return face


def _each(result: FrameResult, change: Callable[[FacePrediction], FacePrediction]) -> FrameResult:
    return replace(result, faces=tuple(change(face) for face in result))
