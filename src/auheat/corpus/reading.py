"""What a worker does: reads one input after the other into the dataset."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, perf_counter, process_time

from auheat import __version__
from auheat.corpus.addresses import fetched, stamp_of
from auheat.corpus.dispatch import Task
from auheat.corpus.read_settings import ReadSettings, reading_of
from auheat.corpus.records import Record, State, rows_name, stored_record
from auheat.corpus.segments import SEGMENT_FRAMES, RowsWriter, Segments, write_rows
from auheat.corpus.storage import open_storage
from auheat.corpus.videos import Checkpoints, RestOfVideo
from auheat.errors import AuheatError
from auheat.faults import message
from auheat.inference.inputs import Input
from auheat.inference.jobs import PredictionJob
from auheat.inference.outcome import Outcome
from auheat.inference.predictor import Predictor
from auheat.inference.writers import Outputs
from auheat.tables.columns import writable
from auheat.tables.schema import TableSchema, extras_of

Loader = Callable[[ReadSettings, int], Predictor]
_BLOCK_BYTES = 1 << 20


@dataclass
class _Pass:
    """One input while it is read.

    Attributes:
        schema: Of its rows.
        sha256: Of its content; "" before that is known.
        segments: What is kept of it; None before it is opened.
        rows: Its rows; None before it is opened.
        video: What is decoded; None for an image.
    """

    schema: TableSchema
    sha256: str = ""
    segments: Segments | None = None
    rows: RowsWriter | None = None
    video: RestOfVideo | None = None


class CorpusReader:
    """Reads inputs into a dataset.

    Args:
        dataset: Path or address.
        settings: With what they are read.
        threads: CPU threads of the network.
        every: Frames of a segment.
        load: Makes the predictor.

    Attributes:
        reading: See `reading_of`.

    Raises:
        AuheatError: The weights cannot be read, or the dataset not be reached.
    """

    def __init__(
        self,
        dataset: str,
        settings: ReadSettings,
        threads: int,
        *,
        every: int = SEGMENT_FRAMES,
        load: Loader = ReadSettings.load,
    ) -> None:
        self._storage, self._every = open_storage(dataset), every
        self._predictor, self._settings = load(settings, threads), settings
        self._origin = settings.origin(self._predictor)
        self.reading = reading_of(self._origin)

    def read(self, task: Task) -> Record:
        """Reads one input and puts what became of it into the dataset.

        Whatever is wrong with the input is in the record that it gives.
        """
        name = writable(task.source.address)
        if task.attempt > 1:  # the worker that died may have been done
            there = stored_record(self._storage, rows_name(name))
            if there and there != task.known and there.reading == self.reading:
                return there
        clocks = perf_counter(), process_time()
        weights = self._origin["weights"]
        record = Record(name, "failed", reading=self.reading, auheat=__version__)
        record = replace(record, weights=weights["sha256"] if weights else "")
        one = _Pass(self._schema(name))
        try:
            record = replace(record, stamp=stamp_of(task.source.address))
            found = self._read(task, record, one)
        except Exception as error:  # whatever it is, the other inputs are read
            found = replace(record, sha256=one.sha256, problem=message(error, name))
        if found is task.known:
            return replace(found, stamp=record.stamp, kept=None)
        found = replace(
            found,
            seconds=round(perf_counter() - clocks[0], 3),
            cpu_seconds=round(process_time() - clocks[1], 3),
        )
        kept = task.known.again(found) if task.known else found
        return self._keep(found, one, task.known) if kept is found else self._ended(kept, one)

    def _schema(self, name: str) -> TableSchema:
        extras = extras_of(False, self._settings.std)
        return TableSchema(
            "video", self._predictor.aus, extras=extras, layout=self._settings.layout, input=name
        )

    def _read(self, task: Task, record: Record, one: _Pass) -> Record:
        """What became of an input; what was known of it if that is still so.

        Raises:
            AuheatError: It cannot be read. Other errors, too.
        """
        address = task.source.address
        if task.source.problem:
            raise AuheatError(task.source.problem)
        with fetched(address) as path:
            one.sha256 = _sha256(path)
            record = replace(record, sha256=one.sha256)
            if task.known and _is_unchanged(task.known, record):
                return task.known
            outcome = self._run(path, record, one, task.limit)
        if stamp_of(address) != record.stamp:
            raise AuheatError(f"{record.input} changed while it was read: run the command again")
        assert one.rows is not None
        state: State = "partly" if outcome.problem else "read"
        extent, last = one.rows.extent, one.video.frame_seconds if one.video else 0
        there = [text and text.replace(str(path), record.input) for text in _texts(outcome)]
        return replace(
            record,
            state=state if one.rows.is_whole else "failed",
            problem=there[0],
            note=there[1],
            frames=extent.frames,
            frames_with_face=extent.with_face,
            people=len(extent.people),
            video_seconds=round(extent.last + float(last), 3) if extent.frames else 0.0,
        )

    def _run(self, path: Path, record: Record, one: _Pass, limit: float | None) -> Outcome:
        """Reads what is not kept yet of a file."""
        of = [record.sha256, self.reading, self._every]
        one.segments = Segments(self._storage, record.input, of)
        after, deadline = one.segments.extent.frames, None if limit is None else monotonic() + limit
        predictor = copy.copy(self._predictor)
        predictor.detector = checkpoints = Checkpoints(
            predictor.detector, after=after, state=one.segments.extent.tracker, every=self._every
        )
        one.rows = rows = RowsWriter(one.schema, one.segments, checkpoints, self._every)

        def open_video(path: Path) -> RestOfVideo:
            one.video = RestOfVideo(path, after=after, deadline=deadline, limit=limit)
            return one.video

        outputs = Outputs(path.parent, std=self._settings.std, table=lambda path, schema: rows)
        job = PredictionJob(predictor, outputs, open_video=open_video)
        return job.read(Input(path, "file", path.name))

    def _keep(self, record: Record, one: _Pass, known: Record | None) -> Record:
        """Puts the rows and the record into the dataset; what was known stays if that fails."""
        has_rows = one.rows and record.state != "failed"
        tables = one.rows.tables() if one.rows and has_rows else iter(())
        origin = json.dumps(self._origin).encode()
        try:
            record = write_rows(self._storage, record, one.schema, tables, origin)
        except AuheatError as error:
            if known and known.file:
                return replace(known, kept=str(error))
            return replace(record, state="failed", problem=str(error))
        return self._ended(record, one)

    def _ended(self, record: Record, one: _Pass) -> Record:
        """Forgets the segments that are of no use any more."""
        is_late = one.video is not None and one.video.is_late
        if one.segments and not is_late:  # with more time it goes on behind them
            one.segments.clear()
        return record


def _is_unchanged(known: Record, record: Record) -> bool:
    """Whether a file with another stamp holds what was read before."""
    same = (known.sha256, known.reading) == (record.sha256, record.reading)
    is_whole = known.state == "read" and (known.kept is not None or known.stamp != record.stamp)
    return same and is_whole


def _texts(outcome: Outcome) -> tuple[str | None, str | None]:
    return outcome.problem, outcome.note


def _sha256(path: Path) -> str:
    """Of a file of any size.

    Raises:
        AuheatError: It cannot be read.
    """
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                found.update(block)
    except FileNotFoundError:
        raise AuheatError(f"no file at {path}") from None
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    return found.hexdigest()
