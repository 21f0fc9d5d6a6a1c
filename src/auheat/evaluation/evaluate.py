"""Runs a network over a split of a dataset and compares it with the labels.

Letters: N pictures, A Action Units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from auheat.data.dataset import CropDataset
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.selection import Selection
from auheat.models.checkpoint import Checkpoint
from auheat.models.heatmap_net import layout_of

_BATCH = 64

Wrap = Callable[[Iterable[Any]], Iterable[Any]]


@torch.inference_mode()
def predict_part(
    checkpoint: Checkpoint, part: Manifest, device: torch.device, workers: int, wrap: Wrap = iter
) -> NDArray[np.float64]:
    """Intensities (N, A) for every picture of a part of a dataset, in its order.

    wrap: passes batches on, for a progress bar. Raises AuheatError if the part is empty.
    """
    if not len(part.table):
        raise AuheatError(f"nothing to evaluate in {part.folder}: that split has no pictures")
    config = checkpoint.config
    net = checkpoint.net.to(device).eval()
    layout = layout_of(config)
    dataset = CropDataset(part, config.aus, config.input_size)
    read = []
    for batch in wrap(crop_loader(dataset, _BATCH, workers)):
        maps = net(batch["image"].to(device).float())
        read.append(layout.read(maps.intensity).double().cpu().numpy())
    return np.concatenate(read)


def measure(
    checkpoint: Checkpoint,
    weights: Path,
    selection: Selection,
    device: torch.device,
    workers: int,
    wrap: Wrap = iter,
) -> Predictions:
    """Predictions of a run, beside the labels, for the selected part of a dataset.

    weights: the checkpoint's file, for its name. wrap: as for `predict_part`, which see for errors.
    """
    values = predict_part(checkpoint, selection.part, device, workers, wrap)
    experiment = checkpoint.card.get("experiment", {})
    about = {
        "name": str(experiment.get("name", weights.stem)),
        "seed": int(experiment.get("seed", 0)),
        "weights": weights.name,
        "experiment": experiment,
        **selection.about,
    }
    return Predictions.of(selection.part, checkpoint.config.aus, values, about)
