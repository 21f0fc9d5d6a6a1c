"""The loss against plain loops, and what it leaves to the units of the maps."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from auheat.data.dataset import Sample
from auheat.heatmap import Targets, layout_of
from auheat.models.checkpoint import load_checkpoint
from auheat.models.heatmap_model import Heatmaps
from auheat.training.experiment import LossConfig
from auheat.training.fit import fit
from auheat.training.module import HeatmapModule, heatmap_loss
from small_runs import HOURGLASS, experiment


def test_the_loss_equals_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, marked, target, location = torch.rand(4, 2, 3, 4, 5, generator=generator)
    coded = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    targets = Targets(target, location, coded)
    config = LossConfig(foreground=15.0, location=0.5)
    total = 0.0
    for b in range(2):
        for k in range(3):
            for y in range(4):
                for x in range(5):
                    weight = 1 + 15.0 * location[b, k, y, x]
                    total += weight * coded[b, k] * (predicted - target)[b, k, y, x] ** 2
                    total += 0.5 * weight * (marked - location)[b, k, y, x] ** 2
    found = heatmap_loss(Heatmaps(predicted, marked), targets, config)
    assert found == pytest.approx(float(total) / (2 * 3 * 4 * 5), rel=1e-5)


def test_the_sum_is_eq_2() -> None:
    """Summed over maps and pixels, averaged over the batch."""
    generator = torch.Generator().manual_seed(1)
    predicted, target, location = torch.rand(3, 2, 3, 4, 5, generator=generator)
    targets = Targets(target, location, torch.ones(2, 3))
    found = heatmap_loss(Heatmaps(predicted, None), targets, LossConfig("sum", 0.0))
    assert found == pytest.approx(float((predicted - target).square().sum()) / 2, rel=1e-5)


def test_the_amplitude_decides_nothing(data: Path, tmp_path: Path) -> None:
    """Eq. 1's factor times 100: the same weights, the same readings, to the last bit."""
    weights = []
    for amplitude in (0.0398, 3.98):
        settings = experiment(data, epochs=2)
        model = replace(settings.model, amplitude=amplitude)
        best = fit(replace(settings, model=model), tmp_path / str(amplitude))
        weights.append(load_file(best))
        checkpoint = load_checkpoint(best)
        assert layout_of(checkpoint.config).codec.scale == 1
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_what_the_paper_reads_literally_depends_on_the_amplitude(data: Path) -> None:
    """Loss in units of Eq. 1: a hundred times the factor has ten thousand times the loss."""
    found = []
    for amplitude in (0.01, 1.0):
        module = a_module(data, map_units="amplitude", amplitude=amplitude, location_maps=False)
        torch.nn.init.zeros_(module.net.head.weight)
        found.append(module.training_step(a_batch(), 0).item())
    assert found[1] == pytest.approx(1e4 * found[0], rel=1e-4)


def test_without_foreground_and_location_it_is_the_papers_loss() -> None:
    generator = torch.Generator().manual_seed(1)
    predicted, target, location = torch.rand(3, 2, 3, 4, 5, generator=generator)
    targets = Targets(target, location, torch.ones(2, 3))
    found = heatmap_loss(Heatmaps(predicted, None), targets, LossConfig(foreground=0.0))
    assert found == pytest.approx(float((predicted - target).square().mean()), rel=1e-6)


def a_module(data: Path, **model: object) -> HeatmapModule:
    settings = experiment(data)
    settings = replace(settings, model=replace(settings.model, **model))  # type: ignore[arg-type]
    torch.manual_seed(0)
    module = HeatmapModule(settings, 10)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    return module


def a_batch(side: int = 32) -> Sample:
    """Two images; AU04, which has one point, is not coded, nor is AU25 of the second."""
    generator = torch.Generator().manual_seed(2)
    return {
        "image": torch.randint(0, 255, (2, 3, side, side), dtype=torch.uint8, generator=generator),
        "points": torch.rand(2, 5, 2, generator=generator) * side,
        "intensities": torch.tensor([[math.nan, 2.0, 1.0], [math.nan, 0.5, math.nan]]),
    }


@pytest.mark.parametrize(
    ("model", "owner"),
    [
        ({}, (0, 1, 1, 2, 2)),
        ({"maps": "au"}, (0, 1, 2)),
        (HOURGLASS, (0, 1, 2)),
        ({"gaussian": "growing"}, (0, 1, 1, 2, 2)),
    ],
)
def test_uncoded_intensities_leave_no_gradient(
    data: Path, model: dict[str, object], owner: tuple[int, ...]
) -> None:
    module = a_module(data, location_maps=False, **model)
    loss = module.training_step(a_batch(module.net.input_size), 0)
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = module.net.head.weight.grad
    assert gradient is not None and torch.isfinite(gradient).all()
    assert [bool(row.any()) for row in gradient] == [au > 0 for au in owner]


@pytest.mark.parametrize("maps", ["point", "au"])
@pytest.mark.parametrize("gaussian", ["fixed", "growing"])
def test_a_step_by_a_plain_loop(data: Path, maps: str, gaussian: str) -> None:
    """From points and levels to the loss, pixel by pixel: AU04 has one point, the others two."""
    module, batch = a_module(data, maps=maps, gaussian=gaussian).eval(), a_batch()
    torch.nn.init.normal_(module.net.head.weight)
    found = module.training_step(batch, 0)
    with torch.no_grad():
        images = batch["image"].float().contiguous(memory_format=torch.channels_last)
        drawn, marked = module.net(images)
    groups = [[0], [1, 2], [3, 4]] if maps == "au" else [[k] for k in range(5)]
    side = drawn.shape[-1]
    total = 0.0
    for b, (n, group) in product(range(2), enumerate(groups)):
        level = float(batch["intensities"][b, (0, 1, 1, 2, 2)[group[0]]])
        known = not math.isnan(level)
        level = level if known else 0.0
        for y, x in product(range(side), range(side)):
            target = location = 0.0
            for k in group:
                cx, cy = ((batch["points"][b, k] + 0.5) / 32 * side).floor().tolist()
                squared = (x - cx) ** 2 + (y - cy) ** 2
                sigma = max(level, 1.0) if gaussian == "growing" else 1.0
                target = max(target, level * math.exp(-squared / (2 * sigma**2)))
                location = max(location, math.exp(-squared / 2))
            weight = 1 + 15.0 * location
            total += weight * known * (float(drawn[b, n, y, x]) - target) ** 2
            total += weight * (float(marked[b, n, y, x]) - location) ** 2
    assert found.item() == pytest.approx(total / drawn.numel(), rel=1e-4)
