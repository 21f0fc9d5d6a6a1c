"""Action Units through a video, one frame at a time, in constant memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.inference.calibration import Baseline, resolve_baseline
from auheat.inference.inputs import photos_in
from auheat.inference.postprocess import AS_PREDICTED, PostProcessedFrames, PostProcessing
from auheat.inference.predictor import Predictor, load
from auheat.media.frames import FrameSource, PhotoSequence, VideoFile
from auheat.results import FrameResult
from auheat.tables.buffer import TableBuffer
from auheat.tables.columns import Extra
from auheat.tables.names import TableFormat
from auheat.tables.schema import Layout, TableSchema

if TYPE_CHECKING:
    import pandas as pd
    import polars


class VideoPrediction:
    """The frames of a video with what was read in them.

    Iterating decodes the video and yields a `FrameResult` per frame; iterating again starts anew.
    If frames are missing at the end, a warning says so once the last one is out.
    `baseline` is what was subtracted, known once the first result is out; None without calibration.
    """

    def __init__(
        self, source: FrameSource, predictor: Predictor, processing: PostProcessing = AS_PREDICTED
    ) -> None:
        self._source, self._predictor, self._processing = source, predictor, processing
        self.baseline: Baseline | None = None

    def __iter__(self) -> Iterator[FrameResult]:
        return self._results(heatmaps=True)

    def _results(self, heatmaps: bool) -> Iterator[FrameResult]:
        frames = PostProcessedFrames(
            self._source, self._predictor, self._processing, images=heatmaps
        )
        for _, result in frames:
            self.baseline = frames.baseline
            yield result
        if self._source.problem:
            warnings.warn(f"{self._source.name}: {self._source.problem}", stacklevel=2)

    def table(
        self,
        std: bool = False,
        format: TableFormat = "openface",
        pose: bool = False,
        landmarks: bool = False,
    ) -> pd.DataFrame:
        """The video as a pandas table; `docs/outputs.md` describes the columns.

        format: one row per frame and face with "openface" or "fex"; one for each AU with "tidy".
        pose, landmarks: with the columns of the head's pose and of the 68 landmarks.
        std: with standard deviations; a Fex table has no place for them.

        Numbers are not rounded. A frame without a face keeps its place and has NaN for intensities.
        Where they are calibrated or smoothed, raw columns hold them as they were (not in a Fex
        table). Raises AuheatError for an unknown format.
        """
        return self._buffer(Layout(format, pose, landmarks), std).pandas()

    def to_polars(
        self,
        std: bool = False,
        format: TableFormat = "openface",
        pose: bool = False,
        landmarks: bool = False,
    ) -> polars.DataFrame:
        """What `table` gives, as a polars table, with null for NaN.

        Raises AuheatError, besides, if polars is not installed.
        """
        return self._buffer(Layout(format, pose, landmarks), std).polars()

    def _buffer(self, layout: Layout, std: bool) -> TableBuffer:
        extras: tuple[Extra, ...] = ("raw",) if self._processing != AS_PREDICTED else ()
        extras += ("sd",) if std else ()
        aus, name = self._predictor.aus, Path(self._source.name).as_posix()
        rows = TableBuffer(TableSchema("video", aus, extras, layout, name))
        for result in self._results(heatmaps=False):
            rows.add(result)
        return rows


def predict_video(
    path: str | Path,
    predictor: Predictor | None = None,
    *,
    weights: str | Path = "default",
    device: str = "auto",
    aus: Sequence[str] | None = None,
    max_faces: int = 5,
    fps: float = 30.0,
    baseline: int | str | Path | Baseline | None = None,
    smooth: bool = False,
) -> VideoPrediction:
    """Reads a video lazily: iterate over the result, or ask it for its `table()`.

    path: a video file, or a folder whose pictures are the frames of one video.
    predictor: reuse one made by `load`; else one is made from weights, device, aus and max_faces,
        which are explained there.
    fps: frames per second of a folder of pictures.
    baseline: the face at rest that intensities count from: the number of a frame in which it is
        seen, "auto" to find it in the video, the path of a photo or of a saved baseline.
    smooth: take the jitter out of the curves, see `auheat.inference.smoothing`.
    With "auto" and `smooth` the whole video is read before the first result, and again for the
    heatmaps if the results are iterated over.
    Raises AuheatError if the video or what is named as baseline cannot be used.
    """
    place = Path(path)
    source: FrameSource = (
        PhotoSequence(photos_in(place), place.name, fps=fps) if place.is_dir() else VideoFile(place)
    )
    predictor = predictor or load(weights, device, aus, max_faces)
    processing = PostProcessing(resolve_baseline(baseline, predictor), smooth)
    return VideoPrediction(source, predictor, processing)
