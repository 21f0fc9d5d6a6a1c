"""Where the numbers come from: settings as far as they are known, and the card of the weights."""

from __future__ import annotations

from collections.abc import Mapping
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
from auheat.web.report.origins import Pairs, origin_lines
from auheat.web.report.readings import Readings

# Figures of a card's test that are shown, with what they are called.
_MEASURES = {"icc": "ICC(3,1)", "pcc": "PCC", "mae": "MAE", "mse": "MSE"}
_KINDS = {"video": "video", "image": "image", "folder": "folder of images"}


@dataclass(frozen=True)
class Source:
    """What a report is about.

    Attributes:
        name: What the report is called: its table's name.
        made_from: What was read; None if that is not at hand.
        baseline: What was subtracted, if anything.
        origin: How it was read, see `auheat.inference.origin`; None if that is not known.
        more: Further settings, with their names.
    """

    name: str
    made_from: str | None = None
    baseline: Baseline | None = None
    origin: Mapping[str, Any] | None = None
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
        pairs += _subtracted(source.baseline.method, source.baseline.source)
    return pairs + (origin_lines(source.origin) if source.origin else []) + source.more


def baseline_beside(table: Path) -> Pairs:
    """What the file beside a table tells of what was subtracted.

    Raises:
        AuheatError: If it cannot be read.
    """
    subtracted = table.with_name(table.stem + BASELINE)
    if not subtracted.is_file():
        return []
    stored = _stored(subtracted)
    return _subtracted(str(stored.get("method")), str(stored.get("source")))


def _subtracted(method: str, source: str) -> Pairs:
    return [("baseline", method), ("baseline of", Path(source).name)]  # no folders of the user


@lru_cache(maxsize=4)
def card_of(weights: str) -> Mapping[str, Any]:
    """The card of stored weights.

    Raises:
        AuheatError: if they cannot be read.
    """
    return open_runtime(weights).card


def card_lines(card: Mapping[str, Any], weights: str) -> Pairs:
    """The main lines of the card of weights; see `auheat.models.checkpoint` for its fields.

    weights: their path, or "default".
    """
    experiment = _part(card, "experiment")
    data, test = _part(card, "data"), _part(card, "test")
    name = "those that come with auheat" if is_default(weights) else Path(weights).name
    lines = [
        ("weights", name),
        ("name", experiment.get("name")),
        ("trained with", card.get("auheat") and f"auheat {card['auheat']}"),
        ("network", _network(_part(experiment, "model"))),
        ("training data", card.get("training") or ("" if data else _datasets(experiment))),
        ("validation", "" if test else _figures(_part(card, "validation"))),
        ("measured", _figures(test)),
        ("measured on", _measured_on(data, test) if test else ""),
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


def _datasets(experiment: Mapping[str, Any]) -> str:
    """The datasets that a run was trained on, and the weights that it started from."""
    data, start = _part(experiment, "data"), _part(experiment, "optim").get("start")
    folders = [data["folder"], *data.get("more", [])] if data.get("folder") else []
    names = ", ".join(Path(str(folder)).name for folder in folders)
    return f"{names}; started from {Path(str(start)).name}" if names and start else names


def _figures(means: Mapping[str, Any]) -> str:
    words = [
        f"{name} {means[key]:.3f}" for key, name in _MEASURES.items() if _is_number(means, key)
    ]
    return f"{', '.join(words)} (means over AUs)" if words else ""


def _measured_on(data: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    """What the figures of `test` are of, which is never what the weights were trained on."""
    kind = "rendered faces" if data.get("kind") == "synthetic" else str(data.get("kind", ""))
    counts = _counts(test)
    plan = _part(data, "plan")
    if counts and (whole := _counts(plan)):
        seed = f", seed {plan['seed']}" if "seed" in plan else ""
        counts += f" of a dataset of {whole}{seed}"
    return ", ".join(part for part in (kind, counts) if part)


def _counts(part: Mapping[str, Any]) -> str:
    if not (_is_number(part, "images") and _is_number(part, "subjects")):
        return ""
    return f"{part['images']} images of {part['subjects']} people"


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
