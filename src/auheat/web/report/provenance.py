"""Where the numbers come from: settings as far as they are known, and the card of the weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError
from auheat.inference.inputs import BASELINE
from auheat.web.report import drawing
from auheat.web.report.table import ResultTable

# Figures of a card's test that are shown, with what they are called.
_MEASURES = {"icc": "ICC(3,1)", "pcc": "PCC", "mae": "MAE", "mse": "MSE"}


def settings(table: ResultTable, source: Path | None) -> list[tuple[str, str]]:
    """Names and values that say where a table comes from.

    What the table tells, what was subtracted as baseline, and whatever a JSON file of the table's
    name holds.

    Raises AuheatError if such a file cannot be read.
    """
    pairs = [
        ("table", table.name),
        ("kind", table.kind),
        ("made from", source.name if source else "not at hand"),
        ("Action Units", ", ".join(table.aus)),
    ]
    baseline = table.path.with_name(table.path.stem + BASELINE)
    if baseline.is_file():
        stored = _stored(baseline)
        pairs += [(f"baseline, {key}", str(stored.get(key))) for key in ("method", "source")]
    beside = table.path.with_suffix(".json")
    return pairs + (list(_flat(_stored(beside))) if beside.is_file() else [])


def model_card(card: Mapping[str, Any], weights: str) -> str:
    """The card of the weights as HTML; the whole of it is folded away below the main lines."""
    experiment = _part(card, "experiment")
    data, test = _part(card, "data"), _part(card, "test")
    pairs = [("weights", weights)]
    pairs += [
        (name, str(value))
        for name, value in (
            ("name", experiment.get("name")),
            ("trained with", card.get("auheat") and f"auheat {card['auheat']}"),
            ("network", _network(_part(experiment, "model"))),
            ("training data", _data(data)),
            ("measured", _measured(test, data)),
            ("licence", card.get("licence")),
            ("limits", card.get("limits")),
        )
        if value
    ]
    whole = escape(json.dumps(dict(card), indent=1, ensure_ascii=False))
    return (
        '<p class="note">The table itself does not say which weights made it; this card is of '
        f"those named here.</p>{drawing.definition(pairs)}"
        f"<details><summary>The whole card</summary><pre>{whole}</pre></details>"
    )


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
        stored = json.loads(path.read_text("utf-8"))
        return stored if isinstance(stored, dict) else {"settings": stored}
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise AuheatError(f"{path} beside the table is no JSON: move or mend it") from None


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as names with dots."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value))
    else:
        yield name, str(value)
