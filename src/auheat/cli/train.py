"""`auheat train`: trains a network from a settings file or a preset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auheat.cli import console, options

if TYPE_CHECKING:
    from auheat.training.experiment import Experiment


@click.command()
@click.argument("settings", nargs=-1, metavar="[SETTINGS] [OVERRIDES]...")
@click.option("--preset", help="SCC-Heatmap at this size for the dataset of data.folder, "
              "instead of SETTINGS: paper, literal, tiny.")  # fmt: skip
@click.option("--all-folds", is_flag=True, help="One run for each fold of the protocol.")
@options.value(
    "--runs", click.Path(path_type=Path), Path("runs"), "Folder that holds a folder for each run."
)
def command(settings: tuple[str, ...], preset: str | None, all_folds: bool, runs: Path) -> None:
    """Train the network that the TOML file SETTINGS describes, or that of a preset.

    OVERRIDES change single settings, like data.folder=DATASET model.scc=false seed=2. A run that
    was stopped continues when the same command is given again, from where it was stopped.
    """
    from auheat.training.fit import check_start, fit, is_first_process
    from auheat.training.run_data import read_dataset

    experiments = _experiments(settings, preset, all_folds)
    for experiment in experiments:
        check_start(runs / experiment.folder_name, experiment)
        read_dataset(experiment.data)  # refuses one that is not there, or has nobody for the fold
    for number, experiment in enumerate(experiments, 1):
        folder = runs / experiment.folder_name
        if is_first_process():
            console.echo(f"run {number} of {len(experiments)}: {folder}")
        best = fit(experiment, folder, notify=console.echo)
        if is_first_process():
            console.echo(f"best weights: {best}")


def _experiments(words: tuple[str, ...], preset: str | None, all_folds: bool) -> list[Experiment]:
    """The settings of every run, all checked before the first begins."""
    from auheat.evaluation.protocols import folds_of
    from auheat.training.experiment import read_experiment

    file, overrides = (words[0], words[1:]) if words and "=" not in words[0] else ("", words)
    if bool(file) == bool(preset):
        raise click.UsageError("give a settings file like configs/default.toml, or --preset")

    def experiment(*changes: str) -> Experiment:
        if file:
            return read_experiment(Path(file), (*overrides, *changes))
        return _preset_experiment(str(preset), (*overrides, *changes))

    first = experiment()
    if not all_folds:
        return [first]
    if not first.data.protocol:
        raise click.UsageError("--all-folds needs a protocol: add data.protocol=k-fold")
    count = folds_of(first.data.protocol, k=first.data.folds)
    return [experiment(f"data.fold={fold}") for fold in range(1, count + 1)]


def _preset_experiment(preset: str, overrides: tuple[str, ...]) -> Experiment:
    """SCC-Heatmap with a preset; AUs, k and protocol are those of the dataset."""
    from auheat.data.manifest import read_manifest
    from auheat.errors import AuheatError
    from auheat.settings import override
    from auheat.training.ablations import SCC, Sweep, read_preset

    read_preset(preset)  # a misspelt one is named before the dataset is missed
    data = override({}, overrides).get("data")
    folder = data.get("folder") if isinstance(data, dict) else None
    if not folder:
        raise AuheatError(f"preset {preset} names no dataset: add data.folder=DATASET")
    sweep = Sweep(read_manifest(Path(str(folder))), preset, Path(), changes=overrides)
    return sweep.experiment(SCC, 1, 1)
