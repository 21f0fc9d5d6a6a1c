"""Action Units through a video, one frame at a time, in constant memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.inference.baseline import Baseline
from auheat.inference.calibration import neutral_of
from auheat.inference.dataframes import Gathered
from auheat.inference.inputs import photos_in
from auheat.inference.predictor import Predictor, load
from auheat.inference.refining import AS_READ, RefinedFrames, Refinement
from auheat.media.frames import FrameSource, PhotoSequence, VideoFile
from auheat.results import FrameResult
from auheat.tables.columns import Extra
from auheat.tables.schema import Layout, TableFormat, TableSchema

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
        self, source: FrameSource, predictor: Predictor, refinement: Refinement = AS_READ
    ) -> None:
        self._source, self._predictor, self._refinement = source, predictor, refinement
        self.baseline: Baseline | None = None

    def __iter__(self) -> Iterator[FrameResult]:
        return self._results(heatmaps=True)

    def _results(self, heatmaps: bool) -> Iterator[FrameResult]:
        frames = RefinedFrames(self._source, self._predictor, self._refinement, images=heatmaps)
        for _, result in frames:
            self.baseline = frames.baseline
            yield result
        if self._source.problem:
            warnings.warn(f"{self._source.name}: {self._source.problem}", stacklevel=2)

    def table(
        self,
        deviations: bool = False,
        format: TableFormat = "openface",
        pose: bool = False,
        landmarks: bool = False,
    ) -> pd.DataFrame:
        """The video as a pandas table; `docs/outputs.md` describes the columns.

        format: one row per frame and face with "openface" or "fex"; one for each AU with "tidy".
        pose, landmarks: with the columns of the head's pose and of the 68 landmarks.
        deviations: with standard deviations; a Fex table has no place for them.

        Numbers are not rounded. A frame without a face keeps its place and has NaN in the columns
        of readings. Where readings are calibrated or smoothed, raw columns hold them as they were
        (not in a Fex table). Raises AuheatError for an unknown format.
        """
        return self._gathered(Layout(format, pose, landmarks), deviations).pandas()

    def to_polars(
        self,
        deviations: bool = False,
        format: TableFormat = "openface",
        pose: bool = False,
        landmarks: bool = False,
    ) -> polars.DataFrame:
        """What `table` gives, as a polars table, with null for NaN.

        Raises AuheatError, besides, if polars is not installed.
        """
        return self._gathered(Layout(format, pose, landmarks), deviations).polars()

    def _gathered(self, layout: Layout, deviations: bool) -> Gathered:
        extras: tuple[Extra, ...] = ("raw",) if self._refinement != AS_READ else ()
        extras += ("sd",) if deviations else ()
        aus, name = self._predictor.aus, Path(self._source.name).as_posix()
        rows = Gathered(TableSchema("video", aus, extras, layout, name))
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
    neutral: int | str | Path | Baseline | None = None,
    smooth: bool = False,
) -> VideoPrediction:
    """Reads a video lazily: iterate over the result, or ask it for its `table()`.

    path: a video file, or a folder whose pictures are the frames of one video.
    predictor: reuse one made by `load`; else one is made from weights, device, aus and max_faces,
        which are explained there.
    fps: frames per second of a folder of pictures.
    neutral: the resting face that intensities count from: the number of a frame in which it is
        seen, "auto" to find it in the video, the path of a photo or of a saved baseline.
    smooth: take the jitter out of the curves, see `auheat.inference.smoothing`.
    With "auto" and `smooth` the whole video is read before the first result, and again for the
    heatmaps if the results are iterated over.
    Raises AuheatError if the video or what is named as neutral cannot be used.
    """
    place = Path(path)
    source: FrameSource = (
        PhotoSequence(photos_in(place), place.name, fps=fps) if place.is_dir() else VideoFile(place)
    )
    predictor = predictor or load(weights, device, aus, max_faces)
    refinement = Refinement(neutral_of(neutral, predictor), smooth)
    return VideoPrediction(source, predictor, refinement)
