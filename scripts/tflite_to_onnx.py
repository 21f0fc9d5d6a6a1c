"""Rewrites a TensorFlow Lite model of convolutions as an ONNX model.

Made for the face models of the mediapipe wheel: it knows their operators and no more. Feature maps
change from (B, H, W, C) to (B, C, H, W); weights stay in half precision, as they are in the
originals, and are read as single precision. The reader of the file comes with mediapipe.
This is no program: `convert_mediapipe.py` uses it.

Of MediaPipe's own operators, which its attention mesh uses, these three are written out in terms of
ONNX (their versions 2; pixel centres lie at halves):

- Landmarks2TransformMatrix: the 2x3 matrix from a patch to the feature map, for the smallest
  rotated rectangle about some landmarks, `scale` times enlarged; two landmarks give the rotation.
- TransformTensorBilinear: that patch of a feature map, bilinear, with zeros outside.
- TransformLandmarks: landmarks of the patch, back on the feature map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]

OPSET = 17
# Version 8 goes with opset 17: any runtime since 2022 reads it.
IR_VERSION = 8


def _schema() -> Any:
    """The reader of .tflite files that comes with mediapipe."""
    from mediapipe.tasks.metadata import schema_py_generated

    return schema_py_generated


class TfliteFile:
    """The one graph of a .tflite file.

    Args:
        content: bytes of the file.
    """

    def __init__(self, content: bytes) -> None:
        self._model = _schema().Model.GetRootAs(content)
        self.graph = self._model.Subgraphs(0)
        self._names = _constants(_schema().BuiltinOperator)
        self._types = _constants(_schema().TensorType)
        self.inputs: list[int] = self.graph.InputsAsNumpy().tolist()
        self.outputs: list[int] = self.graph.OutputsAsNumpy().tolist()

    def operators(self) -> list[tuple[str, Any]]:
        """Names and operators, in order of execution; custom ones by their own names."""
        found = []
        for i in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(i)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            name = self._names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            found.append((code.CustomCode().decode() if name == "CUSTOM" else name, operator))
        return found

    def shape(self, tensor: int) -> list[int]:
        """The shape of a tensor, as in the file."""
        return [int(n) for n in self.graph.Tensors(tensor).ShapeAsNumpy()]

    def name(self, tensor: int) -> str:
        """The name of a tensor in the file."""
        return str(self.graph.Tensors(tensor).Name().decode())

    def constant(self, tensor: int) -> Array | None:
        """The values of a tensor that the file holds, sparse ones made dense; else None."""
        entry = self.graph.Tensors(tensor)
        content = self._model.Buffers(entry.Buffer()).DataAsNumpy()
        if isinstance(content, int) or not content.size:
            return None
        values = content.view(_DTYPES[self._types[entry.Type()]])
        if entry.Sparsity() is not None:
            return _dense(values, entry.Sparsity(), self.shape(tensor))
        return np.asarray(values.reshape(self.shape(tensor)))


_DTYPES = {"FLOAT32": np.float32, "FLOAT16": np.float16, "INT32": np.int32}


def _constants(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


def _dense(values: Array, sparsity: Any, shape: list[int]) -> Array:
    """A tensor whose last stored dimension lists the places of the values that are not zero."""
    if sparsity.TraversalOrderAsNumpy().tolist() != list(range(len(shape))):
        raise ValueError("only tensors that are stored in order and without blocks are known")
    outer = [sparsity.DimMetadata(i) for i in range(len(shape))]
    if [dim.Format() for dim in outer] != [0] * (len(shape) - 1) + [1]:
        raise ValueError("only tensors whose last dimension alone is sparse are known")
    segments, indices = _vector(outer[-1], "Segments"), _vector(outer[-1], "Indices")
    rows = np.zeros((int(np.prod(shape[:-1])), shape[-1]), values.dtype)
    for row, (first, last) in enumerate(pairwise(segments)):
        rows[row, indices[first:last]] = values[first:last]
    return rows.reshape(shape)


def _vector(dimension: Any, name: str) -> Array:
    kind = _constants(_schema().SparseIndexVector)[getattr(dimension, f"Array{name}Type")()]
    vector = getattr(_schema(), kind)()
    table = getattr(dimension, f"Array{name}")()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)


class OnnxWriter:
    """Translates the operators of a .tflite file one after the other.

    Args:
        source: the file.

    Attributes:
        names: of the ONNX tensors that were written so far, by the number of the .tflite tensor.
    """

    def __init__(self, source: TfliteFile) -> None:
        self.source = source
        self.names: dict[int, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._constants: dict[int, Array] = {}
        self._padded: dict[int, tuple[int, list[int]]] = {}
        self._uses: dict[int, int] = {}

    def constant(self, tensor: int) -> Array:
        """Values of a tensor that is known beforehand, in its own layout."""
        return self._constants[tensor]

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Writes a node with one output, and returns the name of that."""
        from onnx import helper

        output = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def stored(self, values: Array) -> str:
        """The name of a constant. Floats are stored in half precision where nothing is lost."""
        from onnx import TensorProto, numpy_helper

        name = f"c{len(self._initializers)}"
        values = np.ascontiguousarray(values)
        halves = values.astype(np.float16) if values.dtype == np.float32 else values
        if values.dtype == np.float32 and values.size > 16 and (halves == values).all():
            self._initializers.append(numpy_helper.from_array(halves, name))
            return self.node("Cast", [name], to=TensorProto.FLOAT)
        self._initializers.append(numpy_helper.from_array(values, name))
        return name

    def translate(self) -> None:
        """Writes every operator of the source. The input tensor must be in `names`."""
        operators = self.source.operators()
        for _, operator in operators:
            for tensor in operator.InputsAsNumpy().tolist():
                self._uses[tensor] = self._uses.get(tensor, 0) + 1
                values = self.source.constant(tensor)
                if values is not None:
                    self._constants[tensor] = values
        for name, operator in operators:
            inputs, outputs = operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()
            if name in ("DEQUANTIZE", "DENSIFY"):
                self._constants[outputs[0]] = self.constant(inputs[0]).astype(np.float32)
            else:
                write: Callable[..., str | None] = getattr(self, f"_{name.lower()}")
                written = write(operator, inputs, outputs[0])
                if written:
                    self.names[outputs[0]] = written

    def model(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The finished and checked model."""
        from onnx import checker, helper

        graph = helper.make_graph(
            self._nodes, "faces", list(inputs), list(outputs), self._initializers
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        checker.check_model(model, full_check=True)
        return model

    def rename(self, name: str, output: str) -> None:
        """Gives a tensor the name of a graph's output."""
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [name], [output]))

    # One method for each operator. They return the name of what they wrote, if they wrote any.

    def _conv_2d(self, operator: Any, inputs: list[int], output: int) -> str:
        options = _options(operator, _schema().Conv2DOptions)
        weights = self.constant(inputs[1]).transpose(0, 3, 1, 2)
        return self._convolution(options, inputs, output, weights, group=1)

    def _depthwise_conv_2d(self, operator: Any, inputs: list[int], output: int) -> str:
        options = _options(operator, _schema().DepthwiseConv2DOptions)
        weights = self.constant(inputs[1]).transpose(3, 0, 1, 2)
        return self._convolution(options, inputs, output, weights, group=len(weights))

    def _convolution(
        self, options: Any, inputs: list[int], output: int, weights: Array, group: int
    ) -> str:
        source, pads = self._padded.get(inputs[0], (inputs[0], [0, 0, 0, 0]))
        strides = [options.StrideH(), options.StrideW()]
        if options.Padding() == _schema().Padding.SAME:
            if source != inputs[0]:
                raise ValueError("padded twice")
            pads = _same_pads(self.source.shape(source), list(weights.shape[2:]), strides)
        bias = self.constant(inputs[2])
        result = self.node(
            "Conv",
            [self.names[source], self.stored(weights), self.stored(bias)],
            kernel_shape=list(weights.shape[2:]),
            strides=strides,
            pads=pads,
            group=group,
        )
        return self._activated(options, result)

    def _activated(self, options: Any, name: str) -> str:
        kind = options.FusedActivationFunction()
        if kind == _schema().ActivationFunctionType.RELU:
            return self.node("Relu", [name])
        if kind == _schema().ActivationFunctionType.RELU6:
            bounds = [self.stored(np.array(value, np.float32)) for value in (0, 6)]
            return self.node("Clip", [name, *bounds])
        if kind != _schema().ActivationFunctionType.NONE:
            raise ValueError(f"unknown activation {kind}")
        return name

    def _relu(self, _: Any, inputs: list[int], output: int) -> str:
        return self.node("Relu", [self.names[inputs[0]]])

    def _prelu(self, _: Any, inputs: list[int], output: int) -> str:
        """X + (1 - a) max(-x, 0), as convolutions of single channels.

        ONNX Runtime keeps maps in blocks of channels between convolutions, but not about a PRelu,
        which besides took two thirds of the mesh's time: this way it takes less than half.
        """
        factor = 1 - self.constant(inputs[1]).reshape(-1, 1, 1, 1)
        x, channels = self.names[inputs[0]], len(factor)
        negative = self.node("Conv", [x, self.stored(-np.abs(factor))], group=channels)
        part = self.node("Relu", [negative])
        if factor.min() < 0:
            signs = self.stored(np.sign(factor))
            part = self.node("Conv", [part, signs], group=channels)
        return self.node("Add", [part, x])

    def _add(self, operator: Any, inputs: list[int], output: int) -> str:
        options = _options(operator, _schema().AddOptions)
        return self._activated(options, self.node("Add", [self.names[i] for i in inputs]))

    def _max_pool_2d(self, operator: Any, inputs: list[int], output: int) -> str:
        options = _options(operator, _schema().Pool2DOptions)
        kernel = [options.FilterHeight(), options.FilterWidth()]
        strides = [options.StrideH(), options.StrideW()]
        pads = [0, 0, 0, 0]
        if options.Padding() == _schema().Padding.SAME:
            pads = _same_pads(self.source.shape(inputs[0]), kernel, strides)
        return self.node(
            "MaxPool", [self.names[inputs[0]]], kernel_shape=kernel, strides=strides, pads=pads
        )

    def _pad(self, _: Any, inputs: list[int], output: int) -> str | None:
        """Zeros around a map become part of the convolutions after it.

        Further channels of zeros come from a convolution, for the same reason as in `_prelu`.
        """
        amounts = self.constant(inputs[1])
        if not amounts[[0, 3]].any():
            self._padded[output] = (inputs[0], amounts[1:3].T.ravel().tolist())
            return None
        before, after = self.source.shape(inputs[0])[3], self.source.shape(output)[3]
        if amounts.ravel().tolist() != [0] * 7 + [after - before]:
            raise ValueError("only further channels, or zeros around a map, are known")
        weights = np.eye(after, before, dtype=np.float32).reshape(after, before, 1, 1)
        return self.node("Conv", [self.names[inputs[0]], self.stored(weights)])

    def _concatenation(self, operator: Any, inputs: list[int], output: int) -> str:
        axis = _options(operator, _schema().ConcatenationOptions).Axis()
        if len(self.source.shape(output)) == 4:
            axis = [0, 2, 3, 1][axis]
        return self.node("Concat", [self.names[i] for i in inputs], axis=axis)

    def _reshape(self, _: Any, inputs: list[int], output: int) -> str:
        before, after = self.source.shape(inputs[0]), self.source.shape(output)
        name = self.names[inputs[0]]
        if len(before) == 4 and before[1:3] != [1, 1]:
            name = self.node("Transpose", [name], perm=[0, 2, 3, 1])
        if len(after) == 4:
            if after[1:3] != [1, 1]:
                raise ValueError("reshaping to a map is not known")
            after = [after[0], after[3], 1, 1]
        return self.node("Reshape", [name, self.stored(np.array(after, np.int64))])

    def _resize_bilinear(self, operator: Any, inputs: list[int], output: int) -> str:
        options = _options(operator, _schema().ResizeBilinearOptions)
        if options.AlignCorners():
            raise ValueError("aligned corners are not known")
        mode = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
        height, width, channels = self.source.shape(output)[1:]
        sizes = self.stored(np.array([1, channels, height, width], np.int64))
        return self.node(
            "Resize",
            [self.names[inputs[0]], "", "", sizes],
            mode="linear",
            coordinate_transformation_mode=mode,
        )

    def _depth_to_space(self, operator: Any, inputs: list[int], output: int) -> str:
        size = _options(operator, _schema().DepthToSpaceOptions).BlockSize()
        return self.node("DepthToSpace", [self.names[inputs[0]]], blocksize=size, mode="DCR")

    def _strided_slice(self, _: Any, inputs: list[int], output: int) -> str:
        if self.source.shape(inputs[0]) != self.source.shape(output):
            raise ValueError("only a slice of everything is known")
        return self.names[inputs[0]]

    def _mul(self, _: Any, inputs: list[int], output: int) -> str:
        """Landmarks or a matrix times a constant."""
        factor = self.constant(inputs[1])
        if factor.shape == (1, 4, 4):
            factor = _two_by_three(factor)
        return self.node("Mul", [self.names[inputs[0]], self.stored(factor)])

    def _landmarks2transformmatrix(self, operator: Any, inputs: list[int], output: int) -> str:
        from flatbuffers import flexbuffers

        settings = flexbuffers.Loads(bytes(operator.CustomOptionsAsNumpy()))
        if settings["target_rotation_radians"] != 0:
            raise ValueError("only upright patches are known")
        return transform_matrix(self, self.names[inputs[0]], settings)

    def _transformtensorbilinear(self, operator: Any, inputs: list[int], output: int) -> str:
        height, width = self.source.shape(inputs[0])[1:3]
        features, matrix = self.names[inputs[0]], self.names[inputs[1]]
        return sampled_patch(
            self, features, matrix, (height, width), self.source.shape(output)[1:3]
        )

    def _transformlandmarks(self, _: Any, inputs: list[int], output: int) -> str:
        linear, shift = _halves(self, self.names[inputs[1]])
        transposed = self.node("Transpose", [linear], perm=[0, 2, 1])
        moved = self.node("MatMul", [self.names[inputs[0]], transposed])
        return self.node("Add", [moved, self.node("Transpose", [shift], perm=[0, 2, 1])])


