"""What auheat says about an image: faces, predictions and frames.

One prediction type serves images, video, files and drawings; `auheat.tables` says which table they
become.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auheat.arrays import AnyImage, Image
from auheat.errors import AuheatError, shown
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY
from auheat.landmarks import COUNT, of_mesh
from auheat.pose import HeadPose, head_pose
from auheat.tables.buffer import TableBuffer
from auheat.tables.names import TableKind
from auheat.tables.schema import Layout, TableSchema, extras_of
from auheat.tables.tabular import Tabular

if TYPE_CHECKING:
    import supervision as sv

# How much a heatmap is scaled up at most when its intensity is smoothed upwards.
_MAX_SCALE = 2.0


@dataclass(frozen=True, eq=False)
class Face:
    """A face that was found in a frame.

    Attributes:
        box: (x0, y0, x1, y1) in frame pixels.
        landmarks: (68, 2) iBUG landmarks in frame pixels.
        score: certainty that this is a face, 0 to 1.
        face_id: from 0; the same person keeps it through a video.
        pose: where the head is and how it is turned, as a detector says that estimates it; None
            from those that come with auheat (`FacePrediction.pose` is known all the same).
        mesh: vertices of MediaPipe's face mesh: x and y in frame pixels, and a depth in the same
            unit that grows away from the camera. (468, 3), or (478, 3) with attention, of which the
            last ten are the irises: the middle and four points of the person's right one (468 to
            472), and of the left one (473 to 477). None from a detector without a mesh; networks
            that take in its shape, as the default one, then read the pixels alone, and intensities
            differ by some tenths of a level.
        tracked_mesh: (468, 3), the mesh that is tracked, and that readings depend on, where `mesh`
            and `landmarks` are those of a second, more exact model; None for `mesh` itself.
            Readings and the head's pose are thus the same with both.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    _: KW_ONLY
    score: float
    face_id: int = 0
    pose: HeadPose | None = None
    mesh: NDArray[np.float64] | None = None
    tracked_mesh: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if np.shape(self.box) != (4,):
            raise AuheatError(f"a box has 4 numbers, not shape {np.shape(self.box)}")
        if np.shape(self.landmarks) != (COUNT, 2):
            raise AuheatError(f"landmarks have shape ({COUNT}, 2), not {np.shape(self.landmarks)}")
        if not 0.0 <= self.score <= 1.0:
            raise AuheatError(f"a score lies in 0 to 1, not {self.score}")

    @property
    def tracked_landmarks(self) -> NDArray[np.float64]:
        """(68, 2) in frame pixels, of the mesh that is tracked, even if another is exact."""
        return self.landmarks if self.tracked_mesh is None else of_mesh(self.tracked_mesh)


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """The Action Units of one face.

    Attributes:
        face: where the face is.
        intensities: by AU name, floats from 0 to 5, never rounded.
        heatmaps: by AU name, (h, w) float32, in intensity units: the peak is the intensity before
            clipping. An AU with several points has the maximum over their maps. Empty where maps
            are not kept.
        heatmap_to_frame: 2x3 transform from heatmap pixels (x, y) to frame pixels.
        confidence: 0 to 1, see `auheat.inference.predictor`.
        raw: what the network predicted, where `intensities` were calibrated or smoothed, else None.
        std: by AU name, the root mean square error to expect of the intensity, bias included; None
            where the weights come without figures, see `auheat.inference.uncertainty`.
        image_size: (H, W) of the frame, from which and the face `pose` follows; None where it
            is not known.
    """

    face: Face
    intensities: Mapping[str, float]
    _: KW_ONLY
    heatmaps: Mapping[str, NDArray[np.float32]] = field(repr=False)
    heatmap_to_frame: NDArray[np.float64] = field(repr=False)
    confidence: float
    raw: Mapping[str, float] | None = None
    std: Mapping[str, float] | None = None
    image_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        wrong = [
            au for au, x in self.intensities.items() if not MIN_INTENSITY <= x <= MAX_INTENSITY
        ]
        if wrong:
            raise AuheatError(f"intensities outside 0 to 5: {', '.join(wrong)}")
        if self.heatmaps and set(self.heatmaps) != set(self.intensities):
            raise AuheatError("every AU needs one intensity and one heatmap")
        shape = np.shape(self.heatmap_to_frame)
        if shape != (2, 3):
            raise AuheatError(f"a transform has shape (2, 3), not {shape}")
        if not 0.0 <= self.confidence <= 1.0:
            raise AuheatError(f"a confidence lies in 0 to 1, not {self.confidence}")

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

    @cached_property
    def pose(self) -> HeadPose | None:
        """Where the head is and how it is turned, estimated when it is first asked for.

        The detector's word counts, if it has one; else it is that of `Face.tracked_landmarks`, so
        that exact landmarks do not change it. See `auheat.pose`. None where it is not known.
        """
        if self.face.pose is not None or self.image_size is None:
            return self.face.pose
        return head_pose(self.face.tracked_landmarks, self.image_size)

    @property
    def face_id(self) -> int:
        """The identity of the face within its video, from 0."""
        return self.face.face_id

    @property
    def score(self) -> float:
        """Certainty that this is a face, 0 to 1."""
        return self.face.score


