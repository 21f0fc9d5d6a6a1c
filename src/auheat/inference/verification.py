"""Reads the inputs of tables again and says whether the tables would be the same.

What a table was made of stands in the file of its origin beside it. With the same version, weights
and runtime the bytes are the same; where they are not, the differences are counted by row.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auheat import __version__
from auheat.errors import AuheatError
from auheat.faces import DEFAULT_MAX_FACES
from auheat.faults import message
from auheat.inference.baselines import resolve_baseline
from auheat.inference.inputs import ORIGIN, TABLES, Input, Kind
from auheat.inference.jobs import PredictionJob
from auheat.inference.origin import read_origin
from auheat.inference.postprocess import PostProcessing
from auheat.inference.predictor import Predictor, load
from auheat.inference.writers import Outputs, TableWriter, Writer
from auheat.media.limits import DEFAULT_FPS
from auheat.progress import Progress, silent
from auheat.sums import sha256
from auheat.tables.compare import Verdict, difference
from auheat.tables.schema import Layout, TableSchema


def origins_in(folder: Path) -> list[Path]:
    """The files of origin in a folder and below it, in order."""
    return sorted(folder.rglob(f"*{ORIGIN}"))


def verify(
    origins: Sequence[Path], *, weights: str | Path = "default", progress: Progress = silent
) -> Iterator[Verdict]:
    """Reads the input of each table again, and compares.

    Args:
        origins: Files of origin, see `origins_in`.
        weights: Those that read the tables: a path, or "default".
        progress: Shows how far each input is.

    Yields:
        A verdict for each table, in order.
    """
    predictors: dict[str, Predictor] = {}
    for path in origins:
        stem = path.with_name(path.name.removesuffix(ORIGIN))
        tables = [stem.with_name(stem.name + end) for end in TABLES]
        tables = [table for table in tables if table.is_file()]
        own = None
        try:
            origin = read_origin(path)
            own = _table_of(stem, origin)
            yield _verified(own, origin, weights, progress, predictors)
        except Exception as error:  # whatever it is, the other tables are verified
            own = own or next(iter(tables), path)
            yield Verdict(own, problem=message(error, str(path)))
        for other in tables:
            if other != own:
                problem = f"{path.name} is that of {own.name}; give each format a folder of its own"
                yield Verdict(other, problem=problem)


def _verified(
    table: Path,
    origin: dict[str, Any],
    weights: str | Path,
    progress: Progress,
    predictors: dict[str, Predictor],
) -> Verdict:
    source = Path(origin["input"]["path"])
    if not source.exists():
        raise AuheatError(f"its input is not there any more: {source}")
    predictor = _predictor(origin, weights, predictors)
    verdict = Verdict(table, reasons=_reasons(origin, source, predictor))
    with tempfile.TemporaryDirectory(prefix="auheat-verify-") as scratch:
        made = _read_again(origin, predictor, Path(scratch), table.name, progress)
        verdict.same = made.read_bytes() == table.read_bytes()
        if not verdict.same:
            verdict.difference = difference(table, made)
            # Metadata of a Parquet file holds the origin, which names the version.
            verdict.same = verdict.difference.is_none and table.suffix == ".parquet"
    return verdict


def _predictor(
    origin: dict[str, Any], weights: str | Path, predictors: dict[str, Predictor]
) -> Predictor:
    """A predictor of the settings, made once."""
    settings = origin["settings"]
    wanted = {
        "device": origin["device"] if origin["runtime"] == "torch" else "auto",
        "runtime": origin["runtime"],
        "precision": origin["precision"],
        "aus": settings["aus"],
        "max_faces": settings["max_faces"] or DEFAULT_MAX_FACES,
        "exact_landmarks": settings["landmarks"],
    }
    key = repr(wanted)
    if key not in predictors:
        predictors[key] = load(weights, **wanted)
    return predictors[key]


def _reasons(origin: dict[str, Any], source: Path, predictor: Predictor) -> list[str]:
    """What is not as it was when the table was written."""
    reasons = []
    if origin["auheat"] != __version__:
        reasons.append(f"written by auheat {origin['auheat']}, this is {__version__}")
    stored = origin["weights"]
    if stored and predictor.weights and stored["sha256"] != sha256(predictor.weights):
        reasons.append(
            f"read by other weights than {predictor.weights.name}: those of {stored['file']} have "
            f"the SHA-256 {stored['sha256'][:12]}..."
        )
    if source.is_file():
        about, known = source.stat(), origin["input"]
        if about.st_size != known["bytes"]:
            reasons.append(f"{source.name} has {about.st_size} bytes, not {known['bytes']}")
        elif about.st_mtime_ns != known["modified_ns"]:
            reasons.append(f"{source.name} was written since, with as many bytes")
    return reasons


def _read_again(
    origin: dict[str, Any], predictor: Predictor, scratch: Path, name: str, progress: Progress
) -> Path:
    """The table that the input gives now."""
    source, settings = Path(origin["input"]["path"]), origin["settings"]
    given = origin["input"]["given"]
    kind: Kind = "file" if source.is_file() else "sequence" if settings["sequence"] else "folder"
    layout = Layout(settings["format"], settings["pose"], settings["landmarks"])

    def table(path: Path, schema: TableSchema) -> Writer:
        return TableWriter(path, replace(schema, input=given))

    job = PredictionJob(
        predictor,
        Outputs(scratch, layout=layout, std=settings["std"], table=table),
        processing=PostProcessing(
            resolve_baseline(settings["baseline"], predictor), settings["smooth"]
        ),
        fps=settings["fps"] or DEFAULT_FPS,
        progress=progress,
    )
    outcome = job.read(Input(source, kind, Path(name).stem))
    made = scratch / name
    if not made.is_file():
        raise AuheatError(outcome.problem or f"nothing could be read of {source}")
    return made


def _table_of(stem: Path, origin: dict[str, Any]) -> Path:
    """The table that an origin is of.

    Raises:
        AuheatError: It is not there.
    """
    table = stem.with_name(stem.name + Layout(origin["settings"]["format"]).ending)
    if not table.is_file():
        raise AuheatError(f"there is no table {table.name} beside its origin")
    return table
