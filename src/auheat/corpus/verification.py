"""Reads the inputs of a corpus again, and says whether its rows are the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auheat.corpus.addresses import address_of
from auheat.corpus.dataset import ABOUT, Corpus
from auheat.corpus.read_settings import ReadSettings
from auheat.corpus.records import Record
from auheat.corpus.run import CorpusPlan, CorpusRun
from auheat.faults import message
from auheat.json_files import parse_json
from auheat.optional import require
from auheat.tables.compare import Verdict, difference_of


def verify_corpus(folder: Path, weights: str | Path = "default") -> Iterator[Verdict]:
    """Reads each input again, in this process, and compares row by row.

    Args:
        folder: Of the dataset. Nothing in it is changed.
        weights: Those that read it: a path, or "default".

    Yields:
        A verdict for each file of rows, in the order of their inputs.
    """
    corpus = Corpus(str(folder))
    with corpus.storage.open(ABOUT) as file:
        settings = _settings(parse_json(file.read())["origin"], weights)
    for name, record in sorted(corpus.records().items()):
        path = folder / record.file
        try:
            yield _verified(path, record, settings)
        except Exception as error:  # whatever it is, the other inputs are verified
            yield Verdict(path, problem=message(error, name))


def _settings(origin: Mapping[str, Any], weights: str | Path) -> ReadSettings:
    shared = origin["settings"]
    return ReadSettings(
        weights=str(weights),
        device=origin["device"] if origin["runtime"] == "torch" else "auto",
        runtime=origin["runtime"],
        precision=origin["precision"],
        aus=tuple(shared["aus"]),
        **{name: shared[name] for name in ("max_faces", "std", "pose", "landmarks")},
    )


def _verified(path: Path, record: Record, settings: ReadSettings) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="auheat-verify-") as scratch:
        run = CorpusRun([address_of(record.input)], scratch, CorpusPlan(settings, workers=0))
        (now,) = run.read()
        if now.state == "failed" and record.state != "failed":
            return Verdict(path, problem=f"its input cannot be read: {now.problem}")
        found = difference_of(_rows(path), _rows(Path(scratch) / now.file))
    reasons = []
    if record.sha256 != now.sha256:
        reasons.append("its input has changed")
    if record.reading != now.reading:
        reasons.append("it was read by other weights or settings")
    if record.auheat != now.auheat:
        reasons.append(f"written by auheat {record.auheat}, this is {now.auheat}")
    if (record.state, record.problem) != (now.state, now.problem):
        reasons.append(f"{now.state} now: {now.problem}" if now.problem else f"{now.state} now")
    return Verdict(path, found.is_none and record.state == now.state, reasons, found)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = require("pyarrow.parquet").ParquetFile(path).read().to_pylist()
    return rows
