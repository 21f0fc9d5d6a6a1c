"""What training does to weights: rates, steps, averages, starts, and that it learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from safetensors.torch import load_file

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.models.checkpoint import load_checkpoint
from auheat.models.heatmap_net import build_net
from auheat.models.hourglass import Hourglass
from auheat.models.weights import default_weights
from auheat.training.average import WeightAverage
from auheat.training.experiment import OptimConfig, read_experiment
from auheat.training.fit import fit
from auheat.training.module import HeatmapModule, parameter_groups
from auheat.training.run_data import read_run_data, train_loader
from auheat.training.run_folder import LAST
from small_runs import HOURGLASS, experiment, write_dataset

NONE = 1e-60  # a learning rate that is 0 in float32


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What a file says in lines of JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_an_hourglass_trains_with_a_map_per_au(data: Path, tmp_path: Path) -> None:
    settings = experiment(data, epochs=15, learning_rate=1e-2)
    model = replace(settings.model, **HOURGLASS, gaussian="growing")  # type: ignore[arg-type]
    best = fit(replace(settings, model=model), tmp_path / "run")
    history = lines_of(tmp_path / "run" / "history.jsonl")
    assert max(line["val_AU12/icc"] for line in history) > 0.4
    checkpoint = load_checkpoint(best)
    assert isinstance(checkpoint.net, Hourglass)
    assert checkpoint.config == model


def test_matrices_of_scc_do_not_decay_and_have_their_own_rate(data: Path) -> None:
    net = build_net(experiment(data).model)
    groups = parameter_groups(net, OptimConfig(learning_rate=0.01, weight_decay=0.3, scc_rate=0.2))
    filters, rest, matrices = groups
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))
    assert {p.ndim for p in filters["params"]} == {4} and filters["weight_decay"] == 0.3
    assert {p.ndim for p in rest["params"]} == {1} and rest["weight_decay"] == 0.0
    assert [tuple(p.shape) for p in matrices["params"]] == [(4, 4), (4, 4), (16, 16), (16, 16)]
    assert matrices["weight_decay"] == 0.0 and matrices["lr"] == pytest.approx(0.002)


def test_a_factor_of_zero_leaves_weights_as_they_start(data: Path, tmp_path: Path) -> None:
    settings = experiment(data, epochs=1, scc_rate=0.0, head_rate=0.0)
    lightning.seed_everything(settings.seed, verbose=False)
    before = HeatmapModule(settings, 2).net.state_dict()
    after = load_file(fit(settings, tmp_path / "run"))
    still = [name for name in after if name.startswith(("head.", "correspondence."))]
    still = [name for name in still if "norm" not in name]
    assert {"head.weight", "correspondence.0.phi", "correspondence.1.omega"} <= set(still)
    assert all(torch.equal(before[name], after[name]) for name in still)
    assert not torch.equal(before["backbone.conv1.weight"], after["backbone.conv1.weight"])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", {0: 1 / 3, 2: 1.0, 3: 1.0, 50: 0.538, 100: 0.0}),
        ("step", {0: 1.0, 49: 1.0, 50: 0.1, 100: 0.1}),
    ],
)
def test_learning_rate(data: Path, schedule: str, expected: dict[int, float]) -> None:
    """Cosine: warm-up over 3 of 100 steps, then 0.5 (1 + cos(pi (s - 3) / 97))."""
    module = HeatmapModule(experiment(data, schedule=schedule), 100)
    for step, factor in expected.items():
        assert module._rate(step) == pytest.approx(factor, abs=2e-2)


def test_no_step_of_a_short_run_is_larger_than_the_learning_rate(data: Path) -> None:
    """Of 12 steps the warm-up is less than one; 3% of 40 steps are 1.2."""
    assert HeatmapModule(experiment(data), 12)._rate(0) == 1.0
    assert HeatmapModule(experiment(data), 40)._rate(0) == pytest.approx(1 / 1.2)


def test_batches_of_a_step_are_averaged(data: Path, tmp_path: Path) -> None:
    """Two batches of 8 a step: Adam's first moment is a tenth of the mean of their gradients."""
    settings = experiment(data, epochs=1, accumulate=2, optimiser="adam", clip_gradients=0.0,
                          weight_decay=0.0)  # fmt: skip
    fit(settings, tmp_path / "run")
    stored = torch.load(tmp_path / "run" / LAST, weights_only=True)
    moments = stored["optimizer_states"][0]["state"]
    assert stored["global_step"] == 1

    parts = read_run_data(settings)
    lightning.seed_everything(settings.seed, verbose=False)
    module = HeatmapModule(settings, parts.steps)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    module.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    losses = [module.training_step(batch, 0) for batch in train_loader(settings, parts)]
    assert len(losses) == 2
    (sum(losses) / 2).backward()  # type: ignore[union-attr]
    groups = parameter_groups(module.net, settings.optim)
    weights = [weight for group in groups for weight in group["params"]]
    assert len(weights) == len(moments)
    for number, weight in enumerate(weights):
        assert weight.grad is not None
        torch.testing.assert_close(moments[number]["exp_avg"], weight.grad / 10)


