"""Images a second through a whole network, without finding faces.

What is timed is a network alone, from tensor to tensor, in the forms that it can be brought into:
what `auheat.models.runtimes` adds is the same for all. `predict.py` times what users run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
import torch
from torch import Tensor, nn
from tqdm import tqdm

import measure
from auheat.config import ModelConfig
from auheat.face_shape import SIZE
from auheat.models.checkpoint import load_checkpoint
from auheat.models.devices import has_bfloat16
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.heatmap_net import build_net
from auheat.models.weights import checkpoint_path
from auheat.progress import Advance
from auheat.settings import build
from auheat.training.ablations import recipes
from auheat.training.experiment import read_settings
from harness import Benchmark, Numbers, finish, measuring, run, start
from scc_forms import with_materialised_edges

REFERENCE = "plain PyTorch, edges stored"
COLUMNS = (
    "batch", "network", "frames/s", "ms", "spread", "GFLOP", "GFLOP/s", "of peak",
    "times reference",
)  # fmt: skip


def paper_model() -> ModelConfig:
    """The network of `configs/paper/scc-heatmap.toml`."""
    settings = read_settings(recipes() / "paper" / "scc-heatmap.toml")
    return build(ModelConfig, settings["model"], "scc-heatmap.toml")


def network(weights: str, preset: str) -> tuple[nn.Module, int]:
    """A network to measure and the side of its input.

    Args:
        weights: "default" or a checkpoint's path.
        preset: "paper" for that network with random weights instead, else "".

    Raises:
        AuheatError: if the weights cannot be read.
    """
    if preset == "paper":
        config = paper_model()
        torch.manual_seed(0)
        return build_net(config).eval(), config.input_size
    stored = load_checkpoint(checkpoint_path(weights))
    return stored.net, stored.config.input_size


def forms(net: nn.Module) -> dict[str, nn.Module]:
    """The network as it can be used, the slowest kind first."""
    last = {"memory_format": torch.channels_last}
    found = {
        REFERENCE: with_materialised_edges(net),
        "plain PyTorch": net,
        "fused": fuse(net),
        "fused, channels last": fuse(net).to(**last),  # type: ignore[call-overload]
    }
    if has_bfloat16(next(net.parameters()).device):
        fused = in_bfloat16(fuse(net))
        found["fused, bfloat16, channels last"] = fused.to(**last)  # type: ignore[call-overload]
    return found


@dataclass(frozen=True)
class ModelPlan:
    """What to measure. rounds, seconds: see `measure.interleaved`, for each batch."""

    batches: Sequence[int] = (1, 8, 32)
    rounds: int = 9
    seconds: float = 60.0


def bench_model(
    net: nn.Module,
    size: int,
    plan: ModelPlan,
    device: torch.device,
    clock: measure.Clock = measure.WALL,
    progress: Advance = lambda batches: None,
) -> Benchmark:
    """Measures all forms of a network on random images. progress: called with 1 after a batch."""
    peak, rows = measure.measure_peak(device, clock), list[dict[str, object]]()
    nets = forms(net.to(device).eval())
    for batch in plan.batches:
        images = 255 * torch.rand(batch, 3, size, size, device=device)
        inputs = [images]
        if getattr(net, "geometry", None) is not None:
            inputs.append(torch.ones(batch, SIZE, device=device))
        with torch.no_grad(), measure.Meter() as count:
            nets["plain PyTorch"](*inputs)
        works = {name: _work(one, inputs) for name, one in nets.items()}
        timings = measure.interleaved(works, plan.rounds, plan.seconds, clock)
        rows += _rows(batch, timings, count.operations, peak)
        progress(1)
    machine = measure.describe(device) | {
        "GFLOP/s": peak.gflops,
        "bfloat16 GFLOP/s": peak.gflops_bf16,
    }
    return Benchmark(f"Network, {size} x {size}", machine, COLUMNS, rows, _NOTES)


_NOTES = (
    "GFLOP: operations of a batch in matrix products and convolutions, edges not stored; GFLOP/s "
    "counts these for every network. of peak: of a large product in the same precision.",
)


def _work(net: nn.Module, inputs: Sequence[Tensor]) -> measure.Work:
    def run() -> object:
        with torch.inference_mode():
            return net(*inputs)

    return run


def _rows(
    batch: int, timings: Mapping[str, measure.Timing], operations: int, peak: measure.Peak
) -> list[dict[str, object]]:
    return [
        {
            "batch": batch,
            "network": name,
            "frames/s": batch / timing.median,
            "ms": 1000 * timing.median,
            "spread": f"{100 * timing.spread:.0f}%",
            "GFLOP": operations / 1e9,
            "GFLOP/s": (speed := operations / timing.median / 1e9),
            "of peak": f"{100 * speed / peak.of(name):.0f}%",
            "times reference": timings[REFERENCE].over(timing),
            "seconds": list(timing.seconds),
        }
        for name, timing in timings.items()
    ]


@click.command()
@click.option(
    "--weights", default="default", show_default=True, help="A .safetensors file of auheat."
)
@click.option("--preset", type=click.Choice(["paper"]), help="This network, instead of weights.")
@click.option("--batch", type=Numbers(), default="1,8,32", show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="For all rounds of one batch.")
@measuring
def main(
    weights: str,
    preset: str | None,
    batch: tuple[int, ...],
    rounds: int,
    seconds: float,
    **where: Any,
) -> None:
    """Images a second through a whole network, beside plain PyTorch with stored edges."""
    device = start(where)
    net, size = network(weights, preset or "")
    plan = ModelPlan(batch, rounds, seconds)
    with tqdm(total=len(batch), desc="batches", disable=None) as bar:
        measured = bench_model(net, size, plan, device, measure.CLOCKS[where["clock"]], bar.update)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
