"""What networks read of a dataset, measured against its labels."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from auheat.data.dataset import CropDataset
from auheat.errors import AuheatError
from auheat.evaluation import evaluate
from auheat.evaluation.evaluate import measure, predict_part
from auheat.evaluation.predictions import Predictions
from auheat.evaluation.report import is_synthetic
from auheat.evaluation.scoring import score
from auheat.evaluation.selection import select
from auheat.face_shape import SIZE
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
