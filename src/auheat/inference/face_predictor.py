"""From an image to the Action Units of every face in it.

Confidence and standard deviations are those of `auheat.inference.uncertainty`. With weights that
come without figures there are no standard deviations, and confidence is the certainty that a face
is there (`Face.score`) times its visibility.

Letters: N faces, A Action Units, H W input pixels, h w map pixels, G numbers of a face's shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat import geometry
from auheat.arrays import AnyImage, Image
from auheat.errors import AuheatError, listed, shown
from auheat.face_shape import absent, shape_of
from auheat.faces.crop import CropSpec
from auheat.faces.detector import FaceDetector
from auheat.facs import action_units
from auheat.heatmap import layout_of
from auheat.inference.uncertainty import Uncertainty, visibility
from auheat.media.images import read_image
from auheat.models.runtimes.runtime import BATCH_SIZE, Reading, Runtime, read_crops
from auheat.results import Face, FacePrediction, FrameResult, checked_image

if TYPE_CHECKING:
    from auheat.models.checkpoint import Checkpoint


# No landmark lies further away: crops count places in 32 bits, see `auheat.faces.crop`.
_FARTHEST_PX = 2.0**20


class AlignedFace(NamedTuple):
    """A face and the crop that the network reads it from.

    Attributes:
        crop: (H, W, 3) RGB uint8.
        transform: 2x3, from frame pixels to crop pixels.
        shape: (G,) float32, what the network takes in besides, see `auheat.face_shape`; zeros where
            it does not, or the face has no mesh.
        image_size: (H, W) of the frame.
    """

    face: Face
    crop: Image
    transform: geometry.Transform
    shape: NDArray[np.float32]
    image_size: tuple[int, int]


class FacePredictor:
    """Detects faces, crops them, and runs one network on the crops.

    Gives the same numbers for the same image every time, as far as the runtime does: see
    `auheat.inference.predictor.Predictor`.

    Args:
        network: one that is ready to run, or a checkpoint, which then runs in PyTorch.
        detector: finds the faces that `predict` reads.
        device: for a checkpoint. "auto" takes CUDA if there is any, else the CPU; or a torch device
            by name.
        aus: which of the network's AUs to report; all by default.
        batch: faces that go through the network together at most. By default 16, and in a video
            those of 8 frames.
        uncertainty: figures of this network, for standard deviations and confidence.

    Raises:
        AuheatError: for a device that is not there and an AU that the network does not read.
    """

    def __init__(
        self,
        network: Checkpoint | Runtime,
        detector: FaceDetector,
        *,
        device: str = "auto",
        aus: Sequence[str] | None = None,
        batch: int | None = None,
        uncertainty: Uncertainty | None = None,
    ) -> None:
        if not isinstance(network, Runtime):
            from auheat.models.runtimes.torch_runtime import TorchRuntime

            network = TorchRuntime(network, device=device)
        config = network.config
        self.runtime, self.detector, self.batch = network, detector, batch
        self.aus = _chosen(aus, config.aus)
        self._uncertainty = uncertainty
        # The file that the network is from, where that is known.
        self.weights: Path | None = None
        # How many faces `load` was told to keep at most, where it was.
        self.max_faces: int | None = None
        self._order = {au: index for index, au in enumerate(config.aus)}
        self._layout = layout_of(config)
        self._crop = CropSpec(config.input_size)
        codec = self._layout.codec
        self._map_to_crop = geometry.between_sizes(codec.map_size, codec.input_size)

    @property
    def device(self) -> str:
        """Where the network runs, as torch names it."""
        return self.runtime.device

    @property
    def has_std(self) -> bool:
        """Whether predictions come with standard deviations."""
        return self._uncertainty is not None

    def predict(self, image: AnyImage | str | Path) -> FrameResult:
        """All faces of an image, the largest and most certain first.

        Args:
            image: (H, W, 3) RGB uint8, or the path of an image.

        Returns:
            A result with frame 0, whose `faces` may be empty.

        Raises:
            AuheatError: If there is no such image, or the array is none.
        """
        if isinstance(image, str | Path):
            name, pixels = Path(image).name, read_image(image)
        else:
            name, pixels = None, checked_image(image)
        faces = self.predict_aligned(self.align(pixels, self.detector.detect(pixels)))
        return FrameResult(0, 0.0, faces=tuple(faces), input=name, aus=self.aus)

    def predict_faces(self, image: AnyImage, faces: Sequence[Face]) -> list[FacePrediction]:
        """The given faces of an image, as another detector or an earlier result has them.

        A network may take in the shape of a face's mesh besides its pixels, as that of the default
        weights does. A face without a mesh is read from its pixels alone then, which moves
        intensities by some tenths of a level: give `Face.mesh` where it is known.

        Args:
            image: (H, W, 3) RGB uint8.
            faces: Where they are; `prediction.face` of a result is one.

        Returns:
            A prediction for each, in the given order.

        Raises:
            AuheatError: If the image is no such array, anything given is no `Face`, or one that
                cannot be seen: its landmarks are no numbers, too large, all in one place, or all
                outside the image.
        """
        given = listed(faces)
        if given is None or not all(isinstance(face, Face) for face in given):
            raise AuheatError(f"faces are a list of `auheat.Face`, not {shown(faces)}")
        pixels = checked_image(image)
        for number, face in enumerate(given, 1):
            _check_inside(face, pixels, f"face {number}")
        return self.predict_aligned(self.align(pixels, given))

    def align(self, image: Image, faces: Sequence[Face]) -> list[AlignedFace]:
        """The crop that the network sees of each face.

        Args:
            image: (H, W, 3) RGB uint8.
            faces: Where they are.

        Returns:
            A crop for each, in the given order.

        Raises:
            AuheatError: If the landmarks of one are no numbers, too large, or all in one place.
        """
        size = (image.shape[0], image.shape[1])
        transforms = [
            self._transform(face, f"face {number}") for number, face in enumerate(faces, 1)
        ]
        return [
            AlignedFace(
                face, self._crop.extract(image, transform), transform, self._shape(face), size
            )
            for face, transform in zip(faces, transforms, strict=True)
        ]

    def predict_aligned(self, faces: Sequence[AlignedFace]) -> list[FacePrediction]:
        """Predictions for faces that may come from several frames, in the given order."""
        crops, shapes = (face.crop for face in faces), (face.shape for face in faces)
        rest, batch_size = iter(faces), self.batch or BATCH_SIZE
        found: list[FacePrediction] = []
        for reading in read_crops(self.runtime, crops, shapes, batch_size=batch_size):
            found += self._predictions(list(islice(rest, len(reading.intensities))), reading)
        return found

    def _transform(self, face: Face, name: str) -> geometry.Transform:
        landmarks = face.tracked_landmarks
        if not np.abs(landmarks).max() < _FARTHEST_PX:  # so with a NaN
            raise AuheatError(
                f"{name} has landmarks that are no numbers, or beyond any image: give places in "
                "the image's pixels"
            )
        try:
            return self._crop.transform(landmarks)
        except ValueError:
            raise AuheatError(
                f"{name} has its eyes and nose in one place: give the landmarks of a face"
            ) from None

    def _shape(self, face: Face) -> NDArray[np.float32]:
        if self.runtime.config.geometry == "none":
            return absent()
        return shape_of(face.mesh if face.tracked_mesh is None else face.tracked_mesh)

    def _predictions(
        self, faces: Sequence[AlignedFace], reading: Reading
    ) -> Iterator[FacePrediction]:
        intensities, maps = reading.intensities, reading.heatmaps
        heatmaps = self._layout.per_au(maps.intensity)
        visible = visibility(maps.location, len(faces))
        std: Sequence[NDArray[np.float64] | None] = [None] * len(faces)
        confidence = visible
        if self._uncertainty:
            std = list(self._uncertainty.std(intensities, visible))
            confidence = self._uncertainty.confidence(visible)
        rows = zip(faces, intensities, heatmaps, confidence.tolist(), std, strict=True)
        return (self._prediction(*row) for row in rows)

    def _prediction(
        self,
        aligned: AlignedFace,
        intensities: NDArray[np.float32],
        heatmaps: NDArray[np.float32],
        confidence: float,
        std: NDArray[np.float64] | None,
    ) -> FacePrediction:
        return FacePrediction(
            aligned.face,
            {au: float(intensities[self._order[au]]) for au in self.aus},
            heatmaps={au: heatmaps[self._order[au]] for au in self.aus},
            heatmap_to_frame=geometry.compose(
                geometry.invert(aligned.transform), self._map_to_crop
            ),
            confidence=aligned.face.score * confidence,
            std=None if std is None else {au: float(std[self._order[au]]) for au in self.aus},
            image_size=aligned.image_size,
        )


def _check_inside(face: Face, image: Image, name: str) -> None:
    """Refuses what no pixel shows: the border of the image, continued, would be read as a face."""
    x0, y0, x1, y1 = geometry.bounding_box(face.tracked_landmarks).tolist()
    height, width = image.shape[:2]
    if x1 < -0.5 or y1 < -0.5 or x0 > width - 0.5 or y0 > height - 0.5:
        raise AuheatError(
            f"{name} lies outside the image of {width}x{height} pixels: give its landmarks in "
            "pixels of it"
        )


def _chosen(aus: Sequence[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The AUs to report, in the network's order."""
    if aus is None:
        return known
    missing = [unit.name for unit in action_units(aus) if unit.name not in known]
    if missing:
        raise AuheatError(
            f"these weights do not read {', '.join(missing)}: they read {', '.join(known)}"
        )
    return tuple(au for au in known if au in aus)
