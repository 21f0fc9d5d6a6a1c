"""The settings of a training run, as a TOML file holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from auheat.config import FORMER_NAME, ModelConfig, build, deep_merge, override, read_toml
from auheat.data.transforms import AugmentConfig
from auheat.errors import AuheatError
from auheat.evaluation.protocols import published


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    folder: dataset with a manifest. more: further datasets, whose train splits are trained on too;
    validation uses `folder` alone. protocol, fold, folds: which subjects of `folder` train,
    validate and test, see `auheat.evaluation.protocols`; `fold` counts from 1, `folds` matters for
    "k-fold" alone. Without a protocol the manifest's own splits count. epoch_images: length of an
    epoch in images, 0 for the whole set; validation, checkpoint and resume happen between epochs.
    workers: reading processes. cache: folder in which decoded crops of `folder` and `more` are kept
    for the next epoch, side x side x 3 bytes each, none if empty; what is read stays the same.
    """

    folder: str = ""
    more: tuple[str, ...] = ()
    protocol: str = ""
    fold: int = 1
    folds: int = 3
    batch_size: int = 32
    epoch_images: int = 0
    workers: int = 1
    cache: str = ""
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if self.protocol:
            published(self.protocol)  # raises AuheatError for an unknown one


@dataclass(frozen=True)
class OptimConfig:
    """How weights move.

    schedule: "cosine" warms up over the first 3% of the steps and then falls to zero; "step"
    divides the rate by 10 at `milestone` (a share of all steps), as the authors' code does.
    optimiser: "adamw" or "adam". precision: "bf16-mixed" or "32-true".
    scc_rate: factor on the learning rate of the matrices of SCC.
    backbone_weights: safetensors file with the backbone's starting weights, in torchvision's naming
    or a checkpoint of auheat; "default" for the backbone of the weights that come with auheat.
    start: checkpoint of auheat whose weights all training starts from; one without SCC may start a
    network with SCC.
    """

    epochs: int = 10
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    optimiser: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["cosine", "step"] = "cosine"
    milestone: float = 0.5
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"
    clip_gradients: float = 1.0
    scc_rate: float = 1.0
    backbone_weights: str = field(default="", metadata={FORMER_NAME: "trunk_weights"})
    start: str = ""


@dataclass(frozen=True)
class LossConfig:
    """Mean squared error over maps and pixels (Eq. 2 of the paper, averaged instead of summed).

    foreground: weight of pixels at AU points is 1 + foreground. Plain squared error (0, the paper)
    collapses to empty maps where labels are mostly 0 and maps mostly background; 15 cured that.
    location: weight of the loss on location maps, if the network has them.
    """

    foreground: float = 15.0
    location: float = 1.0


@dataclass(frozen=True)
class Experiment:
    """One run. name: its folder below `runs`. seed: decides weights, order and augmentation."""

    name: str = "default"
    seed: int = 1
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loss: LossConfig = field(default_factory=LossConfig)


def read_experiment(path: Path, assignments: Sequence[str] = ()) -> Experiment:
    """Reads a run's settings and applies `section.key=value` overrides.

    A file may begin with `base = "other.toml"`, a path seen from its own folder: then it says only
    what differs from that file. Raises AuheatError for an unreadable file, an unknown key or a
    wrong value.
    """
    experiment = build(Experiment, override(read_settings(path), assignments), str(path))
    if not experiment.data.folder:
        raise AuheatError(f"{path} names no dataset: add data.folder=DATASET")
    return experiment


def read_settings(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The nested settings of a file, laid over those of its base.

    Raises AuheatError for an unreadable file or one that is its own base.
    """
    settings = read_toml(path)
    base = settings.pop("base", None)
    if base is None:
        return settings
    if path.resolve() in seen:
        raise AuheatError(f"{path} is its own base: name another file there")
    below = read_settings(path.parent / str(base), (*seen, path.resolve()))
    return deep_merge(below, settings)
