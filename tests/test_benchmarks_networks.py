"""The benches of whole networks and training steps, on tiny ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import measure
import model
import predict
import train
from auheat.config import ModelConfig
from auheat.data.dataset import CropDataset
from auheat.errors import AuheatError
from auheat.inference.predictor import Predictor
from auheat.media.frames import VideoFile
from auheat.models.heatmap_net import build_net
from auheat.training.experiment import Experiment
from measure import Peak, Usage, run_process
from small_runs import experiment, write_dataset
from stand_ins import KnownFaces, small_checkpoint, texture, write_video

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _known_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "measure_peak", lambda *_: Peak(100.0, 300.0, 20.0))


def test_rows_of_the_model_bench() -> None:
    torch.manual_seed(0)
    net = build_net(ModelConfig(width=0.125, input_size=32, deconv_widths=(8, 8), scc_k=3))
    bench = model.bench_model(net, 32, model.ModelPlan((1, 2), rounds=2), CPU)
    names = [row["network"] for row in bench.rows if row["batch"] == 2]
    assert names[:4] == [model.REFERENCE, "plain PyTorch", "fused", "fused, channels last"]
    one, two = (row for row in bench.rows if row["network"] == "fused")
    assert two["GFLOP"] == pytest.approx(2 * one["GFLOP"])
    assert two["frames/s"] == pytest.approx(2000 / two["ms"])
    assert all(
        row["times reference"] == 1 for row in bench.rows if row["network"] == model.REFERENCE
    )


def test_all_forms_of_a_network_agree() -> None:
    torch.manual_seed(0)
    net = build_net(ModelConfig(width=0.125, input_size=32, deconv_widths=(8, 8), scc_k=3)).eval()
    images = torch.rand(2, 3, 32, 32) * 255
    maps = {name: form(images).intensity.float() for name, form in model.forms(net).items()}
    for name, found in maps.items():
        rtol, atol = (0.1, 0.01) if "bfloat16" in name else (1e-4, 1e-5)
        torch.testing.assert_close(found, maps["plain PyTorch"], rtol=rtol, atol=atol)


def test_the_paper_network_is_that_of_its_settings() -> None:
    config = model.paper_model()
    assert (config.backbone, config.input_size, config.scc_norm) == ("resnet50", 256, True)
    assert train.preset_experiment("paper", ()).model == config
    assert train.preset_experiment("default", ["data.batch_size=4"]).data.batch_size == 4


def test_a_made_up_dataset_can_be_read(tmp_path: Path) -> None:
    dataset = CropDataset(train.made_up_dataset(tmp_path / "d", 64, 3), ("AU12", "AU04"), 64)
    sample = dataset[2]
    assert sample["image"].shape == (3, 64, 64)
    assert 0 <= sample["intensities"][0] <= 5
    assert np.isnan(sample["intensities"][1])


@pytest.mark.slow
def test_a_training_run_is_measured(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    plan = train.TrainPlan(steps=2)
    run = train._train(experiment(tmp_path), plan, tmp_path, tmp_path / "cache", keep=False)
    assert run.images == 2 * 8
    assert 0 < run.waiting < run.seconds
    assert 0 <= run.kernel <= run.cpu
    assert run.peak > 2**27


def test_rows_of_the_training_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measured(
        settings: Experiment, plan: object, data: Path, cache: object, keep: bool
    ) -> object:
        asked.append((data, keep, cache is not None))
        speed = 3 if cache else 2 if keep else 1
        return train.Run(60 * speed, 2.0, 0.5, 3.0, 0.6, 2**20)

    monkeypatch.setattr(train, "_in_process", measured)
    bench = train.bench_train(experiment(tmp_path), train.TrainPlan(rounds=2))
    assert [row["images/s"] for row in bench.rows] == [30, 60, 90]
    assert [row["times as it comes"] for row in bench.rows] == [1, 2, 3]
    assert bench.rows[0]["waits"] == "25%"
    assert bench.rows[0]["cpu ms an image"] == pytest.approx(50)
    assert bench.rows[0]["of them in the kernel"] == pytest.approx(10)
    variants = [(keep, cached) for _, keep, cached in asked]
    forwards = list(train.VARIANTS.values())
    assert variants == [*forwards[::-1], *forwards]
    assert {data for data, _, _ in asked} == {tmp_path}


def test_rows_of_the_predict_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage, the loop and the pipeline read the clip of exactly the frames asked for."""
    video = write_video(tmp_path / "a.mp4", [texture(i, 96, 128) for i in range(3)])
    predictor = Predictor(small_checkpoint(), KnownFaces([[]]), device="cpu")
    seen, commands = list[int](), list[str]()
    loop = predict._loop

    def counted(clip: Path, *rest: Any) -> None:
        seen.append(sum(1 for _ in VideoFile(clip)))
        loop(clip, *rest)

    def process(command: list[str]) -> Usage:
        if command[1:4] == ["-m", "auheat", "predict"]:
            commands.append("ours")
            return Usage(2.0, 3.2, 300.0 + len(commands))
        assert Path(command[1]).name == "mediapipe_video.py"
        commands.append(" ".join(command[4:]))
        return Usage(5.0, 4.0, 200.0) if commands[-1] else Usage(3.0, 3.0, 190.0)

    monkeypatch.setattr(predict, "_loop", counted)
    monkeypatch.setattr(predict, "run_process", process)
    plan = predict.PredictPlan(8, rounds=2, peer=True, task=Path("a.task"))
    bench = predict.bench_predict(video, predictor, plan)
    assert seen == [8] * 5
    assert [row["work"] for row in bench.rows] == [
        *predict._STAGES,
        predict.REFERENCE,
        "pipeline",
        predict.COMMAND,
        predict.FACE_MESH,
        predict.FACE_LANDMARKER,
    ]
    ours, mesh, landmarker = bench.rows[-3:]
    assert commands == ["--task a.task", "", "ours", "ours", "", "--task a.task"]
    assert (ours["frames/s"], ours["ms"], ours["cpu ms"], ours["peak MB"]) == (4, 250, 400, 304)
    assert (landmarker["ms"], landmarker["cpu ms"], landmarker["peak MB"]) == (625, 500, 200)
    assert (mesh["ms"], mesh["cpu ms"], mesh["peak MB"]) == (375, 375, 190)
    assert [row.get(predict.FASTER) for row in (ours, mesh, landmarker)] == [None, 1.5, 2.5]
    reference, pipeline = bench.rows[-5:-3]
    ratios = [a / b for a, b in zip(reference["seconds"], pipeline["seconds"], strict=True)]
    assert pipeline["times reference"] == pytest.approx(np.median(ratios))
    bound = max(row["cpu ms"] for row in bench.rows[:5])
    percent = float(pipeline["of lower bound"][:-1]) + 0.5  # it is rounded
    assert percent / 100 * pipeline["ms"] >= 0.98 * bound


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system does not tell")
def test_a_process_is_charged_for_itself_alone() -> None:
    """This process, which holds torch, is several times as large as one that does nothing."""
    held = np.ones(30_000_000)
    usage = run_process([sys.executable, "-I", "-S", "-c", "pass"])
    assert usage.peak_mb is not None and usage.peak_mb < 60 < held.nbytes / 2**20
    usage = run_process([sys.executable, "-I", "-S", "-c", "x = b'1' * 150_000_000"])
    assert usage.peak_mb is not None and 143 < usage.peak_mb < 210
    assert usage.cpu_seconds is not None and usage.cpu_seconds > 0
    with pytest.raises(AuheatError, match=r"this command failed: .* raise SystemExit"):
        run_process([sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"])
