"""The SCC layer beside its references, at the sizes of the paper's three stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product
from typing import Any

import click
import torch
from torch import Tensor, nn
from tqdm import tqdm

import measure
from auheat.models.scc import SemanticCorrespondenceConv
from auheat.progress import Advance
from harness import Benchmark, Numbers, finish, measuring, run, start
from scc_forms import GeometricEdges, MaterialisedEdges, NodeProducts

OURS, LOWER_BOUND = "auheat", "two products"
FORMS: dict[str, Callable[[SemanticCorrespondenceConv], nn.Module]] = {
    OURS: lambda layer: layer,
    "edges stored": MaterialisedEdges,
    "EdgeConv": GeometricEdges,
    LOWER_BOUND: NodeProducts,
}
STAGES = {1: (256, 16), 2: (128, 32), 3: (64, 64)}  # channels, side
COLUMNS = (
    "stage", "batch", "k", "pass", "form", "ms", "spread", "GFLOP/s", "GB/s", "of peak",
    "peak MB", "times auheat", "times lower bound", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One form at one size. backward: a training step, else evaluation without gradients."""

    form: str
    channels: int
    side: int
    k: int
    batch: int
    backward: bool
    norm: bool = True
    device: str = "cpu"

    @property
    def edge_bytes(self) -> int:
        """What the table of edges (B, C, k, 2L) takes in float32."""
        return 8 * self.batch * self.channels * self.k * self.side**2

    @property
    def weight_bytes(self) -> int:
        """What both matrices take in float32, and their gradients again."""
        return 8 * self.side**4

    @property
    def expected_bytes(self) -> int:
        """A rough upper estimate of what a run needs."""
        maps = 4 * self.batch * self.channels * self.side**2
        stores = self.form not in (OURS, LOWER_BOUND)
        return 2 * self.weight_bytes + 12 * maps + (4 * self.edge_bytes if stores else 0)


def prepare(case: Case) -> measure.Work:
    """The work of a case, with its own random weights, input and upstream gradient."""
    torch.manual_seed(0)
    device, length = torch.device(case.device), case.side**2
    layer = SemanticCorrespondenceConv(length, case.k, case.norm, init="random")
    form = FORMS[case.form](layer).train(case.backward).to(device)
    shape = (case.batch, case.channels, case.side, case.side)
    x = torch.randn(shape, device=device, requires_grad=case.backward)
    upstream = torch.randn(shape, device=device)

    def step() -> None:
        with torch.set_grad_enabled(case.backward):
            outputs = form(x)
        if case.backward:
            outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
            wanted = [x, *form.parameters()]
            torch.autograd.grad(outputs, wanted, [upstream] * len(outputs))

    return step


@dataclass(frozen=True)
class SccPlan:
    """What to measure. rounds: of each case. seconds: after which a case begins no other round.

    Attributes:
        limit: bytes; a form that is expected to need more is left out.
        memory: also measure peaks.
    """

    stages: Sequence[int] = tuple(STAGES)
    k: Sequence[int] = (5, 7, 15)
    batch: Sequence[int] = (1, 8, 32)
    norm: bool = True
    rounds: int = 7
    seconds: float = 60.0
    limit: int = 4 * 2**30
    memory: bool = True

    def sizes(self) -> Iterator[tuple[int, Case]]:
        """(stage, the case of our own form) for every size and pass."""
        for stage, batch, k, backward in product(self.stages, self.batch, self.k, (False, True)):
            yield stage, Case(OURS, *STAGES[stage], k, batch, backward, self.norm)


QUICK = SccPlan((1, 3), (7,), (1,), rounds=3, seconds=5.0, memory=False)


def bench_scc(
    plan: SccPlan,
    device: torch.device,
    clock: measure.Clock = measure.WALL,
    progress: Advance = lambda cases: None,
) -> Benchmark:
    """Measures every size of the plan. progress: called with 1 after each."""
    peak = measure.measure_peak(device, clock)
    rows = []
    for stage, case in plan.sizes():
        here = replace(case, device=str(device))
        head: dict[str, Any] = {"stage": stage, "batch": case.batch, "k": case.k}
        head["pass"] = "forward + backward" if case.backward else "forward"
        rows += [head | row for row in _measure(here, plan, peak, clock)]
        progress(1)
    machine = measure.describe(device) | {
        "GFLOP/s": peak.gflops,
        "GB/s": peak.gbytes,
        "norm": plan.norm,
    }
    return Benchmark("SCC layer", machine, COLUMNS, rows, _NOTES)


