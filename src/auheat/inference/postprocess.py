"""Predictions of a video, smoothed and calibrated on request.

Smoothing comes first, calibration second, so that the clipping at 0 does not bias the smoothed
curve. Smoothing, and a baseline found in the video itself, need the whole video before the first
result: results then wait in a temporary file, and where images or heatmaps are wanted as well, the
video is read a second time. Memory grows by the intensities alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auheat.inference.baselines import BaselineChoice, at_frame, from_video
from auheat.inference.calibration import Baseline, calibrate
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.pipeline import FrameAndResult, Stage, predict_frames
from auheat.inference.smoothing import smooth
from auheat.inference.spool import ResultSpool
from auheat.media.frames import Frame, FrameSource
from auheat.progress import Progress, silent, track
from auheat.results import FacePrediction, FrameResult
from auheat.tables.series import SeriesRecorder


@dataclass(frozen=True)
class PostProcessing:
    """What is done with predictions.

    Attributes:
        baseline: See `auheat.inference.calibration`.
        smooth: See `auheat.inference.smoothing`.
    """

    baseline: BaselineChoice | None = None
    smooth: bool = False

    @property
    def needs_two_passes(self) -> bool:
        """Whether the whole video must be seen before the first result."""
        return self.smooth or self.baseline == "auto"


AS_PREDICTED = PostProcessing()


class PostProcessedFrames:
    """The images of a video, if they are wanted, with their post-processed results, in order.

    Iterating again starts anew. Raises AuheatError, while iterating, as calibration does.

    Args:
        source: The video.
        predictor: What reads it.
        processing: What is done with its predictions.
        images: Whether images and heatmaps are wanted; without, heatmaps may be missing.
        progress: Shows every pass through the video.
        label: What to call the video there.
        decoded: Called once the last frame is decoded, or no more of them are wanted.

    Attributes:
        baseline: What is subtracted, known once the first result is out.
    """

    def __init__(
        self,
        source: FrameSource,
        predictor: FacePredictor,
        *,
        processing: PostProcessing = AS_PREDICTED,
        images: bool = True,
        progress: Progress = silent,
        label: str = "",
        decoded: Callable[[], object] = lambda: None,
    ) -> None:
        self._source, self._predictor = source, predictor
        self._processing, self._images = processing, images
        self._progress, self._label, self._decoded = progress, label, decoded
        self.baseline: Baseline | None = None

    @property
    def is_light(self) -> bool:
        """Whether the first result takes little work and memory."""
        return not (self._images or self._processing.needs_two_passes)

    def __iter__(self) -> Iterator[FrameAndResult]:
        chosen = self._processing.baseline
        if isinstance(chosen, Baseline):
            self.baseline = chosen
        elif isinstance(chosen, int):
            self.baseline = at_frame(chosen, self._source, predictor=self._predictor)
        if self._processing.needs_two_passes:
            yield from self._after_all()
        else:
            yield from self._as_they_come()

    def _read(self, images: bool, which: str = "") -> Stage[FrameAndResult]:
        tracker = self._predictor.detector.tracker()
        label = (self._label or self._source.name) + which
        count = self._source.count
        frames = track(self._frames(), self._progress, label, count)
        return predict_frames(frames, self._predictor, tracker=tracker, images=images, count=count)

    def _frames(self) -> Iterator[Frame]:
        try:
            yield from self._source
        finally:
            self._decoded()

    def _as_they_come(self) -> Iterator[FrameAndResult]:
        with closing(self._read(self._images)) as read:
            for image, result in read:
                yield image, _each(result, self._calibrated)

    def _after_all(self) -> Iterator[FrameAndResult]:
        recorder = SeriesRecorder(self._predictor.aus)
        with closing(ResultSpool()) as spool:
            with closing(self._read(False, ", first pass" if self._images else "")) as read:
                for _, result in read:
                    recorder.add(result)
                    if not self._images:
                        spool.add(result)
            if self._processing.baseline == "auto":
                self.baseline = from_video(recorder, self._source.name)
            smoothed = _Smoothed(recorder) if self._processing.smooth else _unchanged
            again = self._read(True, ", second pass") if self._images else _without_images(spool)
            with closing(again):
                for image, result in again:
                    yield image, _each(_each(result, smoothed), self._calibrated)

    def _calibrated(self, face: FacePrediction) -> FacePrediction:
        return calibrate(face, self.baseline.of(face.face_id)) if self.baseline else face


class _Smoothed:
    """Gives faces their smoothed intensities. Every person's must come in the order of time."""

    def __init__(self, recorder: SeriesRecorder) -> None:
        self._aus = recorder.aus
        self._intensities: dict[int, Iterator[NDArray[np.float64]]] = {
            face_id: iter(smooth(person.times, person.intensities))
            for face_id, person in recorder.series().items()
        }

    def __call__(self, face: FacePrediction) -> FacePrediction:
        intensities = next(self._intensities[face.face_id])
        return face.with_intensities(dict(zip(self._aus, intensities.tolist(), strict=True)))


def _without_images(results: Iterable[FrameResult]) -> Stage[FrameAndResult]:
    for result in results:
        yield None, result


def _unchanged(face: FacePrediction) -> FacePrediction:
    return face


def _each(result: FrameResult, change: Callable[[FacePrediction], FacePrediction]) -> FrameResult:
    return replace(result, faces=tuple(change(face) for face in result))
