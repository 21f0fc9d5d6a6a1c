"""Frames a second of a video, stage by stage and as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import click
from tqdm import tqdm

from auheat.errors import AuheatError
from auheat.inference.pipeline import BATCH_FRAMES, predict_frames, threads_beside
from auheat.inference.predictor import Predictor, load
from auheat.media.frames import Frame, VideoFile
from auheat.media.video_writer import VideoWriter
from auheat.models.devices import find_device
from auheat.progress import Advance
from auheat.results import FrameResult
from auheat.system import cpu_count
from auheat.tables.schema import TableSchema
from auheat.tables.writing import table_sink
from harness import Benchmark, finish, run
from measure import Timing, describe, interleaved

COLUMNS = ("work", "frames/s", "ms", "spread", "times reference", "of lower bound", "peak MB")
REFERENCE = "plain loop, one frame at a time"
_MAX_FRAMES = 150  # of the video are kept in memory
_STAGES = ("decode", "detect and track", "crop", "network", "write")


@dataclass(frozen=True)
class PredictPlan:
    """What to measure. frames: of the clip, which is played back and forth until it has as many.

    Attributes:
        rounds: of everything.
        options: of `auheat predict` where the whole command is measured.
    """

    frames: int = 472
    rounds: int = 3
    options: tuple[str, ...] = ()


def bench_predict(
    video: Path,
    predictor: Predictor,
    plan: PredictPlan,
    progress: Advance = lambda steps: None,
) -> Benchmark:
    """Measures a video's stages, the loop that does one after the other, and the pipeline.

    Args:
        video: the clip that is read.
        predictor: what reads it.
        plan: how often, and with what.
        progress: called with 1 after each of `plan.rounds` + 3 steps.

    Raises:
        AuheatError: if the video cannot be read.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = _played(video, plan.frames, folder / "clip.mp4")
        progress(1)
        stages = _stages(clip, predictor, folder)
        progress(1)
        works = {
            REFERENCE: lambda: _loop(clip, predictor, folder, _Clock()),
            "pipeline": lambda: _pipeline(clip, predictor, folder),
        }
        timings = interleaved(works, plan.rounds)
        progress(1)
        commands = [_command(clip, folder, plan, progress) for _ in range(plan.rounds)]
    machine = describe(find_device(predictor.device)) | {
        "runtime": predictor.runtime.name,
        "precision": predictor.runtime.precision,
        "processors": cpu_count(),
    }
    rows = _rows(plan.frames, stages, timings, commands)
    return Benchmark(f"Video, {plan.frames} frames", machine, COLUMNS, rows, _NOTES)


_NOTES = (
    "Stages: processor time of one pass, one frame at a time, so that what several threads do adds "
    f"up. pipeline: {BATCH_FRAMES} frames go through the network together.",
    "lower bound: the slowest stage, or all processor time shared out evenly, whichever is longer; "
    "the network is counted as it costs one frame at a time, so less than that is possible.",
    "whole command: a new process, from start to end, loading included.",
)


