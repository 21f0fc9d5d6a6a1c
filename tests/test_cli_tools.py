"""The subcommands around the weights: faces, training, measuring, images."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from auheat.cli import main
from auheat.data.manifest import read_manifest
from auheat.evaluation.predictions import read_predictions
from auheat.evaluation.protocols import fold_of
from auheat.evaluation.report import read_report
from auheat.evaluation.scoring import score
from auheat.facs import ALL_AUS
from auheat.media.frames import VideoFile
from auheat.metrics import icc31
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.heatmap_net import build_net
from cli_calls import done, refused
from small_runs import experiment, write_dataset

TINY_NET = (
    "seed=1",
    "model.width=0.125",
    "model.input_size=32",
    "model.deconv_widths=[8, 8]",
    "model.scc_k=3",
    'model.aus=["AU04", "AU12", "AU25"]',
    "seed=1",
    "data.workers=0",
    "data.epoch_images=16",
    "optim.epochs=1",
    "optim.start=",
)
DEFAULT = Path(__file__).resolve().parents[1] / "configs" / "default.toml"


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
        assert "measured on 6 images of synthetic faces, 3 subjects, split test" in shown
        stored = read_predictions(runs / name / "predictions-test.parquet")
        assert f"predictions: {runs / name / 'predictions-test.parquet'}" in shown
        # as text, for where the network says one thing of all images, PCC is NaN
        found, written = score(stored).metrics, read_report(measured[-1]).metrics
        assert json.dumps(found) == json.dumps(written)
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
    assert "other images or AUs" in refused("table", measured[0], tmp_path / "deep" / "val.json")
    checkpoint = load_checkpoint(runs / "without-seed1" / "best.safetensors")
    assert not checkpoint.config.scc


def save_weights(path: Path, data: Path, **divided: object) -> None:
    """Untrained weights whose card says how the subjects were divided."""
    settings = experiment(data)
    net = build_net(settings.model)
    torch.nn.init.normal_(net.head.weight, std=0.5)
    own = {"folder": str(data), **divided}
    card = {"experiment": {"name": "tiny", "seed": 5, "data": own}}
    save_checkpoint(path, net, settings.model, card=card)


def test_a_run_is_tested_on_the_people_of_its_fold(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "data")
    weights = tmp_path / "best.safetensors"
    save_weights(weights, tmp_path / "data", protocol="k-fold", fold=2, folds=3)
    call = ("evaluate", weights, "--data", tmp_path / "data", "--workers", 0, "--device", "cpu")
    shown = done(*call)
    fold = fold_of("k-fold", manifest.table["subject"], number=2, k=3)
    stored = read_predictions(tmp_path / "predictions-test.parquet")
    assert set(stored.subjects) == set(fold.test) and len(stored.table) == 12
    assert "6 subjects, split test, protocol k-fold, fold 2 of 3" in shown
    content = json.loads((tmp_path / "result-test.json").read_text())
    assert (content["protocol"], content["fold"]) == ("k-fold", "2 of 3")
    assert list(content["controls"]) == ["all zero", "train mean"]
    low, high = content["intervals"]["mean"]["icc"]
    assert low < content["metrics"]["mean"]["icc"] < high
    assert f"ICC {content['metrics']['mean']['icc']:.3f} ({low:.3f} to {high:.3f})" in shown
    done(*call, "--protocol", "none", "-o", tmp_path / "own.json")
    assert set(read_predictions(tmp_path / "own.parquet").subjects) == {"S16", "S17", "S18"}
    assert "fold 3 of 3" in done(*call, "--fold", 3, "-o", tmp_path / "own.json")
    assert "did you mean 'k-fold'" in refused(*call, "--protocol", "kfold")
    assert "fold 4 of 'k-fold': it has folds 1 to 3" in refused(*call, "--fold", 4)
    assert "are not in the protocol 'bp4d'" in refused(*call, "--protocol", "bp4d")


def test_the_folds_of_a_network_are_pooled(tmp_path: Path) -> None:
    """ICC of all frames together, by an independent route; a fold twice is refused."""
    manifest = write_dataset(tmp_path / "data")
    weights = tmp_path / "best.safetensors"
    save_weights(weights, tmp_path / "data", protocol="k-fold", fold=1, folds=3)
    paths = []
    for fold in (1, 2, 3):
        out = tmp_path / f"result-{fold}.json"
        done("evaluate", weights, "--data", tmp_path / "data", "--fold", fold, "-o", out,
             "--workers", 0, "--device", "cpu")  # fmt: skip
        paths.append(tmp_path / f"predictions-{fold}.parquet")
    shown = done("table", *paths, "--pool", tmp_path / "all.json")
    report = read_report(tmp_path / "all.json")
    assert (report.images, report.subjects) == (len(manifest.table), 19)
    table = pd.concat([pd.read_parquet(path) for path in paths])
    pairs = table[["AU12", "AU12_label"]].to_numpy()
    assert report.metrics["AU12"]["icc"] == pytest.approx(icc31(pairs), abs=1e-9)
    assert f"| AU12 | {report.metrics['AU12']['icc']:.3f} |" in shown
    assert set(report.fold_means["AU12"]) == {"icc", "mae", "mse", "pcc"}
    assert "in two folds" in refused("table", paths[0], paths[0], "--pool", tmp_path / "b.json")


@pytest.mark.slow
def test_all_folds_of_a_preset_from_one_command(tmp_path: Path) -> None:
    """As a user runs it: the libraries warn of nothing, and the three folds pool to everybody."""
    data, runs = tmp_path / "data", tmp_path / "runs"
    manifest = write_dataset(data)
    command = [
        "train", "--preset", "tiny", "--all-folds", f"data.folder={data}", "--runs", runs,
        "model.width=0.125", "model.input_size=32", "model.deconv_widths=[8, 8, 8]",
        "model.scc_k=3", "optim.backbone_weights=", "optim.epochs=1", "data.epoch_images=16",
        "data.workers=1",
    ]  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-m", "auheat", *map(str, command)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "arn" not in result.stdout + result.stderr  # Warning, warn
    paths = []
    for fold in (1, 2, 3):
        run = runs / f"scc-heatmap-seed1-fold{fold}"
        assert f"run {fold} of 3: {run}" in result.stdout
        done("evaluate", run, "--data", data, "--workers", 0, "--device", "cpu")
        paths.append(run / "predictions-test.parquet")
    done("table", *paths, "--pool", tmp_path / "all.json")
    report = read_report(tmp_path / "all.json")
    assert (report.images, report.subjects) == (len(manifest.table), 19)
    wanted = fold_of("k-fold", manifest.table["subject"], number=3, k=3)
    assert set(read_predictions(paths[2]).subjects) == set(wanted.test)


def test_the_predictions_of_another_program(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path / "data")
    part = manifest.split("test")
    rows = [f"{image},0,0.9,1,{level:.2f}" for image, level in part.table[["image", "AU12"]].values]
    path = tmp_path / "theirs.csv"
    path.write_text("\n".join(["input,face,confidence,success,AU12_r", *rows[:5], ""]))
    shown = done("evaluate", path, "--data", tmp_path / "data")
    assert "| AU12 | 1.000 | 1.000 | 0.00" in shown and "| AU04 | nan | nan | nan | nan |" in shown
    assert "coverage: predictions for 5 of 6 images (83.3%)" in shown
    assert "not offered, so not measured: AU04, AU25" in shown
    assert "measured on 5 images of synthetic faces, 3 subjects, split test" in shown
    assert "train mean predictor: ICC 0.000" in shown
    report = read_report(tmp_path / "theirs-test.json")
    assert (report.name, report.coverage) == ("theirs (auheat)", {"images": 5, "of": 6})
    assert not list(tmp_path.glob("*.parquet"))
    wrong = ["evaluate", str(path), "--data", str(tmp_path / "data"), "--format", "pyfeat"]
    assert "'pyfeat' is not one of" in CliRunner().invoke(main, wrong).stderr
    assert "no row of the auheat tables fits" in refused(
        "evaluate", path, "--data", tmp_path / "data", "--split", "val"
    )
    assert "a fold needs a protocol" in refused(
        "evaluate", path, "--data", tmp_path / "data", "--fold", 1
    )


def test_what_training_refuses(tmp_path: Path) -> None:
    assert "names no dataset" in refused("train", DEFAULT)
    assert "did you mean 'epochs'" in refused("train", DEFAULT, "data.folder=a", "optim.epoch=3")
    assert "no dataset in" in refused("train", DEFAULT, f"data.folder={tmp_path}")
    assert "AU99" in refused("train", DEFAULT, "data.folder=a", 'model.aus=["AU99"]')
    assert "missing.toml" in refused("train", tmp_path / "missing.toml")
    curves = refused("train", DEFAULT, "data.folder=a", "model.levels=true")
    assert "model.levels = true: expected false; curves are fitted after training" in curves
    assert "no checkpoint at" in refused("evaluate", tmp_path / "no", "--data", tmp_path)
    assert "no result file at" in refused("table", tmp_path / "no.json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--suite", "ood", "--clips", 1), "--clips 1 and --suite ood are different datasets"),
        (("--layout", "disfa", "--suite", "ood"), "--layout disfa and --suite ood are different"),
        (("--pairs", "--clips", 2), "--clips 2 and --pairs are different datasets"),
        (("--frames", 5), "--frames 5 is for sequences of a --layout"),
    ],
)
def test_options_of_synth_that_contradict_each_other_are_refused(
    arguments: tuple[object, ...], said: str, tmp_path: Path
) -> None:
    out = tmp_path / "faces"
    assert said in refused("synth", "--assets", tmp_path, "-o", out, *arguments)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--val", "nan"), "'nan' is no number"),
        (("--clips", "1", "--seconds", "inf"), "inf is not in the range"),
        (("--pad", "100000"), "100000 is not in the range"),
    ],
)
def test_numbers_of_synth_that_make_no_sense_are_refused(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    out = tmp_path / "faces"
    run = CliRunner().invoke(main, ["synth", "--assets", str(tmp_path), "-o", str(out), *arguments])
    assert run.exit_code == 2 and said in run.output
    assert not out.exists()


@pytest.mark.slow
def test_faces_and_clips(tiny_folder: Path, tmp_path: Path) -> None:
    synth = ("synth", "--assets", tiny_folder, "--seed", 4, "--workers", 1)
    out = tmp_path / "faces"
    assert f"dataset: {out}" in done(
        *synth, "-o", out, "--subjects", 4, "--images", 6, "--size", 48, "--pad", 2,
        "--val", 0.25, "--test", 0.25,
    )  # fmt: skip
    manifest = read_manifest(out)
    assert manifest.table["split"].to_list() == ["train"] * 4 + ["val", "test"]
    with Image.open(out / manifest.table["image"][0]) as image:
        assert image.size == (52, 52)
    assert "already holds a dataset" in refused(*synth, "-o", out, "--subjects", 1, "--images", 1)
    assert "cannot spread" in refused(*synth, "-o", tmp_path / "b", "--subjects", 3, "--images", 2)
    assert "no face assets in" in refused("synth", "--assets", tmp_path, "-o", tmp_path / "b")

    clips = tmp_path / "clips"
    done(*synth, "-o", clips, "--clips", 1, "--seconds", 0.6)
    labels = pd.read_csv(clips / "S000000.labels.csv")
    assert list(labels.columns) == ["frame", "timestamp", *ALL_AUS]
    assert labels["frame"].to_list() == list(range(1, 16))
    np.testing.assert_allclose(labels["timestamp"], np.arange(15) / 25)
    assert labels[list(ALL_AUS)].to_numpy().max() <= 5
    frames = list(VideoFile(clips / "S000000.mp4"))
    assert [frame.image.shape for frame in frames] == [(360, 480, 3)] * 15


@pytest.mark.parametrize("subcommand", ["evaluate", "predict", "synth", "table"])
def test_every_subcommand_explains_itself(subcommand: str) -> None:
    assert done(subcommand, "--help").startswith("Usage: ")


@pytest.mark.slow
def test_an_error_in_a_reading_process_is_one_line(tmp_path: Path) -> None:
    """As a user runs it: what the reading process itself writes to standard error counts too."""
    manifest = write_dataset(tmp_path)
    (tmp_path / manifest.table["image"][3]).unlink()
    command = ["train", DEFAULT, f"data.folder={tmp_path}", *TINY_NET, "data.workers=1"]
    result = subprocess.run(
        [sys.executable, "-m", "auheat", *map(str, command), "--runs", tmp_path / "runs"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 2
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("auheat: cannot read the image ") and "03.png" in line
    assert "Traceback" not in result.stderr
