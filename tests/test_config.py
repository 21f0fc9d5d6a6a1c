from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.settings import FORMER_NAME, build, override, read_toml, to_dict


@dataclass(frozen=True)
class Light:
    colours: tuple[str, ...] = ("white",)
    range: tuple[float, int] = (0.5, 2)


@dataclass(frozen=True)
class Scene:
    name: str
    light: Light = field(default_factory=Light)
    frames: int = 10
    speed: float = 1.0
    loop: bool = False
    mode: Literal["fast", "fine"] = "fast"
    seed: int | None = None
    glow: float | Literal["auto"] = 1.0


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(AuheatError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_values_arrive_with_their_types() -> None:
    settings = {
        "name": "dusk",
        "light": {"colours": ["red", "blue"], "range": [1, 3]},
        "speed": 2,
        "loop": True,
        "mode": "fine",
        "seed": 7,
        "glow": "auto",
    }
    scene = build(Scene, settings, "scene.toml")
    light = Light(("red", "blue"), (1.0, 3))
    assert scene == Scene("dusk", light, 10, 2.0, True, "fine", 7, "auto")
    assert isinstance(scene.speed, float)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "a", "spead": 1}, "unknown setting 'spead' in x.toml: did you mean 'speed'?"),
        ({"name": "a", "light": {"colour": []}}, "'colour' in x.toml, section light: did you mean"),
        ({"name": "a", "frames": 1.5}, "frames = 1.5 in x.toml: expected int"),
        ({"name": "a", "frames": True}, "frames = True in x.toml: expected int"),
        ({"name": "a", "frames": "3"}, "frames = '3' in x.toml: expected int"),
        ({"name": "a", "speed": False}, "speed = False in x.toml: expected float"),
        ({"name": "a", "loop": 1}, "loop = 1 in x.toml: expected bool"),
        ({"name": 3}, "name = 3 in x.toml: expected str"),
        ({"name": "a", "mode": "slow"}, "mode = 'slow' in x.toml: choose one of 'fast', 'fine'"),
        ({"name": "a", "glow": "much"}, "glow = 'much' in x.toml: expected float or 'auto'"),
        ({"name": "a", "seed": "x"}, "seed = 'x' in x.toml: expected int"),
        ({"name": "a", "light": 3}, "light = 3 in x.toml: expected a section"),
        ({"name": "a", "light": {"colours": "red"}}, "expected a list of str"),
        ({"name": "a", "light": {"colours": [1]}}, "colours = 1 in x.toml, section light"),
        ({"name": "a", "light": {"range": [1.0, 2, 3]}}, "range = [1.0, 2, 3] in x.toml, section"),
        ({"frames": 3}, "missing in x.toml: name"),
    ],
)
def test_refusals_say_what_where_and_what_instead(settings: dict[str, Any], message: str) -> None:
    assert message in refusal(lambda: build(Scene, settings, "x.toml"))


def test_none_is_kept_where_it_is_allowed() -> None:
    assert build(Scene, {"name": "a", "seed": None}, "x").seed is None
    assert "frames = None" in refusal(lambda: build(Scene, {"name": "a", "frames": None}, "x"))


@dataclass(frozen=True)
class Lens:
    focus: str = field(default="near", metadata={FORMER_NAME: "blur"})


def test_settings_survive_plain_values() -> None:
    config = ModelConfig(aus=("AU01", "AU12"), backbone="resnet50", amplitude="paper")
    plain = to_dict(config)
    assert type(plain["aus"]) is list
    assert "trunk" not in plain
    assert build(ModelConfig, plain, "checkpoint") == config


def test_a_former_name_is_read() -> None:
    assert build(ModelConfig, {"trunk": "resnet34"}, "checkpoint").backbone == "resnet34"
    assert "trunk = 'vgg'" in refusal(lambda: build(ModelConfig, {"trunk": "vgg"}, "x"))
    # As when an assignment on the command line follows a file: the last one holds.
    assert build(Lens, {"blur": "a", "focus": "b"}, "x") == Lens("b")
    assert build(Lens, {"focus": "b", "blur": "a"}, "x") == Lens("a")


