"""Converting a real dataset: every recording to crops, in worker processes, then one manifest.

The same source and plan give the same files, whatever the number of workers. Every finished
recording leaves a shard, which says of what it was made; a run that was stopped continues with
those that are missing, and with those whose recording is no longer what it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import KW_ONLY, asdict, dataclass, field
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from auheat.data import resumable
from auheat.data.convert_report import ConversionReport, write_report
from auheat.data.crop_files import remove_others
from auheat.data.cropping import Tally, crop_folder, crop_recording
from auheat.data.datasets import dataset_of
from auheat.data.datasets.spec import SYNTHETIC_MARK, Dataset
from auheat.data.fingerprint import fingerprint
from auheat.data.manifest import FILE, Manifest
from auheat.data.names import Camera, LandmarkSource
from auheat.data.recording import ReadOptions, Recording, Source
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.faces.detector import FaceDetector, default_detector
from auheat.files import atomic_write
from auheat.folders import locate
from auheat.json_files import parse_json
from auheat.progress import Progress, silent

_TALLY, _RECORDING = b"tally", b"recording"  # what the metadata of a shard hold
_SHARD = "rows"


@dataclass(frozen=True)
class ConversionPlan:
    """What to make of a source.

    Attributes:
        kind: Name of its dataset, a key of `auheat.data.datasets.DATASETS`.
        landmarks: "own" (the dataset's), "mediapipe" or "dlib"; None for "own" where the source has
            them for the camera, else "mediapipe".
        dlib_model: File of dlib's 68-point shape predictor, for "dlib".
        crop: Size and pad of the crops.
        aus: Which AUs; None for the dataset's usual ones.
        every: Take every n-th usable frame.
        camera: See `ReadOptions`.
        skip_tracking_failures: See `ReadOptions`.
    """

    kind: str
    landmarks: LandmarkSource | None = None
    _: KW_ONLY
    dlib_model: Path | None = None
    crop: CropSpec = field(default_factory=lambda: CropSpec(256, 16))
    aus: tuple[str, ...] | None = None
    every: int = 1
    camera: Camera = "left"
    skip_tracking_failures: bool = False

    def detector(self, landmarks: LandmarkSource) -> FaceDetector | None:
        """Who finds the faces; None for the dataset's own landmarks.

        Raises:
            AuheatError: dlib or its model is missing.
        """
        if landmarks == "own":
            return None
        if landmarks == "mediapipe":
            return default_detector()
        from auheat.faces.dlib_detector import dlib_detector

        return dlib_detector(self.dlib_model)


@dataclass(frozen=True)
class _Worker:
    """What a worker process keeps; spare: gives who finds faces where landmarks are of no use."""

    out: Path
    plan: ConversionPlan
    aus: tuple[str, ...]
    detector: FaceDetector | None
    spare: Callable[[], FaceDetector]


def convert(
    root: str | Path,
    out: str | Path,
    plan: ConversionPlan,
    *,
    workers: int = 1,
    strict: bool = False,
    progress: Progress = silent,
    warn: Callable[[str], object] = lambda problem: None,
) -> ConversionReport:
    """Writes crops, manifest and report of the dataset at `root` into the folder `out`.

    Args:
        root: The source.
        out: Folder to make.
        plan: What to make of it.
        workers: Processes that read and cut.
        strict: Raise the first problem of the source.
        progress: Shows how many of the labelled frames are done.
        warn: Called with one line for each problem of the source.

    Raises:
        AuheatError: `root` is not what `plan` says, nothing of it can be used, or `out` holds
            something else.
    """
    root, out = Path(root), Path(out)
    dataset = dataset_of(plan.kind)
    if not root.exists():
        raise AuheatError(f"no folder at {root}")
    landmarks: LandmarkSource = plan.landmarks or (
        "own" if dataset.has_landmarks(root, plan.camera) else "mediapipe"
    )
    if landmarks == "dlib":  # so that what is missing is reported before any worker starts
        plan.detector(landmarks)
    asked = ReadOptions(plan.aus, landmarks == "own", plan.camera, plan.skip_tracking_failures)
    source = dataset.read(root, asked)
    _check(source, root)
    note = partial(_report_problem, root, strict, warn)
    for problem in source.problems:
        note(problem)
    described = _description(plan, dataset, landmarks=landmarks, source=source, root=root)
    noted = {**described, "crop": asdict(plan.crop), "root": str(root.resolve())}
    noted["dlib_model"] = str(plan.dlib_model)
    resumable.begin(out, noted, FILE)
    settings = (out, plan, landmarks, source.aus)
    tallies = _work(source, out, plan, workers, settings, progress, note)
    found = [shard.to_pandas() for shard in _stored(out, source) if shard.num_rows]
    problems = [*source.problems, *(line for tally in tallies for line in tally.problems)]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    report = ConversionReport(
        described,
        source.aus,
        not_in_table=source.not_in_table,
        tallies=tallies,
        problems=[_short(root, line) for line in problems],
        table=table,
    )
    write_report(report, out)
    if table.empty:
        raise AuheatError(f"no frame of {root} can be used: {out / 'report.md'} says why")
    remove_others(out, table["image"])
    Manifest(table, out, plan.crop, described).write()
    resumable.commit(out)
    return report


def _check(source: Source, root: Path) -> None:
    """Refuses a source with nothing to convert, a subject on both sides, or a name twice."""
    if not source.recordings:
        raise AuheatError(
            f"nothing in {root} can be used: {next(iter(source.problems), 'it holds no labels')}"
        )
    splits: dict[str, str] = {}
    folders = set[Path]()
    for recording in source.recordings:
        if splits.setdefault(recording.subject, recording.split) != recording.split:
            raise AuheatError(
                f"subject {recording.subject!r} of {root} is both in {recording.split!r} and in "
                f"{splits[recording.subject]!r}: convert one split of the data at a time"
            )
        if (folder := crop_folder(recording)) in folders:
            raise AuheatError(f"{root} has two recordings of the name {recording.sequence!r}")
        folders.add(folder)


def _description(
    plan: ConversionPlan, dataset: Dataset, *, landmarks: LandmarkSource, source: Source, root: Path
) -> dict[str, Any]:
    """What the manifest says about where its rows come from."""
    folder = root if root.is_dir() else root.parent
    return {
        "kind": plan.kind,
        "landmarks": landmarks,
        "synthetic": locate(folder, SYNTHETIC_MARK) is not None,
        "options": {
            "aus": list(source.aus),
            "every": plan.every,
            "camera": plan.camera if dataset.spec.cameras else None,
            "skip_tracking_failures": plan.skip_tracking_failures,
            "dlib_model": plan.dlib_model.name if landmarks == "dlib" and plan.dlib_model else None,
        },
    }


def _report_problem(root: Path, strict: bool, warn: Callable[[str], object], problem: str) -> None:
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
    plan: ConversionPlan,
    workers: int,
    settings: tuple[Any, ...],
    progress: Progress,
    note: Callable[[str], None],
) -> list[Tally]:
    """Makes the shards that are missing; returns all recordings' tallies in the source's order."""
    missing, done = list[Recording](), list[Path]()
    for recording in source.recordings:
        shard = _shard(out, recording)
        if shard.is_file() and _made_of(shard) == _sum(recording, plan):
            done.append(shard)
        else:
            missing.append(recording)
    total = sum(len(recording.frames) for recording in source.recordings)
    made = resumable.in_processes(
        _convert_shard, missing, workers=workers, opening=_open, settings=settings
    )
    with progress("prepare", total) as advance:
        for shard in chain(done, made):
            tally = _tally(pq.read_table(shard))
            advance(tally.found)
            for problem in tally.problems:
                note(problem)
    return [_tally(shard) for shard in _stored(out, source)]


def _sum(recording: Recording, plan: ConversionPlan) -> str:
    """Differs once labels are corrected or a file of the recording is replaced."""
    return fingerprint([recording, plan.dlib_model])


def _shard(out: Path, recording: Recording) -> Path:
    """Who else writes crops where this recording does would write this shard, too."""
    return resumable.shard_path(out, (crop_folder(recording) / _SHARD).as_posix())


def _stored(out: Path, source: Source) -> list[pa.Table]:
    return [pq.read_table(_shard(out, recording)) for recording in source.recordings]


def _tally(shard: pa.Table) -> Tally:
    return Tally(**parse_json(shard.schema.metadata[_TALLY]))


def _made_of(shard: Path) -> str:
    """The sum of the recording that a shard was made of."""
    return str(pq.read_schema(shard).metadata[_RECORDING].decode())


def _open(
    out: Path, plan: ConversionPlan, landmarks: LandmarkSource, aus: tuple[str, ...]
) -> _Worker:
    return _Worker(out, plan, aus, plan.detector(landmarks), cache(lambda: default_detector()))


def _convert_shard(worker: _Worker, recording: Recording) -> Path:
    out, plan = worker.out, worker.plan
    shard, made_of = _shard(out, recording), _sum(recording, plan)
    shard.parent.mkdir(parents=True, exist_ok=True)
    shard.unlink(missing_ok=True)  # its crops are about to be replaced
    rows, tally = crop_recording(
        recording, out, crop=plan.crop, aus=worker.aus, every=plan.every,
        detector=worker.detector, spare=worker.spare,
    )  # fmt: skip
    stored = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    metadata = {_TALLY: json.dumps(asdict(tally)).encode(), _RECORDING: made_of.encode()}
    with atomic_write(shard) as temporary:
        pq.write_table(stored.replace_schema_metadata(metadata), temporary)
    return shard
