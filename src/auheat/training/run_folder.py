"""The folder of a run: which files it holds, whose it is, and what it records of the run itself.

    experiment.json     the settings in full
    best.safetensors    the weights with the highest validation ICC
    last.ckpt           what resuming needs; last.previous.ckpt is the one before it
    history.jsonl       a line of figures for each epoch; history.csv and history.png are made of it
    run.json            versions, commit, processor, datasets, seconds and peak memory of each start
    events.out.*        for TensorBoard, and so is hparams.yaml, which says nothing

`auheat evaluate` and sweeps add `predictions-*.parquet`, `result-*.json`, `val.parquet` and
`test.parquet`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from auheat import __version__
from auheat.data.manifest import FILE
from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.folders import RUN_SETTINGS
from auheat.json_files import parse_json
from auheat.settings import build_stored, to_dict
from auheat.sums import sha256
from auheat.system import processor_name
from auheat.training.differences import differences
from auheat.training.experiment import Experiment

SETTINGS, RECORD = RUN_SETTINGS, "run.json"
BEST, HISTORY = "best.safetensors", "history.jsonl"
LAST, PREVIOUS = "last.ckpt", "last.previous.ckpt"
TESTED = "test.parquet"
_SHOWN = 4


def stored_experiment(folder: Path) -> Experiment | None:
    """The settings that a run's folder holds, None where it holds none.

    Raises:
        AuheatError: They cannot be read.
    """
    path = folder / SETTINGS
    try:
        settings = parse_json(path.read_text("utf-8"))
        if not isinstance(settings, dict):
            raise ValueError
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise AuheatError(
            f"{path} is damaged: delete {folder}, or give this run another name"
        ) from None
    return build_stored(Experiment, settings, str(path))


def is_started(folder: Path) -> bool:
    """Whether a folder holds something that was trained, or what it predicted for a table."""
    return any((folder / name).exists() for name in (LAST, PREVIOUS, BEST, TESTED))


def refuse_other_run(folder: Path, experiment: Experiment) -> None:
    """Does nothing for a new folder, one where nothing was trained yet, and one of this run.

    A run of this name on other settings is another one, and so is one on another version of a
    dataset: its figures and those of today's labels do not belong together.

    Raises:
        AuheatError: The folder holds a run of other settings, and the message says which differ, or
            one on another version of a dataset.
    """
    if not is_started(folder):
        return
    stored = stored_experiment(folder)
    if stored is None:
        raise AuheatError(f"{folder} holds a run without {SETTINGS}: give this one another name")
    found = differences(stored, experiment)
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise AuheatError(
            f"{folder} holds a run with other settings ({'; '.join(found[:_SHOWN])}{more}): "
            "give this one another name or delete it"
        )
    # The settings name the same datasets in the same order, though maybe seen from elsewhere.
    places = {place.resolve(): place for place in experiment.data.folders}
    for place, digest in zip(places.values(), _digests(folder).values(), strict=False):
        if (place / FILE).is_file() and sha256(place / FILE) != digest:
            raise AuheatError(
                f"{folder} holds a run on another version of the dataset {place}, which has "
                "changed since: give this one another name or another --runs, or delete that run"
            )


def claim(folder: Path, experiment: Experiment) -> None:
    """Makes the folder and notes the settings in it.

    Raises:
        AuheatError: See `refuse_other_run`; or nothing can be written there.
    """
    refuse_other_run(folder, experiment)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AuheatError(f"cannot write into {folder}: {error.strerror}") from None
    with atomic_write(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(to_dict(experiment), indent=1), "utf-8")


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The lines of `history.jsonl`, one for each epoch; one that was not written whole is none."""
    lines = []
    with suppress(OSError):
        for line in (folder / HISTORY).read_text("utf-8").splitlines():
            with suppress(ValueError):
                lines.append(parse_json(line))
    return lines


