"""Images a second of training steps, and how long they wait for data.

How memory is kept cannot be changed back within a process, so every run is a process of its own,
and variants take turns.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import click
import cv2
import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from auheat.cli.options import choices
from auheat.data.cropping import save_crop
from auheat.data.dataset import CropDataset, Sample
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest, read_manifest
from auheat.data.sampling import VisitSampler
from auheat.faces.crop import CropSpec
from auheat.heatmap import layout_of
from auheat.models.devices import find_device
from auheat.progress import Advance
from auheat.settings import build, override
from auheat.system import keep_freed_memory
from auheat.training.ablations import recipes
from auheat.training.experiment import Experiment, read_settings
from auheat.training.module import HeatmapModule, heatmap_loss
from harness import Benchmark, finish, measuring, run
from measure import describe

Preset = Literal["default", "paper"]
VARIANTS = {
    "as it comes": (False, False),
    "memory kept": (True, False),
    "memory kept, crops cached": (True, True),
}
COLUMNS = (
    "variant", "images/s", "spread", "waits", "cpu ms an image", "of them in the kernel",
    "peak MB", "times as it comes",
)  # fmt: skip


@dataclass(frozen=True)
class TrainPlan:
    """What to measure. rounds: runs of every variant. steps: of a run, after 3 that warm up.

    Attributes:
        threads: of every run, 0 for torch's own choice.
    """

    steps: int = 20
    rounds: int = 3
    threads: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Run:
    """What one process measured: seconds in all, waiting, on processors, in the kernel; bytes."""

    images: int
    seconds: float
    waiting: float
    cpu: float
    kernel: float
    peak: int


def preset_experiment(preset: Preset, overrides: Sequence[str]) -> Experiment:
    """The settings of the default or the paper's run, with `section.key=value` overrides."""
    settings: dict[str, Any] = {}
    if preset == "paper":
        settings = read_settings(recipes() / "paper" / "scc-heatmap.toml")
        settings["data"]["protocol"] = ""
    return build(Experiment, override(settings, overrides), f"preset {preset}")