def test_the_papers_network() -> None:
    root = Path(__file__).resolve().parents[1]
    settings = read_toml(str(root / "configs" / "paper" / "scc-heatmap.toml"))["model"]
    paper = build(ModelConfig, settings, "the paper's")
    assert (paper.backbone, paper.width, paper.input_size) == ("resnet50", 1.0, 256)
    assert (paper.sigma, paper.amplitude) == (2.0, "paper")
    assert paper.deconv_widths == (256, 128, 64)
    assert (paper.scc, paper.scc_norm, paper.scc_init) == (True, True, "identity")
    assert not paper.location_maps
    assert paper.normalise == "imagenet"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_size": 100}, "input_size = 100: expected a positive multiple of 32"),
        ({"input_size": 0}, "input_size = 0"),
        ({"width": 0.001}, "width = 0.001"),
        ({"deconv_widths": []}, "deconv_widths = ()"),
        ({"deconv_widths": [64, 0]}, "deconv_widths = (64, 0)"),
        ({"scc_k": 0}, "scc_k = 0"),
        ({"scc_k": 17, "deconv_widths": [64, 16]}, "scc_k = 17"),
        ({"scc_k": 17, "deconv_widths": [16, 64], "scc_stages": [1]}, "scc_k = 17"),
        (
            {"scc_stages": []},
            "scc_stages = (): expected 'all', or numbers of deconvolutions",
        ),
        ({"scc_stages": [0]}, "scc_stages = (0,)"),
        ({"scc_stages": [2, 4]}, "scc_stages = (2, 4)"),
        ({"scc_stages": [2, 1]}, "in rising order"),
        ({"scc_stages": [1, 1]}, "in rising order"),
        ({"scc_stages": "last"}, "scc_stages = 'last' in x.toml: expected a list of int or 'all'"),
        ({"sigma": 0.0}, "sigma = 0.0"),
        ({"sigma": float("nan")}, "sigma = nan"),
        ({"amplitude": -0.2}, "amplitude = -0.2: expected 'paper' or more than 0"),
        ({"amplitude": "papr"}, "amplitude = 'papr' in x.toml: expected float or 'paper'"),
        ({"backbone": "resnet19"}, "choose one of 'resnet18', 'resnet34', 'resnet50'"),
        ({"aus": ["AU12", "AU12"]}, "listed twice"),
        ({"aus": ["AU1"]}, "did you mean 'AU01'?"),
        ({"aus": []}, "no Action Units"),
        ({"scc_kk": 3}, "did you mean 'scc_k'?"),
        ({"kind": "deconvolution"}, "choose one of 'deconv', 'hourglass'"),
        ({"kind": "hourglass"}, "scc = True: expected false where kind is 'hourglass'"),
        (
            {"kind": "hourglass", "scc": False, "input_size": 96},
            "input_size = 96: expected a positive multiple of 64 where kind is 'hourglass'",
        ),
        ({"kind": "hourglass", "scc": False, "input_size": 0}, "input_size = 0"),
        ({"maps": "face"}, "choose one of 'point', 'au'"),
        ({"gaussian": "shrinking"}, "choose one of 'fixed', 'growing'"),
    ],
)
def test_networks_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    said = refusal(lambda: build(ModelConfig, settings, "x.toml"))
    assert message in said
    assert "x.toml" in said


def test_scc_k_does_not_matter_without_scc() -> None:
    assert ModelConfig(scc=False, scc_k=500).scc_k == 500


def test_which_stages_have_scc() -> None:
    assert ModelConfig().stages_with_scc == (1, 2, 3)
    assert ModelConfig(scc_stages=(2,)).stages_with_scc == (2,)
    assert ModelConfig(scc=False, scc_stages=(9,)).stages_with_scc == ()
    narrow = ModelConfig(deconv_widths=(64, 16), scc_stages=(1,), scc_k=17)
    assert narrow.scc_k == 17  # the narrow stage has none


def test_deconvolutions_do_not_matter_to_an_hourglass() -> None:
    config = ModelConfig(kind="hourglass", scc=False, deconv_widths=(), scc_k=0, input_size=64)
    assert config.deconv_widths == ()


def test_settings_from_before_hourglasses_mean_what_they_meant() -> None:
    """The settings stored in the first checkpoints have no kind, maps and gaussian."""
    new = {"kind", "maps", "gaussian", "scc_stages"}
    old = {key: value for key, value in to_dict(ModelConfig()).items() if key not in new}
    assert build(ModelConfig, old, "checkpoint") == ModelConfig()
    found = ModelConfig()
    assert (found.kind, found.maps, found.gaussian) == ("deconv", "point", "fixed")


def test_overrides_are_toml_values_else_plain_text() -> None:
    settings = {"model": {"scc": True, "backbone": "resnet18"}, "epochs": 3}
    assignments = [
        "model.scc=false",
        "model.backbone = resnet50",
        "epochs=20",
        "rate=1e-3",
        "model.aus=['AU01', 'AU12']",
        'title="a = b"',
        "note=a=b",
        "empty=",
        "new.section.key=1.5",
    ]
    assert override(settings, assignments) == {
        "model": {"scc": False, "backbone": "resnet50", "aus": ["AU01", "AU12"]},
        "epochs": 20,
        "rate": 0.001,
        "title": "a = b",
        "note": "a=b",
        "empty": "",
        "new": {"section": {"key": 1.5}},
    }


def test_overrides_leave_the_original_alone() -> None:
    settings = {"model": {"aus": ["AU01"]}, "day": datetime.date(2020, 2, 7)}
    changed = override(settings, ["model.scc=true"])
    changed["model"]["aus"].append("AU02")
    assert settings == {"model": {"aus": ["AU01"]}, "day": datetime.date(2020, 2, 7)}
    assert changed["day"] == datetime.date(2020, 2, 7)


@pytest.mark.parametrize("assignment", ["epochs", "=3", " =3", "model..scc=1", ".a=1", "a.=1", ""])
def test_bad_assignments_are_refused(assignment: str) -> None:
    assert f"cannot read {assignment!r}" in refusal(lambda: override({}, [assignment]))


def test_an_assignment_below_a_value_is_refused() -> None:
    said = refusal(lambda: override({"model": {"scc": True}}, ["model.scc.k=3"]))
    assert said == "cannot set 'model.scc.k': 'scc' is a value, not a section"


def test_toml_files(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text("epochs = 3\n[model]\nscc = false\n")
    assert read_toml(good) == {"epochs": 3, "model": {"scc": False}}
    bad = tmp_path / "bad.toml"
    bad.write_text("epochs = \n")
    assert refusal(lambda: read_toml(bad)).startswith(f"{bad} is not valid TOML")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00a")
    assert str(binary) in refusal(lambda: read_toml(binary))
    absent = tmp_path / "absent.toml"
    assert f"no settings file at {absent}" in refusal(lambda: read_toml(absent))
    assert f"cannot read settings file {tmp_path}" in refusal(lambda: read_toml(tmp_path))