def write_history(folder: Path, lines: list[dict[str, Any]]) -> None:
    """Writes `history.jsonl`, and the table and the image that are made of it."""
    with atomic_write(folder / HISTORY) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    with atomic_write(folder / "history.csv") as temporary:
        temporary.write_text(history_table(lines), "utf-8")
    _draw_history(folder / "history.png", lines)


def history_table(lines: list[dict[str, Any]]) -> str:
    """The text of `history.csv`."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    rows = [names, *([str(line.get(name, "")) for name in names] for line in lines)]
    return "".join(",".join(row) + "\n" for row in rows)


def _draw_history(path: Path, lines: list[dict[str, Any]]) -> None:
    """Loss, ICC and MAE against epochs."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return
    figure = Figure((7.0, 2.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [line["epoch"] for line in lines]
    titles = {"train/loss": "loss, mean of the epoch", "val/icc": "validation ICC",
              "val/mae": "validation MAE (levels)"}  # fmt: skip
    for place, (name, title) in enumerate(titles.items(), 1):
        axes = figure.add_subplot(1, 3, place)
        axes.plot(epochs, [line.get(name, float("nan")) for line in lines], marker=".")
        axes.set_title(title, fontsize=8)
        axes.set_xlabel("epoch", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png")


class Record:
    """What `run.json` says: one entry for each time that the run was started.

    Args:
        folder: Of the run.
        device: What it trains on.
        datasets: Folders of what it trains on.
    """

    def __init__(self, folder: Path, device: str, datasets: Iterable[Path]) -> None:
        self._path = folder / RECORD
        self._began = time.monotonic()
        self._starts = _starts(self._path)
        self._starts.append(
            {
                "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "auheat": __version__,
                "commit": _commit(),
                "python": platform.python_version(),
                "torch": torch.__version__,
                "system": platform.system(),
                "processor": processor_name(),
                "threads": torch.get_num_threads(),
                "device": device,
                "datasets": {str(path.resolve()): sha256(path / FILE) for path in datasets},
                "ended": "running",
            }
        )
        self.write("running")

    def write(self, ended: str) -> None:
        """Notes how the run ended: "finished", "interrupted", or what went wrong."""
        peak = _peak_bytes()
        own = {"ended": ended, "seconds": round(time.monotonic() - self._began, 1)}
        self._starts[-1] |= own | ({"peak_memory_mb": round(peak / 2**20)} if peak else {})
        content = {"seconds": sum(one.get("seconds", 0.0) for one in self._starts),
                   "starts": self._starts}  # fmt: skip
        with atomic_write(self._path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _starts(record: Path) -> list[dict[str, Any]]:
    """What is noted of the starts of a run; of a damaged file what can be read."""
    starts: list[Any] = []
    with suppress(OSError, ValueError, KeyError, TypeError):
        starts = list(parse_json(record.read_text("utf-8"))["starts"])
    return [
        one
        for one in starts
        if isinstance(one, dict)
        and isinstance(one.get("datasets", {}), dict)
        and isinstance(one.get("seconds", 0.0), int | float)
    ]


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the datasets' manifests at the last start of a run; older ones noted none."""
    starts = _starts(folder / RECORD)
    return dict(starts[-1].get("datasets", {})) if starts else {}


def changed_datasets(folder: Path) -> list[str]:
    """Which datasets of a run have another manifest than when it was started, one line each."""
    lines = []
    for place, digest in _digests(folder).items():
        manifest = Path(place) / FILE
        if not manifest.is_file():
            lines.append(f"the dataset {place} is not there any more")
        elif sha256(manifest) != digest:
            lines.append(f"the dataset {place} has changed since")
    return lines


def _commit() -> str:
    """The commit of the checkout that this code runs from; "" for an installed package."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()
    return ""


def _peak_bytes() -> int:
    """The largest resident set of this process, or on a GPU what was allocated there at most."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    if os.name != "posix":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
