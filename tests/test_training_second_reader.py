"""Training of a second reader, alone and beside the heatmaps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from auheat.data.manifest import Manifest
from auheat.errors import AuheatError
from auheat.models.checkpoint import load_checkpoint
from auheat.training import run_data
from auheat.training.experiment import Experiment, OptimConfig
from auheat.training.fit import fit
from auheat.training.module import HeatmapModule, heatmap_loss, level_loss
from auheat.training.run_data import read_run_data, train_loader
from small_runs import experiment, write_dataset


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


def test_alone_it_leaves_the_rest_as_it_was_to_the_bit(faces: Path, tmp_path: Path) -> None:
    """Also the statistics of batch norms, which no gradient moves."""
    first = fit(with_reader(faces), tmp_path / "first")
    then = with_reader(faces, epochs=2, train="second_reader", start=str(first), average=0.5)
    said: list[str] = []
    before, after = load_file(first), load_file(fit(then, tmp_path / "then", notify=said.append))
    assert said == [f"starts from {first}"]
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith("reader.")}


def test_a_network_without_one_says_what_it_leaves(faces: Path, tmp_path: Path) -> None:
    first, said = fit(with_reader(faces), tmp_path / "first"), list[str]()
    plain = with_reader(faces, share=0, start=str(first))
    found = load_file(fit(plain, tmp_path / "plain", notify=said.append))
    expected = f"starts from {first}, but without its second reader, see model.second_reader"
    assert said == [expected]
    assert not any(name.startswith("reader.") for name in found)


def test_what_validates_is_the_joint_reading(faces: Path, tmp_path: Path) -> None:
    """Kept weights read with the share in them, so a share of nearly 1 reads the reader."""
    best = fit(with_reader(faces, 0.99), tmp_path / "run")
    net = load_checkpoint(best).net
    images = torch.rand(2, 3, 64, 64) * 255
    with torch.no_grad():
        net.head.weight[net.points :].normal_(std=0.1)  # some place to draw at
        maps, (_, levels) = net(images), net.views(images)
        assert net.reader is not None and levels is not None
        at_maps = levels[:, net.reader.owners]
        drawn = maps.location.amax((2, 3)) > 1e-3
        found = (maps.intensity - 0.01 * net.views(images).maps.intensity).amax((2, 3))
        positive = drawn & (at_maps > 0)
    np.testing.assert_allclose(found[positive], 0.99 * at_maps[positive], atol=1e-4)


def test_together_the_losses_add_up(faces: Path) -> None:
    settings = with_reader(faces)
    torch.manual_seed(0)
    module = a_module(settings)
    batch = next(iter(train_loader(settings, read_run_data(settings))))
    maps, levels = module.net.views(batch["image"].float(), batch.get("geometry"))
    targets = module._layout.targets(batch["points"], batch["intensities"])
    assert levels is not None
    expected = heatmap_loss(maps, targets, settings.loss) + level_loss(levels, batch["intensities"])
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    alone = replace(settings, optim=replace(settings.optim, train="second_reader"))
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
        parts = read_run_data(with_reader(faces, train=train))
        assert asked == expected
        assert (parts.train_shapes is None) == (train == "second_reader")


def test_there_must_be_one_to_train(faces: Path) -> None:
    with pytest.raises(AuheatError, match=r"^optim.train = 'second_reader': expected 'all' where"):
        replace(experiment(faces), optim=OptimConfig(train="second_reader"))
