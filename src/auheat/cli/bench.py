"""`auheat bench`: measures how fast auheat is, beside its peers and the machine's own limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class Numbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Whole numbers from 1 between commas."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) < 1:
            self.fail(f"{value!r} is not a list of whole numbers like 1,8,32", param, ctx)
        return numbers


def measures(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every target has."""
    options = (
        click.option("--threads", type=click.IntRange(min=1), help="[default: torch's own choice]"),
        click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda, ..."),
        click.option("--clock", type=click.Choice(["wall", "cpu"]), default="wall",
                     show_default=True, help="cpu with --threads 1: if others use the machine."),
        click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """Measure how fast auheat is, beside its peers and what the machine can do."""


@command.command()
@click.option("--stages", type=Numbers(), default="1,2,3", show_default=True)
@click.option("--k", type=Numbers(), default="5,7,15", show_default=True)
@click.option("--batch", type=Numbers(), default="1,8,32", show_default=True)
@click.option("--norm/--no-norm", default=True, show_default=True)
@click.option("--quick", is_flag=True, help="Two small sizes, in seconds.")
@click.option("--seconds", default=60.0, show_default=True, help="For all rounds of one size.")
@click.option("--limit", default=4.0, show_default=True, help="GB that a form may need.")
@measures
def scc(
    stages: tuple[int, ...],
    k: tuple[int, ...],
    batch: tuple[int, ...],
    norm: bool,
    quick: bool,
    seconds: float,
    limit: float,
    **where: Any,
) -> None:
    """The SCC layer at the paper's three stages: ours, edges stored, torch_geometric, the floor."""
    from tqdm import tqdm

    from auheat.bench.scc import QUICK, STAGES, SccPlan, bench_scc
    from auheat.bench.timing import CLOCKS

    if wrong := [stage for stage in stages if stage not in STAGES]:
        raise click.BadParameter(f"no stage {wrong[0]}: choose of 1, 2, 3", param_hint="--stages")
    plan = SccPlan(stages, k, batch, norm, seconds=seconds, limit=round(limit * 2**30))
    plan = QUICK if quick else plan
    device = _start(where)
    with tqdm(total=len(list(plan.sizes())), desc="sizes", disable=None) as bar:
        _finish(bench_scc(plan, device, CLOCKS[where["clock"]], bar.update), where)


@command.command()
@click.option(
    "--weights", default="default", show_default=True, help="A .safetensors file of auheat."
)
@click.option("--preset", type=click.Choice(["paper"]), help="This network, instead of weights.")
@click.option("--batch", type=Numbers(), default="1,8,32", show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="For all rounds of one batch.")
@measures
def model(
    weights: str,
    preset: str | None,
    batch: tuple[int, ...],
    rounds: int,
    seconds: float,
    **where: Any,
) -> None:
    """Pictures a second through a whole network, beside plain PyTorch with stored edges."""
    from tqdm import tqdm

    from auheat.bench.model import ModelPlan, bench_model, network
    from auheat.bench.timing import CLOCKS

    device = _start(where)
    net, size = network(weights, preset or "")
    plan = ModelPlan(batch, rounds, seconds)
    with tqdm(total=len(batch), desc="batches", disable=None) as bar:
        _finish(bench_model(net, size, plan, device, CLOCKS[where["clock"]], bar.update), where)


@command.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--frames", type=click.IntRange(min=2), default=472, show_default=True,
              help="The clip is played back and forth until it has as many.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="[default: as auheat predict has it]")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write.")
def predict(video: Path, frames: int, rounds: int, threads: int | None, **where: Any) -> None:
    """Frames a second of VIDEO: each stage, a plain loop, the pipeline, the whole command."""
    from tqdm import tqdm

    from auheat.bench.predict import PredictPlan, bench_predict
    from auheat.inference.pipeline import threads_beside
    from auheat.inference.predictor import load

    options = () if threads is None else ("--threads", str(threads))
    plan = PredictPlan(frames, rounds, options)
    predictor = load(threads=threads or threads_beside())
    with tqdm(total=rounds + 3, desc="steps", disable=None) as bar:
        _finish(bench_predict(video, predictor, plan, bar.update), where)


@command.command()
@click.option("--preset", type=click.Choice(["default", "paper"]), default="default",
              show_default=True)  # fmt: skip
@click.argument("overrides", nargs=-1)
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@measures
def train(preset: str, overrides: tuple[str, ...], steps: int, rounds: int, **where: Any) -> None:
    """Pictures a second of training steps, and how long they wait for data.

    OVERRIDES are settings like data.folder=DATASET; without a dataset made-up pictures are read.
    """
    from tqdm import tqdm

    from auheat.bench.train import VARIANTS, TrainPlan, bench_train, preset_experiment
    from auheat.models.devices import find_device

    experiment = preset_experiment(preset, overrides)
    device = find_device(where["device"])
    plan = TrainPlan(steps, rounds, where["threads"] or 0, str(device))
    with tqdm(total=rounds * len(VARIANTS), desc="runs", disable=None) as bar:
        _finish(bench_train(experiment, plan, bar.update), where)


@command.command()
@click.option(
    "--assets", required=True, type=click.Path(path_type=Path), help="Folder with the face assets."
)
@click.option("--size", type=click.IntRange(32, 1024), default=128, show_default=True)
@click.option("--images", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), help="[default: one a processor]")
@measures
def synth(assets: Path, size: int, images: int, workers: int | None, **where: Any) -> None:
    """Synthetic faces a second: people, pictures, and a dataset written whole."""

    from tqdm import tqdm

    from auheat.bench.synth import SynthPlan, bench_synth
    from auheat.bench.timing import CLOCKS
    from auheat.system import cpu_count

    plan = SynthPlan(size, max(1, images // 5), images, workers or cpu_count())
    with tqdm(total=images, desc="faces", disable=None) as bar:
        _finish(bench_synth(assets, plan, CLOCKS[where["clock"]], bar.update), where)


def _start(where: dict[str, Any]) -> Any:
    """The device that is asked for, with its threads and memory set as for real work."""
    import torch

    from auheat.models.devices import find_device
    from auheat.system import keep_freed_memory

    if where["threads"]:
        torch.set_num_threads(where["threads"])
    keep_freed_memory()
    return find_device(where["device"])


def _finish(bench: Any, where: dict[str, Any]) -> None:
    click.echo(bench.text())
    if where["out"]:
        bench.write(where["out"])
