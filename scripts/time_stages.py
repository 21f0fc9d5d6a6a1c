"""Says where the time goes when a video is read: milliseconds a frame for each stage.

    python scripts/time_stages.py VIDEO

Stages are timed one by one in a pass over the video with the weights that auheat ships. The last
line is a second pass as `auheat predict` does it, end to end without the overlay and without
starting up: several frames go through the network together there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

import auheat
from auheat.inference.reading import predict_frames
from auheat.inference.sinks import CsvSink, OverlayVideoSink
from auheat.media.frames import Frame, VideoFile
from auheat.tables.schema import TableSchema


class Clock:
    """Adds up seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, stage: str, since: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since

    def decoding(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Passes frames on; the time to get each counts as decoding."""
        source = iter(frames)
        while True:
            start = time.perf_counter()
            frame = next(source, None)
            self.add("decode", start)
            if frame is None:
                return
            yield frame


def stages(video: Path, predictor: auheat.Predictor, folder: Path) -> tuple[Clock, int]:
    """Times every stage one frame at a time, in one pass."""
    clock, tracker, count = Clock(), predictor.finder.tracker(), 0
    source = VideoFile(video)
    schema = TableSchema("video", predictor.aus)
    with (
        CsvSink(folder / "a.csv", schema) as table,
        OverlayVideoSink(folder / "a.mp4", predictor.aus, source.rate) as overlay,
    ):
        for frame in clock.decoding(source):
            start = time.perf_counter()
            faces = tracker.update(frame.image)
            clock.add("find and track", start)
            start = time.perf_counter()
            aligned = predictor.align(frame.image, faces)
            clock.add("crop", start)
            start = time.perf_counter()
            predictions = predictor.predict_aligned(aligned)
            clock.add("network", start)
            result = auheat.FrameResult(frame.number, frame.timestamp, tuple(predictions))
            start = time.perf_counter()
            table.write(result)
            clock.add("CSV", start)
            start = time.perf_counter()
            overlay.write(frame.image, result)
            clock.add("overlay (optional)", start)
            count += 1
    return clock, count


def end_to_end(video: Path, predictor: auheat.Predictor, folder: Path) -> float:
    """Seconds for the whole video."""
    start = time.perf_counter()
    with CsvSink(folder / "b.csv", TableSchema("video", predictor.aus)) as table:
        frames = predict_frames(VideoFile(video), predictor, predictor.finder.tracker())
        for _, result in frames:
            table.write(result)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("video", type=Path)
    options = parser.parse_args()
    predictor = auheat.load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        end_to_end(options.video, predictor, folder)  # warms caches up
        clock, count = stages(options.video, predictor, folder)
        whole = end_to_end(options.video, predictor, folder)
    print(f"{options.video.name}: {count} frames, {torch.get_num_threads()} threads")
    for stage, seconds in clock.seconds.items():
        print(f"{stage:20s} {1000 * seconds / count:7.2f} ms a frame")
    print(
        f"{'end to end':20s} {1000 * whole / count:7.2f} ms a frame, {count / whole:.1f} frames/s"
    )


if __name__ == "__main__":
    main()
