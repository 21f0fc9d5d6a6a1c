"""Exported networks: ONNX files that carry their settings, as checkpoints do.

The file's metadata holds one JSON text under the key `auheat`: {"format": 1, "model":
<ModelConfig>, "card": {...}, "precision": "fp32" or "bf16"}. The graph takes `crops`
(B, H, W, 3) uint8 and gives `intensity` and, if the network draws such maps, `location`, both
(B, N, h, w) float32.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from auheat.config import ModelConfig, build, to_dict
from auheat.errors import AuheatError
from auheat.models.runtimes.runtime import Precision

# In the layout of ONNX: the number of the field `metadata_props`. In that of protocol buffers:
# bytes of a field of each kind with a fixed size.
_PROPERTIES, _FIXED = 14, {1: 8, 5: 4}

KEY, FORMAT, SUFFIX = "auheat", 1, ".onnx"
CROPS, INTENSITY, LOCATION = "crops", "intensity", "location"


@dataclass(frozen=True)
class ExportedSettings:
    """What an exported network says of itself.

    precision: the lowest that its intensities were compared in when it was exported.
    card: see `auheat.models.checkpoint`.
    """

    config: ModelConfig
    card: Mapping[str, Any]
    precision: Precision = "fp32"

    def text(self) -> str:
        """For the file's metadata."""
        model, card = to_dict(self.config), dict(self.card)
        return json.dumps(
            {"format": FORMAT, "model": model, "card": card, "precision": self.precision}
        )

    @classmethod
    def read(cls, text: str | None, path: Path) -> ExportedSettings:
        """The inverse of `text`; None is a file without settings.

        Raises AuheatError if the file is not of auheat, is of another format, or is damaged.
        """
        if text is None:
            raise AuheatError(
                f"{path} is a network, but not one of auheat: give a file that `auheat export` "
                "wrote"
            )
        try:
            stored = json.loads(text)
            version, model, card = stored["format"], stored["model"], stored["card"]
            precision = stored["precision"]
        except (json.JSONDecodeError, KeyError, TypeError):
            raise AuheatError(f"the settings inside {path} are damaged: export it again") from None
        if version != FORMAT or precision not in get_args(Precision):
            raise AuheatError(
                f"{path} has format {version} in {precision}, which this auheat does not read: "
                "export it again"
            )
        return cls(build(ModelConfig, model, f"exported network {path}"), card, precision)


def read_settings(path: Path) -> ExportedSettings:
    """The settings inside an exported network, read without any runtime.

    Raises AuheatError if the file is missing, is no ONNX file, is truncated, or is not of auheat.
    """
    if not path.is_file():
        raise AuheatError(f"no exported network at {path}: give the path of a {SUFFIX} file")
    try:
        stored = metadata(path.read_bytes())
    except OSError as error:
        raise AuheatError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise not_readable(path, "it is truncated or of another kind") from None
    return ExportedSettings.read(stored.get(KEY), path)


def not_readable(path: Path, reason: object) -> AuheatError:
    """The error for a file that cannot be a network."""
    last = (str(reason).strip().splitlines() or ["no reason given"])[-1]
    return AuheatError(f"{path} is not a readable {SUFFIX} network ({last}): export it again")


def metadata(model: bytes) -> dict[str, str]:
    """`metadata_props` of an ONNX file: entries of a key (field 1) and a value (field 2).

    Raises ValueError if the bytes are not a whole protocol buffer.
    """
    pairs = [dict(_fields(content)) for field, content in _fields(model) if field == _PROPERTIES]
    return {
        bytes(pair[1]).decode(): bytes(pair.get(2, b"")).decode() for pair in pairs if 1 in pair
    }


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field with a length; numbers alone are passed over."""
    view, place = memoryview(message), 0
    while place < len(view):
        tag, place = _varint(view, place)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            _, place = _varint(view, place)
        elif kind in _FIXED:
            place += _FIXED[kind]
        elif kind == 2:
            length, place = _varint(view, place)
            yield field, view[place : place + length]
            place += length
        else:
            raise ValueError("not a protocol buffer")
    if place > len(view):
        raise ValueError("ends within a field")


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place after it."""
    value = shift = 0
    while True:
        if place >= len(view):
            raise ValueError("ends within a number")
        byte = view[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place
