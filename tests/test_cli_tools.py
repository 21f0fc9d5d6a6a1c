"""The verbs around the weights: faces, training, measuring, pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from auheat.cli import main
from auheat.data.manifest import read_manifest
from auheat.facs import PAPER_AUS
from auheat.media.frames import VideoFile
from auheat.models.checkpoint import load_checkpoint
from small_runs import write_dataset

TINY_NET = (
    "model.width=0.125",
    "model.input_size=32",
    "model.deconv_widths=[8, 8]",
    "model.scc_k=3",
    'model.aus=["AU04", "AU12", "AU25"]',
    "data.workers=0",
    "data.epoch_images=16",
    "optim.epochs=1",
    "optim.start=",
)
DEFAULT = Path(__file__).resolve().parents[1] / "configs" / "default.toml"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    """The single line of a call that ends with exit code 2."""
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_from_settings_to_a_table(tmp_path: Path) -> None:
    data, runs = tmp_path / "data", tmp_path / "runs"
    write_dataset(data)
    start = ("train", DEFAULT, f"data.folder={data}", *TINY_NET, "--runs", runs)
    for extra in (("name=with",), ("name=without", "model.scc=false")):
        assert f"best weights: {runs / extra[0][5:]}-seed1" in done(*start, *extra)
    measured = []
    for name in ("with-seed1", "without-seed1"):
        shown = done("evaluate", runs / name, "--data", data, "--workers", 0, "--device", "cpu")
        measured.append(runs / name / "result-test.json")
        assert shown.splitlines()[0] == "| AU | ICC | PCC | MAE | MSE |"
        assert f"result file: {measured[-1]}" in shown
    content = json.loads(measured[0].read_text())
    assert (content["name"], content["images"], content["subjects"]) == ("with", 6, 3)
    table = done("table", *measured, "--metric", "mae").splitlines()
    assert table[0] == "MAE on the test split: 6 images of 3 held-out subjects, synthetic faces."
    mean = content["metrics"]["mean"]["mae"]
    assert table[4].startswith("| with | 1 | ")
    assert table[4].endswith(f" {mean:.3f} |")
    assert table[5].startswith("| without | 1 | ")
    val = done(
        "evaluate", runs / "with-seed1" / "best.safetensors", "--data", data, "--split", "val",
        "-o", tmp_path / "deep" / "val.json", "--workers", 0,
    )  # fmt: skip
    assert f"result file: {tmp_path / 'deep' / 'val.json'}" in val
    assert "other pictures or AUs" in refused("table", measured[0], tmp_path / "deep" / "val.json")
    checkpoint = load_checkpoint(runs / "without-seed1" / "best.safetensors")
    assert not checkpoint.config.scc


def test_what_training_refuses(tmp_path: Path) -> None:
    assert "names no dataset" in refused("train", DEFAULT)
    assert "did you mean 'epochs'" in refused("train", DEFAULT, "data.folder=a", "optim.epoch=3")
    assert "no dataset in" in refused("train", DEFAULT, f"data.folder={tmp_path}")
    assert "AU99" in refused("train", DEFAULT, "data.folder=a", 'model.aus=["AU99"]')
    assert "missing.toml" in refused("train", tmp_path / "missing.toml")
    assert "no checkpoint at" in refused("evaluate", tmp_path / "no", "--data", tmp_path)
    assert "no result file at" in refused("table", tmp_path / "no.json")


def test_faces_and_clips(tiny_folder: Path, tmp_path: Path) -> None:
    synth = ("synth", "--assets", tiny_folder, "--seed", 4, "--workers", 1)
    out = tmp_path / "faces"
    assert f"dataset: {out}" in done(
        *synth, "-o", out, "--subjects", 4, "--images", 6, "--size", 48, "--pad", 2,
        "--val", 0.25, "--test", 0.25,
    )  # fmt: skip
    manifest = read_manifest(out)
    assert manifest.table["split"].to_list() == ["train"] * 4 + ["val", "test"]
    assert Image.open(out / manifest.table["image"][0]).size == (52, 52)
    assert "already holds a dataset" in refused(*synth, "-o", out, "--subjects", 1, "--images", 1)
    assert "cannot spread" in refused(*synth, "-o", tmp_path / "b", "--subjects", 3, "--images", 2)
    assert "no face assets in" in refused("synth", "--assets", tmp_path, "-o", tmp_path / "b")

    clips = tmp_path / "clips"
    done(*synth, "-o", clips, "--clips", 1, "--seconds", 0.6)
    labels = pd.read_csv(clips / "S000000.labels.csv")
    assert list(labels.columns) == ["frame", "timestamp", *PAPER_AUS]
    assert labels["frame"].to_list() == list(range(1, 16))
    np.testing.assert_allclose(labels["timestamp"], np.arange(15) / 25)
    assert labels[list(PAPER_AUS)].to_numpy().max() <= 5
    frames = list(VideoFile(clips / "S000000.mp4"))
    assert [frame.image.shape for frame in frames] == [(360, 480, 3)] * 15


def test_pictures_of_the_faces(tiny_folder: Path, tmp_path: Path) -> None:
    done("gallery", "--assets", tiny_folder, "-o", tmp_path, "--size", 64)
    assert Image.open(tmp_path / "contact-sheet.jpg").size == (640, 384)
    assert Image.open(tmp_path / "au-levels.jpg").size == (2 * 384 + 12, 7 * (64 + 24))


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in refused("assets", tmp_path, "-o", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize("verb", ["assets", "evaluate", "gallery", "predict", "synth", "table"])
def test_every_verb_explains_itself(verb: str) -> None:
    assert done(verb, "--help").startswith("Usage: ")
