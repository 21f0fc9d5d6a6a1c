"""How benches time, count and print; and that the references compute what the layer computes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import load
import many_videos
import measure
import scc
from auheat.config import ModelConfig
from auheat.media.frames import VideoFile
from auheat.models.heatmap_net import build_net
from auheat.models.scc import SemanticCorrespondenceConv
from harness import Benchmark
from measure import Meter, Peak, Timing, Usage, Work, interleaved, measure_peak, peak_bytes
from scc_forms import (
    GeometricEdges,
    MaterialisedEdges,
    NodeProducts,
    with_materialised_edges,
)
from small_runs import write_dataset

CPU = torch.device("cpu")


def test_timing_in_figures() -> None:
    timing = Timing((1.0, 2.0, 4.0, 3.0, 100.0))
    assert timing.median == 3
    assert timing.spread == pytest.approx((4 - 2) / 2 / 3)
    assert timing.over(Timing((1.0, 1.0, 1.0, 1.0, 1.0))) == 3
    assert Timing((1.0, 8.0, 3.0)).over(Timing((1.0, 2.0, 1.0))) == 3  # 1, 4, 3 round by round


def test_candidates_are_interleaved() -> None:
    order: list[str] = []
    names = ("a", "b", "c")
    works: dict[str, Work] = {name: lambda name=name: order.append(name) for name in names}  # type: ignore[misc]
    ticks = count()
    timings = interleaved(works, 2, clock=lambda: float(next(ticks)))
    assert "".join(order) == "cba" + "abc" + "cba"  # the first round does not count
    assert timings == {name: Timing((1.0, 1.0)) for name in names}


def test_time_is_limited_but_three_rounds_count() -> None:
    assert len(interleaved({"a": lambda: None}, 50, max_seconds=0.0)["a"].seconds) == 3
    assert len(interleaved({"a": lambda: None}, 2, max_seconds=0.0)["a"].seconds) == 2
    assert len(interleaved({"a": lambda: None}, 5)["a"].seconds) == 5


def test_meter_counts_a_product_and_its_backward_pass() -> None:
    a = torch.randn(3, 5, requires_grad=True)
    b = torch.randn(5, 7, requires_grad=True)
    with Meter() as meter:
        product = a @ b
        seen = meter.operations, meter.largest
        product.backward(torch.ones(3, 7))  # type: ignore[no-untyped-call]
    assert seen == (2 * 3 * 5 * 7, 21)
    assert meter.operations == 3 * 2 * 3 * 5 * 7
    assert meter.largest == 35


def test_meter_counts_bytes_but_not_views() -> None:
    a = torch.zeros(6, 10)
    with Meter() as meter:
        (a.view(60)[None] + 1.0).T.unsqueeze(0)
    assert meter.traffic == 2 * 4 * 60
    assert meter.largest == 60


def _allocate(megabytes: int) -> Work:
    return lambda: torch.ones(megabytes * 2**18).sum()


@pytest.mark.slow
def test_peak_memory_is_what_the_work_allocates() -> None:
    peak = peak_bytes(_allocate, 300, 1, CPU)
    assert peak is not None
    assert 295 < peak / 2**20 < 330


def test_the_machine_is_measured() -> None:
    peak = measure_peak(CPU, side=128, size=2**20)
    assert min(peak.gflops, peak.gflops_bf16, peak.gbytes) > 0
    assert peak.of("folded, bfloat16") == peak.gflops_bf16
    assert peak.of("folded") == peak.gflops


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tiny stage, on a machine that is known."""
    monkeypatch.setattr(scc, "STAGES", {1: (16, 4)})
    monkeypatch.setattr(measure, "measure_peak", lambda *_: Peak(100.0, 300.0, 20.0))


def a_layer(norm: bool, edges: str = "centre_difference") -> SemanticCorrespondenceConv:
    torch.manual_seed(0)
    layer = SemanticCorrespondenceConv(25, 4, norm, "random", edges)  # type: ignore[arg-type]
    if layer.norm is not None:
        layer.norm.weight.data.uniform_(-2, 2)
        layer.norm.bias.data.normal_()
        layer.norm.running_mean.normal_()
        layer.norm.running_var.uniform_(0.5, 2)
    return layer.double()


@pytest.mark.parametrize("form", [MaterialisedEdges, GeometricEdges])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("edges", ["centre_difference", "centre_neighbour", "difference"])
def test_references_compute_the_same(
    form: type[MaterialisedEdges], training: bool, norm: bool, edges: str
) -> None:
    layer = a_layer(norm, edges).train(training)
    reference = form(layer).double().train(training)
    x = torch.randn(2, 9, 5, 5, dtype=torch.float64, requires_grad=True)
    ours, theirs = layer(x), reference(x)
    torch.testing.assert_close(theirs, ours, rtol=1e-9, atol=1e-10)
    (a,) = torch.autograd.grad(ours.square().sum(), x)
    (b,) = torch.autograd.grad(theirs.square().sum(), x)
    torch.testing.assert_close(b, a, rtol=1e-7, atol=1e-9)


def test_the_lower_bound_is_both_products() -> None:
    layer = a_layer(False)
    x = torch.randn(2, 9, 5, 5, dtype=torch.float64)
    products = NodeProducts(layer)(x)
    for product, term in zip(products, layer.node_terms(x.flatten(2)), strict=True):
        torch.testing.assert_close(product.flatten(2), term)


def test_a_network_with_stored_edges_draws_the_same_maps() -> None:
    torch.manual_seed(0)
    config = ModelConfig(width=0.125, input_size=32, deconv_widths=(8, 8), scc_k=3, scc_norm=True)
    net = build_net(config).eval()
    reference = with_materialised_edges(net)
    assert not any(isinstance(m, SemanticCorrespondenceConv) for m in reference.modules())
    assert any(isinstance(m, SemanticCorrespondenceConv) for m in net.modules())
    images = torch.rand(2, 3, 32, 32) * 255
    torch.testing.assert_close(reference(images).intensity, net(images).intensity)


