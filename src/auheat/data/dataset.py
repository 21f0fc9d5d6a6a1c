"""A manifest as a torch dataset.

Letters: H = W input pixels, K AU points, A Action Units.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from auheat import face_shape
from auheat.data.crop_cache import CropCache
from auheat.data.crop_files import read_crop
from auheat.data.manifest import Manifest
from auheat.data.transforms import NONE, AugmentConfig, augment, veil
from auheat.errors import AuheatError
from auheat.facs import PointLayout


class _Beside(TypedDict, total=False):
    geometry: Tensor


class Sample(_Beside):
    """One crop of a batch.

    Attributes:
        image: (3, H, W) uint8.
        points: (K, 2) in its pixels.
        intensities: (A,), NaN if uncoded.
        geometry: (G,), the shape of the face's mesh, see `auheat.face_shape`; only where the
            dataset was given shapes.
    """

    image: Tensor
    points: Tensor
    intensities: Tensor


class CropDataset(Dataset[Sample]):
    """Aligned crops with the points and intensities of the given AUs.

    Indexed by the row, or by (visit, row) to draw the augmentation of that visit.

    Args:
        cache: folder in which decoded crops are kept for later visits, see
            `auheat.data.crop_cache`; samples are the same with it and without.
        shapes: (R, G) of the rows' faces; they are mirrored where the image is.
        shape_dropout: fraction of visits in which the shape is left out, as that of a face whose
            mesh was not found.
        shape_bend: how far a visit bends the shape, see `auheat.face_shape.bend`.
        image_dropout: fraction of visits with a shape whose image is blurred until hardly more than
            the shape tells what the face does.
    """

    def __init__(
        self,
        manifest: Manifest,
        aus: tuple[str, ...],
        size: int,
        augmentation: AugmentConfig = NONE,
        seed: int = 0,
        cache: Path | None = None,
        shapes: NDArray[np.float32] | None = None,
        shape_dropout: float = 0.0,
        shape_bend: float = 0.0,
        image_dropout: float = 0.0,
    ) -> None:
        self._folder = manifest.folder
        self._crop = manifest.crop
        self._paths = manifest.table["image"].to_list()
        self._landmarks = manifest.landmarks()
        self._labels = manifest.labels(aus)
        self._layout = PointLayout.of(aus)
        self._size, self._augmentation, self._seed = size, augmentation, seed
        self._shapes, self._shape_dropout, self._shape_bend = shapes, shape_dropout, shape_bend
        self._image_dropout = image_dropout
        images = [self._folder / path for path in self._paths] if cache else []
        self._cache = CropCache(cache, images, manifest.crop.side) if cache else None

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        visit, row = key if isinstance(key, tuple) else (0, key)
        rng = np.random.default_rng([self._seed, visit, row])
        image, landmarks, flipped = augment(
            rng,
            self._read(row),
            self._landmarks[row].astype(np.float64),
            self._size,
            self._crop.pad,
            self._augmentation,
        )
        shape = self._shape(rng, row, flipped)
        known = shape is not None and shape[-1] > 0
        if known and self._image_dropout and rng.random() < self._image_dropout:
            image = veil(rng, image)
        sample: Sample = {
            "image": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "points": torch.from_numpy(self._layout.locate(landmarks).astype(np.float32)),
            "intensities": torch.from_numpy(self._labels[row].copy()),
        }
        if shape is not None:
            sample["geometry"] = torch.from_numpy(np.array(shape, np.float32))
        return sample

    def _shape(
        self, rng: np.random.Generator, row: int, flipped: bool
    ) -> NDArray[np.float32] | None:
        """The shape that goes with a visit, (G,); None if the dataset has none."""
        if self._shapes is None:
            return None
        if self._shape_dropout and rng.random() < self._shape_dropout:
            return face_shape.absent()
        shape = face_shape.bend(self._shapes[row], rng, self._shape_bend)
        return face_shape.mirror(shape) if flipped else shape

    def _read(self, row: int) -> NDArray[np.uint8]:
        if self._cache is None:
            return self._decode(row)
        image = self._cache.get(row)
        if image is None:
            image = self._decode(row)
            self._cache.put(row, image)
        return image

    def _decode(self, row: int) -> NDArray[np.uint8]:
        path = self._folder / self._paths[row]
        image = read_crop(path)
        side = self._crop.side
        if image.shape[:2] != (side, side):
            raise AuheatError(f"the image {path} is not {side} x {side} as the manifest says")
        return image