@pytest.mark.slow
def test_training_learns_what_can_be_learned(data: Path, tmp_path: Path) -> None:
    """Brightness at the mouth gives AU12 away; the other two are noise.

    After 80 epochs it reads .93 and more (seeds 5 to 7, one thread and two). After 40 it hung on
    the number of threads.
    """
    settings = experiment(data, epochs=80, learning_rate=5e-3)
    best = fit(settings, tmp_path / "run")
    history = lines_of(tmp_path / "run" / "history.jsonl")
    assert max(line["val_AU12/icc"] for line in history) > 0.5
    checkpoint = load_checkpoint(best)
    assert checkpoint.card["experiment"]["seed"] == 5
    assert checkpoint.card["validation"]["icc"] == pytest.approx(
        max(line["val/icc"] for line in history)
    )


def test_training_can_start_from_a_checkpoint(data: Path, tmp_path: Path) -> None:
    """At a rate that float32 rounds to 0 what came stays, and SCC stands where it starts."""
    plain = experiment(data, epochs=1, scc=False)
    start = fit(plain, tmp_path / "plain")
    still = experiment(data, epochs=1, learning_rate=NONE, start=str(start))
    grown = load_file(fit(still, tmp_path / "scc"))
    for name, value in load_file(start).items():
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            assert torch.equal(value, grown[name]), name
    assert torch.equal(grown["correspondence.0.phi"], torch.eye(4))
    assert torch.equal(grown["correspondence.1.omega"], 0.1 * torch.eye(16))


def test_training_can_start_from_the_weights_that_come_along(data: Path, tmp_path: Path) -> None:
    """Narrowed to an eighth of a network's width, with maps of two of their AUs."""
    small = experiment(data, epochs=1, learning_rate=NONE, start="default", scc=False)
    model = replace(small.model, input_size=128, deconv_widths=(8, 8, 8), normalise="image")
    found = load_file(fit(replace(small, model=model), tmp_path / "run"))
    stored = load_file(default_weights())
    kept = found["backbone.conv1.weight"].flatten(1)
    offered = stored["backbone.conv1.weight"].float().flatten(1)
    assert kept.shape == (8, 147)
    assert all((offered - row).abs().amax(1).min() == 0 for row in kept)


def test_the_average_of_weights_by_a_plain_loop() -> None:
    """After n updates the new weights count for 1 - min(decay, n / (n + 10))."""
    torch.manual_seed(3)
    net = build_net(ModelConfig(aus=("AU12",), width=1 / 64, input_size=32, deconv_widths=(8,)))
    average = WeightAverage(net, 0.2)
    expected: dict[str, torch.Tensor] = {}
    for n, keep in enumerate((0.0, 1 / 11, 2 / 12, 0.2, 0.2)):
        with torch.no_grad():
            for tensor in net.state_dict().values():
                tensor.copy_(torch.randn(tensor.shape) + n)
        average.update(net)
        for name, tensor in net.state_dict().items():
            mixed = keep * expected.get(name, 0) + (1 - keep) * tensor
            expected[name] = mixed if tensor.is_floating_point() else tensor.clone()
    found = average.net.state_dict()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, check_dtype=False, msg=name)


def test_the_average_is_validated_and_kept(data: Path, tmp_path: Path) -> None:
    """Training itself sees nothing of it."""
    plain, averaged = (experiment(data, epochs=1, average=decay) for decay in (0.0, 0.9))
    fit(plain, tmp_path / "plain")
    best = fit(averaged, tmp_path / "averaged")
    one, other = (
        torch.load(tmp_path / name / LAST, weights_only=True)["state_dict"]
        for name in ("plain", "averaged")
    )
    trained = {name: tensor for name, tensor in other.items() if name.startswith("net.")}
    assert trained.keys() == one.keys()
    assert all(torch.equal(trained[name], one[name]) for name in one)
    kept = load_file(best)
    assert all(torch.equal(kept[name], other[f"average.net.{name}"]) for name in kept)
    assert not torch.equal(kept["head.weight"], other["net.head.weight"])


def test_an_empty_split_is_refused(data: Path, tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "data")
    manifest.table["split"] = "train"
    manifest.write()
    with pytest.raises(AuheatError, match="no images in its val split"):
        fit(experiment(tmp_path / "data"), tmp_path / "run")


def test_read_experiment(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "x"\n[model]\nscc = true\n')
    read = read_experiment(path, ["data.folder=faces", "model.scc=false", "optim.epochs=3"])
    assert (read.name, read.model.scc, read.optim.epochs, read.data.folder) == (
        "x", False, 3, "faces",
    )  # fmt: skip
    with pytest.raises(AuheatError, match=r"names no dataset: add data\.folder=DATASET"):
        read_experiment(path)
    with pytest.raises(AuheatError, match="did you mean 'learning_rate'"):
        read_experiment(path, ["data.folder=a", "optim.learningrate=1"])
