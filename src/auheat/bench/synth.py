"""`auheat bench synth`: synthetic faces a second."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from auheat.bench.machine import describe
from auheat.bench.table import Bench
from auheat.bench.timing import Clock, Work, in_turns
from auheat.data.synthetic import SynthesisPlan, synthesise
from auheat.faces.crop import CropSpec
from auheat.synthesis.assets import load_pack
from auheat.synthesis.studio import Studio

COLUMNS = ("work", "ms", "spread", "a second", "processes")


@dataclass(frozen=True)
class SynthPlan:
    """What to measure. size: side of the pictures. subjects, images: of the dataset written whole.

    workers: processes that write it. rounds: of single pictures.
    """

    size: int = 128
    subjects: int = 100
    images: int = 500
    workers: int = 2
    rounds: int = 30


def bench_synth(
    assets: Path,
    plan: SynthPlan,
    clock: Clock = time.perf_counter,
    progress: Callable[[int], object] = lambda images: None,
) -> Bench:
    """Measures people and pictures one by one, then a dataset as `auheat synth` writes it.

    progress: called with numbers of the dataset's images. Raises AuheatError for bad assets.
    """
    timings = in_turns(_works(Studio(load_pack(assets)), plan.size), plan.rounds, clock=clock)
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
    return Bench("Synthetic faces", describe(torch.device("cpu")), COLUMNS, rows, _NOTES)


_NOTES = ("dataset: wall time of the whole command, starting up and writing included.",)


def _works(studio: Studio, size: int) -> dict[str, Work]:
    crop, numbers = CropSpec(size, size // 16), iter(range(10**9))
    person = studio.person(1, 0)
    return {
        "a person": lambda: studio.person(1, next(numbers)),
        f"a picture of {crop.side} x {crop.side}": lambda: studio.picture(
            person, (1, 0, next(numbers)), crop.transform, crop.side
        ),
    }


def _whole(assets: Path, plan: SynthPlan, progress: Callable[[int], object]) -> dict[str, Any]:
    wanted = SynthesisPlan(plan.subjects, plan.images, crop=CropSpec(plan.size, plan.size // 16))
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        synthesise(assets, Path(name) / "faces", wanted, plan.workers, progress)
        seconds = time.perf_counter() - start
    return {
        "work": f"dataset, {plan.images} pictures of {plan.subjects} people",
        "ms": 1000 * seconds / plan.images,
        "a second": plan.images / seconds,
        "processes": plan.workers,
    }
