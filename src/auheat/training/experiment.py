"""The settings of a training run, as a TOML file holds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from auheat.config import ModelConfig
from auheat.data.transforms import AugmentConfig
from auheat.errors import AuheatError, check_count
from auheat.evaluation.protocols import check_fold
from auheat.settings import FORMER_NAME, build, deep_merge, override, read_toml
from auheat.system import MAX_PROCESSES


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    Attributes:
        folder: Dataset with a manifest.
        more: Further datasets, whose train splits are trained on too; validation uses `folder`
            alone.
        protocol: Which subjects of `folder` train, validate and test, see
            `auheat.evaluation.protocols`. Without one the manifest's own splits count.
        fold: Fold of the protocol, from 1.
        folds: Number of folds of "k-fold", at least 2.
        batch_size: Images of a step of one process, before `OptimConfig.accumulate`.
        epoch_images: Length of an epoch in images, 0 for the whole set; validation happens between
            epochs.
        balance: How much oftener images with rare AUs and levels are visited: a power, 0 for all
            alike, see `auheat.data.sampling`.
        geometry_dropout: Fraction of visits in which a network with `ModelConfig.geometry` is not
            given the shape of the face, so that it can do without.
        geometry_bend: How far a visit bends that shape, as faces and meshes differ, in distances
            between the outer eye corners, see `auheat.face_shape.bend`.
        image_dropout: Fraction of visits with a shape whose image is blurred until hardly more than
            the shape tells what the face does, so that the network learns to use it.
        workers: Processes that read images.
        cache: Folder in which decoded crops of `folder` and `more` are kept for the next epoch,
            side x side x 3 bytes each, none if empty; what is read stays the same.
        augment: How far images are changed.

    Raises:
        AuheatError: A value makes no sense.
    """

    folder: str = ""
    more: tuple[str, ...] = ()
    protocol: str = ""
    fold: int = 1
    folds: int = 3
    batch_size: int = 32
    epoch_images: int = 0
    balance: float = 0.0
    geometry_dropout: float = 0.25
    geometry_bend: float = 0.0
    image_dropout: float = 0.0
    workers: int = 1
    cache: str = ""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        counts = {"fold": 1, "folds": 1, "batch_size": 1, "epoch_images": 0}
        _check(
            self,
            {**counts, "balance": 0, "geometry_dropout": 0, "geometry_bend": 0, "image_dropout": 0},
        )
        _check_fractions(self, ("geometry_dropout", "image_dropout"))
        check_count("workers", self.workers, minimum=0, maximum=MAX_PROCESSES)
        if self.protocol:
            check_fold(self.protocol, self.fold, k=self.folds)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The datasets that are trained on, `folder` first."""
        return tuple(Path(name) for name in (self.folder, *self.more))


@dataclass(frozen=True)
class OptimConfig:
    """How weights move.

    Attributes:
        epochs: How often the training goes through an epoch's images, at least once.
        learning_rate: Of the first step after the warm-up, more than 0.
        weight_decay: AdamW's decay, or Adam's L2 penalty, of filters; norms, biases and the
            matrices of SCC are spared.
        epsilon: Added to the root of the second moment by both optimisers, more than 0: a weight
            that no gradient reaches would become 0 / 0.
        optimiser: "adamw" or "adam".
        schedule: "cosine" warms up over the first 3% of the steps and then falls to zero; "step"
            divides the rate by 10 at `milestone`, as the authors' code does.
        milestone: Fraction of all steps, 0 to 1.
        precision: "bf16-mixed" or "32-true".
        clip_gradients: Largest norm of all gradients together, 0 for no limit.
        accumulate: Batches whose gradients are averaged before a step. Batch norm still sees
            `DataConfig.batch_size` images at a time.
        scc_rate: Factor on the learning rate of the matrices of SCC; 0 leaves them as they start.
        head_rate: Factor on the learning rate of the last layer; 0 leaves it as it starts.
        average: Decay of the moving average of weights that is validated and kept, below 1; 0 for
            the weights themselves. At 0.998 it spans about 500 steps.
        backbone_weights: Safetensors file with the backbone's starting weights, in torchvision's
            naming or a checkpoint of auheat; "default" for the backbone of the weights that come
            with auheat.
        start: Checkpoint of auheat whose weights all training starts from. It may read other AUs,
            have other SCC layers, or be wider, see `auheat.models.warm_start`; "default" for the
            weights that come with auheat.

    Raises:
        AuheatError: A value makes no sense.
    """

    epochs: int = 10
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    epsilon: float = 1e-8
    optimiser: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["cosine", "step"] = "cosine"
    milestone: float = 0.5
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"
    clip_gradients: float = 1.0
    accumulate: int = 1
    scc_rate: float = 1.0
    head_rate: float = 1.0
    average: float = 0.0
    backbone_weights: str = field(default="", metadata={FORMER_NAME: "trunk_weights"})
    start: str = ""

    def __post_init__(self) -> None:
        zeros = ("weight_decay", "milestone", "clip_gradients", "scc_rate", "head_rate", "average")
        _check(self, {"epochs": 1, "accumulate": 1, **dict.fromkeys(zeros, 0)})
        for key in ("learning_rate", "epsilon"):
            if not 0 < getattr(self, key) < math.inf:
                raise AuheatError(f"{key} = {getattr(self, key)!r}: expected more than 0")
        _check_fractions(self, ("milestone",))
        if self.average >= 1:
            raise AuheatError(f"average = {self.average!r}: expected less than 1")


@dataclass(frozen=True)
class LossConfig:
    """Squared error over maps and pixels, in the units of `ModelConfig.map_units`.

    Attributes:
        form: "mean" over maps and pixels, or their "sum" as Eq. 2 reads; both are averaged over the
            batch. Adam divides a constant factor out again, but its epsilon and an L2 penalty do
            not see the factor, so that the two forms do not train alike.
        foreground: Weight of pixels at AU points is 1 + foreground; 0 for plain squared error, as
            in the paper.
        location: Weight of the loss on location maps, if the network has them.

    Raises:
        AuheatError: A weight is below 0.
    """

    form: Literal["mean", "sum"] = "mean"
    foreground: float = 15.0
    location: float = 1.0

    def __post_init__(self) -> None:
        _check(self, {"foreground": 0, "location": 0})


@dataclass(frozen=True)
class RunConfig:
    """How a run is kept. Nothing here changes what is trained.

    Attributes:
        checkpoint_minutes: A checkpoint is written after this many minutes, besides those after
            each epoch; 0 for those alone.
        loggers: Whom the figures are told to besides the run's own files: "tensorboard", and
            "wandb" where Weights & Biases is installed.

    Raises:
        AuheatError: The minutes are below 0.
    """

    checkpoint_minutes: float = 10.0
    loggers: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        _check(self, {"checkpoint_minutes": 0})


@dataclass(frozen=True)
class Experiment:
    """One run.

    Attributes:
        name: Its folder below `runs` begins with it.
        seed: Decides weights, order and augmentation.
        model: The network.
        data: What is trained on.
        optim: How weights move.
        loss: What is made small.
        run: How the run is kept.

    Raises:
        AuheatError: The name is no name of a folder, the seed is not 0 to 2^32 - 1, or the network
            has level curves, through which nothing is trained.
    """

    name: str = "default"
    seed: int = 1
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        _check(self, {"seed": 0})
        if self.seed >= 2**32:
            raise AuheatError(f"seed = {self.seed}: expected less than 2^32")
        if not self.name or self.name in (".", "..") or set("/\\\0") & set(self.name):
            raise AuheatError(f"name = {self.name!r}: expected the name of a folder")
        if self.model.levels:
            raise AuheatError(
                "model.levels = true: expected false; curves are fitted after training, by "
                "scripts/fit_levels.py"
            )

    @property
    def folder_name(self) -> str:
        """What the run's folder is called: name and seed, and the fold where there is one."""
        fold = f"-fold{self.data.fold}" if self.data.protocol else ""
        return f"{self.name}-seed{self.seed}{fold}"


