"""From a file of weights to a predictor: devices, AUs, what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from auheat.errors import AuheatError
from auheat.inference import predictor as module
from auheat.inference.predictor import Predictor, load
from auheat.models import weights
from auheat.models.checkpoint import save_checkpoint
from auheat.models.devices import find_device
from auheat.models.heatmap_net import build_net
from stand_ins import SMALL, KnownFaces, save_small, small_checkpoint


@pytest.mark.parametrize(
    ("aus", "message"),
    [
        (["AU12", "AU99"], "AU99"),
        (["AU25"], "do not read AU25: they read AU04, AU09, AU12"),
        ([], "no Action Units"),
        (["AU12", "AU12"], "twice"),
    ],
)
def test_wrong_aus_are_refused(aus: list[str], message: str) -> None:
    with pytest.raises(AuheatError, match=message):
        Predictor(small_checkpoint(), KnownFaces([[]]), device="cpu", aus=aus)


def test_devices() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("gpu", "cuda:99", "", "meta"):
        with pytest.raises(AuheatError, match="no device"):
            find_device(name)


def test_load_reads_weights_and_makes_the_finder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def detector(max_faces: int) -> KnownFaces:
        asked.append(max_faces)
        return KnownFaces([[]])

    monkeypatch.setattr(module, "default_detector", detector)
    path = save_small(tmp_path / "small.safetensors")
    loaded = load(path, "cpu", aus=["AU12"], max_faces=3)
    assert (loaded.aus, loaded.device, asked) == (("AU12",), "cpu", [3])
    assert load(str(path), "cpu").aus == SMALL.aus
    assert asked == [3, 5]


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuheatError, match=r"none\.safetensors"):
        load(tmp_path / "none.safetensors")
    monkeypatch.setattr(weights, "files", lambda _: tmp_path)
    with pytest.raises(AuheatError, match=r"without default\.onnx: install auheat again"):
        load()
    with pytest.raises(AuheatError, match=r"without default\.safetensors"):
        load(runtime="torch")
    (tmp_path / "weights").mkdir()
    path = save_small(tmp_path / "weights" / "default.safetensors")
    assert weights.default_weights() == path
    assert load(precision="bf16").runtime.name == "torch"


def test_a_blink_is_asked_for_as_closed_eyes(tmp_path: Path) -> None:
    """Tables have AU45 beside AU43; who knows OpenFace asks for it by that name."""
    path = tmp_path / "w.safetensors"
    config = replace(SMALL, aus=("AU12", "AU43"))
    save_checkpoint(path, build_net(config), config)
    assert load(path, "cpu", aus=["AU45"]).aus == ("AU43",)
    assert load(path, "cpu", aus=("AU45", "AU12")).aus == ("AU12", "AU43")
    assert load(path, "cpu", aus=["AU12", "AU45", "AU43"]).aus == ("AU12", "AU43")
    with pytest.raises(AuheatError, match="Action Unit 'AU45' is listed twice"):
        load(path, "cpu", aus=["AU45", "AU43", "AU45"])
    with pytest.raises(AuheatError, match=r"'AU54': did you mean 'AU45'\? known are .*AU43, AU45$"):
        load(path, "cpu", aus=["AU54"])
