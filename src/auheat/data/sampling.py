"""The order in which training visits the rows of a dataset, and how often it visits each.

Letters: R rows, A Action Units.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from auheat.facs import MAX_INTENSITY

# A row is drawn at most this many times as often as the mean row.
_MAX_WEIGHT = 4.0


def balanced_weights(levels: NDArray[np.float32], strength: float) -> NDArray[np.float64]:
    """How often each row should be drawn, so that rare levels of rare AUs are seen more.

    A row's rarity is the sum over its AUs of 1 / (how many rows have that AU at that level, rounded
    to 0 to 5). Summed over the rows, every AU and level that occurs gets the same.

    Args:
        levels: (R, A) in 0 to 5, NaN where not coded, which counts for nothing.
        strength: The power of the rarity that is the weight; 0 weighs all rows alike.

    Returns:
        (R,), with mean 1 but for what the limit of 4 cut off.
    """
    if not strength:
        return np.ones(len(levels))
    rarity = np.zeros(len(levels))
    for column in levels.T:
        coded = np.flatnonzero(~np.isnan(column))
        bins = np.rint(column[coded]).astype(np.intp)
        counts = np.bincount(bins, minlength=int(MAX_INTENSITY) + 1)
        rarity[coded] += 1 / counts[bins]
    if not rarity.any():
        return np.ones(len(levels))
    weights = np.maximum(rarity, rarity[rarity > 0].min()) ** strength
    return np.asarray(np.minimum(weights / weights.mean(), _MAX_WEIGHT), np.float64)


class VisitSampler(Sampler[tuple[int, int]]):
    """Rows in random order without end, cut into epochs of a fixed length.

    The order is made of rounds of as many items as there are rows. Without weights every row is
    visited once before any is visited again; with weights a row comes as often in a round as its
    weight says, up or down to the next whole number. What an epoch holds depends only on its number
    and the seed, so a resumed run sees what an unbroken one would have seen. Of several
    processes each takes every n-th item. An item is a number for `CropDataset` to draw the
    augmentation with, another for each visit of a row, and the row.
    """

    def __init__(
        self,
        rows: int,
        epoch_length: int,
        seed: int,
        rank: int = 0,
        processes: int = 1,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self._rows, self._length, self._seed = rows, epoch_length, seed
        self._rank, self._processes = rank, processes
        self._shares = None if weights is None else weights / weights.mean()
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
        drawn: list[tuple[int, int]] = []
        held = -1
        for place in range(first, start + self._length, self._processes):
            round_, position = divmod(place, self._rows)
            if round_ != held:
                drawn = self._round(round_)
                held = round_
            yield drawn[position]

    def _round(self, number: int) -> list[tuple[int, int]]:
        """The items of a round."""
        generator = np.random.default_rng([self._seed, number])
        order = generator.permutation(self._rows)
        if self._shares is None:
            return [(number, int(row)) for row in order]
        # Systematic sampling: evenly spaced points on the line of all weights, in a random order.
        ends = np.cumsum(self._shares[order])
        points = (np.arange(self._rows) + generator.random()) * (ends[-1] / self._rows)
        rows = order[np.searchsorted(ends, points, side="right").clip(max=self._rows - 1)]
        seen: dict[int, int] = {}
        items = []
        for row in generator.permutation(rows).tolist():
            seen[row] = again = seen.get(row, -1) + 1
            items.append((number + (again << 32), row))
        return items
