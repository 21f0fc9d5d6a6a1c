"""Synthetic faces a second."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

from auheat.cli.progress_line import progress_bar
from auheat.data.synthetic import SynthesisPlan, synthesise
from auheat.faces.crop import CropSpec
from auheat.progress import Progress, silent
from auheat.synthesis.assets import load_pack
from auheat.synthesis.studio import Studio
from auheat.system import cpu_count
from harness import Benchmark, finish, measuring, run
from measure import CLOCKS, WALL, Clock, Work, describe, interleaved

COLUMNS = ("work", "ms", "spread", "a second", "processes")


@dataclass(frozen=True)
class SynthPlan:
    """What to measure. size: side of the images. subjects, images: of the dataset written whole.

    Attributes:
        workers: processes that write it.
        rounds: of single images.
    """

    size: int = 128
    subjects: int = 100
    images: int = 500
    workers: int = 2
    rounds: int = 30


def bench_synth(
    assets: Path,
    plan: SynthPlan,
    clock: Clock = WALL,
    progress: Progress = silent,
) -> Benchmark:
    """Measures people and images one by one, then a dataset as `auheat synth` writes it.

    Args:
        assets: folder of the face assets.
        plan: how many, and how large.
        clock: what measures.
        progress: shows how many images of the dataset are there.

    Raises:
        AuheatError: for bad assets.
    """
    timings = interleaved(_works(Studio(load_pack(assets)), plan.size), plan.rounds, clock=clock)
    rows: list[dict[str, Any]] = [
        {
            "work": name,
            "ms": 1000 * timing.median,
            "spread": f"{100 * timing.spread:.0f}%",
            "a second": 1 / timing.median,
            "processes": 1,
            "seconds": list(timing.seconds),
        }
        for name, timing in timings.items()
    ]
    rows.append(_whole(assets, plan, progress))
    return Benchmark("Synthetic faces", describe(torch.device("cpu")), COLUMNS, rows, _NOTES)


_NOTES = ("dataset: wall time of the whole command, starting up and writing included.",)


def _works(studio: Studio, size: int) -> dict[str, Work]:
    crop, numbers = CropSpec(size, size // 16), iter(range(10**9))
    person = studio.person(1, 0)
    return {
        "a person": lambda: studio.person(1, next(numbers)),
        f"an image of {crop.side} x {crop.side}": lambda: studio.random_image(
            person, (1, 0, next(numbers)), crop.transform, crop.side
        ),
    }


def _whole(assets: Path, plan: SynthPlan, progress: Progress) -> dict[str, Any]:
    wanted = SynthesisPlan(plan.subjects, plan.images, crop=CropSpec(plan.size, plan.size // 16))
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        synthesise(assets, Path(name) / "faces", wanted, plan.workers, progress)
        seconds = time.perf_counter() - start
    return {
        "work": f"dataset, {plan.images} images of {plan.subjects} people",
        "ms": 1000 * seconds / plan.images,
        "a second": plan.images / seconds,
        "processes": plan.workers,
    }


@click.command()
@click.option(
    "--assets", required=True, type=click.Path(path_type=Path), help="Folder with the face assets."
)
@click.option("--size", type=click.IntRange(32, 1024), default=128, show_default=True)
@click.option("--images", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), help="[default: one a processor]")
@measuring
def main(assets: Path, size: int, images: int, workers: int | None, **where: Any) -> None:
    """Synthetic faces a second: people, images, and a dataset written whole."""
    plan = SynthPlan(size, max(1, images // 5), images, workers or cpu_count())
    measured = bench_synth(assets, plan, CLOCKS[where["clock"]], progress_bar)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
