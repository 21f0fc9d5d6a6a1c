"""Converting a real dataset: every recording to crops, in worker processes, then one manifest.

The same source and plan give the same files, whatever the number of workers. Every finished
recording leaves a part file; a run that was stopped continues with those that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from auheat.data import parts
from auheat.data.convert_report import Report, write_report
from auheat.data.cropping import Tally, crop_recording
from auheat.data.manifest import FILE, Manifest
from auheat.data.sources.folders import locate
from auheat.data.sources.layouts import layout_of
from auheat.data.sources.recording import ReadOptions, Recording, Source
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.faces.detector import FaceDetector, default_detector
from auheat.files import atomic_write

LANDMARKS = ("own", "mediapipe", "dlib")
SYNTHETIC = "SYNTHETIC.txt"  # lies at the root of a look-alike made of synthetic faces
_KEY = b"tally"


@dataclass(frozen=True)
class ConversionPlan:
    """What to make of a source.

    kind: its layout, one of `auheat.data.sources.KINDS`.
    landmarks: "own" (the dataset's), "mediapipe" or "dlib"; None for "own" where the source has
        them, else "mediapipe".
    dlib_model: file of dlib's 68-point shape predictor, for "dlib".
    aus: which AUs; None for the dataset's usual ones. every: take every n-th usable frame.
    camera, skip_tracking_failures: see `ReadOptions`.
    """

    kind: str
    landmarks: str | None = None
    dlib_model: Path | None = None
    crop: CropSpec = field(default_factory=lambda: CropSpec(256, 16))
    aus: tuple[str, ...] | None = None
    every: int = 1
    camera: str = "left"
    skip_tracking_failures: bool = False

    def detector(self, landmarks: str) -> FaceDetector | None:
        """Who finds the faces; None for the dataset's own landmarks.

        Raises AuheatError if dlib or its model is missing.
        """
        if landmarks == "own":
            return None
        if landmarks == "mediapipe":
            return default_detector()
        from auheat.faces.dlib_detector import dlib_detector

        return dlib_detector(self.dlib_model)


_Worker = tuple[Path, ConversionPlan, tuple[str, ...], FaceDetector | None]


def convert(
    root: Path,
    out: Path,
    plan: ConversionPlan,
    workers: int = 1,
    strict: bool = False,
    progress: Callable[[int, int], object] = lambda done, all: None,
    warn: Callable[[str], object] = lambda problem: None,
) -> Report:
    """Writes crops, manifest and report of the dataset at `root` into the folder `out`.

    progress: called with the numbers of finished and of all labelled frames.
    warn: called with one line for each problem of the source. strict: raise the first one instead.
    Raises AuheatError if `root` is not what `plan` says, if nothing of it can be used, or if `out`
    holds something else.
    """
    layout = layout_of(plan.kind, root)
    landmarks = plan.landmarks or ("own" if layout.has_landmarks(root) else "mediapipe")
    if landmarks == "dlib":  # so that what is missing is reported before any worker starts
        plan.detector(landmarks)
    asked = ReadOptions(plan.aus, landmarks == "own", plan.camera, plan.skip_tracking_failures)
    source = layout.read(root, asked)
    _check(source, root)
    tell = partial(_tell, root, strict, warn)
    for problem in source.problems:
        tell(problem)
    described = _description(plan, landmarks, source, root)
    noted = {**described, "crop": asdict(plan.crop), "root": str(root.resolve())}
    noted["dlib_model"] = str(plan.dlib_model)
    parts.start(out, noted, FILE)
    settings = (out, plan, landmarks, source.aus)
    tallies = _work(source, out, workers, settings, progress, tell)
    found = [part.to_pandas() for part in _stored(out, source) if part.num_rows]
    problems = [*source.problems, *(line for tally in tallies for line in tally.problems)]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    report = Report(
        described,
        source.aus,
        source.not_in_table,
        tallies,
        [_short(root, line) for line in problems],
        table,
    )
    write_report(report, out)
    if table.empty:
        raise AuheatError(f"no frame of {root} can be used: {out / 'report.md'} says why")
    Manifest(table, out, plan.crop, described).write()
    parts.finish(out)
    return report


def _check(source: Source, root: Path) -> None:
    """Raises AuheatError if there is nothing to convert, or if a subject is on both sides."""
    if not source.recordings:
        raise AuheatError(
            f"nothing in {root} can be used: {next(iter(source.problems), 'it holds no labels')}"
        )
    splits: dict[str, str] = {}
    for recording in source.recordings:
        if splits.setdefault(recording.subject, recording.split) != recording.split:
            raise AuheatError(
                f"subject {recording.subject!r} of {root} is both in {recording.split!r} and in "
                f"{splits[recording.subject]!r}: convert one split of the data at a time"
            )


def _description(
    plan: ConversionPlan, landmarks: str, source: Source, root: Path
) -> dict[str, Any]:
    """What the manifest says about where its rows come from."""
    folder = root if root.is_dir() else root.parent
    return {
        "kind": plan.kind,
        "landmarks": landmarks,
        "synthetic": locate(folder, SYNTHETIC) is not None,
        "options": {
            "aus": list(source.aus),
            "every": plan.every,
            "camera": plan.camera if plan.kind == "disfa" else None,
            "skip_tracking_failures": plan.skip_tracking_failures,
            "dlib_model": plan.dlib_model.name if landmarks == "dlib" and plan.dlib_model else None,
        },
    }


def _tell(root: Path, strict: bool, warn: Callable[[str], object], problem: str) -> None:
    line = _short(root, problem)
    if strict:
        raise AuheatError(line)
    warn(line)


def _short(root: Path, line: str) -> str:
    """A line with paths below the source's root made relative to it."""
    return line.replace(f"{root}/", "") if root.is_absolute() or root.parts else line


def _work(
    source: Source,
    out: Path,
    workers: int,
    settings: tuple[Any, ...],
    progress: Callable[[int, int], object],
    tell: Callable[[str], None],
) -> list[Tally]:
    """Makes the parts that are missing; returns all recordings' tallies in the source's order."""
    everything = list(enumerate(source.recordings))
    missing = [item for item in everything if not _part(out, item[0]).is_file()]
    done, total = 0, sum(len(recording.frames) for recording in source.recordings)
    there = [index for index, _ in everything if _part(out, index).is_file()]
    made = parts.in_processes(_convert_part, missing, workers, _open, settings)
    for index in chain(there, made):
        tally = _tally(pq.read_table(_part(out, index)))
        done += tally.found
        progress(done, total)
        for problem in tally.problems:
            tell(problem)
    return [_tally(part) for part in _stored(out, source)]


def _part(out: Path, index: int) -> Path:
    return parts.part(out, f"{index:05d}")


def _stored(out: Path, source: Source) -> list[pa.Table]:
    return [pq.read_table(_part(out, index)) for index in range(len(source.recordings))]


def _tally(part: pa.Table) -> Tally:
    return Tally(**json.loads(part.schema.metadata[_KEY]))


def _open(out: Path, plan: ConversionPlan, landmarks: str, aus: tuple[str, ...]) -> _Worker:
    return out, plan, aus, plan.detector(landmarks)


def _convert_part(worker: _Worker, item: tuple[int, Recording]) -> int:
    out, plan, aus, detector = worker
    index, recording = item
    rows, tally = crop_recording(recording, out, plan.crop, aus, plan.every, detector)
    stored = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    stored = stored.replace_schema_metadata({_KEY: json.dumps(asdict(tally)).encode()})
    with atomic_write(_part(out, index)) as temporary:
        pq.write_table(stored, temporary)
    return index