@pytest.mark.usefixtures("small")
def test_rows_of_the_scc_bench() -> None:
    plan = scc.SccPlan((1,), (3,), (2,), rounds=3, memory=False)
    bench = scc.bench_scc(plan, CPU)
    assert [(row["form"], row["pass"]) for row in bench.rows] == [
        (form, name) for name in ("forward", "forward + backward") for form in scc.FORMS
    ]
    of = {(row["form"], row["pass"]): row for row in bench.rows}
    products = 2 * 2 * 2 * 16 * 16 * 16
    assert of["two products", "forward"]["operations"] == products
    assert of["two products", "forward + backward"]["operations"] == 3 * products
    graph = 2 * 2 * 16 * 16 * 16
    assert of["edges stored", "forward"]["operations"] == 3 * products + graph
    for row in bench.rows:
        assert len(row["seconds"]) == 3
        assert row["GFLOP/s"] == pytest.approx(row["operations"] / row["ms"] / 1e6)
    assert of["auheat", "forward"]["times auheat"] == 1
    assert of["two products", "forward"]["times lower bound"] == 1


@pytest.mark.usefixtures("small")
def test_a_form_that_needs_too_much_is_left_out() -> None:
    plan = scc.SccPlan((1,), (3,), (2,), rounds=1, memory=False)
    ours = next(case for _, case in plan.sizes())
    plan = replace(plan, limit=ours.expected_bytes)
    notes = {row["form"]: row.get("note", "") for row in scc.bench_scc(plan, CPU).rows}
    assert notes["edges stored"].startswith("left out: would need about")
    assert notes["auheat"] == ""


def test_expected_memory_follows_the_edges() -> None:
    """At the third stage, batch 32 and k 7 the table of edges alone is 448 MB."""
    case = scc.Case("edges stored", 64, 64, 7, 32, True)
    assert case.edge_bytes == 448 * 2**20
    assert case.expected_bytes > 4 * case.edge_bytes
    assert replace(case, form="auheat").expected_bytes < case.edge_bytes + 2 * case.weight_bytes


def test_a_table_and_its_file(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"form": "ours", "ms": 1.2345, "hidden": [1]},
        {"form": "b", "ms": 1234.5},
        {"ms": None},
    ]
    bench = Benchmark("Layer", {"threads": 2}, ("form", "ms"), rows, ("a note",))
    assert bench.text().splitlines() == [
        "Layer",
        "threads 2",
        "",
        "| form | ms |",
        "| --- | --- |",
        "| ours | 1.23 |",
        "| b | 1234 |",
        "|  |  |",
        "",
        "a note",
    ]
    bench.write(tmp_path / "a.json")
    stored = json.loads((tmp_path / "a.json").read_text())
    assert stored["rows"] == rows
    assert stored["machine"] == {"threads": 2}


def test_the_command_refuses_what_is_no_list() -> None:
    for arguments in (["--k", "5,x"], ["--batch", "0"], ["--stages", "4"]):
        result = CliRunner().invoke(scc.main, arguments)
        assert result.exit_code == 2
        assert "no stage 4" in result.output or "not a list of whole numbers" in result.output


def test_images_a_second_of_the_loader(tmp_path: Path) -> None:
    """38 crops in batches of 32: the last 6 count, in one tick of the clock."""
    manifest = write_dataset(tmp_path / "data")
    for way in load.WAYS:
        ticks = count()
        dataset = load.dataset_of(manifest, 32, way, tmp_path / "cache")
        assert load.read(dataset, 0, clock=lambda: float(next(ticks)))[0] == 6  # noqa: B023
    measured = load.bench_load(manifest, 32, 36, (0,), 2)
    assert [(row["crops"], row["workers"]) for row in measured.rows] == [
        (way, 0) for way in load.WAYS
    ]
    assert all(len(row["all images/s"]) == 2 for row in measured.rows)
    assert measured.machine["images"] == 36


@pytest.mark.slow
def test_many_short_videos_are_measured_against_a_long_one(tmp_path: Path) -> None:
    """With as many frames on both sides."""
    short, long = many_videos.write_videos(tmp_path, 3, 4)
    counts = [len(list(VideoFile(path))) for path in sorted(short.iterdir())]
    assert (counts, len(list(VideoFile(long)))) == ([4, 4, 4], 12)
    usages = [Usage(2.0, 3.0, 100.0), Usage(4.0, 5.0, 120.0), Usage(1.0, 1.0, 90.0)]
    found = many_videos.row("corpus", 100, usages, 40.0)
    assert (found["s"], found["frames/s"], found["of one long video"]) == (2.0, 50.0, 1.25)
    assert (found["cpu ms a frame"], found["peak MB"]) == (30.0, 120.0)
    found = many_videos.row("corpus, Ray", 100, usages, None)
    assert (found["of one long video"], found["cpu ms a frame"]) == (1.0, None)
    out = tmp_path / "a.json"
    arguments = ["--videos", "2", "--frames", "3", "--workers", "1", "--rounds", "1"]
    result = CliRunner().invoke(many_videos.command, [*arguments, "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert len(json.loads(out.read_text())["rows"]) == 3


def test_the_load_that_is_told_is_that_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the end it would tell what the benchmark itself did."""
    before = measure.describe(torch.device("cpu"))["load_at_start"]
    monkeypatch.setattr("os.getloadavg", lambda: (before + 50, 0.0, 0.0))
    assert measure.describe(torch.device("cpu"))["load_at_start"] == before
