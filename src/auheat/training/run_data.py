"""The data of a run: what it trains and validates on, in which order and portions."""

from __future__ import annotations

import math
from collections.abc import Hashable, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from auheat.data.dataset import CropDataset, Sample
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest, join, read_manifest
from auheat.data.persons import persons
from auheat.data.sampling import VisitSampler, balanced_weights
from auheat.data.shapes import shapes_for
from auheat.errors import AuheatError
from auheat.evaluation.protocols import assign, fold_of
from auheat.training.experiment import DataConfig, Experiment

_EVALUATION_BATCH = 64


@dataclass(frozen=True)
class RunData:
    """What is trained and validated on, and in which portions.

    Attributes:
        train: What is trained on.
        val: What is validated on.
        sampler: The order of `train`.
        batches: Of an epoch.
        steps: Of the whole training.
        train_shapes: (R, G) of the faces of `train`, where the network takes them in.
        val_shapes: The same of `val`.
        left_out: A line for each of the other datasets whose people validate or test, and so are
            not trained on.
    """

    train: Manifest
    val: Manifest
    sampler: VisitSampler
    batches: int
    steps: int
    train_shapes: NDArray[np.float32] | None
    val_shapes: NDArray[np.float32] | None
    left_out: tuple[str, ...] = ()


def read_run_data(experiment: Experiment) -> RunData:
    """Reads the datasets of a run, and finds the shapes of their faces if it needs them.

    Raises:
        AuheatError: for datasets that cannot be trained on.
    """
    data = experiment.data
    stored = read_manifest(Path(data.folder))
    manifest = _divided(stored, data)
    held = manifest.table.loc[manifest.table["split"] != "train", "subject"].unique()
    who = persons(stored)
    others = [_others(folder, stored, {who[subject] for subject in held}) for folder in data.more]
    parts = [manifest.split("train"), *(part for part, _ in others)]
    train = join(parts)
    val = manifest.split("val")
    count, rank = processes()
    epoch_images = data.epoch_images or len(train.table)
    for split, part in (("train", train), ("val", val)):
        if not len(part.table):
            raise AuheatError(f"the dataset {manifest.folder} has no images in its {split} split")
        if np.isnan(part.labels(experiment.model.aus)).all():
            raise AuheatError(
                f"none of {', '.join(experiment.model.aus)} is coded in the {split} split of "
                f"{manifest.folder}: change model.aus"
            )
    if min(epoch_images, len(val.table)) < count:
        raise AuheatError(
            f"{count} processes have too few images: an epoch has {epoch_images}, the val "
            f"split {len(val.table)}"
        )
    own_images = epoch_images // count  # the same for all, or they would wait for each other
    batches = math.ceil(own_images / data.batch_size)
    levels = train.labels(experiment.model.aus)
    weights = balanced_weights(levels, data.balance) if data.balance else None
    sampler = VisitSampler(
        len(train.table), own_images * count, experiment.seed, rank, count, weights
    )
    steps = math.ceil(batches / experiment.optim.accumulate) * experiment.optim.epochs
    found = [shapes_for(experiment.model, part) for part in parts]
    shapes = [one for one in found if one is not None]
    together = np.concatenate(shapes) if shapes else None
    return RunData(
        train,
        val,
        sampler,
        batches,
        steps,
        together,
        shapes_for(experiment.model, val),
        tuple(line for _, line in others if line),
    )


def _others(folder: str, main: Manifest, held: Set[Hashable]) -> tuple[Manifest, str]:
    """What is trained on of another dataset, without people who validate or test; who they are."""
    stored = read_manifest(Path(folder))
    if stored.folder.resolve() == main.folder.resolve():
        raise AuheatError(
            f"data.more names {stored.folder}, which data.folder is: people who validate and "
            "test would be trained on"
        )
    part = stored.split("train")
    who = persons(stored)
    out = part.table["subject"].map(lambda subject: who[subject] in held).to_numpy(np.bool_)
    if not out.any():
        return part, ""
    names = sorted(part.table.loc[out, "subject"].unique())
    if out.all():
        raise AuheatError(
            f"data.more names {stored.folder}, all of whose people validate or test in "
            f"{main.folder}: leave it out"
        )
    line = (
        f"{stored.folder}: {', '.join(names)} validate or test in {main.folder}, so "
        f"{int(out.sum())} images of theirs are not trained on"
    )
    return replace(part, table=part.table[~out].reset_index(drop=True)), line


def read_dataset(data: DataConfig) -> Manifest:
    """The manifest of `data.folder`, its splits rewritten by the protocol if there is one."""
    return _divided(read_manifest(Path(data.folder)), data)


def _divided(manifest: Manifest, data: DataConfig) -> Manifest:
    if not data.protocol:
        return manifest
    subjects = manifest.table["subject"].unique()
    return assign(manifest, fold_of(data.protocol, subjects, number=data.fold, k=data.folds))


def processes() -> tuple[int, int]:
    """How many processes `torchrun` started, and which of them this is; without it (1, 0)."""
    if not TorchElasticEnvironment.detect():
        return 1, 0
    environment = TorchElasticEnvironment()
    return environment.world_size(), environment.global_rank()


def train_loader(experiment: Experiment, parts: RunData) -> DataLoader[Sample]:
    """Augmented batches in the order of the sampler."""
    data, model = experiment.data, experiment.model
    dataset = CropDataset(
        parts.train,
        model.aus,
        model.input_size,
        data.augment,
        experiment.seed,
        Path(data.cache) if data.cache else None,
        parts.train_shapes,
        data.geometry_dropout,
        data.geometry_bend,
        data.image_dropout,
    )
    return crop_loader(dataset, data.batch_size, data.workers, parts.sampler)


def val_loader(experiment: Experiment, parts: RunData, rank: int, count: int) -> DataLoader[Sample]:
    """Every image exactly once over all processes, so that none counts twice in a metric."""
    data, model = experiment.data, experiment.model
    cache = Path(data.cache) if data.cache else None
    dataset = CropDataset(
        parts.val, model.aus, model.input_size, cache=cache, shapes=parts.val_shapes
    )
    rows = range(rank, len(dataset), count)
    return crop_loader(torch.utils.data.Subset(dataset, rows), _EVALUATION_BATCH, data.workers)
