from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from auheat.data.dataset import CropDataset
from auheat.errors import AuheatError
from auheat.evaluation import evaluate
from auheat.evaluation.breakdown import read_breakdown
from auheat.evaluation.evaluate import measure, predict_part
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.report import Report, is_synthetic, notes, read_report
from auheat.evaluation.scoring import score
from auheat.evaluation.selection import select
from auheat.face_shape import SIZE
from auheat.figures.tables import by_au, metrics_table
from auheat.metrics import icc31
from auheat.models.checkpoint import Checkpoint
from auheat.models.heatmap_net import build_net
from auheat.models.runtimes.runtime import read_intensities
from auheat.models.runtimes.torch_runtime import TorchRuntime
from lively_nets import lively
from small_runs import AUS, experiment, write_dataset


def runtime(data: Path, seed: int = 0) -> TorchRuntime:
    settings = experiment(data)
    torch.manual_seed(seed)
    net = build_net(settings.model).eval()
    torch.nn.init.normal_(net.head.weight, std=0.5)
    card = {"experiment": {"name": "tiny", "seed": seed}}
    return TorchRuntime(Checkpoint(net, settings.model, card), device="cpu", precision="fp32")


def test_predictions_come_in_the_order_of_the_rows(tmp_path: Path) -> None:
    part = write_dataset(tmp_path).split("train")
    stored = runtime(tmp_path)
    together = predict_part(stored, part)
    assert together.shape == (24, 3) and together.min() >= 0 and together.max() <= 5
    row = 17
    alone = dataclasses.replace(part, table=part.table.iloc[[row]].reset_index(drop=True))
    assert predict_part(stored, alone)[0] == pytest.approx(together[row], abs=1e-5)


def test_a_network_gets_the_shape_of_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = write_dataset(tmp_path).split("train")
    config = dataclasses.replace(experiment(tmp_path).model, geometry="channels")
    stored = TorchRuntime(Checkpoint(lively(config), config, {}), device="cpu", precision="fp32")
    shapes = np.random.default_rng(0).normal(0, 0.05, (24, SIZE)).astype(np.float32)
    shapes[:, -1] = np.arange(24) % 2
    monkeypatch.setattr(evaluate, "shapes_for", lambda *_: shapes)
    found = predict_part(stored, part)
    monkeypatch.setattr(evaluate, "shapes_for", lambda *_: np.zeros_like(shapes))
    apart = np.abs(found - predict_part(stored, part)).max(1)
    assert (apart[::2] < 1e-5).all() and (apart[1::2] > 1e-3).all()
    images = CropDataset(part, config.aus, config.input_size)
    crops = np.stack([images[row]["image"].permute(1, 2, 0).numpy() for row in range(24)])
    np.testing.assert_allclose(found, read_intensities(stored, crops, shapes), atol=1e-5)


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path)
    with pytest.raises(AuheatError, match="that split has no images"):
        predict_part(
            runtime(tmp_path),
            dataclasses.replace(manifest, table=manifest.table.iloc[:0]),
        )


def test_measuring_notes_where_the_predictions_come_from(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path)
    stored = runtime(tmp_path, seed=4)
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"weights")
    found = measure(stored, weights, select(manifest, "val"))
    expected = predict_part(stored, manifest.split("val"))
    np.testing.assert_allclose(found.values(), expected, atol=1e-6)
    about = dict(found.about)
    origin: Any = about.pop("origin")
    assert origin["weights"] == {
        "file": "w.safetensors",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }
    assert origin["folder"] == str(manifest.folder)
    assert about == {
        "name": "tiny",
        "seed": 4,
        "weights": "w.safetensors",
        "experiment": {"name": "tiny", "seed": 4},
        "split": "val",
        "protocol": "",
        "fold": "",
        "data": {"kind": "synthetic"},
    }


