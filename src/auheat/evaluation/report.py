"""Result files: one JSON file for each network and each part of a dataset it was measured on.

format       2; files of format 1 lack what is marked with *
name, seed   of the run
weights      file name of the checkpoint, or of the tables of another program
split        "test", "val", "train" or "all"; `subjects` and `images` count it
data         how the dataset was made (its manifest's source)
experiment   the run's settings in full, if the checkpoint knows them
metrics      by AU and as "mean": icc, mae, mse, pcc, n; undefined is null
synthetic*   whether the images are of synthetic faces
protocol*, fold*   who was tested, see `auheat.evaluation.protocols`; "" for the dataset's own split
intervals*   by AU and as "mean", then by metric: [low, high], see `auheat.evaluation.intervals`
fold_means*  of pooled folds: by AU and as "mean", then by metric: the mean over the folds
controls*    by name: mean metrics of a naive baseline on the same rows
coverage*    of another program: `images` with a prediction, `of` those in the split
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from auheat.errors import AuheatError, checked_path
from auheat.facs import MAX_INTENSITY, MIN_INTENSITY
from auheat.files import atomic_write
from auheat.json_files import parse_json
from auheat.metrics import METRICS

if TYPE_CHECKING:
    from auheat.evaluation.predictions import Predictions

FORMAT = 2
_READABLE = (1, 2)
_NUMBERS = ("metrics", "intervals", "fold_means", "controls")
_SCALE = (
    "py-feat's values run from 0 to 1 and are scored as they are: "
    "the scale affects ICC, MAE and MSE but not PCC"
)


@dataclass(frozen=True)
class Report:
    """The content of a result file. Fields: see the module."""

    name: str
    seed: int
    _: KW_ONLY
    weights: str
    split: str
    subjects: int
    images: int
    data: Mapping[str, Any]
    experiment: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, float]]
    protocol: str = ""
    fold: str = ""
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    fold_means: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    controls: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    coverage: Mapping[str, int] = field(default_factory=dict)

    @property
    def synthetic(self) -> bool:
        """Whether the images are of synthetic faces, as their source says."""
        return is_synthetic(self.data)

    def write(self, path: str | Path) -> None:
        """Writes the file under a temporary name, then renames it."""
        path = checked_path("the file to write", path)
        content = {"format": FORMAT, **asdict(self), "synthetic": self.synthetic}
        content |= {key: without_nan(content[key]) for key in _NUMBERS}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AuheatError(f"cannot make the folder {path.parent}: {error.strerror}") from None
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1))


def free_place(path: Path, report: Report) -> Path:
    """Where a report goes that nobody gave a place: never over the result of something else.

    Args:
        path: Where it belongs; taken if nothing is there, or an older result of the same.
        report: What will be written.

    Returns:
        The path, or the first of `name-2.json` and so on that is free for it.
    """
    return free_of_others(path, lambda place: _is_older(place, report))


def free_of_others(path: Path, is_older: Callable[[Path], bool]) -> Path:
    """Where something goes that nobody gave a place.

    Args:
        path: Where it belongs.
        is_older: Whether a file that is there may be replaced.

    Returns:
        The path, or the first of `name-2.json` and so on where nothing else is.
    """
    place, number = path, 1
    while place.exists() and not is_older(place):
        number += 1
        place = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return place


# Naive baselines follow from the labels, and tell datasets of one kind from each other.
_SAME = ("name", "seed", "weights", "split", "protocol", "fold", "subjects", "images", "data")


def _is_older(path: Path, report: Report) -> bool:
    """Whether a file is a result of the same network or tables on the same rows."""
    try:
        there = read_report(path)
    except AuheatError:
        return False
    return _identity(there) == _identity(report)


def _identity(report: Report) -> str:
    """What was measured on what."""
    content = {key: getattr(report, key) for key in _SAME}
    return json.dumps({**content, "baselines": without_nan(report.controls)})


def is_synthetic(source: Mapping[str, Any]) -> bool:
    """Whether a dataset's source says that its faces, or some of them, are synthetic."""
    joined = any(is_synthetic(part) for part in source.get("joined", ()))
    return source.get("kind") == "synthetic" or bool(source.get("synthetic")) or joined


