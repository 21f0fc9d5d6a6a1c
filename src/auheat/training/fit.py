"""Running an experiment: its data, its network, the loop, and going on where it stopped.

What the folder of a run holds is said in `auheat.training.run_folder`.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch

from auheat.data.shapes import too_close
from auheat.errors import AuheatError, Terminated
from auheat.models.checkpoint import backbone_of, load_backbone
from auheat.models.warm_start import start_from
from auheat.models.weights import checkpoint_path, is_default
from auheat.system import keep_freed_memory
from auheat.training.callbacks import History, KeepBest, TimeLeft
from auheat.training.checkpointing import (
    Checkpoints,
    SafeCheckpoints,
    readable_checkpoint,
    refuse_other_processes,
)
from auheat.training.experiment import Experiment
from auheat.training.loggers import close_loggers, open_loggers
from auheat.training.module import HeatmapModule
from auheat.training.run_data import (
    RunData,
    processes,
    read_run_data,
    train_loader,
    val_loader,
)
from auheat.training.run_folder import BEST, Record, claim, refuse_other_run
from auheat.training.stopping import StopOnSignal, Stopped


def fit(
    experiment: Experiment, folder: str | Path, *, notify: Callable[[str], object] = lambda _: None
) -> Path:
    """Trains an experiment in a folder and returns the path of its best weights.

    A folder that holds a started run of the same settings is continued where it stopped, also
    within an epoch; the weights are those of an unbroken run. Everything that can be checked is
    checked before the folder is touched. Under `torchrun` every process calls this and takes its
    part of the images. A step of n processes sees what a step of one process with n times
    `batch_size` would see, but batch norm knows only the part of its own process, and the averages
    of the first process are kept.

    Args:
        experiment: The settings.
        folder: Where the run's files go, see `auheat.training.run_folder`.
        notify: Takes lines of text: where a run goes on, and what a user should know of its start.

    Raises:
        AuheatError: The folder holds a run of other settings, of another version of a dataset, or
            one that more or fewer processes began; a dataset or weights cannot be used; or nothing
            more can be written, and what was trained so far is kept.
        KeyboardInterrupt: After Ctrl-C; the training has saved where it is.
        Terminated: After SIGTERM or SIGHUP; the same.
    """
    folder = Path(folder)
    keep_freed_memory()
    check_start(folder, experiment)
    parts = read_run_data(experiment)
    logging.getLogger("lightning").setLevel(logging.WARNING)  # its greetings and tips
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(experiment.seed, verbose=False)
    module = HeatmapModule(experiment, parts.steps)
    _fill(module, experiment)
    found = readable_checkpoint(folder)
    if found:
        refuse_other_processes(found, experiment.optim.epochs, processes()[0])
    if found and _best_so_far(found[1]) > -math.inf and not (folder / BEST).is_file():
        raise AuheatError(f"{folder / BEST} is gone: delete {folder}, and it is trained anew")
    if is_first_process():
        claim(folder, experiment)
        for line in parts.left_out:
            notify(line)
        if close := too_close(experiment.model, parts.train):
            notify(close)
        notify(_start(experiment) if found is None else _resumption(found[1], parts, experiment))
    kept = KeepBest(folder)
    trainer, stop = _trainer(experiment, folder, parts, kept)
    device = str(trainer.strategy.root_device)
    record = Record(folder, device, experiment.data.folders) if is_first_process() else None
    ended = "failed"
    try:
        with stop, warnings.catch_warnings():
            # Advice to programmers that a user can do nothing about.
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            trainer.fit(
                module,
                train_loader(experiment, parts),
                val_loader(experiment, parts, trainer.global_rank, trainer.world_size),
                ckpt_path=found[0] if found else None,
                weights_only=True,
            )
        ended = "finished"
    except Stopped as stopped:
        ended = "interrupted" if stopped.number == signal.SIGINT else "terminated"
        if stopped.number == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise Terminated(stopped.number) from None
    except OSError as error:
        raise AuheatError(
            f"training in {folder} ended: {error.strerror or error}; what was trained up to the "
            "last checkpoint is kept, and the same command goes on from there"
        ) from None
    finally:
        close_loggers(trainer.loggers)
        if record is not None:
            record.write(ended)
    if not (folder / BEST).is_file():
        raise AuheatError(f"{folder / BEST} is gone: delete {folder}, and it is trained anew")
    if is_first_process() and kept.best == -math.inf:
        notify(
            "no validation ICC was defined, as no AU varies among the images of the val split: the "
            "weights that are kept are the last"
        )
    return folder / BEST


def check_start(folder: Path, experiment: Experiment) -> None:
    """Checks what can be checked of a run at once, before any of several begins.

    Args:
        folder: Of the run.
        experiment: Its settings.

    Raises:
        AuheatError: The folder holds a run of other settings or of another version of a dataset,
            or the files of weights to start from are not there.
    """
    refuse_other_run(folder, experiment)
    optim = experiment.optim
    for key, name in (("backbone_weights", optim.backbone_weights), ("start", optim.start)):
        if name and not is_default(name) and not Path(name).is_file():
            raise AuheatError(f"no file at {name}, which optim.{key} names")


def _fill(module: HeatmapModule, experiment: Experiment) -> None:
    """Gives the network the weights that it starts from.

    Raises:
        AuheatError: if they do not fit.
    """
    optim = experiment.optim
    if optim.backbone_weights:
        load_backbone(backbone_of(module.net), checkpoint_path(optim.backbone_weights))
    if optim.start:
        start_from(module.net, experiment.model, checkpoint_path(optim.start))
    module.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _start(experiment: Experiment) -> str:
    """What a user should know when a training begins."""
    optim = experiment.optim
    if optim.start:
        return f"starts from {optim.start}"
    if optim.backbone_weights:
        return f"the backbone starts from {optim.backbone_weights}"
    advice = "" if experiment.model.kind == "hourglass" else ", see optim.backbone_weights"
    return f"all weights start at random{advice}"


def _resumption(checkpoint: dict[str, Any], parts: RunData, experiment: Experiment) -> str:
    """Where a run goes on."""
    state = checkpoint["callbacks"]["Checkpoints"]
    best = _best_so_far(checkpoint)
    epoch, within = divmod(int(state["batches"]), int(state.get("of_an_epoch", parts.batches)))
    none = "no validation ICC was defined" if epoch else "no validation yet"
    so_far = f"best validation ICC {best:.3f}" if best > -math.inf else none
    return (
        f"goes on after {epoch} of {experiment.optim.epochs} epochs"
        + (f" and {within} of {parts.batches} batches" if within else "")
        + f", step {checkpoint['global_step']}; {so_far}"
    )


def _best_so_far(checkpoint: dict[str, Any]) -> float:
    return float(checkpoint["callbacks"]["KeepBest"]["best"])


def is_first_process() -> bool:
    """Whether this is the process that writes and speaks; without `torchrun` it always is."""
    return processes()[1] == 0


def _trainer(
    experiment: Experiment, folder: Path, parts: RunData, kept: KeepBest
) -> tuple[lightning.Trainer, StopOnSignal]:
    count, _ = processes()
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if count > 1 else 1
    optim = experiment.optim
    checkpoints = Checkpoints(
        folder,
        parts.sampler,
        batches=parts.batches,
        batch_size=experiment.data.batch_size,
        processes=count,
        minutes=experiment.run.checkpoint_minutes,
    )
    stop = StopOnSignal(checkpoints)
    trainer = lightning.Trainer(
        strategy="ddp" if count > 1 else "auto",
        devices=here,
        num_nodes=count // here,
        default_root_dir=folder,
        max_epochs=optim.epochs,
        precision=optim.precision,
        accumulate_grad_batches=optim.accumulate,
        logger=open_loggers(experiment, folder),
        plugins=[SafeCheckpoints()],
        callbacks=[
            TimeLeft(parts.batches, optim.epochs),
            kept,
            History(folder),
            checkpoints,
            stop,
        ],
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        log_every_n_steps=min(50, parts.batches),
        use_distributed_sampler=False,
        enable_model_summary=False,
    )
    # Its own handlers leave with code 0 at SIGTERM, and without a checkpoint; `StopOnSignal` does
    # what they are for.
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    return trainer, stop