def test_a_report_measures_against_the_labels(tmp_path: Path) -> None:
    part = write_dataset(tmp_path).split("test")
    labels = part.labels(AUS).astype(float)
    noise = np.random.default_rng(3).normal(0, 0.7, labels.shape)
    predictions = np.clip(labels + noise, 0, 5).astype(np.float32).astype(float)
    given = Predictions.of(part, AUS, predictions, {"name": "tiny", "seed": 2, "split": "test"})
    report = score(given)
    assert (report.name, report.images, report.subjects) == ("tiny", 6, 3)
    assert (report.seed, report.split, report.protocol, report.coverage) == (2, "test", "", {})
    assert report.synthetic
    low, high = report.intervals["AU12"]["icc"]
    assert low <= report.metrics["AU12"]["icc"] <= high
    expected = icc31(np.stack([predictions[:, 1], labels[:, 1]], 1))
    assert report.metrics["AU12"]["icc"] == pytest.approx(expected)
    assert report.metrics["AU25"]["mae"] == pytest.approx(np.abs(predictions - labels)[:, 2].mean())
    assert report.metrics["mean"]["icc"] == pytest.approx(
        np.mean([report.metrics[au]["icc"] for au in AUS])
    )


def report(name: str, seed: int, icc: tuple[float, float], images: int = 10) -> Report:
    rows = [{"icc": x, "pcc": x, "mae": 0.5, "mse": 0.4, "n": 10.0} for x in icc]
    mean = {"icc": sum(icc) / 2, "pcc": 0.0, "mae": 0.5, "mse": 0.4, "n": 10.0}
    metrics = {"AU04": rows[0], "AU12": rows[1], "mean": mean}
    return Report(
        name,
        seed,
        weights="w",
        split="test",
        subjects=5,
        images=images,
        data={"kind": "synthetic"},
        experiment={},
        metrics=metrics,
    )


def test_reports_survive_the_file(tmp_path: Path) -> None:
    undefined = report("a", 1, (0.25, math.nan))
    undefined.write(tmp_path / "deep" / "a.json")
    assert json.loads((tmp_path / "deep" / "a.json").read_text())["metrics"]["AU12"]["icc"] is None
    read = read_report(tmp_path / "deep" / "a.json")
    assert math.isnan(read.metrics["AU12"]["icc"])
    assert read.metrics["AU04"] == undefined.metrics["AU04"]


def full(name: str = "a") -> Report:
    """A report with everything that files of format 1 lack."""
    interval = {"icc": (0.1, 0.4), "mae": (0.3, math.nan)}
    return dataclasses.replace(
        report(name, 1, (0.2, 0.5)),
        data={"kind": "disfa"},
        protocol="disfa-jaa",
        fold="1 of 3",
        intervals={"AU04": interval, "mean": interval},
        fold_means={"mean": {"icc": 0.3, "mae": math.nan}},
        controls={"all zero": {"icc": 0.0, "mae": 0.25, "mse": 0.5, "pcc": math.nan}},
        coverage={"images": 10, "of": 16},
    )


def test_everything_new_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    full().write(path)
    content = json.loads(path.read_text())
    assert (content["format"], content["synthetic"]) == (2, False)
    assert content["intervals"]["AU04"] == {"icc": [0.1, 0.4], "mae": [0.3, None]}
    read = read_report(path)
    assert read.intervals["mean"]["icc"] == (0.1, 0.4)
    assert math.isnan(read.intervals["mean"]["mae"][1])
    assert math.isnan(read.fold_means["mean"]["mae"])
    assert math.isnan(read.controls["all zero"]["pcc"])
    for name in ("protocol", "fold", "coverage", "metrics"):
        assert getattr(read, name) == getattr(full(), name)
    assert not read.synthetic


def test_the_files_of_the_documents_stay_readable() -> None:
    paths = sorted((Path(__file__).resolve().parents[1] / "docs" / "results").rglob("*.json"))
    formats, suites = set(), set()
    for path in paths:
        stored = json.loads(path.read_text())
        if "families" in stored:
            suites.add(path.name)
            assert 0 < read_breakdown(path).parts["base"]["icc"] < 1
            continue
        if "groups" in stored:
            assert 0 < read_breakdown(path).parts["sex: male"]["icc"] < 1
            assert [group["subjects"] for group in stored["groups"]["sex"]] == [55, 70]
            continue
        read = read_report(path)
        assert read.metrics["AU12"]["icc"] == stored["metrics"]["AU12"]["icc"]
        formats.add(stored["format"])
        if stored["format"] == 1:
            assert not (read.intervals or read.controls or read.fold_means)
    assert formats == {1, 2}
    before = {"ood-before.json", "older-ood-before.json"}
    assert suites == {"ood.json", "older-ood.json", "newer-ood.json"} | before


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"kind": "synthetic"}, True),
        ({"kind": "disfa", "synthetic": True}, True),
        ({"kind": "disfa", "synthetic": False}, False),
        ({"kind": "disfa"}, False),
        ({"joined": [{"kind": "disfa"}, {"kind": "synthetic"}]}, True),
        ({"joined": [{"kind": "disfa"}, {"kind": "bp4d"}]}, False),
        ({}, False),
    ],
)
def test_synthetic_faces_are_known_by_their_source(
    source: dict[str, object], expected: bool
) -> None:
    assert is_synthetic(source) is expected


