"""Result files of a part of the whole each: families of a suite, groups of people.

about     name, seed and weights of what was measured
format    1
synthetic*  whether the images are of synthetic faces
measured* on what: split, images, subjects, the dataset's source, and a sum over rows and labels
families  by family, then by AU and as "mean": icc, mae, false_alarms, n; undefined is null
groups    by what people differ in: a list of groups with name, icc, mae, false_alarms and more

Older files lack what is marked with *.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError, checked_path
from auheat.evaluation.predictions import LABEL, Predictions
from auheat.evaluation.report import free_of_others, is_synthetic, without_nan
from auheat.files import atomic_write
from auheat.json_files import parse_json

FORMAT = 1
FAMILIES, GROUPS = "families", "groups"
MEASURED = ("icc", "mae", "false_alarms")


@dataclass(frozen=True)
class Breakdown:
    """What such a file says.

    Attributes:
        name: Of the run.
        seed: Of the run.
        parts: By part ("turned", "sex: female"), the mean over AUs of each of `MEASURED`, NaN where
            undefined.
        weights: File name of what was measured.
        synthetic: Whether it was measured on synthetic faces; None where the file does not say.
        measured: On what, see the module; empty where the file does not say.
        file: Where it was read from, for messages.
    """

    name: str
    seed: int
    parts: Mapping[str, Mapping[str, float]]
    _: KW_ONLY
    weights: str = ""
    synthetic: bool | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""

    def is_of_the_same(self, other: Breakdown) -> bool:
        """Whether both are of the same rows, as far as the files say, and have the same parts."""
        untold = not (self.measured and other.measured)
        return (untold or self.measured == other.measured) and (
            (self.synthetic, set(self.parts)) == (other.synthetic, set(other.parts))
        )

    def replaces(self, other: Breakdown) -> bool:
        """Whether the other one is an older report of the same network on the same rows."""
        mine, theirs = (
            (one.name, one.seed, one.weights, one.measured, set(one.parts)) for one in (self, other)
        )
        return mine == theirs


def measured_on(predictions: Predictions) -> dict[str, Any]:
    """What predictions were measured on, by which reports of other rows are told apart."""
    about, table = predictions.about, predictions.table
    digest = hashlib.sha256()
    for column in ("image", *(au + LABEL for au in predictions.aus)):
        if column in table:
            digest.update(repr(table[column].tolist()).encode())
    return {
        "split": str(about.get("split", "")),
        "images": len(table),
        "subjects": len(set(predictions.subjects.tolist())),
        "rows": digest.hexdigest()[:16],
        "data": about.get("data", {}),
    }


def content_of(
    about: Mapping[str, Any], measured: Mapping[str, Any], parts: Mapping[str, Any]
) -> dict[str, Any]:
    """The content of a file, NaN as None.

    Args:
        about: What the predictions are about, of which the result keeps whose they are.
        measured: Of `measured_on`.
        parts: The families or groups.
    """
    whose = {name: about[name] for name in ("name", "seed", "weights") if name in about}
    head = {"about": whose, "format": FORMAT, "synthetic": is_synthetic(about.get("data", {}))}
    content: dict[str, Any] = without_nan({**head, "measured": measured, **parts})
    return content


def write_breakdown(path: Path, content: Mapping[str, Any]) -> None:
    """Writes what `content_of` gives, as JSON."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def free_breakdown_place(path: Path, content: Mapping[str, Any]) -> Path:
    """Where a report goes that nobody gave a place: never over one of something else."""
    mine = _parsed(content, path)

    def is_older(place: Path) -> bool:
        try:
            return mine.replaces(read_breakdown(place))
        except AuheatError:
            return False

    return free_of_others(path, is_older)


def is_breakdown(path: str | Path) -> bool:
    """Whether a file that can be read is a report by part."""
    try:
        content = parse_json(Path(path).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and bool({FAMILIES, GROUPS} & set(content))


def read_breakdown(path: str | Path) -> Breakdown:
    """Reads a report by part.

    Args:
        path: A file that `auheat evaluate --suite` or `--groups` wrote.

    Returns:
        What was measured.

    Raises:
        AuheatError: It is not one.
    """
    path = checked_path("the result file", path)
    try:
        content = parse_json(path.read_text("utf-8"))
        if content["format"] != FORMAT:
            raise AuheatError(f"{path} has format {content['format']}, this auheat reads {FORMAT}")
        return _parsed(content, path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise AuheatError(
            f"{path} is not a result file of `auheat evaluate --suite` or `--groups`"
        ) from None


def _parsed(content: Mapping[str, Any], path: Path) -> Breakdown:
    """Raises one of many errors if there is anything that no report of ours has."""
    about, parts = content["about"], {}
    if FAMILIES in content:
        for family, measures in content[FAMILIES].items():
            parts[str(family)] = _figures(measures["mean"])
    else:
        for thing, groups in content[GROUPS].items():
            for group in groups:
                parts[f"{thing}: {group['name']}"] = _figures(group)
    synthetic = content.get("synthetic", True if FAMILIES in content else None)
    measured, seed = content.get("measured", {}), about.get("seed", 0)
    if not parts or not isinstance(seed, int) or synthetic not in (True, False, None):
        raise ValueError("no report")
    return Breakdown(
        str(about.get("name", path.stem)),
        seed,
        parts,
        weights=str(about.get("weights", "")),
        synthetic=synthetic,
        measured=dict(measured),
        file=str(path),
    )


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    figures = {}
    for key in MEASURED:
        value = row[key]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise TypeError(f"{key} is no number")
        figures[key] = math.nan if value is None else float(value)
        if math.isinf(figures[key]):
            raise ValueError(f"{key} is infinite")
    return figures
