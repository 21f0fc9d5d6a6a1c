"""Where a table comes from: a JSON file beside it, `<name>.origin.json`.

    {"auheat_origin": 1, "auheat": "0.1.0", "weights": {"file": ..., "sha256": ...},
     "runtime": ..., "precision": ..., "device": ..., "settings": {...},
     "input": {"path": ..., "name": ..., "bytes": ..., "modified_ns": ...}}

By it a later run knows whose results lie in a folder: those of another input of the same name are
not replaced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auheat import __version__
from auheat.files import atomic_write
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.inputs import ORIGIN
from auheat.sums import sha256

FORMAT = 1
_KEY = "auheat_origin"


def origin_of(predictor: FacePredictor, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What all tables of a run share.

    Args:
        predictor: What reads.
        settings: What else decides about the numbers.
    """
    runtime = predictor.runtime
    return {
        _KEY: FORMAT,
        "auheat": __version__,
        "weights": None
        if predictor.weights is None
        else {"file": predictor.weights.name, "sha256": sha256(predictor.weights)},
        "runtime": runtime.name,
        "precision": runtime.precision,
        "device": runtime.device,
        "settings": {"aus": list(predictor.aus), **settings},
    }


def write_origin(stem: Path, path: Path, shared: Mapping[str, Any]) -> None:
    """Writes the file beside a table.

    Args:
        stem: The table without its ending.
        path: The input.
        shared: What `origin_of` gave.

    Raises:
        AuheatError: if it cannot.
    """
    stored = {**shared, "input": _identity(path)}
    with atomic_write(stem.with_name(stem.name + ORIGIN)) as temporary:
        temporary.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")


def is_of(stem: Path, path: Path) -> bool:
    """Whether results are of an input, or of nobody knows which.

    They are if its path is the same, or its name, size and time, as of a file that was moved.
    """
    try:
        stored = json.loads(stem.with_name(stem.name + ORIGIN).read_text("utf-8"))["input"]
        there = _identity(path)
        same_file = ("name", "bytes", "modified_ns")
        return bool(
            stored["path"] == there["path"]
            or (there["bytes"] >= 0 and all(stored[key] == there[key] for key in same_file))
        )
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _identity(path: Path) -> dict[str, Any]:
    try:
        about = path.stat()
        size, modified = (-1 if path.is_dir() else about.st_size), about.st_mtime_ns
        place = path.resolve()
    except (OSError, RuntimeError, ValueError):
        size, modified, place = -1, 0, path
    return {"path": str(place), "name": place.name, "bytes": size, "modified_ns": modified}
