"""Looks into a trained network: the pictures, maps, responses and weights that figures show.

Letters: n pictures, A Action Units, C channels, N maps, H W input pixels, h w map pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from auheat.data.dataset import CropDataset
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.figures.channels import Channels
from auheat.figures.face_maps import Faces
from auheat.heatmap import mean_over_points
from auheat.models.checkpoint import Checkpoint
from auheat.models.heatmap_net import HeatmapNet, layout_of

_BATCH = 16


@torch.inference_mode()
def see_faces(checkpoint: Checkpoint, part: Manifest, rows: Sequence[int]) -> Faces:
    """What a network says of some rows of a dataset: maps in intensity units, one for each AU.

    Raises AuheatError for a row that the part does not have.
    """
    images, labels = _read(checkpoint, part, rows)
    layout = layout_of(checkpoint.config)
    net = checkpoint.net.eval()
    maps = _in_batches(net, lambda batch: net(batch).intensity, images)
    return Faces(
        images.permute(0, 2, 3, 1).numpy(),
        layout.per_au(maps).numpy(),
        layout.read(maps).numpy(),
        labels.numpy(),
        checkpoint.config.aus,
    )


def expressive_rows(part: Manifest, aus: tuple[str, ...], count: int) -> list[int]:
    """Rows with the largest sum of labels, each of another subject: chosen without predictions.

    Fewer if there are not so many subjects.
    """
    total = np.nan_to_num(part.labels(aus)).sum(1)
    subjects = part.table["subject"].to_list()
    chosen: dict[str, int] = {}
    for row in np.argsort(-total, kind="stable"):
        chosen.setdefault(subjects[row], int(row))
    return list(chosen.values())[:count]


@torch.inference_mode()
def see_channels(checkpoint: Checkpoint, part: Manifest, rows: Sequence[int]) -> Channels:
    """The last layer's weights for the intensity maps, averaged over the points of each AU, and
    the responses of the channels that it weighs, on some rows of a dataset.

    Where there are location maps, a channel that serves only those has weights near 0 here.
    Raises AuheatError for a network that is not of kind "deconv", as the paper's figure shows the
    channels of the last SCC layer, and for a row that the part does not have.
    """
    net = checkpoint.net.eval()
    if not isinstance(net, HeatmapNet):
        raise AuheatError(
            f"a network of kind {checkpoint.config.kind!r} has no deconvolutions whose channels "
            "could be shown: give one of kind 'deconv'"
        )
    images, _ = _read(checkpoint, part, rows)
    responses = _in_batches(net, net.features, images)
    return Channels(
        _weights(checkpoint).cpu().numpy(),
        images.permute(0, 2, 3, 1).numpy(),
        responses.numpy(),
        checkpoint.config.aus,
    )


def _weights(checkpoint: Checkpoint) -> Tensor:
    """(A, C) of a head whose first N filters make the intensity maps."""
    layout = layout_of(checkpoint.config)
    filters = checkpoint.net.head.weight[: layout.count, :, 0, 0].float()
    if layout.kind == "au":
        return filters
    return mean_over_points(filters.T, layout.au_of_point).T


def _read(checkpoint: Checkpoint, part: Manifest, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pictures (n, 3, H, W) uint8 and labels (n, A)."""
    config = checkpoint.config
    count = len(part.table)
    if not rows or not all(0 <= row < count for row in rows):
        raise AuheatError(f"rows {list(rows)} of {part.folder}: choose from 0 to {count - 1}")
    dataset = CropDataset(part, config.aus, config.input_size)
    samples = [dataset[row] for row in rows]
    return (
        torch.stack([sample["image"] for sample in samples]),
        torch.stack([sample["intensities"] for sample in samples]),
    )


def _in_batches(net: nn.Module, see: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """What a network sees in pictures (n, 3, H, W), in float32 and on the CPU."""
    device = next(net.parameters()).device
    batches = torch.split(images, _BATCH)
    seen = [see(batch.to(device).float()).float().cpu() for batch in batches]
    return torch.cat(seen)
