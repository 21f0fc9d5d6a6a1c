"""Which settings make a run another one: those that decide what is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from auheat.settings import to_dict
from auheat.training.experiment import Experiment, RunConfig


def differences(one: Experiment, other: Experiment) -> list[str]:
    """Where two runs train something else: lines like `optim.epochs 10, not 20`.

    Left out is what trains the same weights: workers, caches, how the run is kept, and
    whether the path of a folder is absolute.
    """
    first, second = (_flat(to_dict(_as_trained(experiment))) for experiment in (one, other))
    return [
        f"{key} {json.dumps(value)}, not {json.dumps(second[key])}"
        for key, value in first.items()
        if value != second[key]
    ]


def _as_trained(experiment: Experiment) -> Experiment:
    data = experiment.data
    folder = str(Path(data.folder).resolve()) if data.folder else ""
    more = tuple(str(Path(name).resolve()) for name in data.more)
    data = replace(data, folder=folder, more=more, workers=0, cache="")
    return replace(experiment, data=data, run=RunConfig())


def _flat(settings: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    """Nested settings by dotted key."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = isinstance(value, Mapping)
        found |= _flat(value, f"{start}{key}.") if inner else {start + key: value}
    return found
