"""The benches that compare readings: of two finders of faces, and of runtimes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import readings
import runtimes
from auheat.errors import AuheatError
from auheat.inference.predictor import load
from auheat.results import FacePrediction
from measure import CLOCKS
from small_runs import write_dataset
from stand_ins import face_from, save_small

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def prediction(x: float, **intensities: float) -> FacePrediction:
    """A face of 100 x 100 pixels whose box begins at (x, 0)."""
    face = face_from(np.stack([np.linspace(x, x + 100, 68), np.linspace(0, 100, 68)], 1))
    return FacePrediction(
        face, intensities, heatmaps={}, heatmap_to_frame=np.zeros((2, 3)), confidence=1.0
    )


def test_faces_are_paired_by_where_they_lie() -> None:
    """The nearest first: the second face of before lies on both of today."""
    pairs = readings.Pairs()
    old = [prediction(0, AU01=1.0, AU02=2.0), prediction(300, AU01=0.5, AU02=0.0)]
    new = [
        prediction(330, AU01=5.0, AU02=5.0),
        prediction(310, AU01=0.25, AU02=0.0),
        prediction(10, AU01=1.5, AU02=2.0),
    ]
    pairs.add(old, new, "a.jpg")
    pairs.add([prediction(0, AU01=0.0, AU02=0.0)], [prediction(60, AU01=1.0, AU02=1.0)], "b.mp4:2")
    assert (pairs.only_before, pairs.only_now) == (["b.mp4:2"], ["a.jpg", "b.mp4:2"])
    first, second, both = pairs.rows(("AU01", "AU02"))
    assert first["mean before"] == 0.75
    assert first["mean now"] == 0.875
    assert first["mean difference"] == 0.375  # of .5 and .25, whatever the sign
    assert (first["largest"], first["largest in"]) == (0.5, "a.jpg")
    assert (second["AU"], second["largest"]) == ("AU02", 0.0)
    assert (both["AU"], both["mean difference"]) == ("all", 0.1875)


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0.0, 0, 10, 10])
    assert readings.overlap(box, box) == 1
    assert readings.overlap(box, box + np.array([5, 0, 5, 0])) == pytest.approx(50 / 150)
    assert readings.overlap(box, box + 20) == 0


def test_another_version_is_no_reference(tmp_path: Path) -> None:
    with pytest.raises(AuheatError, match=r"is no checkout of commit 2ec3f3a$"):
        readings.bench_readings(EXAMPLES, ROOT, "default", 2)
    with pytest.raises(AuheatError, match=r"^no image and no video in "):
        readings.bench_readings(tmp_path, ROOT, "default", 2)


@pytest.mark.slow
def test_the_version_before_reads_the_same_pixels(tmp_path: Path) -> None:
    """Its faces lie on those of today, and readings move little."""
    pytest.importorskip("mediapipe")
    archive = ["git", "archive", "--format=tar", "2ec3f3a", "src"]
    packed = subprocess.run(archive, cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip("a copy without the history of that version")
    subprocess.run(["tar", "-x", "-C", tmp_path], input=packed.stdout, check=True)
    predictor = load(max_faces=2)
    with readings.faces_before(tmp_path, 2) as before:
        pairs = readings.compare([EXAMPLES / "frowns.mp4"], before, predictor)
    assert (pairs.only_before, pairs.only_now) == ([], [])
    assert len(pairs.places) > 100
    whole = pairs.rows(predictor.aus)[-1]
    assert 0.001 < whole["mean difference"] < 0.1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_runtimes_are_compared_on_a_dataset(tmp_path: Path) -> None:
    weights = save_small(tmp_path / "w.safetensors")
    write_dataset(tmp_path / "data")
    plan = runtimes.RuntimesPlan((1, 2), batch=3, rounds=2, int8=True)
    bench = runtimes.bench_runtimes(
        str(weights), plan, torch.device("cpu"), CLOCKS["cpu"], tmp_path / "data", 5
    )
    by = {(row["network"], row["threads"]): row for row in bench.rows}
    assert bench.title == "Runtimes, batch 3, differences over 5 faces"
    assert by[runtimes.REFERENCE, 1]["times reference"] == 1
    assert by[runtimes.REFERENCE, 2]["largest difference"] < 1e-4
    assert 0.001 < by["onnx, int8 (all)", 1]["largest difference"] < 1
    assert not [name for name, _ in by if name.startswith("torch")]
