"""Short clips of a rendered face, and what is in a dataset that was read from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from auheat.arrays import Image
from auheat.corpus.read_settings import ReadSettings
from auheat.corpus.records import Record
from auheat.corpus.run import CorpusPlan, CorpusRun
from auheat.inference.predictor import Predictor
from auheat.media.frames import VideoFile
from stand_ins import write_video

SMILES = Path(__file__).resolve().parent.parent / "examples" / "smiles.mp4"
HERE = CorpusPlan(workers=0)


_load = ReadSettings.load


@cache
def _default(settings: ReadSettings, threads: int) -> Predictor:
    return _load(settings, threads)


def loaded(settings: ReadSettings, threads: int) -> Predictor:
    """For `ReadSettings.load`: the default network takes longer to load than a clip to read."""
    return (_default if settings.weights == "default" else _load)(settings, threads)


@cache
def frames() -> tuple[Image, ...]:
    """The 125 frames of `examples/smiles.mp4`, which show one face."""
    return tuple(frame.image for frame in VideoFile(SMILES))


def write_clip(path: Path, count: int = 4, first: int = 0) -> Path:
    """A clip of some frames of the smile, back and forth if there are not as many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    there = [*frames(), *reversed(frames())]
    return write_video(path, [there[(first + i) % len(there)] for i in range(count)])


def write_clips(folder: Path, count: int, length: int = 4) -> list[Path]:
    """Clips of which no two are the same."""
    return [write_clip(folder / f"c{i:03d}.mp4", length, 3 * i) for i in range(count)]


def read(
    names: Iterable[Path | str], dataset: Path | str, plan: CorpusPlan | None = None
) -> tuple[list[Record], CorpusRun]:
    """A run in this process if the plan does not say otherwise: what it read, and the run."""
    run = CorpusRun([str(name) for name in names], str(dataset), plan or HERE)
    return list(run.read()), run


def rows(dataset: Path) -> pd.DataFrame:
    """All rows, in the order of inputs, frames and faces."""
    table = pd.concat([pq.read_table(path).to_pandas() for path in sorted(_files(dataset))])
    return table.sort_values(["input", "frame", "face_id"], ignore_index=True)


def _files(dataset: Path) -> Sequence[Path]:
    return list((dataset / "rows").rglob("*.parquet"))


def inputs(dataset: Path) -> dict[str, Any]:
    """The table of inputs: each row by its input's name."""
    table = pq.read_table(dataset / "inputs.parquet").to_pylist()
    found = {Path(row["input"]).name: row for row in table}
    assert len(found) == len(table)
    return found


def names(records: Iterable[Record]) -> list[str]:
    """The names of their inputs, in order."""
    return sorted(Path(record.input).name for record in records)
