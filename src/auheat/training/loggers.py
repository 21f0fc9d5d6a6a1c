"""Whom the figures of a run are told to, besides the run's own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger

from auheat.errors import AuheatError, one_line
from auheat.training.experiment import Experiment


def open_loggers(experiment: Experiment, folder: Path) -> list[Logger]:
    """The loggers that the settings name, which write into the run's folder.

    Raises:
        AuheatError: One of them is not installed, or does not let itself be told.
    """
    return [_opened(name, experiment, folder) for name in experiment.run.loggers]


def _opened(name: str, experiment: Experiment, folder: Path) -> Logger:
    try:
        if name == "tensorboard":
            return TensorBoardLogger(folder, name="", version="")
        return _weights_and_biases(experiment, folder)
    except ImportError:
        raise AuheatError(
            f"run.loggers names {name}, which is not installed: `pip install {name}`"
        ) from None


def _weights_and_biases(experiment: Experiment, folder: Path) -> Logger:
    from lightning.pytorch.loggers import WandbLogger

    logger = WandbLogger(experiment.folder_name, folder, project="auheat")
    logger._wandb_init.pop("anonymous", None)  # a setting that is no more: it would be warned of
    from wandb.errors import Error

    try:
        _ = logger.experiment  # which asks for the account
    except Error as error:
        raise AuheatError(
            f"run.loggers names wandb: {one_line(str(error))} Or set WANDB_MODE=offline"
        ) from None
    return logger


def close_loggers(loggers: Sequence[Logger]) -> None:
    """Ends what loggers have open, or the next training of this process would be told to it."""
    for logger in loggers:
        # What Weights & Biases calls a run ends with the process otherwise.
        finish = getattr(getattr(logger, "experiment", None), "finish", None)
        if finish is not None:
            finish()
