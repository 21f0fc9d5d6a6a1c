"""`auheat bench model`: pictures a second through a whole network, without finding faces."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from auheat.bench.machine import Peak, describe, finisher, measure_peak
from auheat.bench.meter import Meter
from auheat.bench.scc_forms import with_materialised_edges
from auheat.bench.table import Bench
from auheat.bench.timing import Clock, Timing, Work, in_turns
from auheat.config import ModelConfig, build
from auheat.models.checkpoint import load_checkpoint
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.heatmap_net import build_net
from auheat.models.weights import default_weights
from auheat.training.arms import recipes
from auheat.training.experiment import read_settings

PEER = "plain PyTorch, edges stored"
COLUMNS = (
    "batch", "network", "frames/s", "ms", "spread", "GFLOP", "GFLOP/s", "of peak", "times peer",
)  # fmt: skip


def paper_model() -> ModelConfig:
    """The network of `configs/paper/scc-heatmap.toml`."""
    settings = read_settings(recipes() / "paper" / "scc-heatmap.toml")
    return build(ModelConfig, settings["model"], "scc-heatmap.toml")


def network(weights: str, preset: str) -> tuple[nn.Module, int]:
    """A network to measure and the side of its input.

    weights: "default" or a checkpoint's path; preset: "paper" for that network with random weights
    instead, else "". Raises AuheatError if the weights cannot be read.
    """
    if preset == "paper":
        config = paper_model()
        torch.manual_seed(0)
        return build_net(config).eval(), config.input_size
    stored = load_checkpoint(default_weights() if weights == "default" else Path(weights))
    return stored.net, stored.config.input_size


def forms(net: nn.Module) -> dict[str, nn.Module]:
    """The network as it can be used, the slowest kind first."""
    last = {"memory_format": torch.channels_last}
    found = {
        PEER: with_materialised_edges(net),
        "plain PyTorch": net,
        "fused": fuse(net),
        "fused, channels last": fuse(net).to(**last),  # type: ignore[call-overload]
    }
    if _has_bfloat16(next(net.parameters()).device):
        fused = in_bfloat16(fuse(net))
        found["fused, bfloat16, channels last"] = fused.to(**last)  # type: ignore[call-overload]
    return found


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


@dataclass(frozen=True)
class ModelPlan:
    """What to measure. rounds, seconds: see `auheat.bench.timing.in_turns`, for each batch."""

    batches: Sequence[int] = (1, 8, 32)
    rounds: int = 9
    seconds: float = 60.0


def bench_model(
    net: nn.Module,
    size: int,
    plan: ModelPlan,
    device: torch.device,
    clock: Clock = time.perf_counter,
    progress: Callable[[int], object] = lambda batches: None,
) -> Bench:
    """Measures all forms of a network on random pictures. progress: called with 1 after a batch."""
    peak, rows = measure_peak(device, clock), list[dict[str, object]]()
    nets = forms(net.to(device).eval())
    for batch in plan.batches:
        images = 255 * torch.rand(batch, 3, size, size, device=device)
        with torch.no_grad(), Meter() as count:
            nets["plain PyTorch"](images)
        works = {name: _work(one, images) for name, one in nets.items()}
        timings = in_turns(works, plan.rounds, plan.seconds, finisher(device), clock)
        rows += _rows(batch, timings, count.operations, peak)
        progress(1)
    machine = describe(device) | {"GFLOP/s": peak.gflops, "bfloat16 GFLOP/s": peak.gflops_bf16}
    return Bench(f"Network, {size} x {size}", machine, COLUMNS, rows, _NOTES)


_NOTES = (
    "GFLOP: operations of a batch in matrix products and convolutions, edges not stored; GFLOP/s "
    "counts these for every network. of peak: of a large product in the same precision.",
)


def _work(net: nn.Module, images: Tensor) -> Work:
    def run() -> object:
        with torch.inference_mode():
            return net(images)

    return run


def _rows(
    batch: int, timings: Mapping[str, Timing], operations: int, peak: Peak
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
            "times peer": timings[PEER].over(timing),
            "seconds": list(timing.seconds),
        }
        for name, timing in timings.items()
    ]
