"""A manifest as a torch dataset, and the order in which training visits it.

Letters: H = W input pixels, K AU points, A Action Units.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from auheat.data.crop_cache import CropCache
from auheat.data.manifest import Manifest
from auheat.data.transforms import NONE, AugmentConfig, augment
from auheat.errors import AuheatError
from auheat.facs import PointLayout


class Sample(TypedDict):
    """One crop of a batch.

    Attributes:
        image: (3, H, W) uint8.
        points: (K, 2) in its pixels.
        intensities: (A,), NaN if uncoded.
    """

    image: Tensor
    points: Tensor
    intensities: Tensor


class CropDataset(Dataset[Sample]):
    """Aligned crops with the points and intensities of the given AUs.

    Indexed by the row, or by (visit, row) to draw the augmentation of that visit.
    samples are the same with it and without.

    Args:
        cache: folder in which decoded crops are kept for later visits, see
            `auheat.data.crop_cache`.
    """

    def __init__(
        self,
        manifest: Manifest,
        aus: tuple[str, ...],
        size: int,
        augmentation: AugmentConfig = NONE,
        seed: int = 0,
        cache: Path | None = None,
    ) -> None:
        self._folder = manifest.folder
        self._crop = manifest.crop
        self._paths = manifest.table["image"].to_list()
        self._landmarks = manifest.landmarks()
        self._labels = manifest.labels(aus)
        self._layout = PointLayout.of(aus)
        self._size, self._augmentation, self._seed = size, augmentation, seed
        pictures = [self._folder / path for path in self._paths] if cache else []
        self._cache = CropCache(cache, pictures, manifest.crop.side) if cache else None

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        visit, row = key if isinstance(key, tuple) else (0, key)
        rng = np.random.default_rng([self._seed, visit, row])
        image, landmarks = augment(
            rng,
            self._read(row),
            self._landmarks[row].astype(np.float64),
            self._size,
            self._crop.pad,
            self._augmentation,
        )
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "points": torch.from_numpy(self._layout.locate(landmarks).astype(np.float32)),
            "intensities": torch.from_numpy(self._labels[row].copy()),
        }

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
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise AuheatError(f"cannot read the picture {path} that the manifest names")
        side = self._crop.side
        if image.shape[:2] != (side, side):
            raise AuheatError(f"the picture {path} is not {side} x {side} as the manifest says")
        return np.asarray(image[..., ::-1], np.uint8)


class VisitSampler(Sampler[tuple[int, int]]):
    """Rows in random order without end, cut into epochs of a fixed length.

    Every row is visited once before any is visited again. What an epoch holds depends only on its
    number and the seed, so a resumed run sees what an unbroken one would have seen. Of several
    processes each takes every n-th item.
    """

    def __init__(
        self, rows: int, epoch_length: int, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self._rows, self._length, self._seed = rows, epoch_length, seed
        self._rank, self._processes = rank, processes
        self._epoch = 0
        self._resumed = (0, 0)

    def resume(self, epoch: int, items: int) -> None:
        """The next iteration of an epoch leaves its first items out, which this process has had."""
        self.set_epoch(epoch)
        self._resumed = (epoch, items)

    def set_epoch(self, epoch: int) -> None:
        """Chooses which epoch the next iteration gives."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(range(self._rank, self._length, self._processes))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        start = self._epoch * self._length
        epoch, items = self._resumed
        first = start + self._rank + (items * self._processes if epoch == self._epoch else 0)
        order: NDArray[np.int64] = np.empty(0, np.int64)
        held = -1
        for place in range(first, start + self._length, self._processes):
            visit, position = divmod(place, self._rows)
            if visit != held:
                order = np.random.default_rng([self._seed, visit]).permutation(self._rows)
                held = visit
            yield visit, int(order[position])
