"""Calibration: what a face reads at rest is taken from what it reads in an expression.

High brows read as AU01 and AU02, a low mouth corner as AU15, and some readings of a face at rest
are as high as those of an expression (docs/model-card.md). With b, what is read at rest, and
d = max(0, x - b), what a reading x is above it,

    calibrated = d + b d^2 / (5 - b)^2

is 0 at rest and below, 5 where the reading is 5, and close to rest grows as the reading does, so
that its jitter is not stretched. b counts as at most `MOST`. Figures, and what else was tried:
docs/calibration.md. Letters: N readings, A AUs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auheat.errors import AuheatError
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY
from auheat.inference.baseline import Baseline, Rest, read_baseline
from auheat.inference.curves import Curves, Recorder
from auheat.inference.predictor import Predictor
from auheat.inference.reading import predict_frames
from auheat.media.frames import Frame, FrameSource
from auheat.results import FacePrediction

Floats = NDArray[np.float64]
# Which resting face: a frame's number, one found in the video itself, or one that is known.
Neutral = int | Literal["auto"] | Baseline

MOST = 3.5
# A frame's readings jitter, so the median of those up to this many seconds around it is taken.
AROUND = 0.25
_SLACK = 1e-6  # seconds; time stamps are rounded
# "auto" takes no reading of a face that is hard to see, and nothing of one that is hardly there.
CONFIDENT, FEWEST = 0.7, 10
# It takes the median over this share of a person's frames, those in which the least is going on.
QUIET = 0.1


def calibrated(levels: ArrayLike, rest: ArrayLike) -> Floats:
    """Intensities (..., A) from readings (..., A) and resting readings (A,), clipped to 0 to 5."""
    above, bend = _above(levels, rest)
    return np.asarray(np.clip(above + bend * above**2, MIN_INTENSITY, MAX_INTENSITY), np.float64)


def slope(levels: ArrayLike, rest: ArrayLike) -> Floats:
    """By how much calibrated intensities (..., A) grow where the reading grows by 1; at rest 1."""
    above, bend = _above(levels, rest)
    return np.asarray(1 + 2 * bend * above, np.float64)


def _above(levels: ArrayLike, rest: ArrayLike) -> tuple[Floats, Floats]:
    """What readings are above rest, and the factor of the square."""
    base = np.minimum(np.asarray(rest, np.float64), MOST)
    above = np.maximum(np.asarray(levels, np.float64) - base, 0.0)
    return above, base / (MAX_INTENSITY - base) ** 2


def calibrate(face: FacePrediction, rest: Rest | None) -> FacePrediction:
    """The face with calibrated intensities; as it is if nothing is known of it at rest."""
    if rest is None:
        return face
    aus = list(face.intensities)
    base = [rest.readings[au] for au in aus]
    read = [face.intensities[au] for au in aus]
    levels = dict(zip(aus, calibrated(read, base).tolist(), strict=True))
    return face.refined(levels, dict(zip(aus, slope(read, base).tolist(), strict=True)))


def neutral_of(given: int | str | Path | Baseline | None, predictor: Predictor) -> Neutral | None:
    """What the user calls neutral: a frame's number, "auto", "none", a photo, or a saved baseline.

    Raises AuheatError if a file cannot be read, shows no face or several, or lacks an AU.
    """
    if given is None or given == "none":
        return None
    if isinstance(given, Baseline):
        return given.only(predictor.aus)
    if isinstance(given, str) and given.lstrip("-").isdecimal():
        given = int(given)
    if isinstance(given, int):
        if given < 1:
            raise AuheatError(f"no neutral frame {given}: frames count from 1")
        return given
    if given == "auto":
        return "auto"
    path = Path(given)
    if path.suffix.lower() == ".json":
        return read_baseline(path).only(predictor.aus)
    return at_photo(path, predictor)


def at_photo(path: Path, predictor: Predictor) -> Baseline:
    """The resting face of a photo of one person."""
    faces = predictor.predict(path)
    if len(faces) != 1:
        seen = f"{len(faces)} faces" if faces else "no face"
        raise AuheatError(f"the neutral photo {path} shows {seen}: give one of one person")
    return Baseline({0: Rest(dict(faces[0].intensities))}, "photo", str(path), shared=True)


def at_frame(
    number: int, source: FrameSource, predictor: Predictor, frames: Iterable[Frame] | None = None
) -> Baseline:
    """The resting faces of everyone in a frame of a video, as far as they are seen there.

    frames: of the source, where they are watched on their way. Reads on to `AROUND` seconds after
    the frame. Raises AuheatError if there is no such frame or no face in it.
    """
    recorder, time, last = Recorder(predictor.aus), float("inf"), 0
    tracker = predictor.detector.tracker()
    with closing(predict_frames(frames or source, predictor, tracker, images=False)) as read:
        for _, result in read:
            if result.timestamp > time + AROUND + _SLACK:
                break
            last = result.frame
            recorder.add(result)
            if result.frame == number:
                time = result.timestamp
    if last < number:
        raise AuheatError(f"{source.name} has {last} frames: there is no neutral frame {number}")
    return from_frame(number, recorder, source.name)


def from_frame(number: int, recorder: Recorder, source: str) -> Baseline:
    """The resting faces of everyone in a frame (from 1): the median of the frames around it.

    recorder: the readings of that frame and of those around it. source: what the video is called.
    Raises AuheatError if no face is in that frame.
    """
    faces = {
        face_id: _median_about(number, person, recorder.aus)
        for face_id, person in recorder.curves().items()
        if number in person.frames
    }
    if not faces:
        raise AuheatError(f"frame {number} of {source} shows no face: name another as neutral")
    method = f"frame {number}, median of the frames up to {AROUND:g} s around it"
    return Baseline(faces, method, source)


def _median_about(number: int, person: Curves, aus: Sequence[str]) -> Rest:
    time = person.times[person.frames == number][0]
    near = np.abs(person.times - time) <= AROUND + _SLACK
    readings = np.median(person.levels[near], axis=0)
    return Rest(dict(zip(aus, readings.tolist(), strict=True)), tuple(person.frames[near].tolist()))


def from_video(recorder: Recorder, source: str) -> Baseline:
    """The resting faces of everyone who is seen well enough in a video, from all their readings."""
    faces = {}
    for face_id, person in recorder.curves().items():
        sure = np.flatnonzero(person.confidences >= CONFIDENT)
        if len(sure) >= FEWEST:
            quiet = sure[quietest(person.levels[sure])]
            readings = np.median(person.levels[quiet], axis=0).tolist()
            frames = tuple(person.frames[quiet].tolist())
            faces[face_id] = Rest(dict(zip(recorder.aus, readings, strict=True)), frames)
    if not faces:
        raise AuheatError(
            f"nobody is seen well enough in {source} to find a resting face: it takes {FEWEST} "
            "frames; name a neutral frame or photo instead"
        )
    return Baseline(faces, "auto, median of the quietest frames", source)


def quietest(levels: Floats) -> NDArray[np.int64]:
    """The rows of readings (N, A) in which the least is going on, a tenth of all but at least five.

    Every AU's readings are ranked, and those rows are taken whose mean rank is lowest. Ranks make
    an AU that reads high at rest count no more than others, and all AUs together show rest even
    where one of them falls below its resting reading in an expression.
    """
    from scipy.stats import rankdata

    rank = rankdata(levels, axis=0).mean(1)
    count = min(max(round(QUIET * len(levels)), FEWEST // 2), len(levels))
    return np.sort(np.argsort(rank, kind="stable")[:count])
