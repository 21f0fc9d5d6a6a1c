"""Calibration: a person's baseline is taken from what is predicted for an expression of theirs.

High brows read as AU01 and AU02, a low mouth corner as AU15, and some intensities of a resting face
are as high as those of an expression (docs/model-card.md). With b, the baseline, and
d = max(0, x - b), what an intensity x is above it,

    calibrated = d + b d^2 / (5 - b)^2

is 0 at the baseline and below, 5 where the intensity is 5, and close to the baseline grows as the
intensity does, so that its jitter is not stretched. b counts as at most `MAX_BASELINE`. Figures,
and what else was tried: docs/calibration.md. Letters: N frames, A AUs.

A baseline is kept as JSON, beside the table that it was subtracted from and where the user wants:

    {"auheat_baseline": 2, "method": "...", "source": "clip.mp4", "aus": ["AU01", ...],
     "faces": {"0": {"frames": [1, 2, 3], "intensities": {"AU01": 1.06, ...}}}}

`faces` is by face_id. `frames` are those whose median the intensities are; none for an image.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auheat.arrays import Floats
from auheat.errors import AuheatError, checked_path
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY, action_units
from auheat.files import atomic_write, output_path
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.pipeline import predict_frames
from auheat.inference.smoothing import TIME_ROUNDING_S
from auheat.media.frames import Frame, FrameSource
from auheat.results import FacePrediction
from auheat.tables.series import PersonSeries, SeriesRecorder

FORMAT = 2
_KEY = "auheat_baseline"
MAX_BASELINE = 3.5
# A frame's intensities jitter, so the median of those up to this many seconds around it is taken.
BASELINE_WINDOW_S = 0.25
# "auto" uses no frame of a face that is hard to see, and nobody who is hardly there.
MIN_CONFIDENCE, MIN_FRAMES = 0.7, 10
# It takes the median over this fraction of a person's frames, those in which the least is going on.
QUIET_FRACTION = 0.1


@dataclass(frozen=True)
class PersonBaseline:
    """One person's intensities at rest by AU, 0 to 5, and the frames that they are from."""

    intensities: Mapping[str, float]
    frames: tuple[int, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """Intensities at rest of the people in a video, or of one person wherever they are.

    Attributes:
        faces: By face_id.
        method: How they were found, in words.
        source: The file they are of.
        shared: Of one person, and meant for every face in files other than its source.

    Raises:
        AuheatError: If `faces` is no mapping, or a shared one is not of one person.
    """

    faces: Mapping[int, PersonBaseline]
    method: str
    source: str
    shared: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.faces, Mapping):
            raise AuheatError(f"the faces of a baseline go by face_id, not {self.faces!r}")
        if self.shared and len(self.faces) != 1:
            raise AuheatError(f"a shared baseline is of one person, not of {len(self.faces)}")

    def of(self, face_id: int) -> PersonBaseline | None:
        """What to take from a face, or None if it is not known."""
        if self.shared:
            return next(iter(self.faces.values()))
        return self.faces.get(face_id)

    def only(self, aus: Sequence[str]) -> Baseline:
        """For the named AUs.

        Raises:
            AuheatError: if any is not in it, or unknown; names the source.
        """
        aus = [unit.name for unit in action_units(aus)]
        known = next(iter(self.faces.values())).intensities if self.faces else set(aus)
        missing = [au for au in aus if au not in known]
        if missing:
            raise AuheatError(
                f"the baseline of {self.source} lacks {', '.join(missing)}: make it anew with the "
                "same weights, or leave these out with --aus"
            )
        faces = {
            face_id: PersonBaseline({au: one.intensities[au] for au in aus}, one.frames)
            for face_id, one in self.faces.items()
        }
        return Baseline(faces, self.method, self.source, self.shared)

    def write(self, path: str | Path) -> None:
        """Writes the JSON file.

        Args:
            path: A file whose name ends in .json; it is replaced.

        Raises:
            AuheatError: if it cannot, or the name ends otherwise.
        """
        path = output_path(path, "a baseline", ".json")
        faces = {
            str(face_id): {
                "frames": list(one.frames),
                "intensities": {au: round(value, 4) for au, value in one.intensities.items()},
            }
            for face_id, one in self.faces.items()
        }
        aus = list(next(iter(self.faces.values())).intensities) if self.faces else []
        stored = {_KEY: FORMAT, "method": self.method, "source": self.source, "aus": aus}
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(stored | {"faces": faces}, indent=1) + "\n", "utf-8")


