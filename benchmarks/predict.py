"""Frames a second of a video, stage by stage and as a whole."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import click
from tqdm import tqdm

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
from measure import Timing, Usage, describe, interleaved, run_process

FASTER = "auheat is faster, times"
COLUMNS = (
    *("work", "frames/s", "ms", "cpu ms", "spread"),
    *("times reference", "of lower bound", "peak MB", FASTER),
)
REFERENCE = "plain loop, one frame at a time"
COMMAND = "whole command: auheat predict"
FACE_MESH = "whole process: mediapipe FaceMesh"
FACE_LANDMARKER = "whole process: mediapipe FaceLandmarker, blendshapes"
_MAX_FRAMES = 150  # of the video are kept in memory
_STAGES = ("decode", "detect and track", "crop", "network", "write")


@dataclass(frozen=True)
class PredictPlan:
    """What to measure. frames: of the clip, which is played back and forth until it has as many.

    Attributes:
        rounds: of everything.
        options: of `auheat predict` where the whole command is measured.
        peer: whether mediapipe's FaceMesh with refined landmarks reads the clip, too, each time
            before or after `auheat predict`.
        task: the model of its FaceLandmarker, which then reads it as well.
    """

    frames: int = 472
    rounds: int = 3
    options: tuple[str, ...] = ()
    peer: bool = False
    task: Path | None = None


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
        processes = _processes(clip, folder, plan, progress)
    machine = describe(find_device(predictor.device)) | {
        "runtime": predictor.runtime.name,
        "precision": predictor.runtime.precision,
        "processors": cpu_count(),
    }
    rows = _rows(plan.frames, stages, timings) + _process_rows(plan.frames, processes)
    return Benchmark(f"Video, {plan.frames} frames", machine, COLUMNS, rows, _NOTES)


_NOTES = (
    "Stages: processor time of one pass, one frame at a time, so that what several threads do adds "
    f"up. pipeline: {BATCH_FRAMES} frames go through the network together.",
    "lower bound: the slowest stage, or all processor time shared out evenly, whichever is longer; "
    "the network is counted as it costs one frame at a time, so less than that is possible.",
    "whole command, whole process: a new process, from start to end, loading included, in turns; "
    f"{FASTER}: how many times as fast auheat predict is, the median over the rounds.",
    "cpu ms: of all threads together. peak MB: the largest resident set, libraries included.",
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
            rows.write(FrameResult(frame.number, frame.timestamp, faces=found))
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
        closing(predict_frames(VideoFile(clip), predictor, tracker=tracker, images=False)) as read,
    ):
        for _, result in read:
            rows.write(result)


def _processes(
    clip: Path, folder: Path, plan: PredictPlan, progress: Advance
) -> dict[str, list[Usage]]:
    """What each program took, round after round, in an order that is reversed each time."""
    ours = [sys.executable, "-m", "auheat", "predict", str(clip), "-o", str(folder / "out")]
    commands = {COMMAND: [*ours, *plan.options]}
    if plan.peer:
        program = Path(__file__).with_name("mediapipe_video.py")
        theirs = [sys.executable, str(program), str(clip), str(folder / "peer.csv")]
        commands[FACE_MESH] = theirs
        if plan.task:
            commands[FACE_LANDMARKER] = [*theirs, "--task", str(plan.task)]
    used: dict[str, list[Usage]] = {name: [] for name in commands}
    for number in range(plan.rounds):
        for name in commands if number % 2 else reversed(commands):
            used[name].append(run_process(commands[name]))
        progress(1)
    return used


def _rows(
    frames: int,
    stages: dict[str, float],
    timings: dict[str, Timing],
) -> list[dict[str, Any]]:
    bound = max(*stages.values(), sum(stages.values()) / cpu_count())
    rows: list[dict[str, Any]] = [
        {"work": name, "cpu ms": 1000 * seconds / frames} for name, seconds in stages.items()
    ]
    for name, timing in timings.items():
        rows.append(
            _row(name, frames, timing) | {"times reference": timings[REFERENCE].over(timing)}
        )
        rows[-1]["of lower bound"] = f"{100 * bound / timing.median:.0f}%"
    return rows


def _process_rows(frames: int, processes: dict[str, list[Usage]]) -> list[dict[str, Any]]:
    timings = {
        name: Timing(tuple(usage.seconds for usage in used)) for name, used in processes.items()
    }
    rows = []
    for name, timing in timings.items():
        used = processes[name]
        cpu = [usage.cpu_seconds for usage in used if usage.cpu_seconds is not None]
        peaks = [usage.peak_mb for usage in used if usage.peak_mb is not None]
        row = _row(name, frames, timing)
        row["cpu ms"] = 1000 * median(cpu) / frames if cpu else None
        row["peak MB"] = max(peaks) if peaks else None
        if name != COMMAND:
            row[FASTER] = timing.over(timings[COMMAND])
        rows.append(row)
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
@click.option("--processors", type=click.IntRange(min=1), help="Use no more than so many.")
@click.option("--task", type=click.Path(path_type=Path, exists=True),
              help="A face_landmarker.task: compare with FaceLandmarker and its blendshapes, "
              "too.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), help="JSON file to write.")
def main(
    *,
    video: Path,
    frames: int,
    rounds: int,
    threads: int | None,
    processors: int | None,
    task: Path | None,
    **where: Any,
) -> None:
    """Frames a second of VIDEO: each stage, a plain loop, the pipeline, the whole command.

    Where the mediapipe package is installed, it reads the same clip in a process of its own.
    """
    if processors:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
    options = () if threads is None else ("--threads", str(threads))
    peer = find_spec("mediapipe") is not None
    plan = PredictPlan(frames, rounds, options, peer, task)
    predictor = load(threads=threads or threads_beside())
    with tqdm(total=rounds + 3, desc="steps", disable=None) as bar:
        measured = bench_predict(video, predictor, plan, bar.update)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
