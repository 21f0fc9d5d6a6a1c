"""What an ONNX file takes from a checkpoint beside it, read without the package onnx.

ONNX Runtime could read it by itself, but refuses a folder of links to files elsewhere, as some
installers and build tools lay packages out, and a system without /proc. The messages and their
fields are those of onnx.proto (ONNX 1.16), in the encoding of Protocol Buffers; whatever else a
file holds is passed over.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError

SUFFIX = ".safetensors"

# Numbers of the fields: ModelProto.graph, GraphProto.initializer, TensorProto's own, and those of
# its entries about the other file.
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _EXTERNAL = 1, 2, 8, 13
_KEY, _VALUE = 1, 2
_TYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 10: np.dtype("<f2")}  # TensorProto.DataType


class _Place(NamedTuple):
    """Where the numbers of an initializer lie."""

    dims: tuple[int, ...]
    data_type: int
    location: str
    offset: int


def outside(path: Path) -> dict[str, NDArray[Any]]:
    """The initializers of an ONNX file whose numbers lie in a checkpoint beside it, by name.

    Raises:
        AuheatError: the checkpoint is missing or too short.
    """
    try:
        places = _places(path)
    except (OSError, ValueError, LookupError):
        return {}  # no ONNX file, or a damaged one: ONNX Runtime will say so
    contents = {place.location: b"" for place in places.values()}
    for location in contents:
        with suppress(OSError):
            contents[location] = path.with_name(location).read_bytes()
    try:
        return {name: _numbers(contents[place.location], place) for name, place in places.items()}
    except ValueError:  # there are fewer
        raise AuheatError(
            f"{path} takes its weights from {' and '.join(contents)} beside it, which is missing "
            "or damaged: give another copy of both files, or install auheat again"
        ) from None


def _numbers(content: bytes, place: _Place) -> NDArray[Any]:
    kind, count = _TYPES[place.data_type], prod(place.dims)
    return np.frombuffer(content, kind, count, place.offset).reshape(place.dims)


def _places(path: Path) -> dict[str, _Place]:
    found = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as model:
        for number, start, end in _fields(model, 0, len(model)):
            if number != _GRAPH or end is None:
                continue
            for number, first, last in _fields(model, start, end):
                if number == _INITIALIZER and last is not None:
                    name, place = _initializer(model, first, last)
                    if place.location.endswith(SUFFIX) and place.data_type in _TYPES:
                        found[name] = place
    return found


def _initializer(model: mmap.mmap, start: int, end: int) -> tuple[str, _Place]:
    name, data_type, entries = "", 0, {"location": "", "offset": "0"}
    dims: list[int] = []
    for number, first, last in _fields(model, start, end):
        if number == _DATA_TYPE:
            data_type = first
        elif number == _DIMS and last is None:
            dims.append(first)
        elif number == _DIMS and last is not None:  # packed
            while first < last:
                side, first = _varint(model, first)
                dims.append(side)
        elif last is not None and number == _NAME:
            name = model[first:last].decode()
        elif last is not None and number == _EXTERNAL:
            texts = {n: model[a:b].decode() for n, a, b in _fields(model, first, last)}
            entries[texts[_KEY]] = texts[_VALUE]
    location = Path(entries["location"]).name
    return name, _Place(tuple(dims), data_type, location, int(entries["offset"]))


def _fields(model: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """The fields of a message: their numbers, where each begins and ends; or a value and None.

    Raises:
        ValueError: this is no message.
    """
    while start < end:
        key, start = _varint(model, start)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, start = _varint(model, start)
            yield number, value, None
            continue
        if kind == 2:
            length, start = _varint(model, start)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"no message: a field of kind {kind}")
        if start + length > end:
            raise ValueError("a field is longer than its message")
        yield number, start, start + length
        start += length


def _varint(model: mmap.mmap, start: int) -> tuple[int, int]:
    """A whole number in bytes of 7 bits, the lowest first; and where it ends."""
    value = shift = 0
    while True:
        byte = model[start]
        value |= (byte & 127) << shift
        start, shift = start + 1, shift + 7
        if byte < 128:
            return value, start
