"""Runs a network over a split of a dataset and compares it with the labels.

Letters: N images, A Action Units.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auheat import __version__
from auheat.data.dataset import CropDataset
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest
from auheat.data.shapes import shapes_for
from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.selection import Selection
from auheat.models.runtimes.runtime import Runtime, read_intensities
from auheat.progress import Progress, silent, track
from auheat.sums import sha256

_LOADED_IMAGES = 64  # images that a worker hands over together


def predict_part(
    runtime: Runtime, part: Manifest, *, workers: int = 0, progress: Progress = silent
) -> NDArray[np.float64]:
    """Intensities (N, A) for every image of a part of a dataset, in its order.

    Args:
        runtime: The network.
        part: The images.
        workers: Processes that read images; 0 reads them in this one.
        progress: Shows how many batches are read.

    Raises:
        AuheatError: The part is empty.
    """
    if not len(part.table):
        raise AuheatError(f"nothing to evaluate in {part.folder}: that split has no images")
    shapes = shapes_for(runtime.config, part)
    dataset = CropDataset(part, runtime.config.aus, runtime.config.input_size)
    loader = crop_loader(dataset, _LOADED_IMAGES, workers)
    batches = track(loader, progress, "evaluate", unit="batches")
    crops = (crop for batch in batches for crop in batch["image"].permute(0, 2, 3, 1).numpy())
    return read_intensities(runtime, crops, shapes).astype(np.float64)


def measure(
    runtime: Runtime,
    weights: str | Path,
    selection: Selection,
    *,
    workers: int = 0,
    progress: Progress = silent,
) -> Predictions:
    """Predictions of a run, beside the labels, for the selected part of a dataset.

    Args:
        runtime: The network.
        weights: Its file, for its name.
        selection: The images and labels.
        workers: See `predict_part`.
        progress: See `predict_part`.

    Raises:
        AuheatError: The part is empty.
    """
    values = predict_part(runtime, selection.part, workers=workers, progress=progress)
    experiment, weights = runtime.card.get("experiment", {}), Path(weights)
    about = {
        "name": str(experiment.get("name", weights.stem)),
        "seed": int(experiment.get("seed", 0)),
        "weights": weights.name,
        "experiment": experiment,
        **selection.about,
        "origin": origin_of(runtime, weights, selection.part),
    }
    return Predictions.of(selection.part, runtime.config.aus, values, about)


def origin_of(runtime: Runtime, weights: Path, part: Manifest) -> dict[str, Any]:
    """What measuring again needs, for `Predictions.about`.

    Args:
        runtime: The network.
        weights: Its file.
        part: The images.
    """
    return {
        "auheat": __version__,
        "weights": {"file": weights.name, "sha256": sha256(weights)},
        "runtime": runtime.name,
        "precision": runtime.precision,
        "device": runtime.device,
        "folder": str(part.folder.resolve()),
    }