def test_the_protocol_of_a_run_is_known_from_its_settings(tmp_path: Path) -> None:
    part = write_dataset(tmp_path).split("test")
    run = {"experiment": {"data": {"protocol": "bp4d"}}}
    for about, expected in (
        ({}, ""),
        (run, "bp4d"),
        ({**run, "protocol": "k-fold"}, "k-fold"),
        ({"parts": [run, run]}, "bp4d"),
    ):
        given = Predictions.of(part, AUS, np.zeros((6, 3)), about)
        assert score(given, resamples=0).protocol == expected


def test_the_lines_beside_a_table(tmp_path: Path) -> None:
    part = write_dataset(tmp_path).split("test")
    about = {"not_offered": ["AU25"], "kind": "py-feat"}
    given = Predictions.of(part, AUS, np.zeros((6, 3)), about)
    assert notes(full(), given) == [
        "measured on 10 images, 5 subjects, split test, protocol disfa-jaa, fold 1 of 3",
        "mean over 2 AUs with 95% interval over subjects: "
        "ICC 0.350 (0.100 to 0.400), MAE 0.500 (0.300 to nan)",
        "all zero predictor: ICC 0.000, MAE 0.250, MSE 0.500",
        "coverage: predictions for 10 of 16 images (62.5%)",
        "not offered, so not measured: AU25",
        "py-feat's values run from 0 to 1 and are scored as they are: "
        "the scale affects ICC, MAE and MSE but not PCC",
    ]
    plain = dataclasses.replace(given, about={})
    assert notes(report("a", 1, (0.2, 0.5)), plain) == [
        "measured on 10 images of synthetic faces, 5 subjects, split test"
    ]
    with pytest.raises(AuheatError, match="nothing to measure"):
        score(dataclasses.replace(given, table=given.table.iloc[:0]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a result file"),
        ("[1]", "is not a result file"),
        ('{"format": 1}', "is not a result file"),
        ('{"format": 2, "metrics": {"AU12": {"icc": "x"}}}', "is not a result file"),
        (None, "no result file at"),
    ],
)
def test_files_that_are_no_reports(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AuheatError, match=said):
        read_report(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    report("a", 1, (0.1, 0.2)).write(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text()) | {"format": 3}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(AuheatError, match="has format 3, this auheat reads 2"):
        read_report(tmp_path / "a.json")


def test_the_table_averages_over_seeds() -> None:
    """Means .35 and .55 differ by .2: their standard deviation (n - 1) is .2 / sqrt(2) = .141."""
    table = by_au(
        [report("scc", 2, (0.2, 0.5)), report("plain", 1, (0.1, 0.3)), report("scc", 1, (0.4, 0.7))]
    )
    lines = table.splitlines()
    assert lines[0].startswith("ICC on the test split: 10 images of 5 held-out subjects, synthetic")
    assert lines[2] == "| run | seeds | AU04 | AU12 | mean ICC |"
    assert lines[4] == "| scc | 1, 2 | 0.300 | 0.600 | 0.450 ± 0.141 |"
    assert lines[5] == "| plain | 1 | 0.100 | 0.300 | 0.200 |"


def test_a_table_compares_like_with_like() -> None:
    with pytest.raises(AuheatError, match="measured on other images"):
        by_au([report("a", 1, (0.1, 0.2)), report("b", 1, (0.1, 0.2), images=11)])


def test_one_report_as_a_table() -> None:
    lines = metrics_table(report("a", 1, (0.25, 0.75))).splitlines()
    assert lines[0] == "| AU | ICC | PCC | MAE | MSE |"
    assert lines[2] == "| AU04 | 0.250 | 0.250 | 0.500 | 0.400 |"
    assert lines[4] == "| mean | 0.500 | 0.000 | 0.500 | 0.400 |"
