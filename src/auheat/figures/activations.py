"""Looks into a trained network: the images, maps, responses and weights that figures show.

Letters: n images, A Action Units, C channels, N maps, H W input pixels, h w map pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auheat.data.dataset import CropDataset
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.figures.channels import Channels
from auheat.figures.face_maps import Faces
from auheat.heatmap import layout_of, mean_over_points
from auheat.models.checkpoint import Checkpoint
from auheat.models.heatmap_net import HeatmapNet
from auheat.models.runtimes.runtime import Crops, in_batches, read_crops
from auheat.models.runtimes.torch_runtime import TorchRuntime


def face_activations(checkpoint: Checkpoint, part: Manifest, *, rows: Sequence[int]) -> Faces:
    """What a network says of some rows of a dataset: maps in intensity units, one for each AU.

    Raises:
        AuheatError: for a row that the part does not have.
    """
    crops, labels = _read(checkpoint, part, rows)
    layout, runtime = layout_of(checkpoint.config), _as_trained(checkpoint)
    readings = list(read_crops(runtime, crops))
    return Faces(
        crops,
        np.concatenate([layout.per_au(reading.heatmaps.intensity) for reading in readings]),
        np.concatenate([reading.intensities for reading in readings]),
        labels,
        checkpoint.config.aus,
    )


def most_active_rows(part: Manifest, aus: tuple[str, ...], *, count: int) -> list[int]:
    """Rows with the largest sum of labels, each of another subject: chosen without predictions.

    Fewer if there are not so many subjects.
    """
    total = np.nan_to_num(part.labels(aus)).sum(1)
    subjects = part.table["subject"].to_list()
    chosen: dict[str, int] = {}
    for row in np.argsort(-total, kind="stable"):
        chosen.setdefault(subjects[row], int(row))
    return list(chosen.values())[:count]


def channel_activations(checkpoint: Checkpoint, part: Manifest, *, rows: Sequence[int]) -> Channels:
    """What the last layer weighs for each AU, and what it weighs, on some rows of a dataset.

    Its weights for the intensity maps are averaged over the points of each AU; the responses are
    those of the channels below it.

    Where there are location maps, a channel that serves only those has weights near 0 here.

    Raises:
        AuheatError: for a network that is not of kind "deconv", as the paper's figure shows the
            channels of the last SCC layer, and for a row that the part does not have.
    """
    if not isinstance(checkpoint.net, HeatmapNet):
        raise AuheatError(
            f"a network of kind {checkpoint.config.kind!r} has no deconvolutions whose channels "
            "could be shown: give one of kind 'deconv'"
        )
    crops, _ = _read(checkpoint, part, rows)
    responses = np.concatenate(list(in_batches(_as_trained(checkpoint).features, crops)))
    return Channels(_weights(checkpoint), crops, responses, checkpoint.config.aus)


def _as_trained(checkpoint: Checkpoint) -> TorchRuntime:
    """The network neither fused nor rounded, where its weights are."""
    device = str(next(checkpoint.net.parameters()).device)
    return TorchRuntime(checkpoint, device=device, fused=False)


def _weights(checkpoint: Checkpoint) -> NDArray[np.float32]:
    """(A, C) of a head whose first N filters make the intensity maps."""
    layout, levels = layout_of(checkpoint.config), checkpoint.net.levels
    weights = checkpoint.net.head.weight[: layout.count, :, 0, 0]
    if levels is not None:
        weights = weights * levels.gain[:, None]
    filters = weights.float().detach().cpu().numpy()
    if layout.kind == "au":
        return np.asarray(filters)
    return np.asarray(mean_over_points(filters.T, layout.au_of_point).T)


def _read(
    checkpoint: Checkpoint, part: Manifest, rows: Sequence[int]
) -> tuple[Crops, NDArray[np.float32]]:
    """Crops (n, H, W, 3) uint8 and labels (n, A)."""
    config = checkpoint.config
    count = len(part.table)
    if not rows or not all(0 <= row < count for row in rows):
        raise AuheatError(f"rows {list(rows)} of {part.folder}: choose from 0 to {count - 1}")
    dataset = CropDataset(part, config.aus, config.input_size)
    samples = [dataset[row] for row in rows]
    return (
        np.stack([sample["image"].permute(1, 2, 0).numpy() for sample in samples]),
        np.stack([sample["intensities"].numpy() for sample in samples]),
    )
