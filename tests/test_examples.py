"""What a newcomer gets: the shipped models on the example clips and their labels."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import auheat
from auheat.facs import ALL_AUS, PAPER_AUS
from auheat.media.frames import VideoFile
from auheat.media.video_writer import VideoWriter
from auheat.models.checkpoint import load_checkpoint
from auheat.models.runtimes.opening import open_runtime
from auheat.models.weights import default_weights
from auheat.sums import sha256

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CLIPS = sorted(EXAMPLES.glob("*.mp4"))


@pytest.fixture(scope="module", params=CLIPS, ids=lambda path: path.stem)
def read(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table that auheat makes of a clip, and the true one."""
    clip: Path = request.param
    table = auheat.load(device="cpu").predict_video(clip).to_pandas()
    return table, pd.read_csv(clip.with_suffix(".labels.csv"))


def test_there_are_two_small_clips() -> None:
    assert len(CLIPS) == 2
    assert all(clip.stat().st_size < 600_000 for clip in CLIPS)


@pytest.mark.slow
def test_every_frame_is_read_at_its_time(read: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table, truth = read
    assert table["frame"].to_list() == truth["frame"].to_list()
    np.testing.assert_allclose(table["timestamp"], truth["timestamp"], atol=5e-4)
    assert (table["success"] == 1).all()
    assert (table["face_id"] == 0).all()
    assert table["confidence"].min() > 0.5


@pytest.mark.slow
def test_what_moves_is_read(read: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """AUs that the clip shows clearly follow their true course; the others stay low."""
    table, truth = read
    shown = [au for au in PAPER_AUS if truth[au].max() >= 2.5]
    assert len(shown) >= 3
    # a reading that never moves follows nothing
    moved = {au: table[f"{au}_r"].std() > 0 for au in shown}
    follows = {
        au: float(np.corrcoef(table[f"{au}_r"], truth[au])[0, 1]) if moved[au] else 0.0
        for au in shown
    }
    assert np.median(list(follows.values())) > 0.85, follows
    read_levels = table[[f"{au}_r" for au in PAPER_AUS]].to_numpy()
    assert np.abs(read_levels - truth[list(PAPER_AUS)].to_numpy()).mean() < 0.6


def test_the_shipped_weights_are_what_they_should_be() -> None:
    """And the shipped network is made from them: else run `auheat export`, see ship_weights.py."""
    path = default_weights()
    assert path.stat().st_size < 40e6
    network = open_runtime()
    assert (network.name, network.precision) == ("onnx", "fp32")
    assert network.weights == sha256(path)  # type: ignore[attr-defined]
    checkpoint = load_checkpoint(path)
    assert checkpoint.config.aus == ALL_AUS
    assert checkpoint.config.scc
    assert checkpoint.card["data"]["kind"] == "synthetic"
    assert checkpoint.card["licence"] == "Apache-2.0"
    assert checkpoint.card["test"]["icc"] >= 0.76  # 0.768, docs/model-card.md
    assert (network.config, network.card) == (checkpoint.config, checkpoint.card)


def test_no_figure_names_a_place_on_somebodys_machine() -> None:
    """What trained the shipped weights and made the documents' results is named relatively."""
    results = Path(__file__).parent.parent / "docs" / "results"
    texts = {str(path): path.read_text("utf-8") for path in results.rglob("*.json")}
    assert len(texts) > 10
    texts["card"] = json.dumps(dict(load_checkpoint(default_weights()).card))
    for name, text in texts.items():
        assert not re.search(r'"(/|[A-Za-z]:\\\\)', text), name


def peak_memory(video: Path, out: Path) -> int:
    """The highest resident memory of `auheat predict` in kilobytes."""
    command = [sys.executable, "-m", "auheat", "predict", str(video), "-o", str(out), "--overlay"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_maxrss


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs os.wait4")
def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    """A clip looped to 10 minutes peaks within 10% of it looped to 1 minute, 2 frames a second."""
    frames = [frame.image for frame in VideoFile(CLIPS[0])]
    peaks = []
    for minutes in (1, 10):
        path = tmp_path / f"{minutes}.mp4"
        with VideoWriter(path, Fraction(2), quality=30) as video:
            for number, image in enumerate(islice(cycle(frames), minutes * 60 * 2)):
                video.write(image, number / 2)
        peaks.append(peak_memory(path, tmp_path / "out"))
        table = pd.read_csv(tmp_path / "out" / f"{minutes}.csv")
        assert len(table) == minutes * 120
    assert peaks[1] < 1.1 * peaks[0], peaks
