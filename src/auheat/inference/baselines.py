"""Where a baseline comes from: an image, a frame of a video, its quietest frames, or a file.

Letters: N frames, A AUs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from numbers import Integral
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError, checked_path, shown
from auheat.facs import as_printed
from auheat.inference.calibration import Baseline, PersonBaseline, read_baseline
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.pipeline import predict_frames
from auheat.inference.smoothing import TIME_ROUNDING_S
from auheat.media.frames import Frame, FrameSource
from auheat.tables.series import PersonSeries, SeriesRecorder

# A frame's intensities jitter, so the median of those up to this many seconds around it is taken.
BASELINE_WINDOW_S = 0.25
# "auto" uses no frame of a face that is hard to see, and nobody who is hardly there.
MIN_CONFIDENCE, MIN_FRAMES = 0.7, 10
# It takes the median over this fraction of a person's frames, those in which the least is going on.
QUIET_FRACTION = 0.1

# Which baseline: a frame's number, one found in the video itself, or one that is known.
BaselineChoice = int | Literal["auto"] | Baseline


def resolve_baseline(
    given: int | str | Path | Baseline | None, predictor: FacePredictor
) -> BaselineChoice | None:
    """The baseline that the user names: a frame's number, "auto", "none", an image, a saved one.

    Raises:
        AuheatError: if a file cannot be read, shows no face or several, or lacks an AU.
    """
    if given is None or (isinstance(given, str) and given == "none"):
        return None
    if isinstance(given, Baseline):
        return given.only(predictor.aus)
    if isinstance(given, str) and re.fullmatch(r"[-+]?[0-9]{1,9}", given):
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, Integral | str | Path):
        raise AuheatError(
            f"the baseline is {shown(given)}: give a frame's number, 'auto', or the path of an "
            "image or of a saved baseline"
        )
    if isinstance(given, Integral):
        if given < 1:
            raise AuheatError(f"no baseline frame {given}: frames count from 1")
        return int(given)
    if given == "auto":
        return "auto"
    path = checked_path("the baseline", given)
    if path.suffix.lower() == ".json":
        return read_baseline(path).only(predictor.aus)
    return at_image(path, predictor)


def at_image(path: Path, predictor: FacePredictor) -> Baseline:
    """The baseline from an image of one person."""
    faces = predictor.predict(path).faces
    if len(faces) != 1:
        seen = f"{len(faces)} faces" if faces else "no face"
        raise AuheatError(f"the baseline image {path} shows {seen}: give one of one person")
    return Baseline(
        {0: PersonBaseline(dict(faces[0].intensities))}, "image", source=str(path), shared=True
    )


def at_frame(
    number: int,
    source: FrameSource,
    *,
    predictor: FacePredictor,
    frames: Iterable[Frame] | None = None,
) -> Baseline:
    """The baselines of everyone in a frame of a video, as far as they are seen there.

    Reads on to `BASELINE_WINDOW_S` after the frame.

    Args:
        number: of the frame, from 1.
        source: the video.
        predictor: what reads it.
        frames: of the source, where they are watched on their way.

    Raises:
        AuheatError: if there is no such frame or no face in it.
    """
    recorder, time, last = SeriesRecorder(predictor.aus), float("inf"), 0
    tracker = predictor.detector.tracker()
    with closing(
        predict_frames(frames or source, predictor, tracker=tracker, images=False)
    ) as read:
        for _, result in read:
            if result.timestamp > time + BASELINE_WINDOW_S + TIME_ROUNDING_S:
                break
            last = result.frame
            recorder.add(result)
            if result.frame == number:
                time = result.timestamp
    if last < number:
        raise AuheatError(f"{source.name} has {last} frames: there is no baseline frame {number}")
    return from_frame(number, recorder, source.name)


def from_frame(number: int, recorder: SeriesRecorder, source: str) -> Baseline:
    """The baselines of everyone in a frame (from 1): the median of the frames around it.

    Args:
        number: of the frame, from 1.
        recorder: that frame and those around it.
        source: what the video is called.

    Raises:
        AuheatError: if no face is in that frame.
    """
    faces = {
        face_id: _median_about(number, person, recorder.aus)
        for face_id, person in recorder.series().items()
        if number in person.frames
    }
    if not faces:
        raise AuheatError(f"frame {number} of {source} shows no face: name another as baseline")
    method = f"frame {number}, median of the frames up to {BASELINE_WINDOW_S:g} s around it"
    return Baseline(faces, method, source=source)


def _median_about(number: int, person: PersonSeries, aus: Sequence[str]) -> PersonBaseline:
    time = person.times[person.frames == number][0]
    near = np.abs(person.times - time) <= BASELINE_WINDOW_S + TIME_ROUNDING_S
    return _median(person, np.flatnonzero(near), aus)


def _median(person: PersonSeries, rows: NDArray[np.intp], aus: Sequence[str]) -> PersonBaseline:
    values = np.median(person.intensities[rows], axis=0).tolist()
    return PersonBaseline(dict(zip(aus, values, strict=True)), tuple(person.frames[rows].tolist()))


def from_video(recorder: SeriesRecorder, source: str) -> Baseline:
    """The baselines of everyone who is seen well enough in a video, from all its frames."""
    faces = {}
    for face_id, person in recorder.series().items():
        confidences = [as_printed(value) for value in person.confidences.tolist()]
        sure = np.flatnonzero(np.array(confidences) >= MIN_CONFIDENCE)
        if len(sure) >= MIN_FRAMES:
            quiet = sure[quietest(person.intensities[sure])]
            faces[face_id] = _median(person, quiet, recorder.aus)
    if not faces:
        raise AuheatError(
            f"nobody is seen well enough in {source} to find a baseline: it takes {MIN_FRAMES} "
            "frames; name a frame or an image as baseline instead"
        )
    return Baseline(faces, "auto, median of the quietest frames", source=source)


def quietest(intensities: Floats) -> NDArray[np.int64]:
    """The rows of (N, A) in which the least is going on, a tenth of all but at least five.

    Every AU's intensities are ranked, and those rows are taken whose mean rank is lowest. Ranks
    make an AU that is high at rest count no more than others, and all AUs together show rest even
    where one of them falls below its baseline in an expression.
    """
    rank = np.stack([_ranks(column) for column in intensities.T], 1).mean(1)
    count = min(max(round(QUIET_FRACTION * len(intensities)), MIN_FRAMES // 2), len(intensities))
    return np.sort(np.argsort(rank, kind="stable")[:count])


def _ranks(values: Floats) -> Floats:
    """The rank of each of (N,) values from 1; those that are equal share the mean of theirs."""
    ordered = np.sort(values)
    below, upto = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (below + upto + 1) / 2.0
