"""Running an experiment: folders, loaders, checkpoints, resume.

A run's folder holds `experiment.json` (the settings in full), `best.safetensors` (the weights with
the highest validation ICC), `last.ckpt` (what resuming needs), `history.jsonl` (a line of metrics
for each epoch) and TensorBoard files.
"""

from __future__ import annotations

import json
import logging
import math
import os
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from auheat import __version__
from auheat.config import build, to_dict
from auheat.data.dataset import CropDataset, Sample, VisitSampler
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest, join, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.protocols import assign, fold_of
from auheat.files import atomic_write
from auheat.models.checkpoint import backbone_of, load_backbone, save_checkpoint, start_from
from auheat.models.weights import default_weights
from auheat.system import keep_freed_memory
from auheat.training.experiment import DataConfig, Experiment
from auheat.training.module import HeatmapModule

SETTINGS = "experiment.json"
_LAST = "last"
BEST = "best.safetensors"
_EVALUATION_BATCH = 64


def fit(experiment: Experiment, folder: Path) -> Path:
    """Trains an experiment in `folder` and returns the path of its best weights.

    A folder that holds a started run of the same settings is continued where it stopped. Under
    `torchrun` every process calls this and takes its share of the pictures. A step of n processes
    sees what a step of one process with n times `batch_size` would see, but batch norm knows only
    the share of its own process, and the averages of the first process are kept. Raises AuheatError
    if the folder holds a run of other settings, or if the dataset cannot be used.
    """
    keep_freed_memory()
    manifest = read_dataset(experiment.data)
    more = [read_manifest(Path(folder)) for folder in experiment.data.more]
    train = join([part.split("train") for part in (manifest, *more)])
    val = manifest.split("val")
    processes, rank = _processes()
    epoch_images = experiment.data.epoch_images or len(train.table)
    for split, part in (("train", train), ("val", val)):
        if not len(part.table):
            raise AuheatError(f"the dataset {manifest.folder} has no pictures in its {split} split")
    if min(epoch_images, len(val.table)) < processes:
        raise AuheatError(
            f"{processes} processes have too few pictures: an epoch has {epoch_images}, the val "
            f"split {len(val.table)}"
        )
    _claim(folder, experiment, writes=is_first_process())
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its greetings and tips
    lightning.seed_everything(experiment.seed, verbose=False)
    share = epoch_images // processes  # the same for all, or they would wait for each other
    batches = math.ceil(share / experiment.data.batch_size)
    module = HeatmapModule(experiment, batches * experiment.optim.epochs)
    if experiment.optim.backbone_weights:
        load_backbone(backbone_of(module.net), _backbone_file(experiment.optim.backbone_weights))
    if experiment.optim.start:
        start_from(module.net, Path(experiment.optim.start))
    module.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    sampler = VisitSampler(len(train.table), share * processes, experiment.seed, rank, processes)
    trainer = _trainer(experiment, folder, batches, sampler)
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


def read_dataset(data: DataConfig) -> Manifest:
    """The manifest of `data.folder`, its splits rewritten by the protocol if there is one."""
    manifest = read_manifest(Path(data.folder))
    if not data.protocol:
        return manifest
    subjects = manifest.table["subject"].unique()
    return assign(manifest, fold_of(data.protocol, subjects, data.fold, k=data.folds))


def is_first_process() -> bool:
    """Whether this is the process that writes and speaks; without `torchrun` it always is."""
    return _processes()[1] == 0


def _processes() -> tuple[int, int]:
    """How many processes `torchrun` started, and which of them this is; without it (1, 0)."""
    if not TorchElasticEnvironment.detect():
        return 1, 0
    environment = TorchElasticEnvironment()
    return environment.world_size(), environment.global_rank()


def _backbone_file(name: str) -> Path:
    return default_weights() if name == "default" else Path(name)


def is_run_of(folder: Path, experiment: Experiment) -> bool:
    """Whether a folder holds a run of these settings; what its file leaves out has its default."""
    noted = folder / SETTINGS
    return noted.is_file() and (
        build(Experiment, json.loads(noted.read_text()), str(noted)) == experiment
    )


def _claim(folder: Path, experiment: Experiment, writes: bool = True) -> None:
    """Checks that the run's folder is of these settings, and notes them there if `writes`."""
    noted = folder / SETTINGS
    if noted.is_file() and not is_run_of(folder, experiment):
        raise AuheatError(
            f"{folder} holds a run with other settings: give this one another name or delete it"
        )
    if not writes:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(noted) as temporary:
            temporary.write_text(json.dumps(to_dict(experiment), indent=1))
    except OSError as error:
        raise AuheatError(f"cannot write into {folder}: {error.strerror}") from None


def _trainer(
    experiment: Experiment, folder: Path, batches: int, sampler: VisitSampler
) -> lightning.Trainer:
    processes, _ = _processes()
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if processes > 1 else 1
    return lightning.Trainer(
        strategy="ddp" if processes > 1 else "auto",
        devices=here,
        num_nodes=processes // here,
        default_root_dir=folder,
        max_epochs=experiment.optim.epochs,
        precision=experiment.optim.precision,
        logger=TensorBoardLogger(folder, name="", version=""),
        callbacks=[
            TQDMProgressBar(refresh_rate=10),
            ModelCheckpoint(folder, filename=_LAST, enable_version_counter=False),
            KeepBest(folder / BEST),
            History(folder / "history.jsonl"),
            SamplerEpoch(sampler),
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
        save_checkpoint(self._path, module.net, experiment.model, card=card)

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


class SamplerEpoch(lightning.Callback):
    """Tells the sampler of a resumed run which epoch comes next.

    Lightning does so too, but only after it has asked the loader for an iterator, and by then the
    reading processes have begun with the first epoch.
    """

    def __init__(self, sampler: VisitSampler) -> None:
        self._sampler = sampler

    def on_load_checkpoint(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        self._sampler.set_epoch(checkpoint["epoch"] + 1)  # it is saved when an epoch is through


def _train_loader(
    experiment: Experiment, part: Manifest, sampler: VisitSampler
) -> DataLoader[Sample]:
    data, model = experiment.data, experiment.model
    cache = Path(data.cache) if data.cache else None
    dataset = CropDataset(part, model.aus, model.input_size, data.augment, experiment.seed, cache)
    return crop_loader(dataset, data.batch_size, data.workers, sampler)


def _val_loader(
    experiment: Experiment, part: Manifest, trainer: lightning.Trainer
) -> DataLoader[Sample]:
    """Every picture exactly once over all processes, so that none counts twice in a metric."""
    data, model = experiment.data, experiment.model
    cache = Path(data.cache) if data.cache else None
    dataset = CropDataset(part, model.aus, model.input_size, cache=cache)
    rows = range(trainer.global_rank, len(dataset), trainer.world_size)
    return crop_loader(torch.utils.data.Subset(dataset, rows), _EVALUATION_BATCH, data.workers)
