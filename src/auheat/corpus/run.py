"""One run over a corpus: what is missing, changed, or was read by other weights or settings."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any

from auheat import __version__
from auheat.corpus.addresses import Source, find_sources
from auheat.corpus.dataset import Corpus
from auheat.corpus.dispatch import Lost, Task, Team, dispatch
from auheat.corpus.processes import Processes, ThisProcess
from auheat.corpus.read_settings import ReadSettings, reading_of
from auheat.corpus.reading import CorpusReader
from auheat.corpus.records import Record
from auheat.corpus.segments import SEGMENT_FRAMES, write_rows
from auheat.corpus.tally import Tally, notes_on
from auheat.errors import AuheatError
from auheat.system import cpu_count
from auheat.tables.columns import writable
from auheat.tables.schema import TableSchema

_NOTE_INTERVAL_S = 5.0  # between two notes of how far it is
_SAVE_INTERVAL_S = 60.0  # between two versions of the table of inputs


@dataclass(frozen=True)
class CorpusPlan:
    """How a corpus is read.

    Attributes:
        settings: With what.
        workers: Processes, or Ray actors, at most; 0 reads in this process. None for one a
            processor.
        threads: CPU threads of each; None shares the processors out, one each on Ray.
        ray: Address of a Ray cluster, or None for this machine.
        retry_failed: Whether inputs that failed before are tried again.
        limit: Seconds that an input may take, or None.
        segment_frames: See `auheat.corpus.segments`.
    """

    settings: ReadSettings = field(default_factory=ReadSettings)
    workers: int | None = None
    _: KW_ONLY
    threads: int | None = None
    ray: str | None = None
    retry_failed: bool = False
    limit: float | None = None
    segment_frames: int = SEGMENT_FRAMES


class CorpusRun:
    """A run. `read` does the work; what it knows can be asked all the while.

    Args:
        names: What the user named, see `find_sources`.
        dataset: Path or address of the dataset.
        plan: How it is read.

    Attributes:
        corpus: The dataset.
        found: What is behind the names.
        sources: All inputs that were named.
        records: What is known of every input of the dataset.
        tally: How far the run is.

    Raises:
        AuheatError: There is nothing to read, or the weights or the dataset cannot be used.
    """

    def __init__(self, names: Sequence[str], dataset: str, plan: CorpusPlan) -> None:
        self._plan, self.corpus = plan, Corpus(dataset)
        self.corpus.check_place()
        self.found = find_sources(names)
        self.sources = self.found.sources
        self.records: dict[str, Record] = {}
        self.tally = Tally(0, 0)
        predictor = plan.settings.load(self._threads)
        self._origin, self._aus = plan.settings.origin(predictor), predictor.aus
        self._predictor = predictor if self._is_here else None
        self.reading = reading_of(self._origin)

    @property
    def _is_here(self) -> bool:
        """Whether this process itself reads."""
        return self._plan.workers == 0 and self._plan.ray is None

    @property
    def _threads(self) -> int:
        plan = self._plan
        if plan.threads is not None:
            return plan.threads
        return 1 if plan.ray else max(1, cpu_count() // (plan.workers or cpu_count()))

    def read(self) -> Generator[Record]:
        """Yields what became of every input that had to be read, as each is done.

        Raises:
            AuheatError: The dataset cannot be written, or no worker be started.
        """
        self.corpus.check_place()
        with self.corpus.storage.to_oneself():
            self.corpus.begin(self._origin)
            self.corpus.clean()
            self.records = self.corpus.records()
            tasks = tasks_for(self.sources, self.records, self.reading, self._plan)
            self._forget_reasons(tasks)
            self.tally = Tally(len(tasks), sum(task.source.size for task in tasks))
            saved = noted = monotonic()
            is_whole = False
            self.corpus.note_progress(self.tally.line(noted))
            results = self._results(tasks)
            try:
                for record in results:
                    self.records[record.input] = record
                    yield record
                    if monotonic() - noted > _NOTE_INTERVAL_S:
                        noted = monotonic()
                        self.corpus.note_progress(self.tally.line(noted))
                    if monotonic() - saved > _SAVE_INTERVAL_S:
                        self.corpus.save(self.records.values())
                        saved = monotonic()
                is_whole = True
            finally:
                results.close()
                if not is_whole:  # workers may have put away rows that were not reported yet
                    self.records = self.corpus.records(self.records.values())
                self.corpus.note_progress("")
                self.corpus.save(self.records.values())
                self.corpus.clean()  # what workers had begun that were killed

    def _forget_reasons(self, tasks: Iterable[Task]) -> None:
        """Rows of named inputs that are not read again are those that were asked for."""
        read = {writable(task.source.address) for task in tasks}
        for name in self.named - read:
            self.records[name] = replace(self.records[name], kept=None)

    def _results(self, tasks: Sequence[Task]) -> Generator[Record]:
        if not tasks:
            return
        sizes = {writable(task.source.address): task.source.size for task in tasks}
        team = self._team(len(tasks))
        with closing(team), closing(dispatch(tasks, team)) as results:
            for result in results:
                record = self._lost(result) if isinstance(result, Lost) else result
                self.tally.count(record, sizes[record.input])
                yield record

    def _team(self, count: int) -> Team:
        plan, threads = self._plan, self._threads
        make = partial(CorpusReader, every=plan.segment_frames)
        arguments: tuple[Any, ...] = (self.corpus.address, plan.settings, threads)
        if plan.ray:
            from auheat.corpus.ray_actors import RayActors

            return RayActors(plan.ray, plan.workers, threads, make, arguments)
        if (predictor := self._predictor) is not None:
            return ThisProcess(make(*arguments, load=lambda settings, threads: predictor))
        workers = plan.workers or max(1, cpu_count() // threads)
        return Processes(min(workers, count), make, arguments)

    def _lost(self, lost: Lost) -> Record:
        """Puts into the dataset that no worker could read an input."""
        name, settings = writable(lost.task.source.address), self._plan.settings
        weights = self._origin["weights"]
        record = Record(
            name,
            "failed",
            f"{name}: {lost.problem}",
            stamp=lost.task.source.stamp,
            reading=self.reading,
            weights=weights["sha256"] if weights else "",
            auheat=__version__,
        )
        known = lost.task.known
        if known and record.stamp in ("", known.stamp) and known.again(record) is not record:
            return known.again(record)
        schema = TableSchema("video", self._aus, extras=(), layout=settings.layout, input=name)
        origin = json.dumps(self._origin).encode()
        try:
            return write_rows(self.corpus.storage, record, schema, iter(()), origin)
        except AuheatError as error:
            return replace(record, problem=f"{record.problem}; {error}")

    @property
    def named(self) -> set[str]:
        """What the dataset calls the inputs that were named."""
        return {writable(source.address) for source in self.sources}

    @property
    def incomplete(self) -> list[Record]:
        """Named inputs of which the dataset lacks something that was asked for."""
        records = (self.records.get(name) for name in sorted(self.named))
        return [record for record in records if record and not record.is_complete]

    def notes(self) -> Iterator[str]:
        """What a user should know after the run."""
        yield from self.found.left_out
        yield from notes_on(self.records.values(), self.named, self.reading)


def tasks_for(
    sources: Iterable[Source], records: Mapping[str, Record], reading: str, plan: CorpusPlan
) -> list[Task]:
    """What has to be read, the largest first, so that no worker is left with a long one at the end.

    Args:
        sources: What was named.
        records: What is known.
        reading: Of the weights and settings.
        plan: Whether failed inputs are tried again, and how long each may take.
    """
    tasks = []
    for source in sources:
        known = records.get(writable(source.address))
        if known is not None:
            same = (known.reading, known.stamp) == (reading, source.stamp) and known.file
            if same and (known.state == "read" or not plan.retry_failed):
                continue
        tasks.append(Task(source, known, plan.limit))
    return sorted(tasks, key=lambda task: -task.source.size)
