"""Studies: every arm trained and tested on every fold of a dataset, with one or more seeds.

Each run lies in a folder of its own with the files of `auheat.training.fit` and what it predicted
for the subjects that it was not trained on: `val.parquet` and `test.parquet`. What is finished is
never done again; what was stopped is continued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from auheat.config import build, override, to_dict
from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import Wrap, predict_part
from auheat.evaluation.predictions import Predictions, read_predictions
from auheat.evaluation.protocols import folds_of
from auheat.models.runtimes.opening import open_runtime
from auheat.training.arms import Arm, Design, design_of, read_preset, recipes
from auheat.training.experiment import Experiment, laid_over, read_settings
from auheat.training.fit import SETTINGS, fit, is_run_of, read_dataset

Job = tuple[Arm, int, int]


@dataclass(frozen=True)
class Study:
    """How arms are trained on one dataset.

    manifest: the dataset. preset: a name below `configs/presets`. runs: folder of the run folders.
    seeds: every arm is trained with each. changes: `section.key=value` assignments for all arms.
    protocol: replaces that of the paper, see `auheat.evaluation.protocols`. workers: reading
    processes of a run. device: where predictions are made, see `find_device`.
    """

    manifest: Manifest
    preset: str
    runs: Path
    seeds: tuple[int, ...] = (1,)
    changes: tuple[str, ...] = ()
    protocol: str = ""
    workers: int = 1
    device: str = "auto"

    @property
    def design(self) -> Design:
        """The AUs, k, protocol and number of folds."""
        known = design_of(self.manifest)
        if not self.protocol:
            return known
        return replace(known, protocol=self.protocol, folds=folds_of(self.protocol))

    def experiment(self, arm: Arm, seed: int, fold: int) -> Experiment:
        """The settings of one run: the arm's file, the dataset, the preset, then the changes."""
        design, preset = self.design, read_preset(self.preset)
        share = float(preset.pop("deconv_share", 1.0))
        fitting = {
            "name": arm.name,
            "seed": seed,
            "model": {"aus": list(design.aus), "scc_k": design.k},
            "data": {
                "folder": str(self.manifest.folder),
                "protocol": design.protocol,
                "fold": fold,
                "folds": design.folds,
                "workers": self.workers,
            },
        }
        settings = read_settings(recipes() / "paper" / arm.settings)
        settings = laid_over(laid_over(settings, fitting), preset)
        widths = settings["model"]["deconv_widths"]
        settings["model"]["deconv_widths"] = [max(1, round(share * width)) for width in widths]
        settings = override(settings, (*arm.changes, *self.changes))
        if settings["model"].get("kind") == "hourglass":
            _fit_hourglass(settings)
        return build(Experiment, settings, f"{arm.settings} with preset {self.preset}")

    def folder(self, arm: Arm, seed: int, fold: int) -> Path:
        """Where one run lies."""
        return self.runs / f"{arm.name}-seed{seed}-fold{fold}"

    def jobs(self, arms: Sequence[Arm]) -> list[Job]:
        """(arm, seed, fold) of every run, all arms with the first seed first."""
        folds = range(1, self.design.folds + 1)
        return [(arm, seed, fold) for seed, arm, fold in product(self.seeds, arms, folds)]

    def missing(self, arms: Sequence[Arm]) -> list[Job]:
        """The jobs that have no predictions yet. Raises AuheatError for runs of other settings."""
        return [job for job in self.jobs(arms) if not self._is_done(*job)]

    def run(self, arm: Arm, seed: int, fold: int, wrap: Wrap = iter) -> None:
        """Trains one run, or goes on with it, and writes what it predicts."""
        experiment, folder = self.experiment(arm, seed, fold), self.folder(arm, seed, fold)
        best = fit(experiment, folder)
        runtime = open_runtime(best, runtime="torch", device=self.device, precision="fp32")
        manifest = read_dataset(experiment.data)
        for split in ("val", "test"):
            part = manifest.split(split)
            values = predict_part(runtime, part, workers=self.workers, wrap=wrap)
            about = {
                "name": arm.name,
                "seed": seed,
                "fold": fold,
                "split": split,
                "preset": self.preset,
                "experiment": to_dict(experiment),
            }
            predictions = Predictions.of(part, runtime.config.aus, values, about)
            predictions.write(folder / f"{split}.parquet")

    def predictions(self, arm: Arm, seed: int, split: str = "test") -> list[Predictions]:
        """What an arm predicted, fold by fold."""
        folds = range(1, self.design.folds + 1)
        return [read_predictions(self.folder(arm, seed, i) / f"{split}.parquet") for i in folds]

    def _is_done(self, arm: Arm, seed: int, fold: int) -> bool:
        folder = self.folder(arm, seed, fold)
        if not (folder / SETTINGS).is_file():
            return False
        if not is_run_of(folder, self.experiment(arm, seed, fold)):
            raise AuheatError(
                f"{folder} holds a run with other settings: name another with --runs or delete it"
            )
        return (folder / "test.parquet").is_file()


def _fit_hourglass(settings: dict[str, Any]) -> None:
    """It has no backbone to load, and needs pictures whose side is a multiple of 64."""
    settings["optim"]["backbone_weights"] = ""
    settings["model"]["input_size"] = max(64, settings["model"]["input_size"] // 64 * 64)
