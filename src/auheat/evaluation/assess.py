"""Measures whatever can be compared with a dataset's labels: networks, and anyone's tables."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from auheat.errors import check_callable, check_choice, check_count, check_text, checked_path
from auheat.evaluation.report import Report, free_place
from auheat.models.runtimes.names import PrecisionChoice, RuntimeChoice
from auheat.models.runtimes.opening import file_of, open_runtime
from auheat.models.weights import DEFAULT, is_default
from auheat.optional import needing, require
from auheat.progress import Progress, silent
from auheat.system import MAX_PROCESSES
from auheat.tables.names import ProgramChoice, Split

if TYPE_CHECKING:
    import pandas as pd

    from auheat.evaluation.predictions import Predictions
    from auheat.evaluation.selection import Selection

# The weights in a run's folder.
BEST = "best.safetensors"


@dataclass(frozen=True, eq=False)
class Assessment:
    """What was measured, and on what.

    Attributes:
        report: The figures.
        predictions: Row by row, beside the labels.
        place: Where the result file goes unless another is named; never that of something else.
        usual: Where it would go if nothing were there.
        is_network: Whether a network was run, rather than a table read.
        notes: What looks odd about the values, one line each.
        seen: The people measured whom the network was trained on; None where that is not known.
    """

    report: Report
    predictions: Predictions
    _: KW_ONLY
    place: Path
    usual: Path
    is_network: bool
    notes: tuple[str, ...] = ()
    seen: frozenset[str] | None = frozenset()


def evaluate(
    target: str | Path | pd.DataFrame,
    data: str | Path,
    *,
    split: Split = "test",
    protocol: str = "",
    fold: int | None = None,
    folds: int | None = None,
    format: ProgramChoice = "auto",
    runtime: RuntimeChoice = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    workers: int = 0,
    progress: Progress = silent,
) -> Report:
    """ICC(3,1), MAE, MSE and PCC by AU, of a network or of anyone's predictions.

    Args:
        target: "default" for the weights that come with auheat; the path of a run's folder, of
            weights (.safetensors, or .onnx of `auheat export`), or of a table or a folder of
            tables; or a table that `read_table` reads.
        data: Folder of a dataset that `auheat prepare` or `auheat synth` made.
        split: Which part of the dataset to measure on.
        protocol: Which folds to take, like "disfa-jaa" or "k-fold"; "" for the run's own, "none"
            for the dataset's split.
        fold: From 1.
        folds: Number of folds of "k-fold".
        format: Who wrote the tables; "auto" tells by their columns.
        runtime: Of a network, see `auheat.load`.
        device: Of a network, see `auheat.load`.
        precision: Of a network, see `auheat.load`.
        workers: Processes that read images; 0 reads them in this one.
        progress: Shows how far a network is.

    Returns:
        `report.metrics["AU12"]["icc"]`, `report.intervals["mean"]["icc"]` and more.

    Raises:
        AuheatError: If anything named cannot be read or does not fit the dataset, and for an
            argument that makes no sense.
    """
    chosen = Choices(
        split,
        protocol,
        fold=fold,
        folds=folds,
        format=format,
        runtime=runtime,
        device=device,
        precision=precision,
        workers=workers,
        progress=progress,
    )
    return assess(target, data, chosen).report


@dataclass(frozen=True)
class Choices:
    """How something is measured: the arguments of `evaluate`, in its order."""

    split: Split
    protocol: str = ""
    _: KW_ONLY
    fold: int | None = None
    folds: int | None = None
    format: ProgramChoice = "auto"
    runtime: RuntimeChoice = "auto"
    device: str = "auto"
    precision: PrecisionChoice = "auto"
    workers: int = 0
    progress: Progress = silent

    def __post_init__(self) -> None:
        check_choice("split", self.split, get_args(Split))
        check_choice("format", self.format, get_args(ProgramChoice))
        check_choice("runtime", self.runtime, get_args(RuntimeChoice))
        check_choice("precision", self.precision, get_args(PrecisionChoice))
        check_text("device", self.device)
        check_text("protocol", self.protocol)
        check_count("fold", self.fold, optional=True)
        check_count("folds", self.folds, minimum=2, optional=True)
        check_count("workers", self.workers, minimum=0, maximum=MAX_PROCESSES)
        check_callable("progress", self.progress)


@needing("evaluate")
def assess(target: str | Path | pd.DataFrame, data: str | Path, chosen: Choices) -> Assessment:
    """What `evaluate` does, with the predictions behind the figures."""
    from auheat.data.manifest import read_manifest
    from auheat.evaluation.foreign import holds_tables, read_foreign
    from auheat.evaluation.join import join_to_labels
    from auheat.evaluation.selection import select

    checked_path("the dataset", data)
    if isinstance(target, str | Path):
        checked_path("the target", target)
    division: dict[str, Any] = {"protocol": chosen.protocol, "fold": chosen.fold, "k": chosen.folds}
    if is_default(target) or (isinstance(target, str | Path) and not holds_tables(Path(target))):
        require("torch")
        from auheat.data.shapes import too_close
        from auheat.evaluation.evaluate import measure

        run_on: Any = {
            "runtime": chosen.runtime, "device": chosen.device, "precision": chosen.precision
        }  # fmt: skip
        weights = file_of(target, **run_on)
        weights = weights / BEST if weights.is_dir() else weights
        network = open_runtime(weights, **run_on)
        experiment = network.card.get("experiment", {})
        selection = select(read_manifest(data), chosen.split, **division, experiment=experiment)
        predictions = measure(
            network, weights, selection, workers=chosen.workers, progress=chosen.progress
        )
        if is_default(target):  # not the run that they are from
            predictions = replace(predictions, about={**predictions.about, "name": DEFAULT})
        place = folder_of(target) / _result_name(selection, Path(data), trained=bool(experiment))
        close = too_close(network.config, selection.part)
        notes = (close,) if close else ()
        return _assessment(predictions, selection, place=place, is_network=True, notes=notes)
    table = read_foreign(target, chosen.format)
    path = Path(target) if isinstance(target, str | Path) else Path("table")
    selection = select(read_manifest(data), chosen.split, **division)
    about = {"name": f"{path.stem} ({table.kind})", "weights": path.name, **selection.about}
    predictions = join_to_labels(table, selection.whole, part=selection.part, about=about)
    place = folder_of(path) / f"{path.stem}-{chosen.split}.json"
    return _assessment(predictions, selection, place=place, is_network=False, notes=table.notes)


def folder_of(target: str | Path) -> Path:
    """Where results go that nobody gave a place: a run's folder, or where the file lies."""
    if is_default(target):
        return Path()
    path = Path(target)
    return path if (path / BEST).is_file() else path.parent


def _assessment(
    predictions: Predictions,
    selection: Selection,
    *,
    place: Path,
    is_network: bool,
    notes: tuple[str, ...],
) -> Assessment:
    from auheat.evaluation.controls import controls
    from auheat.evaluation.scoring import score

    report = score(predictions, controls(predictions, selection.train))
    free = free_place(place, report)
    return Assessment(
        report,
        predictions,
        place=free,
        usual=place,
        is_network=is_network,
        notes=notes,
        seen=selection.seen,
    )


def _result_name(selection: Selection, data: Path, *, trained: bool) -> str:
    """`result-test.json` for a run's own data and fold; other names tell of others."""
    split = selection.about["split"]
    if selection.is_own or not trained:
        return f"result-{split}.json"
    division = (selection.about["protocol"], selection.about["fold"].replace(" ", "-"))
    return "-".join(filter(None, ("result", data.resolve().name, *division, split))) + ".json"