def made_up_dataset(folder: Path, size: int, rows: int = 256) -> Manifest:
    """A dataset of smooth noise to read, as JPEG, with points somewhere and random labels."""
    rng, crop = np.random.default_rng(0), CropSpec(size, size // 16)
    folder.mkdir(parents=True, exist_ok=True)
    table = []
    for row in range(rows):
        coarse = rng.integers(0, 256, (crop.side // 8, crop.side // 8, 3)).astype(np.uint8)
        save_crop(folder / f"{row}.jpg", np.asarray(cv2.resize(coarse, (crop.side,) * 2)))
        table.append(
            {
                "image": f"{row}.jpg",
                "subject": f"S{row}",
                "split": "train",
                "sequence": "",
                "frame": 0,
                "landmarks": rng.uniform(0, crop.side, 136).astype(np.float32),
                "AU12": np.float32(rng.uniform(0, 5)),
            }
        )
    manifest = Manifest(pd.DataFrame(table), folder, crop, {"kind": "noise"})
    manifest.write()
    return manifest


def bench_train(
    experiment: Experiment, plan: TrainPlan, progress: Advance = lambda runs: None
) -> Benchmark:
    """Measures training steps. progress: called with 1 after each run.

    Reads the dataset of the experiment, or made-up images if it names none.
    """
    with tempfile.TemporaryDirectory() as name:
        data = Path(experiment.data.folder) if experiment.data.folder else Path(name) / "images"
        if not experiment.data.folder:
            made_up_dataset(data, experiment.model.input_size)
        runs: dict[str, list[Run]] = {variant: [] for variant in VARIANTS}
        for number in range(plan.rounds):
            for variant in list(VARIANTS)[:: 1 if number % 2 else -1]:
                keep, cached = VARIANTS[variant]
                cache = Path(name) / "cache" if cached else None
                runs[variant].append(_in_process(experiment, plan, data, cache, keep))
                progress(1)
    rows = [_row(variant, done, runs["as it comes"]) for variant, done in runs.items()]
    machine = describe(torch.device(plan.device)) | {
        "threads": plan.threads or torch.get_num_threads(),
        "batch": experiment.data.batch_size,
        "precision": experiment.optim.precision,
        "workers": experiment.data.workers,
    }
    return Benchmark("Training steps", machine, COLUMNS, rows, _NOTES)


_NOTES = (
    "waits: fraction of the time in which a step waited for its batch. cpu: processor time of the "
    "training process without those that read; it says more than images/s where others use the "
    "machine. peak MB: the largest resident set of the process.",
)


def _row(variant: str, runs: list[Run], base: list[Run]) -> dict[str, Any]:
    speeds = [run.images / run.seconds for run in runs]
    low, high = np.percentile(speeds, (25, 75))
    gains = [s * b.seconds / b.images for s, b in zip(speeds, base, strict=True)]
    return {
        "variant": variant,
        "images/s": median(speeds),
        "spread": f"{50 * (high - low) / median(speeds):.0f}%",
        "waits": f"{100 * median(run.waiting / run.seconds for run in runs):.0f}%",
        "cpu ms an image": median(1000 * run.cpu / run.images for run in runs),
        "of them in the kernel": median(1000 * run.kernel / run.images for run in runs),
        "peak MB": median(run.peak for run in runs) / 2**20,
        "times as it comes": median(gains),
        "all images/s": speeds,
    }


def _in_process(*arguments: Any) -> Run:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_train, *arguments).result()


def _train(
    experiment: Experiment, plan: TrainPlan, data: Path, cache: Path | None, keep: bool
) -> Run:
    """Some steps as `auheat.training.fit` takes them, without validation and checkpoints."""
    if plan.threads:
        torch.set_num_threads(plan.threads)
    if keep:
        keep_freed_memory()
    device, batch_size = torch.device(plan.device), experiment.data.batch_size
    module = HeatmapModule(experiment, plan.steps)
    module.net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = module.configure_optimizers()["optimizer"]  # type: ignore[call-overload,index]
    step = _step(experiment, module, optimiser, device)
    batches = iter(_batches(experiment, data, cache, 3 + plan.steps))
    for _ in range(3):
        step(next(batches))
    start, before, waiting = time.perf_counter(), _usage(), 0.0
    for _ in range(plan.steps):
        asked = time.perf_counter()
        batch = next(batches)
        waiting += time.perf_counter() - asked
        step(batch)
    seconds, after = time.perf_counter() - start, _usage()
    kernel = after.ru_stime - before.ru_stime
    cpu = after.ru_utime - before.ru_utime + kernel
    return Run(plan.steps * batch_size, seconds, waiting, cpu, kernel, 1024 * after.ru_maxrss)


def _usage() -> Any:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF)


def _step(
    experiment: Experiment, module: HeatmapModule, optimiser: Any, device: torch.device
) -> Callable[[Sample], None]:
    layout, rounded = layout_of(experiment.model), experiment.optim.precision == "bf16-mixed"

    def step(batch: Sample) -> None:
        images = batch["image"].to(device).float().contiguous(memory_format=torch.channels_last)
        targets = layout.targets(batch["points"].to(device), batch["intensities"].to(device))
        with torch.autocast(device.type, torch.bfloat16, enabled=rounded):
            loss = heatmap_loss(module.net(images), targets, experiment.loss)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if limit := experiment.optim.clip_gradients:
            torch.nn.utils.clip_grad_norm_(module.net.parameters(), limit)
        optimiser.step()
        loss.item()  # waits for a device

    return step


def _batches(
    experiment: Experiment, data: Path, cache: Path | None, steps: int
) -> Iterator[Sample]:
    settings, manifest = experiment.data, read_manifest(data).split("train")
    dataset = CropDataset(
        manifest, experiment.model.aus, experiment.model.input_size, settings.augment, cache=cache
    )
    if cache:
        for row in range(len(dataset)):
            dataset[row]  # a later epoch is what counts
    sampler = VisitSampler(len(dataset), steps * settings.batch_size, experiment.seed)
    yield from crop_loader(dataset, settings.batch_size, settings.workers, sampler)


@click.command()
@click.option("--preset", type=choices(Preset), default="default",
              show_default=True)  # fmt: skip
@click.argument("overrides", nargs=-1)
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@measuring
def main(preset: Preset, overrides: tuple[str, ...], steps: int, rounds: int, **where: Any) -> None:
    """Images a second of training steps, and how long they wait for data.

    OVERRIDES are settings like data.folder=DATASET; without a dataset made-up images are read.
    """
    experiment = preset_experiment(preset, overrides)
    device = find_device(where["device"])
    plan = TrainPlan(steps, rounds, where["threads"] or 0, str(device))
    with tqdm(total=rounds * len(VARIANTS), desc="runs", disable=None) as bar:
        measured = bench_train(experiment, plan, bar.update)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
