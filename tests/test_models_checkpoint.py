"""Checkpoints: the same network comes back, and what is damaged is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from auheat.heatmap import layout_of
from auheat.models.checkpoint import load_backbone, load_checkpoint, save_checkpoint
from auheat.models.heatmap_net import HeatmapNet, build_net
from lively_nets import TWO_AUS
from refusals import refusal

CONFIG = replace(TWO_AUS, scc_norm=True)
CARD = {"trained_on": "noise", "icc": 0.5, "steps": [1, 2]}


def images() -> Tensor:
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255


@pytest.fixture(scope="module")
def net() -> HeatmapNet:
    """Random weights and batch statistics other than the starting ones."""
    torch.manual_seed(0)
    made = build_net(CONFIG)
    assert isinstance(made, HeatmapNet)
    torch.nn.init.normal_(made.head.weight, std=0.3)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 1.0  # the running statistics become those of the next batch
    made.train()(images())
    made.eval()
    return made


@pytest.fixture
def stored(net: HeatmapNet, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, net, CONFIG, card=CARD)
    return path


def rewrite(path: Path, edit: Callable[[dict[str, Tensor], dict[str, Any]], None]) -> None:
    """Saves the file again after `edit` changed its tensors or its settings."""
    tensors = load_file(path)
    with safe_open(path, framework="pt") as opened:
        settings = json.loads(opened.metadata()["auheat"])
    settings.pop("sha256")
    edit(tensors, settings)
    save_file(tensors, path, metadata={"auheat": json.dumps(settings)})


@torch.no_grad()
def test_round_trip_gives_identical_maps(net: HeatmapNet, stored: Path) -> None:
    loaded = load_checkpoint(stored)
    assert loaded.config == CONFIG
    assert loaded.card == CARD
    assert not any(module.training for module in loaded.net.modules())
    expected, found = net(images()), loaded.net(images())
    assert torch.equal(found.intensity, expected.intensity)
    assert expected.location is not None
    assert found.location is not None
    assert torch.equal(found.location, expected.location)
    assert expected.intensity.std() > 0.01


@torch.no_grad()
def test_half_precision_is_small_and_close(net: HeatmapNet, stored: Path) -> None:
    half = stored.with_name("half.safetensors")
    save_checkpoint(half, net, CONFIG, half=True)
    assert half.stat().st_size < 0.65 * stored.stat().st_size
    tensors = load_file(half)
    assert tensors["backbone.conv1.weight"].dtype == torch.float16
    assert tensors["backbone.bn1.running_var"].dtype == torch.float32
    assert tensors["correspondence.0.norm.running_mean"].dtype == torch.float32
    loaded = load_checkpoint(half)
    assert loaded.card == {}
    assert {p.dtype for p in loaded.net.parameters()} == {torch.float32}
    expected, found = net(images()).intensity, loaded.net(images()).intensity
    assert 0 < (found - expected).abs().max() < 0.02 * expected.abs().max()


def test_channels_last_networks_can_be_saved(net: HeatmapNet, tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    last = build_net(CONFIG).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last.load_state_dict(net.state_dict())
    save_checkpoint(path, last, CONFIG)
    found = load_checkpoint(path).net.state_dict()
    assert all(torch.equal(found[name], value) for name, value in net.state_dict().items())


@torch.no_grad()
def test_files_from_before_the_backbone_was_called_so(net: HeatmapNet, stored: Path) -> None:
    def in_old_words(tensors: dict[str, Tensor], settings: dict[str, Any]) -> None:
        for name in [name for name in tensors if name.startswith("backbone.")]:
            tensors[name.replace("backbone.", "trunk.", 1)] = tensors.pop(name)
        settings["model"]["trunk"] = settings["model"].pop("backbone")

    rewrite(stored, in_old_words)
    assert "trunk.conv1.weight" in load_file(stored)
    loaded = load_checkpoint(str(stored))
    assert loaded.config == CONFIG
    assert torch.equal(loaded.net(images()).intensity, net(images()).intensity)
    other = build_net(CONFIG)
    load_backbone(other.backbone, str(stored))  # type: ignore[arg-type]
    assert torch.equal(other.backbone.conv1.weight, net.backbone.conv1.weight)  # type: ignore[union-attr,arg-type]


@pytest.mark.parametrize("kept", [0, 4, 100, 5000, -1])
def test_a_truncated_file(stored: Path, kept: int) -> None:
    stored.write_bytes(stored.read_bytes()[:kept])
    assert "not a readable safetensors file" in refusal(lambda: load_checkpoint(stored), stored)


def test_a_corrupt_header(stored: Path) -> None:
    content = bytearray(stored.read_bytes())
    content[8:60] = b"\xff" * 52
    stored.write_bytes(bytes(content))
    assert "not a readable" in refusal(lambda: load_checkpoint(stored), stored)


def test_tensors_that_do_not_fit(stored: Path) -> None:
    def spoil(tensors: dict[str, Tensor], settings: dict[str, Any]) -> None:
        del tensors["head.bias"]
        tensors["extra.weight"] = torch.zeros(1)
        tensors["backbone.bn1.weight"] = torch.zeros(3)

    rewrite(stored, spoil)
    said = refusal(lambda: load_checkpoint(stored), stored)
    assert "lacks head.bias; has unknown extra.weight; misshapes backbone.bn1.weight" in said


def test_settings_of_another_network(stored: Path) -> None:
    rewrite(stored, lambda tensors, settings: settings["model"].update(scc=False))
    said = refusal(lambda: load_checkpoint(stored), stored)
    assert "has unknown correspondence.0" in said
    assert " more" in said  # a long list is cut


def test_writing_leaves_only_the_checkpoint(stored: Path) -> None:
    assert [entry.name for entry in stored.parent.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_write_keeps_the_old_file(
    net: HeatmapNet, stored: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    before = stored.read_bytes()

    def fail(path: Path, content: bytes) -> None:
        with path.open("wb") as stream:
            stream.write(content[:100])
        raise failure

    monkeypatch.setattr(Path, "write_bytes", fail)
    if isinstance(failure, OSError):
        said = refusal(lambda: save_checkpoint(stored, net, CONFIG), stored)
        assert said == f"cannot write {stored}: disk full"
    else:
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(stored, net, CONFIG)
    assert stored.read_bytes() == before
    assert [entry.name for entry in stored.parent.iterdir()] == ["model.safetensors"]


def test_others_may_read_what_is_written(stored: Path) -> None:
    """safetensors' own writer makes files of mode 0600."""
    ordinary = stored.with_name("ordinary")
    ordinary.touch()
    assert stored.stat().st_mode == ordinary.stat().st_mode


