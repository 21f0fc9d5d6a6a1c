"""Action Units of the people in front of a camera, image by image."""

from __future__ import annotations

import time
from math import isfinite
from pathlib import Path

from auheat.arrays import AnyImage
from auheat.errors import AuheatError, check_number, shown
from auheat.inference.baselines import resolve_baseline
from auheat.inference.calibration import Baseline, calibrate
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.unpicklable import StaysInItsProcess
from auheat.results import FrameResult, checked_image


class LiveTracker(StaysInItsProcess):
    """Gives every person a face_id that stays with them from image to image.

    `Predictor.tracker` makes one.
    """

    def __init__(
        self, predictor: FacePredictor, *, baseline: str | Path | Baseline | None = None
    ) -> None:
        known = resolve_baseline(baseline, predictor)
        if known is not None and not isinstance(known, Baseline):
            raise AuheatError(
                f"a camera has no frame to look back at: give an image or a file as baseline, not "
                f"{shown(baseline)}"
            )
        self._predictor, self._baseline = predictor, known
        self._tracker = predictor.detector.tracker()
        self._frame, self._start, self._last = 0, 0.0, 0.0
        self._size: tuple[int, ...] = ()

    def update(self, image: AnyImage, *, timestamp: float | None = None) -> FrameResult:
        """The faces of the next image, by rising face_id.

        Args:
            image: (H, W, 3) RGB uint8, as large as the one before.
            timestamp: Seconds from 0 up, by a clock of your own, not before those of the last
                image; those since the first image if None.

        Returns:
            Its `frame` counts from 1, its `timestamp` is the one given, as a float, or the seconds
            since the first image.

        Raises:
            AuheatError: If it is no such image, or of another size, or the time is none, below 0 or
                runs backwards.
        """
        image = checked_image(image)
        if image.shape[:2] != (self._size or image.shape[:2]):
            raise AuheatError(
                f"the camera changed the size of its image from {self._size} to "
                f"{image.shape[:2]}: make a new tracker"
            )
        now = time.monotonic()
        start = self._start if self._frame else now
        when = max(now - start, self._last) if timestamp is None else _seconds(timestamp)
        if when < 0:
            raise AuheatError(f"timestamp is {when:g}: give seconds from 0 up")
        if when < self._last:
            raise AuheatError(
                f"timestamp is {when:g}, before the {self._last:g} of the last image: give seconds "
                "that do not run backwards"
            )
        self._start, self._last = start, when
        self._frame, self._size = self._frame + 1, image.shape[:2]
        found = self._tracker.update(image, when)
        faces = self._predictor.predict_aligned(self._predictor.align(image, found))
        if self._baseline:
            faces = [calibrate(face, self._baseline.of(face.face_id)) for face in faces]
        return FrameResult(self._frame, when, faces=tuple(faces), aus=self._predictor.aus)


def _seconds(timestamp: float) -> float:
    check_number("timestamp", timestamp)
    if not isfinite(timestamp):
        raise AuheatError(f"timestamp is {shown(timestamp)}: give seconds")
    return float(timestamp)
