"""From a dataset to the paper's tables and figures, with networks of a fraction of a second."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from auheat.cli import main
from auheat.cli.reproduce import _numbers
from auheat.data.datasets.disfa import SPEC
from auheat.data.manifest import Manifest
from auheat.evaluation.predictions import Predictions, pool, read_predictions
from auheat.faces.crop import CropSpec
from auheat.facs import DISFA_AUS
from auheat.figures.paper_figures import most_active_sequences
from auheat.metrics import icc31

CROP = CropSpec(32, 2)
TINY = (
    "model.input_size=32",
    "model.width=0.125",
    "model.deconv_widths=[8, 8]",
    "optim.epochs=1",
    "optim.backbone_weights=",
    "optim.precision=32-true",
    "data.epoch_images=16",
    "data.batch_size=8",
)


@pytest.fixture(scope="module")
def disfa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in the shape of a prepared DISFA: 27 subjects, 4 frames each, levels 0 to 5."""
    folder = tmp_path_factory.mktemp("disfa")
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(4, CROP.side - 4, 136).astype(np.float32)
    rows = []
    for subject in (name for fold in SPEC.protocols[0].lists for name in fold):
        for frame in range(1, 5):
            name = f"{subject}_{frame}.png"
            noise = rng.integers(60, 190, (CROP.side, CROP.side, 3)).astype(np.uint8)
            cv2.imwrite(str(folder / name), noise)
            levels = dict(zip(DISFA_AUS, rng.integers(0, 6, 12).astype(np.float32), strict=True))
            where = {"subject": subject, "split": "train", "sequence": subject, "frame": frame}
            rows.append({"image": name, **where, "landmarks": landmarks, **levels})
    source = {"kind": "disfa", "synthetic": True}
    Manifest(pd.DataFrame(rows), folder, CROP, source).write()
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def reproduce(disfa: Path, runs: Path, out: Path, target: str, *options: object) -> Result:
    arguments = ["reproduce", target, *TINY, "--data", disfa, "--preset", "tiny", "--runs", runs]
    arguments += ["-o", out, "--workers", 0, "--device", "cpu", *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_a_table_from_nothing(disfa: Path, runs: Path, tmp_path: Path) -> None:
    first = reproduce(disfa, runs, tmp_path / "a", "table2", "--rows", "a,b")
    assert first.exit_code == 0, first.output
    assert first.output.count("run ") == 6  # two networks, three folds
    again = reproduce(disfa, runs, tmp_path / "b", "table2", "--rows", "a,b")
    assert "run " not in again.output  # nothing is trained twice
    for suffix in ("md", "csv", "tex"):
        one, two = (tmp_path / where / f"table2.{suffix}" for where in ("a", "b"))
        assert one.read_bytes() == two.read_bytes()
    text = (tmp_path / "a" / "table2.md").read_text()
    assert "synthetic faces, a look-alike of DISFA" in text and "3 folds by subject" in text
    assert "108 test images of 27 subjects" in text
    assert "preset tiny with model.input\\_size=32" in text or "with model.input_size=32" in text
    table = pd.read_csv(tmp_path / "a" / "table2.csv")
    ours = table[table["group"] == "ours (synthetic, DISFA look-alike)"]
    assert ours["Setting"].to_list() == ["a", "b"]
    assert ours["SCC"].to_list() == ["yes", "no"]
    printed = table[table["group"] == "printed (DISFA)"]
    assert printed["ICC"].astype(float).to_list() == [0.47, 0.40, 0.44, 0.38]
    assert set(table["Setting"]) >= {"all zero", "train mean"}


def test_figures_are_those_of_the_predictions(disfa: Path, runs: Path, tmp_path: Path) -> None:
    """The ICC of the result file, from the stored predictions by an independent route."""
    assert not reproduce(disfa, runs, tmp_path, "table2", "--rows", "b").exit_code
    report = json.loads((tmp_path / "results" / "resnet-deconv-seed1.json").read_text())
    parts = [
        read_predictions(runs / f"resnet-deconv-seed1-fold{fold}" / "test.parquet")
        for fold in (1, 2, 3)
    ]
    for fold, part in zip(SPEC.protocols[0].lists, parts, strict=True):
        assert set(part.subjects) == set(fold)
    pooled = pd.concat([part.table for part in parts])
    assert len(pooled) == report["images"] == 108
    expected = icc31(pooled[["AU12", "AU12_label"]].to_numpy())
    assert report["metrics"]["AU12"]["icc"] == pytest.approx(expected, abs=1e-9)
    mean = np.mean([icc31(part.table[["AU12", "AU12_label"]].to_numpy()) for part in parts])
    assert report["fold_means"]["AU12"]["icc"] == pytest.approx(mean, abs=1e-9)
    assert report["controls"]["all zero"]["mae"] == pytest.approx(
        np.mean([pooled[f"{au}_label"].mean() for au in DISFA_AUS])
    )
    assert report["synthetic"] is True


@pytest.mark.slow
@pytest.mark.parametrize("target", ["figure4", "figure5", "figure6", "figure7", "figure8"])
def test_every_figure(disfa: Path, runs: Path, tmp_path: Path, target: str) -> None:
    result = reproduce(disfa, runs, tmp_path, target, "--k", "3,7")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / f"{target}.png") as picture:
        assert picture.width >= 600
    assert (tmp_path / f"{target}.svg").read_text().startswith("<?xml")


def test_what_is_refused(disfa: Path, runs: Path, tmp_path: Path) -> None:
    for options, said in (
        (("table9",), "unknown target 'table9': did you mean 'table"),
        (("table2", "--rows", "a,x"), "unknown row 'x' in table2: known are a, b, c, d"),
        (("table2", "--preset", "huge"), "unknown preset 'huge'"),
        (("figure6", "--k", "1,64"), "scc_k = 64: expected 1 to the smallest of deconv_widths"),
        (("table2", "optim.epochs=-1"), "epochs = -1: expected a number of at least 1"),
        (("table2", "optim.start=none.safetensors"), "no file at none.safetensors"),
        (("table2", "--protocol", "bp4d"), "not in the protocol 'bp4d'"),
        (("table2", "--seeds", "1,a"), "is not a list of numbers"),
    ):
        result = reproduce(disfa, tmp_path, tmp_path, options[0], *options[1:])
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_lists_of_numbers() -> None:
    assert _numbers(None, None, "1,3,5-7,3") == (1, 3, 5, 6, 7)  # type: ignore[arg-type]


def test_the_liveliest_sequences() -> None:
    """b varies most in AU01, and a in what is left of AU02."""
    table = pd.DataFrame(
        {
            "image": [f"{i}" for i in range(6)],
            "subject": list("aabbcc"),
            "sequence": list("aabbcc"),
            "frame": [1, 2] * 3,
            "fold": ["1"] * 6,
            "AU01": 0.0,
            "AU02": 0.0,
            "AU01_label": [0.0, 1, 0, 3, 2, 2],
            "AU02_label": [0.0, 2, 0, 5, 1, 2],
        }
    )
    predictions = Predictions(table, {})
    assert most_active_sequences(predictions, ("AU01", "AU02")) == [("b", "AU01"), ("a", "AU02")]
    assert pool([predictions]).table["image"].to_list() == list("012345")
