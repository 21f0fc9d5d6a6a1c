"""Collects what a report needs while results pass: readings as plain numbers, and peaks."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from auheat.arrays import Image
from auheat.inference.calibration import Baseline
from auheat.inference.smoothing import usual_step
from auheat.inference.writers import Outputs, Result, Target, Writer
from auheat.results import FrameResult
from auheat.tables.names import TableKind
from auheat.tables.series import SeriesRecorder
from auheat.web.report.build import write_report
from auheat.web.report.peaks import PeakKeeper
from auheat.web.report.provenance import Source
from auheat.web.report.readings import Gap, Readings, gaps_in, longest_first


class Collector:
    """Collects the results of one input.

    Args:
        kind: A video, an image, or a folder of images.
        aus: The AUs.

    Attributes:
        recorder: Intensities of every face.
        peaks: The faces in which AUs are strongest.
    """

    def __init__(self, kind: TableKind, aus: tuple[str, ...]) -> None:
        self.kind, self.aus = kind, aus
        self.recorder = SeriesRecorder(aus)
        self.peaks = PeakKeeper(aus, by_person=kind == "video")
        self._frames, self._times, self._faces = array("q"), array("d"), array("q")
        self._names: list[str] = []
        self._lock = threading.Lock()

    def add(self, image: Image, result: FrameResult) -> None:
        """Adds a frame or image. image: (H, W, 3) RGB."""
        with self._lock:
            self._frames.append(result.frame)
            self._times.append(result.timestamp)
            self._faces.append(len(result))
        if self.kind == "folder":
            self._names.append(result.input or "")
        self.recorder.add(result)
        self.peaks.add(image, result)

    def gaps(self) -> list[Gap]:
        """The stretches without any face so far; while others are added, too."""
        with self._lock:  # NumPy holds an array while it copies, and then nothing can be added
            frames = np.array(self._frames, np.int64)
            times = np.array(self._times, np.float64)
            seen = np.array(self._faces, np.int64) > 0
        end = float(times[-1]) + usual_step(times) if len(times) else 0.0
        return gaps_in(frames, times, with_face=seen, end=end)

    def readings(self) -> Readings:
        """What has been read so far."""
        return Readings(
            self.kind,
            self.aus,
            frames=np.array(self._frames, np.int64),
            times=np.array(self._times, np.float64),
            series=longest_first(tuple(self.recorder.series().values())),
            names=tuple(self._names),
        )


class ReportWriter(Writer):
    """The report on one input of `auheat predict`, written when all is read.

    Args:
        path: The HTML file.
        target: The input.
        weights: Those that read it: their path, or "default".
        origin: How it is read, see `auheat.inference.origin`.
    """

    needs_images = True

    def __init__(
        self,
        path: Path,
        target: Target,
        weights: str,
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._path, self._target, self._weights = path, target, weights
        self._origin = origin
        self._collector = Collector(target.schema.kind, target.schema.aus)

    def write(self, item: Result) -> None:
        """Adds one frame or image."""
        assert item.image is not None
        self._collector.add(item.image, item.result)

    def finish(self, baseline: Baseline | None) -> None:
        """Writes the report. baseline: what was subtracted."""
        item = self._target.item
        name = f"{item.name}{self._target.schema.layout.ending}"
        source = Source(name, item.path.name, baseline, self._origin)
        readings, peaks = self._collector.readings(), self._collector.peaks
        write_report(self._path, readings, peaks.image, source, self._weights)
        self.files = [self._path]


def report_writers(weights: str, target: Target, outputs: Outputs) -> list[Writer]:
    """For `Outputs.more`: the report of an input beside its table."""
    path = outputs.folder / f"{target.item.name}.html"
    return [ReportWriter(path, target, weights, outputs.origin)]