def test_a_file_without_map_units_counts_in_amplitudes(stored: Path) -> None:
    """Files from before the key was there read as they always did."""

    def as_before(tensors: dict[str, Tensor], settings: dict[str, Any]) -> None:
        del settings["model"]["map_units"]
        settings["model"]["amplitude"] = 0.2

    rewrite(stored, as_before)
    found = load_checkpoint(stored)
    assert found.config.map_units == "amplitude"
    assert layout_of(found.config).codec.scale == 0.2


def test_a_file_without_scc_stages_has_scc_at_all(stored: Path, net: HeatmapNet) -> None:
    rewrite(stored, lambda tensors, settings: settings["model"].pop("scc_stages"))
    found = load_checkpoint(stored)
    assert found.config == CONFIG and found.config.stages_with_scc == (1, 2)
    assert torch.equal(found.net(images()).intensity, net(images()).intensity)


def test_a_folder_that_does_not_exist(net: HeatmapNet, tmp_path: Path) -> None:
    path = tmp_path / "none" / "model.safetensors"
    refusal(lambda: save_checkpoint(path, net, CONFIG), path)
    beside_a_file = tmp_path / "file"
    beside_a_file.touch()
    path = beside_a_file / "model.safetensors"
    refusal(lambda: save_checkpoint(path, net, CONFIG), path)


def test_a_flipped_bit_is_noticed_wherever_it_is(stored: Path) -> None:
    """Of a file that has no SHA256SUMS beside it: its own sum covers settings and tensors."""
    whole = stored.read_bytes()
    generator = np.random.default_rng(0)
    for place in generator.integers(8, len(whole), 100).tolist():
        changed = bytearray(whole)
        changed[place] ^= 1 << int(generator.integers(8))
        stored.write_bytes(changed)
        refusal(lambda: load_checkpoint(stored), stored)
    stored.write_bytes(whole)
    load_checkpoint(stored)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("head.weight", lambda x: x * torch.nan, "head.weight holds NaN or infinite"),
        ("head.bias", lambda x: x + torch.inf, "head.bias holds NaN or infinite"),
        ("head.weight", lambda x: x.to(torch.int8), "head.weight holds int8 instead of"),
        ("head.weight", lambda x: x.to(torch.int64), "head.weight holds int64 instead of"),
        ("head.weight", lambda x: x.to(torch.bool), "head.weight holds bool instead of"),
        ("head.weight", lambda x: x.to(torch.complex64), "head.weight holds complex64 instead"),
        ("running_var", lambda x: -1 - x, "running_var holds negative variances"),
        ("num_batches_tracked", lambda x: x.float(), "num_batches_tracked is no 64-bit count"),
    ],
)
def test_numbers_that_are_no_weights(
    stored: Path, name: str, change: Callable[[Tensor], Tensor], reason: str
) -> None:
    """They were cast without a word, and every AU read 0, or ended in tracebacks."""

    def spoil(tensors: dict[str, Tensor], settings: dict[str, Any]) -> None:
        key = next(key for key in tensors if key.endswith(name))
        tensors[key] = change(tensors[key])

    rewrite(stored, spoil)
    assert reason in refusal(lambda: load_checkpoint(stored), stored)
