"""Where a table comes from: a JSON file beside it, `<name>.origin.json`.

    {"auheat_origin": 1, "auheat": "0.1.0", "weights": {"file": ..., "sha256": ...},
     "runtime": ..., "precision": ..., "device": ..., "settings": {...},
     "input": {"path": ..., "name": ..., "given": ..., "bytes": ..., "modified_ns": ...}}

`path` is where the input lies, `given` how it was named. A Parquet table has the same in its
metadata, under `auheat_origin`. By it `auheat verify` reads the input again, and a later run knows
whose results lie in a folder: those of another input of the same name are not replaced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from auheat import __version__
from auheat.errors import AuheatError
from auheat.files import atomic_write
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.inputs import ORIGIN
from auheat.json_files import parse_json
from auheat.media.limits import MAX_FPS
from auheat.optional import require
from auheat.sums import sha256
from auheat.tables.names import TableFormat
from auheat.tables.schema import Layout

FORMAT = 1
_KEY = "auheat_origin"
# What reading an input again needs.
_SETTINGS = (
    *("aus", "max_faces", "sequence", "fps", "baseline", "smooth", "format", "pose", "landmarks"),
    "std",
)


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
    with atomic_write(stem.with_name(stem.name + ORIGIN)) as temporary:
        temporary.write_text(json.dumps(with_input(shared, path), indent=1) + "\n", "utf-8")


def with_input(shared: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The origin of one table. shared: what `origin_of` gave. path: the input."""
    return {**shared, "input": _identity(path)}


def read_origin(path: Path) -> dict[str, Any]:
    """What `write_origin` wrote.

    Raises:
        AuheatError: it cannot be read, or is of another version.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise AuheatError(f"{path} is damaged, or not of auheat") from None
    return _checked(text, str(path))


def origin_of_table(table: Path) -> dict[str, Any] | None:
    """What is known of where a table comes from.

    A Parquet table says it itself. Of another one the file beside it does, unless that is of a
    table in another format, which took its place.

    Args:
        table: It must exist.

    Returns:
        What `read_origin` gives, or None if nothing is known.

    Raises:
        AuheatError: it is damaged, or of another version.
    """
    if table.suffix.lower() == ".parquet":
        own = (require("pyarrow.parquet").read_schema(table).metadata or {}).get(_KEY.encode())
        return None if own is None else _checked(own, str(table))
    beside = table.with_name(table.stem + ORIGIN)
    if not beside.is_file():
        return None
    origin = read_origin(beside)
    return origin if Layout(origin["settings"]["format"]).ending == table.suffix else None


def _checked(text: str | bytes, name: str) -> dict[str, Any]:
    """An origin from its text, whole and sound. name: of what holds it."""
    try:
        stored = parse_json(text)
        whole = stored[_KEY] == FORMAT and {*_SETTINGS} <= {*stored["settings"]}
        sound = not whole or _are_sound(stored["settings"])
        whole = whole and {"path", "given", "bytes", "modified_ns"} <= {*stored["input"]}
        weights = stored["weights"]
        whole = whole and (weights is None or {"file", "sha256"} <= {*weights})
        whole = whole and {"auheat", "weights", "runtime", "precision", "device"} <= {*stored}
    except (ValueError, KeyError, TypeError):
        raise AuheatError(f"{name} is damaged, or not of auheat") from None
    if not whole:
        raise AuheatError(f"{name} was written by another version of auheat")
    if not sound:
        raise AuheatError(f"{name} is damaged: its settings make no sense")
    return dict(stored)


def _are_sound(settings: Mapping[str, Any]) -> bool:
    """Whether stored settings are of the kinds that `auheat predict` writes."""
    flags = ("sequence", "smooth", "pose", "landmarks", "std")
    fps, faces, aus = settings["fps"], settings["max_faces"], settings["aus"]
    return (
        all(isinstance(settings[name], bool) for name in flags)
        and (fps is None or (type(fps) in (int, float) and 0 < fps <= MAX_FPS))
        and (faces is None or (type(faces) is int and faces > 0))
        and (isinstance(aus, list) and all(isinstance(au, str) for au in aus))
        and isinstance(settings["baseline"], str | int | None)
        and settings["format"] in get_args(TableFormat)
    )


def is_of(stem: Path, path: Path) -> bool:
    """Whether results are of an input, or of nobody knows which.

    They are if its path is the same, or its name, size and time, as of a file that was moved.
    """
    try:
        stored = parse_json(stem.with_name(stem.name + ORIGIN).read_text("utf-8"))["input"]
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
    return {
        "path": str(place),
        "name": place.name,
        "given": path.as_posix(),
        "bytes": size,
        "modified_ns": modified,
    }