# Which baseline: a frame's number, one found in the video itself, or one that is known.
BaselineChoice = int | Literal["auto"] | Baseline


def read_baseline(path: str | Path) -> Baseline:
    """A baseline that was written for one person, to be shared by other files.

    Raises:
        AuheatError: if there is none, it is damaged, or it is of several people or nobody.
    """
    path = checked_path("the baseline", path)
    try:
        stored = json.loads(path.read_text("utf-8"))
        if stored[_KEY] != FORMAT:
            raise AuheatError(f"{path} has format {stored[_KEY]}, this auheat reads {FORMAT}")
        faces = {int(face): _person(one) for face, one in stored["faces"].items()}
        method = str(stored["method"])
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AuheatError(f"{path} holds no baseline: give one of --save-baseline") from None
    if len(faces) != 1:
        raise AuheatError(
            f"{path} holds the baselines of {len(faces)} people, and who is who in another file is "
            "not known: save them with --faces 1"
        )
    return Baseline(faces, method, str(path), shared=True)


def _person(stored: Mapping[str, Any]) -> PersonBaseline:
    values = {str(au): float(value) for au, value in stored["intensities"].items()}
    if not values or not all(MIN_INTENSITY <= x <= MAX_INTENSITY for x in values.values()):
        raise ValueError("intensities lie in 0 to 5")
    return PersonBaseline(values, tuple(int(frame) for frame in stored["frames"]))


def calibrated(intensities: ArrayLike, baseline: ArrayLike) -> Floats:
    """Calibrated intensities (..., A) from intensities (..., A) and a baseline (A,), 0 to 5."""
    above, bend = _above(intensities, baseline)
    return np.asarray(np.clip(above + bend * above**2, MIN_INTENSITY, MAX_INTENSITY), np.float64)


def slope(intensities: ArrayLike, baseline: ArrayLike) -> Floats:
    """By how much calibrated intensities (..., A) grow where the intensity grows by 1."""
    above, bend = _above(intensities, baseline)
    return np.asarray(1 + 2 * bend * above, np.float64)


def _above(intensities: ArrayLike, baseline: ArrayLike) -> tuple[Floats, Floats]:
    """What is above the baseline, and the factor of the square."""
    base = np.minimum(np.asarray(baseline, np.float64), MAX_BASELINE)
    above = np.maximum(np.asarray(intensities, np.float64) - base, 0.0)
    return above, base / (MAX_INTENSITY - base) ** 2


def calibrate(face: FacePrediction, baseline: PersonBaseline | None) -> FacePrediction:
    """The face with calibrated intensities; as it is if its baseline is not known."""
    if baseline is None:
        return face
    aus, known = list(face.intensities), baseline.intensities
    predicted, base = [face.intensities[au] for au in aus], [known[au] for au in aus]
    values, slopes = calibrated(predicted, base).tolist(), slope(predicted, base).tolist()
    return face.with_intensities(
        dict(zip(aus, values, strict=True)), dict(zip(aus, slopes, strict=True))
    )


def resolve_baseline(
    given: int | str | Path | Baseline | None, predictor: FacePredictor
) -> BaselineChoice | None:
    """The baseline that the user names: a frame's number, "auto", "none", an image, a saved one.

    Raises:
        AuheatError: if a file cannot be read, shows no face or several, or lacks an AU.
    """
    if given is None or given == "none":
        return None
    if isinstance(given, Baseline):
        return given.only(predictor.aus)
    if isinstance(given, str) and re.fullmatch(r"[-+]?[0-9]{1,9}", given):
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, Integral | str | Path):
        raise AuheatError(
            f"the baseline is {given!r}: give a frame's number, 'auto', or the path of an image or "
            "of a saved baseline"
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
    return Baseline({0: PersonBaseline(dict(faces[0].intensities))}, "image", str(path), True)


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
    return Baseline(faces, method, source)


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
        sure = np.flatnonzero(person.confidences >= MIN_CONFIDENCE)
        if len(sure) >= MIN_FRAMES:
            quiet = sure[quietest(person.intensities[sure])]
            faces[face_id] = _median(person, quiet, recorder.aus)
    if not faces:
        raise AuheatError(
            f"nobody is seen well enough in {source} to find a baseline: it takes {MIN_FRAMES} "
            "frames; name a frame or an image as baseline instead"
        )
    return Baseline(faces, "auto, median of the quietest frames", source)


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
