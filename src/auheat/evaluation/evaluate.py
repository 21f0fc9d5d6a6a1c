"""Runs a network over a split of a dataset and compares it with the labels.

Letters: N pictures, A Action Units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat.data.dataset import CropDataset
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.selection import Selection
from auheat.models.runtimes.runtime import Runtime, read_intensities

Wrap = Callable[[Iterable[Any]], Iterable[Any]]

_LOADED = 64  # images that a worker hands over together


def predict_part(
    runtime: Runtime, part: Manifest, *, workers: int = 0, wrap: Wrap = iter
) -> NDArray[np.float64]:
    """Intensities (N, A) for every image of a part of a dataset, in its order.

    Args:
        runtime: The network.
        part: The images.
        workers: Processes that read images; 0 reads them in this one.
        wrap: Passes batches on, for a progress bar.

    Raises:
        AuheatError: The part is empty.
    """
    if not len(part.table):
        raise AuheatError(f"nothing to evaluate in {part.folder}: that split has no pictures")
    dataset = CropDataset(part, runtime.config.aus, runtime.config.input_size)
    batches = wrap(crop_loader(dataset, _LOADED, workers))
    crops = (crop for batch in batches for crop in batch["image"].permute(0, 2, 3, 1).numpy())
    return read_intensities(runtime, crops).astype(np.float64)


def measure(
    runtime: Runtime,
    weights: str | Path,
    selection: Selection,
    *,
    workers: int = 0,
    wrap: Wrap = iter,
) -> Predictions:
    """Predictions of a run, beside the labels, for the selected part of a dataset.

    Args:
        runtime: The network.
        weights: Its file, for its name.
        selection: The images and labels.
        workers: See `predict_part`.
        wrap: See `predict_part`.

    Raises:
        AuheatError: The part is empty.
    """
    values = predict_part(runtime, selection.part, workers=workers, wrap=wrap)
    experiment, weights = runtime.card.get("experiment", {}), Path(weights)
    about = {
        "name": str(experiment.get("name", weights.stem)),
        "seed": int(experiment.get("seed", 0)),
        "weights": weights.name,
        "experiment": experiment,
        **selection.about,
    }
    return Predictions.of(selection.part, runtime.config.aus, values, about)
