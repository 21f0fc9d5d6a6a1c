"""What auheat says about a picture: faces, predictions and frames.

One prediction type serves images, video, files and drawings; `auheat.tables` says which table they
become.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import degrees

import numpy as np
from numpy.typing import NDArray

from auheat.facs import MAX_INTENSITY, MIN_INTENSITY, PRESENCE_THRESHOLD
from auheat.landmarks import COUNT

Triple = tuple[float, float, float]

# How much a heatmap is scaled up at most when its intensity is smoothed upwards.
_MAX_SCALE = 2.0


@dataclass(frozen=True)
class HeadPose:
    """Where a head is, and how it is turned, as a camera at the origin sees it.

    The axes are OpenFace's: x to the right of the picture, y down, z away from the camera. A head
    that looks straight into the camera has the rotation (0, 0, 0).

    translation: (x, y, z) of the middle of the face's 68 points, in millimetres; z is the distance.
    rotation: (pitch, yaw, roll) in radians, the angles of R = Rx(pitch) Ry(yaw) Rz(roll), each
        matrix in its usual form. Pitch is positive where the head looks down, yaw where it turns to
        the person's own right (the left of the picture), roll where it tilts clockwise in the
        picture, towards the person's own left shoulder.
    """

    translation: Triple
    rotation: Triple

    @property
    def degrees(self) -> Triple:
        """(pitch, yaw, roll) in degrees."""
        pitch, yaw, roll = (degrees(angle) for angle in self.rotation)
        return pitch, yaw, roll


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found in a frame.

    box: (x0, y0, x1, y1) in frame pixels.
    landmarks: (68, 2) iBUG landmarks in frame pixels.
    score: certainty that this is a face, 0 to 1.
    face_id: from 0; the same person keeps it through a video.
    pose: where the head is and how it is turned, see `auheat.faces.pose`; None where unknown.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    score: float
    face_id: int = 0
    pose: HeadPose | None = None

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
    raw: what the network predicted, where `intensities` were calibrated or smoothed, else None.
    std: by AU name, the standard deviation of the true intensity about the one given; None where
        the weights come without figures, see `auheat.inference.uncertainty`.
    """

    face: Face
    intensities: Mapping[str, float]
    heatmaps: Mapping[str, NDArray[np.float32]] = field(repr=False)
    heatmap_to_frame: NDArray[np.float64] = field(repr=False)
    confidence: float
    raw: Mapping[str, float] | None = None
    std: Mapping[str, float] | None = None

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

    def with_intensities(
        self, intensities: Mapping[str, float], slopes: Mapping[str, float] | None = None
    ) -> FacePrediction:
        """The same face with other intensities of the same AUs; the network's own stay in `raw`.

        Heatmaps grow and shrink with their intensity, standard deviations by the factors `slopes`.
        """
        scales = {
            au: min(x / self.intensities[au], _MAX_SCALE) if self.intensities[au] > 0 else 1.0
            for au, x in intensities.items()
        }
        std = self.std
        if std is not None and slopes is not None:
            std = {au: x * slopes[au] for au, x in std.items()}
        return replace(
            self,
            intensities=intensities,
            heatmaps={au: x * np.float32(scales[au]) for au, x in self.heatmaps.items()},
            raw=self.intensities if self.raw is None else self.raw,
            std=std,
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
    def pose(self) -> HeadPose | None:
        """Where the head is and how it is turned."""
        return self.face.pose

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
