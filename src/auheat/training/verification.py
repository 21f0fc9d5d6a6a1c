"""Looks whether the folder of a run is whole, and measures its weights again.

A training is not repeated. Weights and checkpoints carry sums of their own; settings and figures
stand in several files, which must agree; predictions are made again from the dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from auheat.errors import AuheatError
from auheat.evaluation.verification import verify_predictions, verify_result
from auheat.faults import message
from auheat.models.checkpoint import load_checkpoint
from auheat.progress import Progress, silent
from auheat.settings import build_stored
from auheat.tables.compare import Verdict
from auheat.training.checkpointing import read_state
from auheat.training.differences import differences
from auheat.training.experiment import Experiment
from auheat.training.run_folder import (
    BEST,
    HISTORY,
    LAST,
    PREVIOUS,
    SETTINGS,
    changed_datasets,
    history_table,
    is_started,
    read_history,
    stored_experiment,
)


def runs_in(folder: Path) -> list[Path]:
    """The folders of runs that were started, in a folder and below it, in order."""
    return sorted(path.parent for path in folder.rglob(SETTINGS) if is_started(path.parent))


def verify_run(folder: Path, *, progress: Progress = silent) -> Iterator[Verdict]:
    """Checks every file of a run.

    Args:
        folder: Of the run.
        progress: Shows how far measuring is.

    Yields:
        A verdict for each file, in order.
    """
    checks: list[tuple[Path, Callable[[Path], Verdict]]] = [
        (folder / BEST, _best),
        (folder / LAST, _state),
        (folder / PREVIOUS, _state),
        (folder / HISTORY, _history),
    ]
    again = partial(verify_predictions, weights=folder / BEST, progress=progress)
    checks += [(path, again) for path in sorted(folder.glob("*.parquet"))]
    checks += [(path, verify_result) for path in sorted(folder.glob("result*.json"))]
    for path, check in checks:
        if not path.exists():
            continue
        try:
            yield check(path)
        except Exception as error:  # whatever it is, the other files are verified
            yield Verdict(path, problem=message(error, str(path)))


def _best(path: Path) -> Verdict:
    """The best weights: their sum, the settings that made them, and the epoch they are of."""
    card = load_checkpoint(path).card
    stored = stored_experiment(path.parent)
    trained = build_stored(Experiment, dict(card["experiment"]), str(path))
    found = differences(stored, trained) if stored else []
    if found:
        return Verdict(path, difference=f"{SETTINGS} has other settings: {found[0]}")
    lines = {line.get("epoch"): line for line in read_history(path.parent)}
    epoch, icc = card["epoch"], card["validation"]["icc"]
    if epoch in lines and lines[epoch].get("val/icc") != icc:
        return Verdict(path, difference=f"{HISTORY} has another ICC than {icc:.4f} for it")
    better = [line for line in lines.values() if line.get("val/icc", icc) > icc]
    if better:
        said = f"epoch {better[0]['epoch']} of {HISTORY} was better than these, of epoch {epoch}"
        return Verdict(path, difference=said)
    return Verdict(path, same=True, reasons=changed_datasets(path.parent))


def _state(path: Path) -> Verdict:
    """A checkpoint to go on from: every byte."""
    if read_state(path) is None:
        raise AuheatError("it is damaged: delete it, and the training goes on from the other one")
    return Verdict(path, same=True)


def _history(path: Path) -> Verdict:
    """Whole lines, an epoch each from the first on, and the table that is made of them."""
    written, lines = path.read_text("utf-8").splitlines(), read_history(path.parent)
    epochs = [line.get("epoch") for line in lines]
    if len(lines) != len(written) or epochs != list(range(1, len(lines) + 1)):
        return Verdict(path, difference="it is no line for each epoch from the first on")
    table = path.with_suffix(".csv")
    if table.exists() and table.read_text("utf-8") != history_table(lines):
        return Verdict(path, difference=f"{table.name} was made of other lines")
    return Verdict(path, same=True)
