"""What auheat says about a picture: faces, predictions, frames, and the table they become.

One prediction type serves images, video, files and drawings. The table follows OpenFace 2.2's
column names and order, so that scripts written for it read ours unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from auheat.facs import MAX_INTENSITY, MIN_INTENSITY, PRESENCE_THRESHOLD
from auheat.landmarks import COUNT

# Raised whenever a column changes its name, meaning or place.
TABLE_VERSION = 1

Row = dict[str, Any]
TableKind = Literal["video", "photo", "folder"]
# Further columns on request, AU after AU: the network's own readings where AUxx_r was calibrated or
# smoothed, and standard deviations.
Extra = Literal["raw", "sd"]
# How much a heatmap is strengthened at most when its intensity is smoothed upwards.
_STRONGEST = 2.0


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found in a frame.

    box: (x0, y0, x1, y1) in frame pixels.
    landmarks: (68, 2) iBUG landmarks in frame pixels.
    score: certainty that this is a face, 0 to 1.
    face_id: from 0; the same person keeps it through a video.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    score: float
    face_id: int = 0

    def __post_init__(self) -> None:
        if self.box.shape != (4,):
            raise ValueError(f"a box has 4 numbers, not shape {self.box.shape}")
        if self.landmarks.shape != (COUNT, 2):
            raise ValueError(f"landmarks have shape ({COUNT}, 2), not {self.landmarks.shape}")
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score lies in 0 to 1, not {self.score}")


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """The Action Units of one face.

    face: where the face is.
    intensities: by AU name, floats from 0 to 5, never rounded.
    heatmaps: by AU name, (h, w) float32, in intensity units: the peak is the intensity before
        clipping. An AU with several points has the maximum over their maps. Empty where maps are
        not kept.
    heatmap_to_frame: 2x3 transform from heatmap pixels (x, y) to frame pixels.
    confidence: 0 to 1, see `auheat.inference.predictor`.
    raw: what the network read, where `intensities` were calibrated or smoothed, else None.
    deviations: by AU name, the standard deviation of the true intensity about the one given, in
        levels; None where the weights come without figures, see `auheat.inference.uncertainty`.
    """

    face: Face
    intensities: Mapping[str, float]
    heatmaps: Mapping[str, NDArray[np.float32]] = field(repr=False)
    heatmap_to_frame: NDArray[np.float64] = field(repr=False)
    confidence: float
    raw: Mapping[str, float] | None = None
    deviations: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        wrong = [
            au for au, x in self.intensities.items() if not MIN_INTENSITY <= x <= MAX_INTENSITY
        ]
        if wrong:
            raise ValueError(f"intensities outside 0 to 5: {', '.join(wrong)}")
        if self.heatmaps and set(self.heatmaps) != set(self.intensities):
            raise ValueError("every AU needs one intensity and one heatmap")
        if self.heatmap_to_frame.shape != (2, 3):
            raise ValueError(f"a transform has shape (2, 3), not {self.heatmap_to_frame.shape}")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"a confidence lies in 0 to 1, not {self.confidence}")

    def refined(
        self, intensities: Mapping[str, float], slopes: Mapping[str, float] | None = None
    ) -> FacePrediction:
        """The same face with other intensities of the same AUs; the network's own stay in `raw`.

        Heatmaps grow and shrink with their intensity, deviations by the factors `slopes`.
        """
        shares = {
            au: min(x / self.intensities[au], _STRONGEST) if self.intensities[au] > 0 else 1.0
            for au, x in intensities.items()
        }
        deviations = self.deviations
        if deviations is not None and slopes is not None:
            deviations = {au: x * slopes[au] for au, x in deviations.items()}
        return replace(
            self,
            intensities=intensities,
            heatmaps={au: x * np.float32(shares[au]) for au, x in self.heatmaps.items()},
            raw=self.intensities if self.raw is None else self.raw,
            deviations=deviations,
        )

    @property
    def box(self) -> NDArray[np.float64]:
        """(x0, y0, x1, y1) in frame pixels."""
        return self.face.box

    @property
    def landmarks(self) -> NDArray[np.float64]:
        """(68, 2) in frame pixels."""
        return self.face.landmarks

    @property
    def face_id(self) -> int:
        """The identity of the face within its video, from 0."""
        return self.face.face_id


@dataclass(frozen=True)
class FrameResult:
    """All faces of one picture or one decoded video frame; iterating gives the predictions.

    frame: number of the frame, from 1.
    timestamp: seconds from the start of the video, as the file states it (0 for a picture).
    faces: may be empty; that is a result, not an error.
    input: name of the picture's file where several were read into one table.
    """

    frame: int
    timestamp: float
    faces: tuple[FacePrediction, ...]
    input: str | None = None

    def __iter__(self) -> Iterator[FacePrediction]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)


def is_present(intensity: float) -> int:
    """1 if an intensity, as the table prints it (2 decimals), reaches FACS level A, else 0."""
    return int(round(float(intensity), 2) >= PRESENCE_THRESHOLD)


@dataclass(frozen=True)
class TableSchema:
    """The columns of a result table, and the rows that a frame becomes.

    video: frame, face_id, timestamp, confidence, success, then AUxx_r and AUxx_c.
    photo: face, confidence, success, then the same.
    folder: input first, then as for a photo.

    AUxx_r is the intensity (0 to 5), AUxx_c is 1 where AUxx_r reaches 1, so that they never
    contradict each other. A frame without a face keeps one row: success 0, confidence 0, and
    nothing in the AU columns (NaN in pandas, NA in R), so that no mean takes it for a neutral face.

    extras: groups of columns AUxx_raw and AUxx_sd after those, in the order given; nothing in them
        where a prediction has no such numbers. Readers of OpenFace's tables pass them over.
    """

    kind: TableKind
    aus: tuple[str, ...]
    extras: tuple[Extra, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names in order."""
        head = {
            "video": ("frame", "face_id", "timestamp"),
            "photo": ("face",),
            "folder": ("input", "face"),
        }[self.kind]
        return (*head, "confidence", "success", *self._au_columns)

    @property
    def _au_columns(self) -> tuple[str, ...]:
        return tuple(f"{au}_{kind}" for kind in ("r", "c", *self.extras) for au in self.aus)

    def rows(self, result: FrameResult) -> list[Row]:
        """One row per face; a single row with success 0 if there is none."""
        if not result.faces:
            nothing = dict.fromkeys(self._au_columns)
            return [self._head(result, 0) | {"confidence": 0.0, "success": 0} | nothing]
        return [
            self._head(result, prediction.face_id)
            | {"confidence": prediction.confidence, "success": 1}
            | self._values(prediction)
            for prediction in result.faces
        ]

    def _head(self, result: FrameResult, face_id: int) -> Row:
        if self.kind == "video":
            return {"frame": result.frame, "face_id": face_id, "timestamp": result.timestamp}
        if self.kind == "photo":
            return {"face": face_id}
        return {"input": result.input or "", "face": face_id}

    def _values(self, prediction: FacePrediction) -> Row:
        levels, raw = prediction.intensities, prediction.raw
        of_extra: dict[Extra, Mapping[str, float]] = {
            "raw": levels if raw is None else raw,
            "sd": prediction.deviations or {},
        }
        values: Row = {f"{au}_r": levels[au] for au in self.aus}
        values |= {f"{au}_c": is_present(levels[au]) for au in self.aus}
        for extra in self.extras:
            values |= {f"{au}_{extra}": of_extra[extra].get(au) for au in self.aus}
        return values


def format_row(row: Row, columns: Sequence[str]) -> list[str]:
    """The row as text in OpenFace's formats: AUxx_r and confidence 2 decimals, timestamp 3."""
    return [_format(name, row[name]) for name in columns]


def _format(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column == "timestamp":
        return f"{value:.3f}"
    if isinstance(value, float | np.floating):
        return f"{value:.2f}"
    return str(value)
