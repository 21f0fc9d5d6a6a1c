"""Calibration: a person's baseline is taken from what is predicted for an expression of theirs.

High brows read as AU01 and AU02, a low mouth corner as AU15, and some intensities of a resting face
are as high as those of an expression (docs/model-card.md). With b, the baseline, and
d = max(0, x - b), what an intensity x is above it,

    calibrated = d + b d^2 / (5 - b)^2

is 0 at the baseline and below, 5 where the intensity is 5, and close to the baseline grows as the
intensity does, so that its jitter is not stretched. b counts as at most `MAX_BASELINE`. Figures,
and what else was tried: docs/calibration.md. `auheat.inference.baselines` finds baselines. Letters:
A AUs.

A baseline is kept as JSON, beside the table that it was subtracted from and where the user wants:

    {"auheat_baseline": 2, "method": "...", "source": "clip.mp4", "aus": ["AU01", ...],
     "faces": {"0": {"frames": [1, 2, 3], "intensities": {"AU01": 1.06, "AU17": 3.5, ...},
                     "at_rest": {"AU17": 3.94}}}}

`faces` is by face_id. `frames` are those whose median the intensities are; none for an image.
`intensities` are what is subtracted; `at_rest` has what the face reads at rest where that is more,
and is there only then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from auheat.arrays import Floats
from auheat.errors import AuheatError, check_number, checked_path, shown
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY, action_units
from auheat.files import atomic_write, check_file, output_path
from auheat.json_files import parse_json
from auheat.results import FacePrediction

FORMAT = 2
_KEY = "auheat_baseline"
MAX_BASELINE = 3.5


@dataclass(frozen=True)
class PersonBaseline:
    """One person's intensities at rest by AU, 0 to 5, and the frames that they are from.

    Raises:
        AuheatError: If `intensities` is no mapping from names to numbers of 0 to 5.
    """

    intensities: Mapping[str, float]
    frames: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.intensities, Mapping):
            raise AuheatError(f"intensities at rest go by AU, not {shown(self.intensities)}")
        for au, value in self.intensities.items():
            check_number(f"the intensity of {au} at rest", value)
            if not MIN_INTENSITY <= value <= MAX_INTENSITY:
                raise AuheatError(f"the intensity of {au} at rest is {value}: give 0 to 5")

    @property
    def subtracted(self) -> dict[str, float]:
        """What is taken off by AU: the intensities, up to `MAX_BASELINE`."""
        return {au: min(value, MAX_BASELINE) for au, value in self.intensities.items()}

    @property
    def beyond(self) -> dict[str, float]:
        """The intensities of which only `MAX_BASELINE` is taken off."""
        return {au: value for au, value in self.intensities.items() if value > MAX_BASELINE}


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
    _: KW_ONLY
    source: str
    shared: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.faces, Mapping):
            raise AuheatError(f"the faces of a baseline go by face_id, not {shown(self.faces)}")
        if self.shared and len(self.faces) != 1:
            raise AuheatError(f"a shared baseline is of one person, not of {len(self.faces)}")

    def of(self, face_id: int) -> PersonBaseline | None:
        """What to take from a face, or None if it is not known."""
        if self.shared:
            return next(iter(self.faces.values()))
        return self.faces.get(face_id)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for the user if some intensities at rest are higher than what is taken off."""
        kept = [
            f"{au}{'' if self.shared else f' of person {face_id}'} reads {value:.2f} at rest and "
            f"keeps {calibrated(value, value):.2f}"
            for face_id, one in self.faces.items()
            for au, value in one.beyond.items()
        ]
        return (
            (f"a baseline takes off at most {MAX_BASELINE:g}: {', '.join(kept)}",) if kept else ()
        )

    def only(self, aus: Sequence[str]) -> Baseline:
        """The baseline of some Action Units alone.

        Args:
            aus: Their names, like ["AU06", "AU12"].

        Returns:
            A baseline of the same people.

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
        return Baseline(faces, self.method, source=self.source, shared=self.shared)

    def write(self, path: str | Path) -> None:
        """Writes the JSON file.

        Args:
            path: A file whose name ends in .json; it is replaced.

        Raises:
            AuheatError: if it cannot, or the name ends otherwise.
        """
        path = output_path(path, "a baseline", ".json")
        faces = {
            str(face_id): {"frames": list(one.frames), "intensities": _rounded(one.subtracted)}
            | ({"at_rest": _rounded(one.beyond)} if one.beyond else {})
            for face_id, one in self.faces.items()
        }
        aus = list(next(iter(self.faces.values())).intensities) if self.faces else []
        stored = {_KEY: FORMAT, "method": self.method, "source": self.source, "aus": aus}
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(stored | {"faces": faces}, indent=1) + "\n", "utf-8")


def read_baseline(path: str | Path) -> Baseline:
    """A baseline that was written for one person, to be shared by other files.

    Args:
        path: A file that `Baseline.write` or `auheat predict --save-baseline` wrote.

    Returns:
        The baseline of that person.

    Raises:
        AuheatError: if there is none, it is damaged, or it is of several people or nobody.
    """
    path = checked_path("the baseline", path)
    check_file(path)
    try:
        stored = parse_json(path.read_text("utf-8"))
        if stored[_KEY] != FORMAT:
            raise AuheatError(f"{path} has format {stored[_KEY]}, this auheat reads {FORMAT}")
        faces = {int(face): _person(one) for face, one in stored["faces"].items()}
        method = str(stored["method"])
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise AuheatError(f"{path} holds no baseline: give one of --save-baseline") from None
    if len(faces) != 1:
        raise AuheatError(
            f"{path} holds the baselines of {len(faces)} people, and who is who in another file is "
            "not known: save them with --faces 1"
        )
    return Baseline(faces, method, source=str(path), shared=True)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {au: round(value, 4) for au, value in values.items()}


def _person(stored: Mapping[str, Any]) -> PersonBaseline:
    read = dict(stored["intensities"]) | dict(stored.get("at_rest", {}))
    values = {str(au): float(value) for au, value in read.items()}
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
