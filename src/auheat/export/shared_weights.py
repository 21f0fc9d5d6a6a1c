"""An exported network that takes its numbers from the checkpoint beside it, so that both are small.

ONNX lets a graph name another file, a place in it and a length instead of numbers. A checkpoint
whose filters are float16 lies open to that: safetensors keeps each tensor in one piece. What export
made of them, mostly the scale of a batch norm for each channel, becomes operations on constants,
which runtimes work out once, when they load the file.

Letters: L pixels of a map, O output channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.json_files import parse_json
from auheat.optional import require

Floats = NDArray[np.float32]

# Arrays of fewer numbers stay where they are.
_MIN_COUNT = 1024
# How far what is worked out may be from what export stored, relative to the largest number: a few
# roundings of float32.
_MAX_ERROR = 1e-6
# How names of weights begin in an exported graph, which `auheat.export.exporting` wrote.
_NET = "net."


class _Stored(NamedTuple):
    """A float16 tensor in a checkpoint: where its bytes lie, and what they are."""

    name: str
    offset: int
    values: NDArray[np.float16]


def share_weights(network: Path, checkpoint: Path) -> int:
    """Lets a graph take from a checkpoint what the checkpoint holds, in place.

    The two files then belong together: in one folder, under these names.

    Args:
        network: an .onnx file made from this checkpoint by `auheat.export.exporting.export`.
        checkpoint: a .safetensors file in the same folder whose matrices are float16.

    Returns:
        How many bytes of the graph's numbers are now the checkpoint's.

    Raises:
        AuheatError: the package onnx is missing, the files lie apart, or nothing can be shared.
    """
    onnx = require("onnx")
    if network.parent.resolve() != checkpoint.parent.resolve():
        raise AuheatError(f"{network} and {checkpoint} have to lie in one folder to share weights")
    model, stored = onnx.load(str(network)), _float16(checkpoint)
    graph, shared, nodes = _Graph(onnx, checkpoint.name), 0, []
    for array in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(array)
        if values.dtype != np.float32 or values.size < _MIN_COUNT:
            continue
        made = graph.made_from(stored, array.name, values)
        if made:
            model.graph.initializer.remove(array)
            nodes += made
            shared += values.nbytes
    if not shared:
        raise AuheatError(
            f"{network.name} shares no weights with {checkpoint}: write that with float16 filters, "
            "and export it again"
        )
    model.graph.initializer.extend(graph.initializers)
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *kept])
    onnx.save(model, str(network))
    return shared


class _Graph:
    """Makes the nodes and initialisers that stand for numbers of a checkpoint."""

    def __init__(self, onnx: Any, location: str) -> None:
        self._onnx, self._location = onnx, location
        self.initializers: list[Any] = []
        self._cast: set[str] = set()

    def made_from(self, stored: Mapping[str, _Stored], name: str, values: Floats) -> list[Any]:
        """The nodes that give an array of this name; none if the checkpoint does not hold it."""
        found = stored.get(name.removeprefix(_NET))
        if found is not None and found.values.shape == values.shape:
            return self._scaled(found, name, values)
        for key in stored:
            if not key.endswith("omega"):
                continue
            phi = stored.get(f"{key.removesuffix('omega')}phi")
            if phi and (made := self._correspondence(phi, stored[key], name, values)):
                return made
        return []

    def _scaled(self, stored: _Stored, name: str, values: Floats) -> list[Any]:
        """As the checkpoint has it, or times a factor for each channel of one of two axes."""
        wide = stored.values.astype(np.float32)
        if np.array_equal(wide, values):
            return self._float32(stored, name)
        for axis in (0, 1):
            factor = _factor(wide, values, axis)
            if not _is_close(wide * factor, values):
                continue
            self._add(f"{name}.factor", factor)
            nodes = self._float32(stored, f"{name}.stored")
            return [*nodes, self._node("Mul", [f"{name}.stored", f"{name}.factor"], name)]
        return []

    def _correspondence(self, phi: _Stored, omega: _Stored, name: str, values: Floats) -> list[Any]:
        """Both node terms of an SCC layer side by side, (L, 2L): phi - omega and omega, turned."""
        length = phi.values.shape[0]
        if values.shape != (length, 2 * length):
            return []
        own, other = (one.values.astype(np.float32) for one in (phi, omega))
        difference = own - other
        if not _is_close(np.concatenate([difference.T, other.T], 1), values):
            return []
        names = [f"{name}.{part}" for part in ("phi", "omega", "own", "both")]
        return [
            *self._float32(phi, names[0]),
            *self._float32(omega, names[1]),
            self._node("Sub", names[:2], names[2]),
            self._node("Concat", [names[2], names[1]], names[3], axis=0),
            self._node("Transpose", [names[3]], name, perm=[1, 0]),
        ]

    def _float32(self, stored: _Stored, name: str) -> list[Any]:
        """The checkpoint's tensor as float32, under a name."""
        if stored.name not in self._cast:
            self._cast.add(stored.name)
            self.initializers.append(self._outside(stored))
        return [self._node("Cast", [stored.name], name, to=self._onnx.TensorProto.FLOAT)]

    def _outside(self, stored: _Stored) -> Any:
        proto = self._onnx.TensorProto
        array = proto(name=stored.name, data_type=proto.FLOAT16, dims=stored.values.shape)
        array.data_location = proto.EXTERNAL
        for key, value in (
            ("location", self._location),
            ("offset", stored.offset),
            ("length", stored.values.nbytes),
        ):
            entry = array.external_data.add()
            entry.key, entry.value = key, str(value)
        return array

    def _add(self, name: str, values: Floats) -> None:
        self.initializers.append(self._onnx.numpy_helper.from_array(values, name))

    def _node(self, kind: str, inputs: list[str], output: str, **options: Any) -> Any:
        return self._onnx.helper.make_node(kind, inputs, [output], name=output, **options)


def _float16(checkpoint: Path) -> dict[str, _Stored]:
    """The float16 tensors of a safetensors file by name."""
    content = checkpoint.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    found = {}
    for name, entry in parse_json(content[8:start]).items():
        if name == "__metadata__" or entry["dtype"] != "F16":
            continue
        first, last = (start + place for place in entry["data_offsets"])
        values = np.frombuffer(content[first:last], "<f2").reshape(entry["shape"])
        found[name] = _Stored(name, first, values)
    return found


def _factor(stored: Floats, values: Floats, axis: int) -> Floats:
    """What each channel along an axis was multiplied by: read off its largest number."""
    turned = np.moveaxis(stored, axis, 0).reshape(stored.shape[axis], -1)
    scaled = np.moveaxis(values, axis, 0).reshape(stored.shape[axis], -1)
    largest = np.abs(turned).argmax(1)[:, np.newaxis]
    above, below = (np.take_along_axis(one, largest, 1)[:, 0] for one in (scaled, turned))
    factor = above / np.where(below == 0, 1, below)
    shape = [-1 if n == axis else 1 for n in range(stored.ndim)]
    return np.asarray(factor.reshape(shape), np.float32)


def _is_close(made: Floats, values: Floats) -> bool:
    return bool(np.abs(made - values).max() <= _MAX_ERROR * np.abs(values).max())