def transform_matrix(write: OnnxWriter, landmarks: str, settings: dict[str, Any]) -> str:
    """See Landmarks2TransformMatrix above. landmarks: (1, N, 3). Returns the name of (1, 2, 3)."""

    def pick(indices: list[int]) -> str:
        rows = write.node("Gather", [landmarks, write.stored(np.array(indices))], axis=1)
        ends = [write.stored(np.array([n])) for n in (0, 2, 2)]
        return write.node("Slice", [rows, *ends])

    ends = pick([settings["left_rotation_idx"], settings["right_rotation_idx"]])
    difference = write.stored(np.array([[[-1, 1]]], np.float32))
    along = write.node("MatMul", [difference, ends])  # (1, 1, 2)
    length = write.node("ReduceL2", [along], axes=[2], keepdims=1)
    along = write.node("Div", [along, length])
    # Across lies a quarter turn from along: (x, y) becomes (-y, x).
    quarter = write.stored(np.array([[[0, 1], [-1, 0]]], np.float32))
    across = write.node("MatMul", [along, quarter])
    axes = write.node("Concat", [along, across], axis=1)  # rows: the patch's axes on the map
    columns = write.node("Transpose", [axes], perm=[0, 2, 1])
    rotated = write.node("MatMul", [pick(settings["subset_idxs"]), columns])
    largest = write.node("ReduceMax", [rotated], axes=[1], keepdims=1)
    smallest = write.node("ReduceMin", [rotated], axes=[1], keepdims=1)
    half = write.stored(np.array(0.5, np.float32))
    middle = write.node("Mul", [write.node("Add", [largest, smallest]), half])
    middle = write.node("MatMul", [middle, axes])  # (1, 1, 2), back on the map
    size = np.array([settings["output_width"], settings["output_height"]], np.float32)
    factor = np.array([settings["scale_x"], settings["scale_y"]], np.float32) / size
    extent = write.node("Sub", [largest, smallest])
    scale = write.node("Mul", [extent, write.stored(factor.reshape(1, 1, 2))])
    linear = write.node("Mul", [columns, scale])  # (1, 2, 2)
    corner = write.node("MatMul", [linear, write.stored((size / -2).reshape(1, 2, 1))])
    shift = write.node("Add", [write.node("Transpose", [middle], perm=[0, 2, 1]), corner])
    return write.node("Concat", [linear, shift], axis=2)