class _Clock:
    """Adds up processor seconds by stage."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(_STAGES, 0.0)
        self._since = time.process_time()

    def lap(self, stage: str) -> None:
        """Everything since the last lap was this stage."""
        now = time.process_time()
        self.seconds[stage] += now - self._since
        self._since = now


def _loop(clip: Path, predictor: Predictor, folder: Path, clock: _Clock) -> None:
    """A video read by one stage after the other."""
    tracker = predictor.detector.tracker()
    with table_sink(folder / "loop.csv", TableSchema("video", predictor.aus)) as rows:
        for frame in VideoFile(clip):
            clock.lap("decode")
            faces = tracker.update(frame.image, frame.timestamp)
            clock.lap("detect and track")
            aligned = predictor.align(frame.image, faces)
            clock.lap("crop")
            found = tuple(predictor.predict_aligned(aligned))
            clock.lap("network")
            rows.write(FrameResult(frame.number, frame.timestamp, found))
            clock.lap("write")


def _stages(clip: Path, predictor: Predictor, folder: Path) -> dict[str, float]:
    """Processor seconds of every stage in one pass, after one that warms up."""
    for _ in range(2):
        clock = _Clock()
        _loop(clip, predictor, folder, clock)
    return clock.seconds


def _pipeline(clip: Path, predictor: Predictor, folder: Path) -> None:
    """A video read as `auheat predict` reads it."""
    tracker = predictor.detector.tracker()
    with (
        table_sink(folder / "pipeline.csv", TableSchema("video", predictor.aus)) as rows,
        closing(predict_frames(VideoFile(clip), predictor, tracker, images=False)) as read,
    ):
        for _, result in read:
            rows.write(result)


def _command(
    clip: Path, folder: Path, plan: PredictPlan, progress: Advance
) -> tuple[float, float | None]:
    """Seconds of the whole command, and its peak memory in MB where the system tells."""
    command = [sys.executable, "-m", "auheat", "predict", str(clip), "-o", str(folder / "out")]
    start = time.perf_counter()
    process = subprocess.Popen([*command, *plan.options], stdout=subprocess.DEVNULL)
    if sys.platform.startswith("linux"):
        _, status, used = os.wait4(process.pid, 0)
        process.returncode, peak = os.waitstatus_to_exitcode(status), used.ru_maxrss / 1024
    else:
        process.wait()
        peak = None
    seconds = time.perf_counter() - start
    if process.returncode:
        raise AuheatError(f"auheat predict {' '.join(plan.options)} failed on {clip}")
    progress(1)
    return seconds, peak


def _rows(
    frames: int,
    stages: dict[str, float],
    timings: dict[str, Timing],
    commands: list[tuple[float, float | None]],
) -> list[dict[str, Any]]:
    bound = max(*stages.values(), sum(stages.values()) / cpu_count())
    rows: list[dict[str, Any]] = [
        {"work": name, "ms": 1000 * seconds / frames} for name, seconds in stages.items()
    ]
    for name, timing in timings.items():
        rows.append(
            _row(name, frames, timing) | {"times reference": timings[REFERENCE].over(timing)}
        )
        rows[-1]["of lower bound"] = f"{100 * bound / timing.median:.0f}%"
    whole = Timing(tuple(seconds for seconds, _ in commands))
    peaks = [peak for _, peak in commands if peak is not None]
    rows.append(
        _row("whole command", frames, whole) | {"peak MB": median(peaks) if peaks else None}
    )
    return rows


def _row(name: str, frames: int, timing: Timing) -> dict[str, Any]:
    return {
        "work": name,
        "frames/s": frames / timing.median,
        "ms": 1000 * timing.median / frames,
        "spread": f"{100 * timing.spread:.0f}%",
        "seconds": list(timing.seconds),
    }


def _played(video: Path, count: int, path: Path) -> Path:
    """A clip of exactly `count` frames: the video's first seconds played back and forth."""
    source = VideoFile(video)
    frames = list(islice(source, _MAX_FRAMES))
    with VideoWriter(path, source.rate) as writer:
        for number, frame in enumerate(islice(_back_and_forth(frames), count)):
            writer.write(frame.image, float(number / source.rate))
    return path


def _back_and_forth(frames: list[Frame]) -> Iterator[Frame]:
    inner: Iterable[Frame] = frames[-2:0:-1]
    return cycle(chain(frames, inner))


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--frames", type=click.IntRange(min=2), default=472, show_default=True,
              help="The clip is played back and forth until it has as many.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="[default: as auheat predict has it]")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write.")
def main(video: Path, frames: int, rounds: int, threads: int | None, **where: Any) -> None:
    """Frames a second of VIDEO: each stage, a plain loop, the pipeline, the whole command."""
    options = () if threads is None else ("--threads", str(threads))
    plan = PredictPlan(frames, rounds, options)
    predictor = load(threads=threads or threads_beside())
    with tqdm(total=rounds + 3, desc="steps", disable=None) as bar:
        measured = bench_predict(video, predictor, plan, bar.update)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
