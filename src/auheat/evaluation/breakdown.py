"""Result files of a part of the whole each: families of a suite, groups of people.

about     name, seed and weights of what was measured
format    1
synthetic whether the images are of synthetic faces; older files lack it
families  by family, then by AU and as "mean": icc, mae, false_alarms, n; undefined is null
groups    by what people differ in: a list of groups with name, icc, mae, false_alarms and more
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError, checked_path
from auheat.evaluation.report import is_synthetic, without_nan
from auheat.files import atomic_write

FORMAT = 1
FAMILIES, GROUPS = "families", "groups"
MEASURED = ("icc", "mae", "false_alarms")


@dataclass(frozen=True)
class Breakdown:
    """What such a file says.

    Attributes:
        name: Of the run.
        seed: Of the run.
        synthetic: Whether it was measured on synthetic faces; None where the file does not say.
        parts: By part ("turned", "sex: female"), the mean over AUs of each of `MEASURED`, NaN where
            undefined.
    """

    name: str
    seed: int
    synthetic: bool | None
    parts: Mapping[str, Mapping[str, float]]


def write_breakdown(path: Path, about: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Writes a report by part as JSON; NaN becomes null.

    Args:
        path: The file.
        about: What the predictions are about, of which the result keeps whose they are.
        content: What was measured.
    """
    whose = {name: about[name] for name in ("name", "seed", "weights") if name in about}
    head = {"about": whose, "format": FORMAT, "synthetic": is_synthetic(about.get("data", {}))}
    text = json.dumps(without_nan({**head, **content}), indent=1)
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", "utf-8")


def is_breakdown(path: str | Path) -> bool:
    """Whether a file that can be read is a report by part."""
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
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
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != FORMAT:
            raise AuheatError(f"{path} has format {content['format']}, this auheat reads {FORMAT}")
        about, parts = content["about"], {}
        synthetic = content.get("synthetic", True if FAMILIES in content else None)
        if FAMILIES in content:
            for family, measures in content[FAMILIES].items():
                parts[str(family)] = _figures(measures["mean"])
        else:
            for thing, groups in content[GROUPS].items():
                for group in groups:
                    parts[f"{thing}: {group['name']}"] = _figures(group)
        name, seed = str(about.get("name", path.stem)), int(about.get("seed", 0))
        return Breakdown(name, seed, synthetic, parts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AuheatError(
            f"{path} is not a result file of `auheat evaluate --suite` or `--groups`"
        ) from None


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    return {key: math.nan if row[key] is None else float(row[key]) for key in MEASURED}