def _check(settings: object, smallest: Mapping[str, float]) -> None:
    """Checks that settings are numbers of at least so much.

    Raises:
        AuheatError: unless each of these settings is a number of at least so much.
    """
    for key, least in smallest.items():
        value = getattr(settings, key)
        if not least <= value < math.inf:
            raise AuheatError(f"{key} = {value!r}: expected a number of at least {least:g}")


def _check_fractions(settings: object, keys: Iterable[str]) -> None:
    """Checks that settings, which are not below 0, are no more than 1.

    Raises:
        AuheatError: unless each of these settings is a fraction.
    """
    for key in keys:
        if getattr(settings, key) > 1:
            raise AuheatError(f"{key} = {getattr(settings, key)!r}: expected a fraction, 0 to 1")


def read_experiment(path: Path, assignments: Sequence[str] = ()) -> Experiment:
    """Reads a run's settings and applies `section.key=value` overrides.

    A file may begin with `base = "other.toml"`, a path seen from its own folder: then it says only
    what differs from that file.

    Raises:
        AuheatError: for an unreadable file, an unknown key or a wrong value.
    """
    experiment = build(Experiment, override(read_settings(path), assignments), str(path))
    if not experiment.data.folder:
        raise AuheatError(f"{path} names no dataset: add data.folder=DATASET")
    return experiment


def read_settings(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The nested settings of a file, laid over those of its base.

    Raises:
        AuheatError: for an unreadable file or one that is its own base.
    """
    settings = read_toml(path)
    base = settings.pop("base", None)
    if base is None:
        return settings
    if path.resolve() in seen:
        raise AuheatError(f"{path} is its own base: name another file there")
    below = read_settings(path.parent / str(base), (*seen, path.resolve()))
    return deep_merge(below, settings)