_NOTES = (
    "spread: half the distance of the quartiles over the median. of peak: GFLOP/s over "
    "those of a large float32 product.",
    "GB/s: bytes that operators read and write, over time; what stays in a cache counts too. peak "
    "MB: beyond weights, input and upstream gradient; with backward it holds the gradients of the "
    "weights, the same in every form.",
    "times auheat, times lower bound: median of the ratios within a round.",
)


def _measure(
    case: Case, plan: SccPlan, peak: measure.Peak, clock: measure.Clock
) -> Iterator[dict[str, Any]]:
    device = torch.device(case.device)
    forms = {form: replace(case, form=form) for form in FORMS}
    left_out = {form: why for form, one in forms.items() if (why := _left_out(one, plan))}
    works = {form: prepare(one) for form, one in forms.items() if form not in left_out}
    counts = {form: _count(work) for form, work in works.items()}
    timings = measure.interleaved(works, plan.rounds, plan.seconds, clock)
    works.clear()  # frees what they hold
    for form, one in forms.items():
        if form in left_out:
            yield {"form": form, "note": left_out[form]}
            continue
        memory = plan.memory and measure.peak_bytes(prepare, one, _tiny(one), device)
        yield {
            "form": form,
            **_speed(timings, form, counts[form], peak),
            "peak MB": memory / 2**20 if memory else None,
        }


def _tiny(case: Case) -> Case:
    return replace(case, channels=16, side=8, batch=1)


def _left_out(case: Case, plan: SccPlan) -> str:
    """Why a form is not measured; empty if it is."""
    if case.form == "EdgeConv" and find_spec("torch_geometric") is None:
        return "left out: needs torch_geometric"
    if case.expected_bytes > plan.limit:
        return f"left out: would need about {case.expected_bytes / 2**30:.1f} GB"
    return ""


def _count(work: measure.Work) -> measure.Meter:
    meter = measure.Meter()
    with meter:
        work()
    return meter


def _speed(
    timings: dict[str, measure.Timing], form: str, count: measure.Meter, peak: measure.Peak
) -> dict[str, Any]:
    timing = timings[form]
    gflops = count.operations / timing.median / 1e9
    return {
        "ms": 1000 * timing.median,
        "spread": f"{100 * timing.spread:.0f}%",
        "GFLOP/s": gflops,
        "GB/s": count.traffic / timing.median / 1e9,
        "of peak": f"{100 * gflops / peak.gflops:.0f}%",
        "times auheat": timing.over(timings[OURS]),
        "times lower bound": timing.over(timings[LOWER_BOUND]),
        "seconds": list(timing.seconds),
        "operations": count.operations,
        "bytes": count.traffic,
    }


@click.command()
@click.option("--stages", type=Numbers(), default="1,2,3", show_default=True)
@click.option("--k", type=Numbers(), default="5,7,15", show_default=True)
@click.option("--batch", type=Numbers(), default="1,8,32", show_default=True)
@click.option("--norm/--no-norm", default=True, show_default=True)
@click.option("--quick", is_flag=True, help="Two small sizes, in seconds.")
@click.option("--seconds", default=60.0, show_default=True, help="For all rounds of one size.")
@click.option("--limit", default=4.0, show_default=True, help="GB that a form may need.")
@measuring
def main(
    stages: tuple[int, ...],
    k: tuple[int, ...],
    batch: tuple[int, ...],
    norm: bool,
    quick: bool,
    seconds: float,
    limit: float,
    **where: Any,
) -> None:
    """The SCC layer at the paper's three stages: ours, edges stored, torch_geometric, the bound."""
    if wrong := [stage for stage in stages if stage not in STAGES]:
        raise click.BadParameter(f"no stage {wrong[0]}: choose of 1, 2, 3", param_hint="--stages")
    plan = SccPlan(stages, k, batch, norm, seconds=seconds, limit=round(limit * 2**30))
    plan = QUICK if quick else plan
    device = start(where)
    with tqdm(total=len(list(plan.sizes())), desc="sizes", disable=None) as bar:
        measured = bench_scc(plan, device, measure.CLOCKS[where["clock"]], bar.update)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
