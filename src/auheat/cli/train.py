"""`auheat train`: trains a network from a settings file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("settings", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1)
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder that holds a folder for each run.",
)
def command(settings: Path, overrides: tuple[str, ...], runs: Path) -> None:
    """Train the network that the TOML file SETTINGS describes.

    OVERRIDES change single settings, like data.folder=DATASET model.scc=false seed=2. A run that
    was stopped continues when the same command is given again.
    """
    from auheat.training.experiment import read_experiment
    from auheat.training.fit import fit, is_first_process

    experiment = read_experiment(settings, overrides)
    best = fit(experiment, runs / f"{experiment.name}-seed{experiment.seed}")
    if is_first_process():
        click.echo(f"best weights: {best}")
