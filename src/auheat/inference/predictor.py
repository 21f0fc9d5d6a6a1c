"""From a picture to the Action Units of every face in it.

Confidence is the certainty that a face is there (see `Face.score`), times, if the network draws
location maps, the mean height of their peaks over all AU points, clipped to 0 to 1: a trained
network marks each point with a peak of 1 where it sees it, and with less where a hand, a turned
head or the border of the picture hides it.

Letters: N faces, K AU points, A Action Units, H W input pixels, h w map pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auheat import geometry
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.faces.finder import FaceFinder, default_finder
from auheat.facs import PointLayout, action_units
from auheat.heatmap import mean_over_points
from auheat.media.photo import read_photo
from auheat.models.checkpoint import Checkpoint, load_checkpoint
from auheat.models.heatmap_net import codec_of
from auheat.results import Face, FacePrediction

Image = NDArray[np.uint8]

# Crops that go through the network together, so that memory stays bounded whatever the picture.
BATCH = 16


class AlignedFace(NamedTuple):
    """A face and the crop that the network reads it from.

    crop: (H, W, 3) RGB uint8. transform: 2x3, from frame pixels to crop pixels.
    """

    face: Face
    crop: Image
    transform: geometry.Transform


class Predictor:
    """Reads Action Units with one network.

    checkpoint: the network and its settings.
    finder: finds the faces that `predict` reads.
    device: "auto" takes CUDA if there is any, else the CPU; or a torch device by name.
    aus: which of the network's AUs to report; all by default.

    Computes in float32 and gives the same numbers for the same picture every time. Raises
    AuheatError for a device that is not there and an AU that the network does not read.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        finder: FaceFinder,
        device: str = "auto",
        aus: Sequence[str] | None = None,
    ) -> None:
        self.finder = finder
        self.aus = _chosen(aus, checkpoint.config.aus)
        self.device = find_device(device)
        self._net = checkpoint.net.to(self.device).eval()
        self._layout = PointLayout.of(checkpoint.config.aus)
        self._codec = codec_of(checkpoint.config)
        self._crop = CropSpec(checkpoint.config.input_size)
        self._map_to_crop = geometry.between_sizes(self._codec.map_size, self._codec.input_size)

    def predict(self, image: Image | str | Path) -> list[FacePrediction]:
        """All faces of a picture, the largest and most certain first; an empty list if none.

        image: (H, W, 3) RGB uint8, or the path of a picture.
        """
        pixels = read_photo(Path(image)) if isinstance(image, str | Path) else checked(image)
        return self.predict_faces(pixels, self.finder.find(pixels))

    def predict_faces(self, image: Image, faces: Sequence[Face]) -> list[FacePrediction]:
        """The given faces of a picture (H, W, 3), in the given order."""
        return self.predict_aligned(self.align(checked(image), faces))

    def align(self, image: Image, faces: Sequence[Face]) -> list[AlignedFace]:
        """Cuts out what the network sees of each face."""
        transforms = [self._crop.transform(face.landmarks) for face in faces]
        return [
            AlignedFace(face, self._crop.extract(image, transform), transform)
            for face, transform in zip(faces, transforms, strict=True)
        ]

    def predict_aligned(self, faces: Sequence[AlignedFace]) -> list[FacePrediction]:
        """Predictions for faces that may come from several frames, in the given order."""
        batches = (faces[start : start + BATCH] for start in range(0, len(faces), BATCH))
        return [prediction for batch in batches for prediction in self._predict_batch(batch)]

    @torch.inference_mode()
    def _predict_batch(self, faces: Sequence[AlignedFace]) -> list[FacePrediction]:
        crops = torch.from_numpy(np.stack([face.crop for face in faces])).to(self.device)
        maps = self._net(crops.permute(0, 3, 1, 2).float())
        _, at_points = self._codec.decode(maps.intensity)
        levels = mean_over_points(at_points, self._layout.au_of_point).cpu().numpy()
        heatmaps = self._per_au(maps.intensity / self._codec.scale).cpu().numpy()
        seen = _seen(maps.location, len(faces))
        return [self._prediction(*row) for row in zip(faces, levels, heatmaps, seen, strict=True)]

    def _prediction(
        self,
        aligned: AlignedFace,
        levels: NDArray[np.float32],
        heatmaps: NDArray[np.float32],
        seen: float,
    ) -> FacePrediction:
        order = {au: index for index, au in enumerate(self._layout.aus)}
        return FacePrediction(
            aligned.face,
            {au: float(levels[order[au]]) for au in self.aus},
            {au: heatmaps[order[au]] for au in self.aus},
            geometry.compose(geometry.invert(aligned.transform), self._map_to_crop),
            aligned.face.score * seen,
        )

    def _per_au(self, maps: Tensor) -> Tensor:
        """The maximum over the maps of each AU's points: (N, K, h, w) -> (N, A, h, w)."""
        owner = torch.tensor(self._layout.au_of_point, device=maps.device)
        return torch.stack(
            [maps[:, owner == a].amax(1) for a in range(len(self._layout.aus))], dim=1
        )


def load(
    weights: str | Path = "default",
    device: str = "auto",
    aus: Sequence[str] | None = None,
    max_faces: int = 5,
) -> Predictor:
    """A predictor with stored weights and the default face finder.

    weights: "default" for those that come with auheat, or the path of a .safetensors file.
    device, aus: see `Predictor`. max_faces: how many faces a picture may hold at most.
    Raises AuheatError if the weights cannot be read.
    """
    checkpoint = load_checkpoint(default_weights() if weights == "default" else Path(weights))
    return Predictor(checkpoint, default_finder(max_faces), device, aus)


def default_weights() -> Path:
    """The weights that come with auheat. Raises AuheatError if this copy has none."""
    path = Path(str(files("auheat"))) / "weights" / "default.safetensors"
    if not path.is_file():
        raise AuheatError(
            "this copy of auheat comes without default weights: name a .safetensors file"
        )
    return path


def find_device(name: str) -> torch.device:
    """A torch device by name, "auto" for CUDA if there is any. Raises AuheatError if unusable."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError):
        raise AuheatError(
            f"no device {name!r} here: use auto, cpu, or another that torch can run on"
        ) from None
    return device


def checked(image: Image) -> Image:
    """The image itself. Raises AuheatError unless it is an (H, W, 3) array of uint8."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise AuheatError(
            "expected an RGB image of shape (H, W, 3) and type uint8, not shape "
            f"{array.shape} and type {array.dtype}"
        )
    return array


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


def _seen(location: Tensor | None, count: int) -> list[float]:
    """The mean clipped peak of each face's location maps (N, K, h, w); 1 without such maps."""
    if location is None:
        return [1.0] * count
    peaks: list[float] = location.amax((2, 3)).clamp(0.0, 1.0).mean(1).tolist()
    return peaks
