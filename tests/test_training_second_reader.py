"""Training of a second reader, alone and beside the heatmaps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from auheat.data.manifest import Manifest, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import predict_part
from auheat.metrics import Agreement, summary
from auheat.models.checkpoint import load_checkpoint
from auheat.models.runtimes.torch_runtime import TorchRuntime
from auheat.training import run_data
from auheat.training.experiment import (
    Experiment,
    LossConfig,
    OptimConfig,
    RunConfig,
    read_experiment,
)
from auheat.training.fit import fit
from auheat.training.module import HeatmapModule, heatmap_loss, level_loss
from auheat.training.run_data import read_run_data, train_loader
from auheat.training.run_folder import HISTORY
from broken_runs import Break, broken, power_cut, same_end
from small_runs import experiment, write_dataset

RECIPE = Path(__file__).parents[1] / "configs" / "second-reader.toml"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "faces")
    return tmp_path / "faces"


def with_reader(faces: Path, share: float = 0.5, epochs: int = 1, **optim: Any) -> Experiment:
    plain = experiment(faces, epochs=epochs)
    model = replace(plain.model, second_reader=share, input_size=64)
    return replace(plain, model=model, optim=replace(plain.optim, **optim))


def a_module(settings: Experiment) -> HeatmapModule:
    module = HeatmapModule(settings, 1).eval()
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    return module


@pytest.mark.parametrize("part", ["heatmaps", "second_reader"])
def test_alone_a_part_leaves_the_other_as_it_was_to_the_bit(
    faces: Path, tmp_path: Path, part: str
) -> None:
    """Also the statistics of batch norms, which no gradient moves."""
    first = fit(with_reader(faces), tmp_path / "first")
    then = with_reader(faces, epochs=2, train=part, start=str(first), average=0.5)
    said: list[str] = []
    before, after = load_file(first), load_file(fit(then, tmp_path / "then", notify=said.append))
    assert said == [f"starts from {first}"]
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    of_reader = {name for name in before if name.startswith("reader.")}
    assert moved == (of_reader if part == "second_reader" else before.keys() - of_reader)


def test_heatmaps_train_as_without_a_reader(faces: Path, tmp_path: Path) -> None:
    """To the bit, gradients' limit and all, from the same start."""
    first = fit(with_reader(faces, share=0), tmp_path / "first")
    found = [
        load_file(fit(with_reader(faces, share=share, start=str(first)), tmp_path / str(share)))
        for share in (0.5, 0.0)
    ]
    assert all(torch.equal(found[0][name], value) for name, value in found[1].items())
    assert len(found[0]) > len(found[1])