def read_report(path: str | Path) -> Report:
    """Reads a result file.

    Args:
        path: A file that `Report.write` or `auheat evaluate` wrote.

    Returns:
        What was measured.

    Raises:
        AuheatError: It is not one.
    """
    path = checked_path("the result file", path)
    unreadable = AuheatError(f"{path} is not a result file of `auheat evaluate`")
    try:
        content = parse_json(path.read_text())
        version = content.pop("format")
    except FileNotFoundError:
        raise AuheatError(f"no result file at {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise unreadable from None
    if version not in _READABLE:
        raise AuheatError(f"{path} has format {version}, this auheat reads {FORMAT}")
    try:
        content.pop("synthetic", None)  # follows from `data`
        content |= {key: _with_nan(content[key]) for key in _NUMBERS if key in content}
        report = Report(**content)
        sound = _is_sound(report)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise unreadable from None
    if not sound:
        raise unreadable
    return report


def _is_sound(report: Report) -> bool:
    """Whether what a file held is of the kinds that `Report` says, with every metric.

    Raises one of many errors where rows are no mappings or pairs are none.
    """
    texts = (report.name, report.weights, report.split, report.protocol, report.fold)
    counts = (report.seed, report.subjects, report.images, *report.coverage.values())
    rows = [*report.metrics.values(), *report.fold_means.values(), *report.controls.values()]
    numbers = [number for row in rows for number in row.values()]
    for row in report.intervals.values():
        for low, high in row.values():
            numbers += [low, high]
    return (
        all(isinstance(text, str) for text in texts)
        and all(type(count) is int for count in counts)
        and all(isinstance(part, Mapping) for part in (report.data, report.experiment))
        and all(isinstance(number, float) for number in numbers)
        and all(metric in row for row in report.metrics.values() for metric in METRICS)
    )


def notes(
    report: Report, predictions: Predictions, *, seen: frozenset[str] | None = frozenset()
) -> list[str]:
    """What has to be said beside a table of metrics, in lines.

    Args:
        report: The metrics.
        predictions: What they were measured on.
        seen: The people measured whom the network was trained on; None where that is not known.

    Returns:
        Who was tested, intervals, naive baselines, coverage and AUs that are missing.
    """
    lines = [_tested(report), *_seen(predictions, seen, report.split)]
    lines += [*_means(report), *_controls(report), *_outside(predictions)]
    if report.coverage:
        n, of = report.coverage["images"], report.coverage["of"]
        lines.append(f"coverage: predictions for {n} of {of} images ({n / max(of, 1):.1%})")
    if missing := predictions.about.get("not_offered"):
        lines.append(f"not offered, so not measured: {', '.join(missing)}")
    if predictions.about.get("kind") == "py-feat":
        lines.append(_SCALE)
    return lines


def _outside(predictions: Predictions) -> list[str]:
    """A line on values outside 0 to 5."""
    values = predictions.values()
    known = values[~np.isnan(values)]
    outside = int(((known < MIN_INTENSITY) | (known > MAX_INTENSITY)).sum())
    if not outside:
        return []
    return [
        f"{outside} of {known.size} predictions lie outside 0 to 5 ({known.min():g} to "
        f"{known.max():g}): they are scored as they are"
    ]


def _seen(predictions: Predictions, seen: frozenset[str] | None, split: str) -> list[str]:
    """A line on people whom the network knows."""
    if seen:
        return [
            f"{len(seen)} of the {len(set(predictions.subjects))} people measured were trained on "
            "or chose the checkpoint: these figures do not hold for new people"
        ]
    if seen is None and split in ("all", "train"):
        return [
            f"the split {split} holds the train split's people: if these weights were trained on "
            "them, the figures do not hold for new people"
        ]
    return []


def _tested(report: Report) -> str:
    faces = " of synthetic faces" if report.synthetic else ""
    division = f", protocol {report.protocol}, fold {report.fold}" if report.protocol else ""
    return (
        f"measured on {report.images} images{faces}, {report.subjects} subjects, "
        f"split {report.split}{division}"
    )


def _means(report: Report) -> list[str]:
    """The means, over how many AUs, and their intervals."""
    aus = [au for au in report.metrics if au != "mean"]
    scored = [au for au in aus if not math.isnan(report.metrics[au]["icc"])]
    means = report.intervals.get("mean", {})
    if not means:
        return []
    which = f"{len(scored)} AUs" if len(scored) == len(aus) else f"{len(scored)} of {len(aus)} AUs"
    known = [metric for metric in ("icc", "mae") if not any(map(math.isnan, means[metric]))]
    texts = [
        f"{metric.upper()} {report.metrics['mean'][metric]:.3f}"
        + (f" ({means[metric][0]:.3f} to {means[metric][1]:.3f})" if metric in known else "")
        for metric in ("icc", "mae")
    ]
    of = "with 95% interval over subjects" if known else "(too few subjects for an interval)"
    return [f"mean over {which} {of}: {', '.join(texts)}"]


def _controls(report: Report) -> list[str]:
    return [
        f"{name} predictor: ICC {row['icc']:.3f}, MAE {row['mae']:.3f}, MSE {row['mse']:.3f}"
        for name, row in report.controls.items()
    ]


def without_nan(value: Any) -> Any:
    """Nested numbers with NaN as None."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_nan(value: Any) -> Any:
    """The inverse; lists become tuples."""
    if isinstance(value, Mapping):
        return {key: _with_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_with_nan(item) for item in value)
    return math.nan if value is None else float(value)
