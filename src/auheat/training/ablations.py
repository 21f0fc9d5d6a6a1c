"""The paper's ablations: its networks as variants of one, and sweeps that train and test them.

A variant is one network of the paper's tables or figures: a row of a table or a point of a curve.
Its settings are a file below `configs/paper`; a preset, a file below `configs/presets`, makes all
variants smaller alike. A sweep trains and tests variants on every fold of a dataset, with one or
more seeds. Each run lies in a folder of its own with the files of `auheat.training.fit` and what it
predicted for the subjects that it was not trained on: `val.parquet` and `test.parquet`. What is
finished is never done again; what was stopped is continued.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError, unknown_name
from auheat.evaluation.evaluate import origin_of, predict_part
from auheat.evaluation.predictions import Predictions, read_predictions
from auheat.evaluation.protocols import folds, folds_of
from auheat.models.devices import find_device
from auheat.models.runtimes.opening import open_runtime
from auheat.settings import build, deep_merge, override, read_toml, to_dict
from auheat.training.design import Design, design_of
from auheat.training.experiment import Experiment, read_settings
from auheat.training.fit import check_start, fit
from auheat.training.run_data import read_dataset
from auheat.training.run_folder import TESTED, refuse_other_run


@dataclass(frozen=True)
class Variant:
    """One network of a sweep.

    Attributes:
        name: of its run folders.
        settings: file below `configs/paper`.
        changes: `section.key=value` assignments that hold whatever the preset says.
    """

    name: str
    settings: str
    changes: tuple[str, ...] = ()


def _variant(name: str) -> Variant:
    return Variant(name, f"{name}.toml")


SCC, PLAIN = _variant("scc-heatmap"), _variant("resnet-deconv")
WIDE, HOURGLASS = _variant("resnet-deconv-256"), _variant("hourglass")
TWO, TWO_PLAIN = _variant("two-deconvs"), _variant("two-deconvs-without-scc")
EDGES_F, EDGES_G = _variant("edges-f"), _variant("edges-g")
# SCC-Heatmap with the paper's own loss (Eq. 2), which the smaller presets replace.
PLAIN_LOSS = Variant(
    "plain-loss",
    "scc-heatmap.toml",
    ("loss.foreground=0.0", "loss.location=0.0", "model.location_maps=false"),
)
SWEEP_K = tuple(range(1, 16))


def at_k(k: int) -> Variant:
    """SCC-Heatmap with k neighbours, a point of Figure 6."""
    return Variant(f"k-{k:02d}", "scc-heatmap.toml", (f"model.scc_k={k}",))


def recipes() -> Path:
    """The folder `configs`: inside an installed package, or at the root of a checkout."""
    inside = Path(str(files("auheat"))) / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "configs"


def read_preset(name: str) -> dict[str, Any]:
    """The settings that a preset lays over every variant.

    `deconv_share` scales the widths of deconvolutions.

    Raises:
        AuheatError: for an unknown name.
    """
    known = sorted(path.stem for path in (recipes() / "presets").glob("*.toml"))
    if name not in known:
        raise unknown_name("preset", name, known)
    return read_toml(recipes() / "presets" / f"{name}.toml")


Job = tuple[Variant, int, int]

# What a sweep decides of every run, and the option of `auheat reproduce` that says it.
_DECIDED = {
    "name": "",
    "seed": "--seeds",
    "data.folder": "--data",
    "data.protocol": "--protocol",
    "data.fold": "",
    "data.folds": "--protocol",
}


@dataclass(frozen=True)
class Sweep:
    """How variants are trained on one dataset.

    Attributes:
        manifest: the dataset.
        preset: a name below `configs/presets`.
        runs: folder of the run folders.
        seeds: every variant is trained with each.
        changes: `section.key=value` assignments for all.
        protocol: replaces that of the paper, see `auheat.evaluation.protocols`.
        workers: Processes that load images, of a run.
        device: where predictions are made, see `find_device`.
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

    @property
    def settings_words(self) -> str:
        """The preset, and what was changed in it, for captions."""
        changed = f" with {', '.join(self.changes)}" if self.changes else ""
        return f"{self.preset}{changed}"

    def experiment(self, variant: Variant, seed: int, fold: int) -> Experiment:
        """The settings of a run: the variant's file, the dataset, the preset, then the changes."""
        design, preset = self.design, read_preset(self.preset)
        fraction = float(preset.pop("deconv_share", 1.0))
        fitting = {
            "name": variant.name,
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
        settings = read_settings(recipes() / "paper" / variant.settings)
        settings = deep_merge(deep_merge(settings, fitting), preset)
        widths = settings["model"]["deconv_widths"]
        settings["model"]["deconv_widths"] = [max(1, round(fraction * width)) for width in widths]
        settings = override(settings, (*variant.changes, *self.changes))
        _fit_hourglass(settings)
        return build(Experiment, settings, f"{variant.settings} with preset {self.preset}")

    def folder(self, variant: Variant, seed: int, fold: int) -> Path:
        """Where one run lies."""
        return self.runs / f"{variant.name}-seed{seed}-fold{fold}"

    def jobs(self, variants: Sequence[Variant]) -> list[Job]:
        """(variant, seed, fold) of every run, all variants with the first seed first."""
        folds = range(1, self.design.folds + 1)
        return [
            (variant, seed, fold) for seed, variant, fold in product(self.seeds, variants, folds)
        ]

    def missing(self, variants: Sequence[Variant]) -> list[Job]:
        """The jobs that have no predictions yet.

        Raises:
            AuheatError: The settings of any of the jobs make no sense, the changes take from a
                variant what it is for, the dataset has nobody for a side of a fold, a folder holds
                a run of other settings or on another version of the dataset, or weights to start
                from or the device are not there.
        """
        self._refuse_changes(variants)
        folds(self.design.protocol, self.manifest.table["subject"], k=self.design.folds)
        find_device(self.device)
        missing = [job for job in self.jobs(variants) if not self._is_done(*job)]
        for job in missing:
            check_start(self.folder(*job), self.experiment(*job))
        return missing

    def run(
        self,
        variant: Variant,
        seed: int,
        fold: int,
        *,
        notify: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Trains one run, or goes on with it, and writes what it predicts.

        Raises:
            AuheatError: As `fit`, or the dataset has changed while it trained.
        """
        experiment, folder = self.experiment(variant, seed, fold), self.folder(variant, seed, fold)
        best = fit(experiment, folder, notify=notify)
        refuse_other_run(folder, experiment)  # the dataset may have changed in these hours
        runtime = open_runtime(best, runtime="torch", device=self.device, precision="fp32")
        manifest = read_dataset(experiment.data)
        for split in ("val", "test"):
            part = manifest.split(split)
            values = predict_part(runtime, part, workers=self.workers)
            about = {
                "name": variant.name,
                "seed": seed,
                "fold": fold,
                "split": split,
                "preset": self.preset,
                "experiment": to_dict(experiment),
                "origin": origin_of(runtime, best, part),
            }
            predictions = Predictions.of(part, runtime.config.aus, values, about)
            predictions.write(folder / f"{split}.parquet")

    def predictions(self, variant: Variant, seed: int, split: str = "test") -> list[Predictions]:
        """What a variant predicted, fold by fold.

        Raises:
            AuheatError: A run has none, or was of other settings or another version of the dataset.
        """
        found = []
        for fold in range(1, self.design.folds + 1):
            folder = self.folder(variant, seed, fold)
            refuse_other_run(folder, self.experiment(variant, seed, fold))
            found.append(read_predictions(folder / f"{split}.parquet"))
        return found

    def _refuse_changes(self, variants: Sequence[Variant]) -> None:
        """Looks whether the changes leave every run what tables and figures say that it is.

        Raises:
            AuheatError: The changes say what the sweep decides, or make two variants one network.
        """
        changed = {_key(change) for change in self.changes}
        for key in sorted(changed & _DECIDED.keys()):
            instead = f", and give {_DECIDED[key]}" if _DECIDED[key] else ""
            raise AuheatError(f"{key} is another for every run: leave it out{instead}")
        made: dict[str, Experiment] = {}
        for variant in variants:
            for key in sorted(changed & {_key(change) for change in variant.changes}):
                raise AuheatError(f"{key} is what {variant.name} is for: leave it out")
            found = self.experiment(variant, self.seeds[0], 1)
            for name, other in made.items():
                if replace(found, name=name) == other:
                    raise AuheatError(
                        f"with {', '.join(self.changes)} {name} and {variant.name} are one and "
                        "the same network: leave out what makes them so"
                    )
            made[variant.name] = found

    def _is_done(self, variant: Variant, seed: int, fold: int) -> bool:
        folder = self.folder(variant, seed, fold)
        refuse_other_run(folder, self.experiment(variant, seed, fold))
        return (folder / TESTED).is_file()


def _key(assignment: str) -> str:
    return assignment.partition("=")[0].strip()


def _fit_hourglass(settings: dict[str, Any]) -> None:
    """It has no backbone to load, and needs images whose side is a multiple of 64.

    Values of a wrong type stay as they are: `build` names them.
    """
    model, optim = settings["model"], settings["optim"]
    if not isinstance(model, dict) or model.get("kind") != "hourglass":
        return
    if isinstance(optim, dict):
        optim["backbone_weights"] = ""
    if type(side := model.get("input_size")) is int:
        model["input_size"] = max(64, side // 64 * 64)
