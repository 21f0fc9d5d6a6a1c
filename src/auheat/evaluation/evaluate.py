"""Runs a network over a split of a dataset and compares it with the labels.

Letters: N pictures, A Action Units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from auheat.data.dataset import CropDataset, Sample
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.facs import PointLayout
from auheat.heatmap import mean_over_points
from auheat.models.checkpoint import Checkpoint
from auheat.models.heatmap_net import codec_of

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
    codec, layout = codec_of(config), PointLayout.of(config.aus)
    dataset = CropDataset(part, config.aus, config.input_size)
    loader: DataLoader[Sample] = DataLoader(dataset, batch_size=_BATCH, num_workers=workers)
    read = []
    for batch in wrap(loader):
        _, levels = codec.decode(net(batch["image"].to(device).float()).intensity)
        read.append(mean_over_points(levels, layout.au_of_point).double().cpu().numpy())
    return np.concatenate(read)
