"""Where the numbers come from: settings as far as they are known, and the card of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError
from auheat.inference.calibration import Baseline
from auheat.inference.inputs import BASELINE
from auheat.json_files import parse_json
from auheat.models.runtimes.opening import open_runtime
from auheat.models.weights import is_default
from auheat.web.report.readings import Readings

# Figures of a card's test that are shown, with what they are called.
_MEASURES = {"icc": "ICC(3,1)", "pcc": "PCC", "mae": "MAE", "mse": "MSE"}
_KINDS = {"video": "video", "image": "image", "folder": "folder of images"}

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Source:
    """What a report is about.

    Attributes:
        name: What the report is called: its table's name.
        made_from: What was read; None if that is not at hand.
        baseline: What was subtracted, if anything.
        more: Further settings, with their names.
    """

    name: str
    made_from: str | None = None
    baseline: Baseline | None = None
    more: Pairs = field(default_factory=list)


def settings(readings: Readings, source: Source) -> Pairs:
    """Names and values of what is known about how the numbers came about."""
    pairs = [
        ("table", source.name),
        ("kind", _KINDS[readings.kind]),
        ("made from", source.made_from or "not at hand"),
        ("Action Units", ", ".join(readings.aus)),
    ]
    if source.baseline:
        pairs += [("baseline", source.baseline.method), ("baseline of", source.baseline.source)]
    return pairs + source.more


def settings_beside(table: Path) -> Pairs:
    """What JSON files beside a table tell: what was subtracted, and any settings of its name.

    Raises:
        AuheatError: If such a file cannot be read.
    """
    pairs: Pairs = []
    subtracted = table.with_name(table.stem + BASELINE)
    if subtracted.is_file():
        stored = _stored(subtracted)
        pairs += [("baseline", str(stored.get("method")))]
        pairs += [("baseline of", str(stored.get("source")))]
    beside = table.with_suffix(".json")
    return pairs + (list(_flat(_stored(beside))) if beside.is_file() else [])


@lru_cache(maxsize=4)
def card_of(weights: str) -> Mapping[str, Any]:
    """The card of stored weights.

    Raises:
        AuheatError: if they cannot be read.
    """
    return open_runtime(weights).card


def card_lines(card: Mapping[str, Any], weights: str) -> Pairs:
    """The main lines of the card of weights. weights: their path, or "default"."""
    experiment = _part(card, "experiment")
    data, test = _part(card, "data"), _part(card, "test")
    name = "those that come with auheat" if is_default(weights) else Path(weights).name
    lines = [
        ("weights", name),
        ("name", experiment.get("name")),
        ("trained with", card.get("auheat") and f"auheat {card['auheat']}"),
        ("network", _network(_part(experiment, "model"))),
        ("training data", _data(data)),
        ("measured", _measured(test, data)),
        ("licence", card.get("licence")),
        ("limits", card.get("limits")),
    ]
    return [(key, str(value)) for key, value in lines if value]


def _part(card: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = card.get(name)
    return part if isinstance(part, Mapping) else {}


def _network(model: Mapping[str, Any]) -> str:
    if not model:
        return ""
    width = f" of width {model['width']}" if "width" in model else ""
    scc = " with semantic correspondence convolution" if model.get("scc") else ""
    kind = model.get("kind", "deconv")
    backbone = model.get("backbone", model.get("trunk", "")) if kind == "deconv" else kind
    return f"heatmap regression, {backbone}{width}{scc}, {model.get('input_size', '?')} pixels"


def _data(data: Mapping[str, Any]) -> str:
    plan = _part(data, "plan")
    if not data:
        return ""
    counts = ", ".join(f"{plan[name]} {name}" for name in ("subjects", "images") if name in plan)
    kind = "rendered faces" if data.get("kind") == "synthetic" else str(data.get("kind", ""))
    return f"{kind} ({counts})" if counts else kind


def _measured(test: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    words = [f"{name} {test[key]:.3f}" for key, name in _MEASURES.items() if _is_number(test, key)]
    if not words:
        return ""
    on = "held-out synthetic faces" if data.get("kind") == "synthetic" else "its test split"
    return f"{', '.join(words)} (means over AUs, on {on})"


def _is_number(part: Mapping[str, Any], key: str) -> bool:
    return isinstance(part.get(key), int | float)


def _stored(path: Path) -> Any:
    try:
        stored = parse_json(path.read_text("utf-8"))
        return stored if isinstance(stored, dict) else {"settings": stored}
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise AuheatError(f"{path} beside the table is no JSON: move or fix it") from None


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as names with dots."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value))
    else:
        yield name, str(value)
