"""Training with several processes under torchrun, measured against one process."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch

from auheat.data.manifest import Manifest, read_manifest
from auheat.data.sampling import VisitSampler
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import predict_part
from auheat.metrics import Agreement, summary
from auheat.models.runtimes.opening import open_runtime
from auheat.training import run_data as module
from auheat.training.experiment import read_experiment
from auheat.training.fit import fit
from auheat.training.module import HeatmapModule
from auheat.training.run_folder import BEST, LAST
from small_runs import AUS, experiment, write_dataset

# Odd, and more than a batch of 64 for one process but not for the other.
VALIDATED = 129
SETTINGS = """
name = "pair"
[model]
aus = ["AU04", "AU12", "AU25"]
width = 0.125
input_size = 32
deconv_widths = [8, 8]
scc_k = 3
scc_norm = true
sigma = 1.0
[data]
folder = "FOLDER"
batch_size = 4
workers = 0
[optim]
epochs = 3
learning_rate = 0.02
schedule = "step"
precision = "32-true"
"""


def write_odd_dataset(folder: Path) -> Manifest:
    """25 images to train on, 129 to validate on, some of them not coded for AU25."""
    manifest = write_dataset(folder)
    rows = [*range(25), *np.resize(np.arange(25, 38), VALIDATED)]
    table = manifest.table.iloc[rows].reset_index(drop=True)
    table["split"] = table["subject"] = ["train"] * 25 + ["val"] * VALIDATED
    table["image"] = [f"{index:03d}.png" for index in range(len(rows))]
    table.loc[30:50, "AU25"] = np.nan
    images = [(folder / name).read_bytes() for name in manifest.table["image"]]
    for name, row in zip(table["image"], rows, strict=True):
        (folder / name).write_bytes(images[row])
    Manifest(table, folder, manifest.crop, manifest.source).write()
    return read_manifest(folder)


def train_pair(place: Path, *overrides: str) -> Path:
    """Trains with two processes on `place / "data"`. Returns the folder of the run."""
    settings = place / "pair.toml"
    settings.write_text(SETTINGS.replace("FOLDER", str(place / "data")))
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    train = ["-m", "auheat", "train", str(settings), *overrides, "--runs", str(place / "runs")]
    done = subprocess.run(
        [sys.executable, *launch, *train], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return place / "runs" / "pair-seed1"


@pytest.mark.slow
def test_two_processes_measure_what_one_does(tmp_path: Path) -> None:
    manifest = write_odd_dataset(tmp_path / "data")
    run = train_pair(tmp_path)
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    # 25 // 2 = 12 images for each process, 3 batches of 4.
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 3), (2, 6), (3, 9)]
    assert len(list(run.rglob("*.safetensors"))) == 1
    runtime = open_runtime(run / BEST, device="cpu", precision="fp32")
    line = lines[runtime.card["epoch"] - 1]
    assert line["val/icc"] == max(row["val/icc"] for row in lines)

    val = manifest.split("val")
    assert len(val.table) == VALIDATED
    alone = predict_part(runtime, val)
    assert alone.std() > 0.1
    expected = summary(Agreement.of(alone, val.labels(AUS)), AUS)
    for au in AUS:
        assert line[f"val_{au}/icc"] == pytest.approx(expected[au]["icc"], abs=1e-6)
        assert line[f"val_{au}/mae"] == pytest.approx(expected[au]["mae"], abs=1e-6)
    assert line["val/icc"] == pytest.approx(expected["mean"]["icc"], abs=1e-6)


@pytest.mark.slow
def test_the_loss_of_an_epoch_is_of_both_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that stay as they start (a rate of 0 in float32) have a loss that is made again."""
    write_odd_dataset(tmp_path / "data")
    still = ("optim.epochs=1", "optim.learning_rate=1e-60")
    run = train_pair(tmp_path, *still)
    (line,) = (json.loads(text) for text in (run / "history.jsonl").read_text().splitlines())
    settings = read_experiment(tmp_path / "pair.toml", still)
    means = []
    for rank in (0, 1):
        monkeypatch.setattr(module, "processes", lambda rank=rank: (2, rank))
        parts = module.read_run_data(settings)
        lightning.seed_everything(settings.seed, verbose=False)
        network = HeatmapModule(settings, parts.steps).train()
        network.log = lambda *_, **__: None  # type: ignore[method-assign]
        losses = [network.training_step(batch, 0) for batch in module.train_loader(settings, parts)]
        assert len(losses) == 3
        means.append(np.mean([loss.item() for loss in losses]))
    assert line["train/loss"] == pytest.approx(np.mean(means), rel=1e-5)
    assert means[0] != pytest.approx(means[1], rel=1e-3)
    monkeypatch.undo()
    state = torch.load(run / LAST, weights_only=True)["callbacks"]
    assert state["Checkpoints"] == {"batches": 3, "of_an_epoch": 3, "processes": 2}
    assert state["History"] == {"sum": 0.0, "count": 0}


def test_a_step_of_two_processes_sees_what_a_larger_batch_would() -> None:
    """Ranks 0 and 1 with batches of 3 together see the batches of 6 of a single process."""
    together = list(VisitSampler(10, 12, seed=3))
    pair = [list(VisitSampler(10, 12, 3, rank, 2)) for rank in (0, 1)]
    for step in range(2):
        seen = [item for rank in pair for item in islice(rank, 3 * step, 3 * step + 3)]
        assert sorted(seen) == sorted(together[6 * step : 6 * step + 6])


def test_more_processes_than_images_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(tmp_path / "data")
    monkeypatch.setattr(module, "processes", lambda: (9, 0))
    with pytest.raises(AuheatError, match="9 processes have too few images: an epoch has 16, the"):
        fit(experiment(tmp_path / "data"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
