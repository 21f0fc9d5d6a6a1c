"""Running an experiment: folders, loaders, checkpoints, resume.

A run's folder holds `experiment.json` (the settings in full), `best.safetensors` (the weights with
the highest validation ICC), `last.ckpt` (what resuming needs), `history.jsonl` (a line of metrics
for each epoch) and TensorBoard files.
"""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import cv2
import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from auheat import __version__
from auheat.config import to_dict
from auheat.data.dataset import CropDataset, Sample, VisitSampler
from auheat.data.manifest import Manifest, join, read_manifest
from auheat.errors import AuheatError
from auheat.models.checkpoint import load_trunk, save_checkpoint, start_from
from auheat.training.experiment import Experiment
from auheat.training.module import HeatmapModule

_SETTINGS = "experiment.json"
_LAST = "last"
BEST = "best.safetensors"
_EVALUATION_BATCH = 64


def fit(experiment: Experiment, folder: Path) -> Path:
    """Trains an experiment in `folder` and returns the path of its best weights.

    A folder that holds a started run of the same settings is continued where it stopped. Raises
    AuheatError if it holds a run of other settings, or if the dataset cannot be used.
    """
    manifest = read_manifest(Path(experiment.data.folder))
    more = [read_manifest(Path(folder)) for folder in experiment.data.more]
    train = join([part.part("train") for part in (manifest, *more)])
    val = manifest.part("val")
    for split, part in (("train", train), ("val", val)):
        if not len(part.table):
            raise AuheatError(f"the dataset {manifest.folder} has no pictures in its {split} split")
    _claim(folder, experiment)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its greetings and tips
    lightning.seed_everything(experiment.seed, verbose=False)
    epoch_images = experiment.data.epoch_images or len(train.table)
    batches = math.ceil(epoch_images / experiment.data.batch_size)
    module = HeatmapModule(experiment, batches * experiment.optim.epochs)
    if experiment.optim.trunk_weights:
        load_trunk(module.net.trunk, Path(experiment.optim.trunk_weights))
    if experiment.optim.start:
        start_from(module.net, Path(experiment.optim.start))
    module.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = _trainer(experiment, folder, batches)
    sampler = VisitSampler(
        len(train.table), epoch_images, experiment.seed, trainer.global_rank, trainer.world_size
    )
    checkpoint = folder / f"{_LAST}.ckpt"
    trainer.fit(
        module,
        _train_loader(experiment, train, sampler),
        _val_loader(experiment, val, trainer),
        ckpt_path=checkpoint if checkpoint.is_file() else None,
        weights_only=True,
    )
    if not (folder / BEST).is_file():
        raise AuheatError(f"training in {folder} ended before its first validation")
    return folder / BEST


def _claim(folder: Path, experiment: Experiment) -> None:
    """Notes the settings in the run's folder, or checks that they are the same."""
    noted, settings = folder / _SETTINGS, to_dict(experiment)
    if noted.is_file() and json.loads(noted.read_text()) != settings:
        raise AuheatError(
            f"{folder} holds a run with other settings: give this one another name or delete it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        noted.write_text(json.dumps(settings, indent=1))
    except OSError as error:
        raise AuheatError(f"cannot write into {folder}: {error.strerror}") from None


def _trainer(experiment: Experiment, folder: Path, batches: int) -> lightning.Trainer:
    return lightning.Trainer(
        default_root_dir=folder,
        max_epochs=experiment.optim.epochs,
        precision=experiment.optim.precision,
        logger=TensorBoardLogger(folder, name="", version=""),
        callbacks=[
            TQDMProgressBar(refresh_rate=10),
            ModelCheckpoint(folder, filename=_LAST, enable_version_counter=False),
            KeepBest(folder / BEST),
            History(folder / "history.jsonl"),
        ],
        num_sanity_val_steps=0,
        log_every_n_steps=min(50, batches),
        use_distributed_sampler=False,
        enable_model_summary=False,
    )


class KeepBest(lightning.Callback):
    """Saves the weights whenever the mean validation ICC is the highest so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._best = -math.inf

    def on_validation_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        icc = float(trainer.callback_metrics.get("val/icc", math.nan))
        if not trainer.is_global_zero or not (icc > self._best):
            return
        assert isinstance(module, HeatmapModule)
        self._best = icc
        experiment = module.experiment
        card = {
            "auheat": __version__,
            "experiment": to_dict(experiment),
            "epoch": trainer.current_epoch + 1,
            "validation": {
                "icc": icc,
                "mae": float(trainer.callback_metrics["val/mae"]),
            },
        }
        save_checkpoint(self._path, module.net, experiment.model, card)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best = float(state_dict["best"])


class History(lightning.Callback):
    """Adds a line of metrics to a file after every validation."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_validation_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        if not trainer.is_global_zero:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step, **values}
        with self._path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(1)


def _train_loader(
    experiment: Experiment, part: Manifest, sampler: VisitSampler
) -> DataLoader[Sample]:
    data, model = experiment.data, experiment.model
    dataset = CropDataset(part, model.aus, model.input_size, data.augment, experiment.seed)
    return DataLoader(
        dataset,
        batch_size=data.batch_size,
        sampler=sampler,
        num_workers=data.workers,
        worker_init_fn=_start_worker,
        persistent_workers=data.workers > 0,
    )


def _val_loader(
    experiment: Experiment, part: Manifest, trainer: lightning.Trainer
) -> DataLoader[Sample]:
    """Every picture exactly once over all processes, so that none counts twice in a metric."""
    data, model = experiment.data, experiment.model
    dataset = CropDataset(part, model.aus, model.input_size)
    rows = range(trainer.global_rank, len(dataset), trainer.world_size)
    return DataLoader(
        torch.utils.data.Subset(dataset, rows),
        batch_size=_EVALUATION_BATCH,
        num_workers=data.workers,
        worker_init_fn=_start_worker,
        persistent_workers=data.workers > 0,
    )