@pytest.mark.parametrize("part", ["all", "second_reader"])
def test_it_goes_on_after_a_break_as_if_there_was_none(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Its dropout, too, is the same."""
    first = fit(with_reader(faces), tmp_path / "first")
    plain = with_reader(faces, epochs=3, train=part, start=str(first), average=0.8, accumulate=2)
    settings = replace(plain, run=RunConfig(1e-9, ()), data=replace(plain.data, batch_size=4))
    fit(settings, tmp_path / "a")
    with monkeypatch.context() as patched:
        broken(patched, Break(6, power_cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(settings, tmp_path / "b")
    fit(settings, tmp_path / "b")
    same_end(tmp_path / "a", tmp_path / "b")


def test_a_network_without_one_says_what_it_leaves(faces: Path, tmp_path: Path) -> None:
    first, said = fit(with_reader(faces), tmp_path / "first"), list[str]()
    plain = with_reader(faces, share=0, start=str(first))
    found = load_file(fit(plain, tmp_path / "plain", notify=said.append))
    expected = f"starts from {first}, but without its second reader, see model.second_reader"
    assert said == [expected]
    assert not any(name.startswith("reader.") for name in found)


def test_what_validates_is_the_joint_reading(faces: Path, tmp_path: Path) -> None:
    """What is logged is what the kept weights read, which is not what heatmaps alone read."""
    best = fit(with_reader(faces, 0.9, epochs=2), tmp_path / "run")
    history = [json.loads(line) for line in (tmp_path / "run" / HISTORY).read_text().splitlines()]
    logged = max(line["val/icc"] for line in history)
    checkpoint, part = load_checkpoint(best), read_manifest(faces).split("val")
    labels = part.labels(checkpoint.config.aus)
    found = []
    for share in (0.9, 0.0):
        assert checkpoint.net.reader is not None
        checkpoint.net.reader.share = share
        read = predict_part(TorchRuntime(checkpoint, precision="fp32"), part)
        found.append(summary(Agreement.of(read, labels), checkpoint.config.aus)["mean"]["icc"])
    assert logged == pytest.approx(found[0], abs=1e-3)
    assert logged != pytest.approx(found[1], abs=1e-2)


def test_together_the_losses_add_up(faces: Path) -> None:
    settings = with_reader(faces)
    torch.manual_seed(0)
    module = a_module(settings)
    batch = next(iter(train_loader(settings, read_run_data(settings))))
    images = batch["image"].float()
    maps = module.net.heatmaps(images, batch.get("geometry"))
    targets = module._layout.targets(batch["points"], batch["intensities"])
    assert module.net.reader is not None
    levels = module.net.reader(images)
    expected = heatmap_loss(maps, targets, settings.loss) + level_loss(levels, batch["intensities"])
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    alone = with_reader(faces, train="second_reader", start="default")
    torch.manual_seed(0)
    single = a_module(alone).training_step(batch, 0)
    torch.testing.assert_close(single, level_loss(levels, batch["intensities"]))


def test_alone_it_needs_no_shapes_of_faces(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer to find than a short training does; validation reads heatmaps, too."""
    asked: list[str] = []

    def shapes(_: object, part: Manifest) -> NDArray[np.float32]:
        asked.append(part.table["split"].iloc[0])
        return np.zeros((len(part.table), 4), np.float32)

    monkeypatch.setattr(run_data, "shapes_for", shapes)
    for train, expected in (("second_reader", ["val"]), ("all", ["train", "val"])):
        asked.clear()
        parts = read_run_data(with_reader(faces, train=train, start="default"))
        assert asked == expected
        assert (parts.train_shapes is None) == (train == "second_reader")


def test_there_must_be_one_to_train(faces: Path) -> None:
    with pytest.raises(AuheatError, match=r"^optim.train = 'heatmaps': expected 'all' where"):
        replace(experiment(faces), optim=OptimConfig(train="heatmaps"))


def test_levels_need_places_to_be_drawn_at(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(AuheatError, match=r"'second_reader': expected weights in optim.start"):
        with_reader(faces, train="second_reader")
    with pytest.raises(AuheatError, match=r"^loss.location = 0: expected more where"):
        replace(with_reader(faces), loss=LossConfig(location=0))
    plain = experiment(faces, epochs=1)
    unplaced = replace(plain, model=replace(plain.model, location_maps=False, input_size=64))
    start = fit(unplaced, tmp_path / "unplaced")
    with pytest.raises(AuheatError, match="has no location maps, which a second reader needs"):
        fit(with_reader(faces, train="second_reader", start=str(start)), tmp_path / "one")
    fewer = replace(with_reader(faces), model=replace(with_reader(faces).model, aus=("AU12",)))
    start = fit(fewer, tmp_path / "fewer")
    with pytest.raises(AuheatError, match="has no heatmaps of AU04, AU25: train them first"):
        fit(with_reader(faces, train="second_reader", start=str(start)), tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_the_recipe_trains_the_reader_alone() -> None:
    recipe = read_experiment(RECIPE, ["data.folder=faces"])
    assert (recipe.optim.train, recipe.optim.start) == ("second_reader", "default")
    assert (recipe.model.second_reader, recipe.model.geometry) == (0.5, "channels")