def sampled_patch(
    write: OnnxWriter,
    features: str,
    matrix: str,
    size: tuple[int, int],
    patch: Sequence[int],
) -> str:
    """See TransformTensorBilinear above. size, patch: (H, W) of features and result."""
    x, y = np.meshgrid(np.arange(patch[1]) + 0.5, np.arange(patch[0]) + 0.5)
    centres = np.stack([x.ravel(), y.ravel()], 0)[None].astype(np.float32)  # (1, 2, H * W)
    linear, shift = _halves(write, matrix)
    moved = write.node("Add", [write.node("MatMul", [linear, write.stored(centres)]), shift])
    # GridSample wants the middles of the outer pixels at -1 and 1.
    last = np.array(size[::-1], np.float32).reshape(1, 2, 1) - 1
    scaled = write.node("Mul", [moved, write.stored(2 / last)])
    grid = write.node("Sub", [scaled, write.stored(1 / last + 1)])
    # Beyond those middles everything is zero; a place far away gives zeros.
    magnitude = write.node("ReduceMax", [write.node("Abs", [grid])], axes=[1], keepdims=1)
    outside = write.node("Greater", [magnitude, write.stored(np.array(1, np.float32))])
    away = write.stored(np.array(9, np.float32))
    grid = write.node("Where", [outside, away, grid])
    shape = write.stored(np.array([1, *patch, 2]))
    grid = write.node("Reshape", [write.node("Transpose", [grid], perm=[0, 2, 1]), shape])
    return write.node(
        "GridSample", [features, grid], mode="bilinear", padding_mode="zeros", align_corners=1
    )


def _halves(write: OnnxWriter, matrix: str) -> tuple[str, str]:
    """The linear part (1, 2, 2) and the shift (1, 2, 1) of matrices (1, 2, 3)."""

    def columns(first: int, last: int) -> str:
        return write.node(
            "Slice", [matrix, *(write.stored(np.array([n])) for n in (first, last, 2))]
        )

    return columns(0, 2), columns(2, 3)


def _two_by_three(matrix: Array) -> Array:
    """Rows x and y, columns x, y and shift, of (1, 4, 4)."""
    return np.asarray(matrix[:, :2][:, :, [0, 1, 3]])


def _same_pads(shape: list[int], kernel: list[int], strides: list[int]) -> list[int]:
    """TensorFlow's padding that keeps ceil(size / stride), as ONNX's begins and ends."""
    begins, ends = [], []
    for size, reach, stride in zip(shape[1:3], kernel, strides, strict=True):
        missing = max((-(-size // stride) - 1) * stride + reach - size, 0)
        begins.append(missing // 2)
        ends.append(missing - missing // 2)
    return begins + ends


def _options(operator: Any, kind: type) -> Any:
    options = kind()
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options


if __name__ == "__main__":
    print(__doc__)
