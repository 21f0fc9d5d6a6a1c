"""Published ResNet weights as the start of a backbone."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from auheat.errors import AuheatError
from auheat.models.checkpoint import load_backbone
from auheat.models.resnet import ResNet
from resnet_reference import reference_forward, torchvision_shapes


def refusal(backbone: ResNet, path: Path) -> str:
    with pytest.raises(AuheatError) as caught:
        load_backbone(backbone, path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def torchvision_like(backbone: ResNet, counters: bool) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    made = {
        name: torch.rand(value.shape, generator=generator)
        if value.is_floating_point()
        else torch.tensor(9)
        for name, value in backbone.state_dict().items()
        if counters or not name.endswith("num_batches_tracked")
    }
    return made | {
        "fc.weight": torch.rand(1000, backbone.out_channels),
        "fc.bias": torch.rand(1000),
    }


@pytest.mark.parametrize("counters", [True, False])
def test_load_backbone_from_a_torchvision_file(tmp_path: Path, counters: bool) -> None:
    """Published ResNet files hold the classifier, and older ones no step counters."""
    backbone, path = ResNet("resnet18", 0.125), tmp_path / "resnet18.safetensors"
    weights = torchvision_like(backbone, counters)
    save_file(weights, path)
    load_backbone(backbone, path)
    loaded = backbone.state_dict()
    floats = [name for name, value in loaded.items() if value.is_floating_point()]
    assert len(floats) == 100
    assert all(torch.equal(loaded[name], weights[name]) for name in floats)


def test_the_whole_resnet50_file_loads(tmp_path: Path) -> None:
    """Golden: torchvision's resnet50 holds 320 tensors, 25,557,032 of their values trainable."""
    shapes = {**dict(torchvision_shapes("resnet50")), "fc.weight": (1000, 2048), "fc.bias": (1000,)}
    kept = ("_mean", "_var", "_tracked")
    learnt = [shape for name, shape in shapes.items() if not name.endswith(kept)]
    assert len(shapes) == 320
    assert sum(math.prod(shape) for shape in learnt) == 25_557_032
    generator, weights = torch.Generator().manual_seed(1), {}
    for name, shape in shapes.items():
        fan = math.prod(shape[1:])
        if name.endswith("_tracked"):
            weights[name] = torch.tensor(1000)
        elif len(shape) > 1:
            weights[name] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        else:  # variances must be positive; scales, shifts and means may well be
            weights[name] = torch.rand(shape, generator=generator) + 0.5
    path = tmp_path / "resnet50.safetensors"
    save_file(weights, path)
    backbone = ResNet("resnet50").eval()
    load_backbone(backbone, path)
    loaded = backbone.state_dict()
    assert loaded.keys() == {name for name in shapes if not name.startswith("fc.")}
    for name, value in loaded.items():
        assert name.endswith("_tracked") or torch.equal(value, weights[name]), name
    x = torch.randn(1, 3, 64, 64, generator=generator)
    with torch.no_grad():
        expected, found = reference_forward(weights, "resnet50", x), backbone(x)
    assert expected.abs().mean() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.std()))


def test_a_wrong_file_names_the_keys_that_it_lacks(tmp_path: Path) -> None:
    """Weights of a ResNet-18 for a ResNet-50, whose blocks have a third convolution."""
    path = tmp_path / "resnet18.safetensors"
    save_file(torchvision_like(ResNet("resnet18"), counters=True), path)
    with torch.device("meta"):
        backbone = ResNet("resnet50")
    said = refusal(backbone, path)
    assert "lacks layer1.0.conv3.weight, layer1.0.bn3.weight, layer1.0.bn3.bias" in said
    assert " more; misshapes layer1.0.conv1.weight" in said


def test_a_pth_file_is_not_read_but_explained(tmp_path: Path) -> None:
    path = tmp_path / "resnet50.pth"
    torch.save(torchvision_like(ResNet("resnet18", 0.125), counters=True), path)
    said = refusal(ResNet("resnet18", 0.125), path)
    assert "only .safetensors weights are read" in said
    assert said.endswith(": convert it with torch and safetensors, see docs/training.md")


def test_the_conversion_that_load_backbone_names_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three lines of its docstring turn a .pth file into one that loads."""
    weights = torchvision_like(ResNet("resnet18", 0.125), counters=True)
    torch.save(weights, tmp_path / "resnet50.pth")
    monkeypatch.chdir(tmp_path)
    lines = [line.strip() for line in (load_backbone.__doc__ or "").splitlines()]
    start = lines.index("import torch")
    exec("\n".join(lines[start : start + 3]), {})
    backbone = ResNet("resnet18", 0.125)
    load_backbone(backbone, tmp_path / "resnet50.safetensors")
    assert torch.equal(backbone.conv1.weight, weights["conv1.weight"])


def test_load_backbone_names_what_is_missing(tmp_path: Path) -> None:
    backbone, path = ResNet("resnet18", 0.125), tmp_path / "resnet18.safetensors"
    weights = torchvision_like(backbone, counters=False)
    weights["module.conv1.weight"] = weights.pop("conv1.weight")
    weights["layer1.0.conv1.weight"] = torch.zeros(2, 2, 3, 3)
    save_file(weights, path)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    said = refusal(backbone, path)
    assert "lacks conv1.weight; has unknown module.conv1.weight" in said
    assert "misshapes layer1.0.conv1.weight" in said
    assert all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())