@dataclass(frozen=True)
class FrameResult(Tabular):
    """All faces of one image or one decoded video frame; iterating gives the predictions.

    Attributes:
        frame: Number of the frame, from 1; 0 for an image that is no frame of a video.
        timestamp: Seconds from the start of the video, as the file states it; 0 for an image.
        faces: May be empty; that is a result, not an error.
        input: Name of the image's file, if it has one.
        aus: The AUs that were looked for; those of the faces if it is not said.
    """

    frame: int
    timestamp: float
    _: KW_ONLY
    faces: tuple[FacePrediction, ...]
    input: str | None = None
    aus: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.aus and self.faces:
            object.__setattr__(self, "aus", tuple(self.faces[0].intensities))

    def __iter__(self) -> Iterator[FacePrediction]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    def to_supervision(self) -> sv.Detections:
        """The faces as detections of the package supervision, for its annotators and filters.

        Returns:
            `xyxy` boxes, `confidence`, `tracker_id` (the face_id), `class_id` 0, and in `data` an
            array (N,) of intensities for every AU, by its name.

        Raises:
            AuheatError: If supervision is not installed.
        """
        try:
            from supervision import Detections
        except ImportError:
            raise AuheatError("supervision is not installed: pip install supervision") from None
        count = len(self.faces)
        return Detections(
            xyxy=np.array([face.box for face in self.faces], np.float32).reshape(count, 4),
            confidence=np.array([face.confidence for face in self.faces], np.float32),
            class_id=np.zeros(count, int),
            tracker_id=np.array([face.face_id for face in self.faces], int),
            data={au: np.array([face.intensities[au] for face in self.faces]) for au in self.aus},
        )

    def _rows(self, layout: Layout, std: bool) -> TableBuffer:
        extras = extras_of(any(face.raw is not None for face in self.faces), std)
        kind: TableKind = "video" if self.frame else "image"
        buffer = TableBuffer(
            TableSchema(kind, self.aus, extras=extras, layout=layout, input=self.input or "")
        )
        buffer.add(self)
        return buffer


def checked_image(image: AnyImage, name: str = "the image") -> Image:
    """The image itself.

    Args:
        image: What was given.
        name: What it is called in the message.

    Returns:
        (H, W, 3) uint8.

    Raises:
        AuheatError: unless it is an (H, W, 3) array of uint8.
    """
    try:
        array: AnyImage = np.asarray(image)
    except ValueError:  # rows of unlike lengths
        array = np.empty(0)
    if image is None or isinstance(image, str | Path):
        raise AuheatError(
            f"{name} is {shown(image)}: give an RGB array of shape (H, W, 3) and type uint8"
        )
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise AuheatError(
            f"{name} is of shape {array.shape} and type {array.dtype}: give an RGB array of shape "
            "(H, W, 3) and type uint8"
        )
    return array
