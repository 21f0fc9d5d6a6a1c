"""Measures networks again, and says whether predictions and result files would be the same.

What predictions were made of stands in their metadata, see `auheat.evaluation.predictions`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from auheat import __version__
from auheat.data.manifest import Manifest, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import predict_part
from auheat.evaluation.predictions import Predictions, read_predictions
from auheat.evaluation.report import Report, read_report
from auheat.evaluation.scoring import score
from auheat.models.runtimes.opening import file_of, open_runtime
from auheat.progress import Progress, silent
from auheat.sums import sha256
from auheat.tables.compare import Verdict, difference_of

_ORIGIN = {"auheat", "weights", "runtime", "precision", "device", "folder"}


def verify_predictions(
    path: Path, weights: str | Path = "default", *, progress: Progress = silent
) -> Verdict:
    """Runs the network over the same images again, and compares row by row, labels included.

    Args:
        path: A file of `Predictions.write`.
        weights: Those that predicted: a path, or "default".
        progress: Shows how far the network is.

    Raises:
        AuheatError: The file says nothing of its origin, or the dataset or weights are gone.
    """
    before = read_predictions(path)
    origin = before.about.get("origin")
    if not isinstance(origin, Mapping) or not set(origin) >= _ORIGIN:
        raise AuheatError("it does not say where it comes from: an older auheat wrote it")
    chosen: dict[str, Any] = {name: origin[name] for name in ("runtime", "device", "precision")}
    file = file_of(weights, **chosen)
    runtime = open_runtime(file, **chosen)
    part, gone = _rows_of(before, read_manifest(origin["folder"]))
    if gone:
        return Verdict(path, difference=f"{gone} of its images are not in {part.folder} any more")
    values = predict_part(runtime, part, progress=progress)
    now = Predictions.of(part, runtime.config.aus, values, before.about)
    found = difference_of(_cells(before), _cells(now))
    return Verdict(path, found.is_none, _reasons(origin, file), found)


def verify_result(path: Path) -> Verdict:
    """Scores the predictions beside a result file again, and compares all but naive baselines.

    Raises:
        AuheatError: It is no result file, or there are no predictions beside it.
    """
    before = read_report(path)
    beside = path.with_name(path.name.replace("result", "predictions")).with_suffix(".parquet")
    with tempfile.TemporaryDirectory(prefix="auheat-verify-") as scratch:
        made = Path(scratch) / path.name
        score(read_predictions(beside)).write(made)
        now = read_report(made)
    names = [field.name for field in fields(Report) if field.name != "controls"]
    # As text, in which undefined figures equal each other.
    wrong = [name for name in names if repr(getattr(before, name)) != repr(getattr(now, name))]
    said = f"{', '.join(wrong)}: not what {beside.name} gives"
    return Verdict(path, not wrong, difference=said)


def _rows_of(before: Predictions, manifest: Manifest) -> tuple[Manifest, int]:
    """The rows of a dataset that were predicted, in their order, and how many are not there."""
    names = before.table["image"].to_list()
    gone = len(set(names) - set(manifest.table["image"]))
    if gone:
        return manifest, gone
    rows = manifest.table.set_index("image", drop=False).loc[names].reset_index(drop=True)
    return replace(manifest, table=rows), 0


def _cells(predictions: Predictions) -> list[dict[str, Any]]:
    """Rows without the name of the fold, which the dataset does not tell."""
    rows: list[dict[str, Any]] = predictions.table.drop(columns="fold").to_dict("records")
    return rows


def _reasons(origin: Mapping[str, Any], weights: Path) -> list[str]:
    """What is not as it was when the predictions were written."""
    reasons = []
    if origin["auheat"] != __version__:
        reasons.append(f"written by auheat {origin['auheat']}, this is {__version__}")
    if origin["weights"]["sha256"] != sha256(weights):
        reasons.append(f"predicted by other weights than {weights.name}")
    return reasons
