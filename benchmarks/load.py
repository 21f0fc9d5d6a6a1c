"""Images a second of the loader: crops read as training reads them, without a network.

What a GPU asks for is in docs/training.md; this says how many worker processes give it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch
from tqdm import tqdm

from auheat.data.dataset import CropDataset
from auheat.data.loader import crop_loader
from auheat.data.manifest import Manifest, read_manifest
from auheat.data.transforms import NONE, AugmentConfig
from harness import Benchmark, Numbers, finish, measuring, run
from measure import describe
from train import made_up_dataset

WAYS = ("plain", "augmented", "cached")
COLUMNS = ("crops", "workers", "images/s", "spread", "cpu ms an image")
_BATCH = 32
_NOTES = (
    "plain: as the paper trains. augmented: the default augmentation. cached: plain crops of "
    "data.cache, in a later epoch. Processor time is that of the reading alone, where no worker "
    "does it.",
)


def dataset_of(manifest: Manifest, size: int, way: str, cache: Path) -> CropDataset:
    """The crops of a manifest as training at this size sees them, in one of `WAYS`."""
    augmentation = AugmentConfig() if way == "augmented" else NONE
    kept = cache if way == "cached" else None
    dataset = CropDataset(manifest, manifest.aus, size, augmentation, cache=kept)
    if kept:
        for row in range(len(dataset)):  # what a first epoch leaves
            dataset[row]
    return dataset


def read(
    dataset: CropDataset, workers: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Reads every image once: images a second, and milliseconds of this processor for an image.

    The first batch does not count, because it waits for the start of the workers.
    """
    began, cpu, count = 0.0, 0.0, 0
    for number, batch in enumerate(crop_loader(dataset, _BATCH, workers)):
        if number:
            count += len(batch["image"])
        else:
            began, cpu = clock(), time.process_time()
    return count / (clock() - began), 1000 * (time.process_time() - cpu) / count


def bench_load(
    manifest: Manifest,
    size: int,
    images: int,
    workers: tuple[int, ...],
    rounds: int,
    progress: Callable[[], object] = lambda: None,
) -> Benchmark:
    """Measures every way with every number of workers, round after round."""
    rows = np.random.default_rng(0).permutation(len(manifest.table))[:images]
    part = replace(manifest, table=manifest.table.iloc[rows].reset_index(drop=True))
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as cache:
        datasets = {way: dataset_of(part, size, way, Path(cache)) for way in WAYS}
        for number in range(rounds):
            cases = [(way, count) for way in WAYS for count in workers]
            for way, count in cases[:: -1 if number % 2 else 1]:
                found.setdefault((way, count), []).append(read(datasets[way], count))
                progress()
    machine = {**describe(torch.device("cpu")), "images": len(rows), "pixels": size}
    return Benchmark("Loader", machine, COLUMNS, [_row(*k, v) for k, v in found.items()], _NOTES)


def _row(way: str, workers: int, runs: list[tuple[float, float]]) -> dict[str, Any]:
    rates = [rate for rate, _ in runs]
    low, high = np.percentile(rates, (25, 75))
    return {
        "crops": way,
        "workers": workers,
        "images/s": median(rates),
        "spread": f"{50 * (high - low) / median(rates):.0f}%",
        "cpu ms an image": None if workers else median(spent for _, spent in runs),
        "all images/s": rates,
    }


@click.command()
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--size", default=256, show_default=True, help="Input pixels of the network.")
@click.option("--images", type=click.IntRange(min=2 * _BATCH), default=2000, show_default=True)
@click.option("--workers", type=Numbers(), default="1,2", show_default=True,
              help="Besides none.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@measuring
def main(
    data: Path | None,
    size: int,
    images: int,
    workers: tuple[int, ...],
    rounds: int,
    **where: Any,
) -> None:
    """Images a second of the loader on DATA, a prepared dataset; without one on made-up images."""
    with tempfile.TemporaryDirectory() as name, tqdm(disable=None, desc="runs") as bar:
        manifest = read_manifest(data) if data else made_up_dataset(Path(name), size, images)
        measured = bench_load(manifest, size, images, (0, *workers), rounds, bar.update)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
