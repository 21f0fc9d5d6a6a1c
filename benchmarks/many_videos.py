"""Many short videos against one long one, and a corpus on processes and on Ray.

Frames a second on the clock, whole commands, start included. Run it on a quiet machine:

    python benchmarks/many_videos.py --videos 1000 --workers 1,2 --ray
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import click

from auheat.media.frames import VideoFile
from auheat.media.video_writer import VideoWriter
from auheat.system import cpu_count
from harness import Benchmark, Numbers, finish, run
from measure import Usage, describe, run_process

COLUMNS = ("work", "frames", "s", "frames/s", "of one long video", "cpu ms a frame", "peak MB")
LONG = "predict, one long video"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "smiles.mp4"
AUHEAT = (sys.executable, "-m", "auheat")


def write_videos(folder: Path, videos: int, frames: int) -> tuple[Path, Path]:
    """A folder of short videos, each from another place of the example, and one as long as all."""
    images = [frame.image for frame in VideoFile(EXAMPLE)]
    images += images[::-1]
    rate = VideoFile(EXAMPLE).rate
    short, long = folder / "short", folder / "long.mp4"
    short.mkdir()
    for number in range(videos):
        start = number * 7 % len(images)
        with VideoWriter(short / f"{number:05d}.mp4", rate) as writer:
            for index, image in enumerate(islice(cycle(images), start, start + frames)):
                writer.write(image, float(index / rate))
    with VideoWriter(long, rate) as writer:
        for index, image in enumerate(islice(cycle(images), videos * frames)):
            writer.write(image, float(index / rate))
    return short, long


@contextmanager
def ray_cluster(processors: int) -> Iterator[str]:
    """The address of a cluster of one node."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster: Any = Cluster(
        initialize_head=True, head_node_args={"num_cpus": processors, "include_dashboard": False}
    )
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def measure(command: list[str], out: Path) -> Usage:
    """A command from start to end, with nothing left of what it wrote."""
    try:
        return run_process([*AUHEAT, *command, "-o", str(out)])
    finally:
        shutil.rmtree(out, ignore_errors=True)


def row(work: str, frames: int, usages: list[Usage], reference: float | None) -> dict[str, Any]:
    """The medians of several runs. reference: frames a second of one long video."""
    seconds = median(usage.seconds for usage in usages)
    cpu = [usage.cpu_seconds for usage in usages if usage.cpu_seconds is not None]
    peak = [usage.peak_mb for usage in usages if usage.peak_mb is not None]
    return {
        "work": work,
        "frames": frames,
        "s": seconds,
        "frames/s": frames / seconds,
        "of one long video": frames / seconds / reference if reference else 1.0,
        # Ray's processes are not of the command that is measured.
        "cpu ms a frame": 1000 * median(cpu) / frames if cpu and "Ray" not in work else None,
        "peak MB": max(peak, default=None),
    }


@click.command()
@click.option("--videos", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--frames", type=click.IntRange(min=1), default=10, show_default=True,
              help="Of each short video.")  # fmt: skip
@click.option("--workers", type=Numbers(), help="Of auheat corpus.  [default: 1 and one each]")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--ray", is_flag=True, help="Also on a Ray cluster of this machine.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write.")
def command(
    videos: int,
    frames: int,
    workers: tuple[int, ...] | None,
    rounds: int,
    ray: bool,
    out: Path | None,
) -> None:
    """Measure many short videos against one long one, in turns."""
    from auheat.models.devices import find_device

    counts = workers or tuple(sorted({1, cpu_count()}))
    with tempfile.TemporaryDirectory(prefix="auheat-many-") as scratch:
        folder = Path(scratch)
        short, long = write_videos(folder, videos, frames)
        commands = {
            LONG: ["predict", str(long)],
            f"predict, {videos} of {frames} frames": ["predict", str(short)],
        }
        for count in counts:
            name = f"corpus, {videos} of {frames} frames, {count} workers"
            commands[name] = ["corpus", str(short), "--workers", str(count)]
        found: dict[str, list[Usage]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, words in commands.items():
                found[name].append(measure(words, folder / "out"))
        for count in counts if ray else ():
            name = f"corpus, {videos} of {frames} frames, Ray, {count} actors"
            with ray_cluster(count) as address:
                words = ["corpus", str(short), "--ray", address]
                found[name] = [measure(words, folder / "out") for _ in range(rounds)]
    total = videos * frames
    reference = total / median(usage.seconds for usage in found[LONG])
    rows = [row(name, total, usages, reference) for name, usages in found.items()]
    notes = (f"medians of {rounds} runs, whole commands with their start",)
    measured = Benchmark(
        "Many short videos", describe(find_device("cpu")), COLUMNS, rows, notes=notes
    )
    finish(measured, {"out": out})


if __name__ == "__main__":
    run(command)
