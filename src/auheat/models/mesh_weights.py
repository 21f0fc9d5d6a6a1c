"""The filters that MediaPipe's face mesh has, for a network that begins from them.

The file that comes with auheat (`auheat.faces.models`) writes a PReLU as x + c relu(b x), with b
below 0 and c left out where it is 1: convolutions of single channels, which ONNX Runtime is fastest
at. Its slope is then 1 + b c.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from auheat.models.mesh_reader import MeshTrunk
from auheat.onnx import checked
from auheat.optional import require

# What the last stage gives, in the file.
_LAST = "t203"


def load_mesh(trunk: MeshTrunk, model: Path) -> None:
    """Gives a trunk the filters of MediaPipe's face mesh.

    Args:
        trunk: To fill.
        model: `face_mesh.onnx.gz`, as it comes with auheat.

    Raises:
        AuheatError: The package onnx is not installed, or the file is missing or damaged.
    """
    onnx = require("onnx")
    checked(model)
    layers = _Layers(onnx.load_model_from_string(gzip.decompress(model.read_bytes())).graph, onnx)
    with torch.no_grad():
        layers.fill(trunk.stem)
        layers.fill_slopes(trunk.slopes)
        for block in trunk.blocks():
            layers.fill(block.depthwise)
            layers.fill(block.pointwise)
            if not isinstance(block.shortcut, nn.Identity):
                layers.fill(block.shortcut)
            layers.fill_slopes(block.slopes)
        layers.expect_end()


class _Layers:
    """The convolutions before `_LAST`, in order."""

    def __init__(self, graph: Any, onnx: Any) -> None:
        self._numbers = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        makers = {name: node for node in graph.node for name in node.output}
        for node in graph.node:
            if node.op_type == "Cast" and node.input[0] in self._numbers:
                self._numbers[node.output[0]] = self._numbers[node.input[0]]
        needed, open_ends = set(), [_LAST]
        while open_ends:
            name = open_ends.pop()
            if name in makers and name not in needed:
                needed.add(name)
                open_ends += makers[name].input
        self._rest = [n for n in graph.node if n.op_type == "Conv" and n.output[0] in needed]

    def fill(self, layer: nn.Module) -> None:
        """Gives a convolution the filters, and biases if any, of the next one."""
        names = ("weight", "bias")
        for name, found in zip(names, self._next(), strict=False):
            getattr(layer, name).copy_(torch.from_numpy(found.astype(np.float32)))

    def fill_slopes(self, slopes: nn.Module) -> None:
        """Gives a PReLU the slope of the next one or two convolutions of single channels."""
        slope = self._next()[0].astype(np.float32).ravel()
        if self._rest and self._is_slope(self._rest[0]):
            slope = slope * self._next()[0].astype(np.float32).ravel()
        slopes.weight.copy_(torch.from_numpy(1 + slope))  # type: ignore[operator]

    def expect_end(self) -> None:
        """Nothing may be left over."""
        if self._rest:
            raise ValueError(f"{len(self._rest)} convolutions more than the trunk has")

    def _is_slope(self, node: Any) -> bool:
        return bool(self._numbers[node.input[1]].shape[1:] == (1, 1, 1))

    def _next(self) -> list[NDArray[Any]]:
        node = self._rest.pop(0)
        return [self._numbers[name] for name in node.input[1:]]
