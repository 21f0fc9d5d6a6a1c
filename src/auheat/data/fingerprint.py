"""A sum that tells whether plain data, and the files that it names, are still what they were."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import singledispatch
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np


def fingerprint(value: object) -> str:
    """The SHA-256 of what a value consists of, in hexadecimal.

    A file or folder counts by its absolute path, its size and the time of its last change: what is
    in it is not read.

    Args:
        value: Anything that can be sent to another process.
    """
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return digest.hexdigest()


@singledispatch
def _pieces(value: Any) -> Iterator[bytes]:
    """What makes a value of its kind from others, as `pickle` asks for it."""
    yield b"object"
    yield from _pieces(value.__reduce_ex__(2))


@_pieces.register(type(None))
@_pieces.register(bool)
@_pieces.register(int)
@_pieces.register(float)
@_pieces.register(str)
@_pieces.register(bytes)
def _plain(value: object) -> Iterator[bytes]:
    yield f"{type(value).__name__} {value!r}".encode("utf-8", "surrogatepass")


@_pieces.register(type)
@_pieces.register(FunctionType)
@_pieces.register(BuiltinFunctionType)
def _named(value: Any) -> Iterator[bytes]:
    yield f"{value.__module__}.{value.__qualname__}".encode()
    owner = getattr(value, "__self__", None)  # of a method of a built-in type
    if not isinstance(owner, ModuleType):
        yield from _pieces(owner)


@_pieces.register(tuple)
@_pieces.register(list)
def _sequence(value: Any) -> Iterator[bytes]:
    yield b"sequence %d" % len(value)
    for item in value:
        yield from _pieces(item)


@_pieces.register(set)
@_pieces.register(frozenset)
def _set(value: Any) -> Iterator[bytes]:
    yield b"set"
    yield from _pieces(sorted(fingerprint(item) for item in value))


@_pieces.register(Mapping)
def _mapping(value: Any) -> Iterator[bytes]:
    yield b"mapping"
    yield from _pieces([*value.items()])


@_pieces.register(np.ndarray)
def _array(value: Any) -> Iterator[bytes]:
    yield f"array {value.dtype.str} {value.shape}".encode()
    yield value.tobytes()


@_pieces.register(Path)
def _file(value: Any) -> Iterator[bytes]:
    try:
        found = value.stat()
        state = f"{found.st_size} {found.st_mtime_ns}"
    except OSError:
        state = "not there"
    yield f"file {state} {value.absolute()}".encode("utf-8", "surrogatepass")
