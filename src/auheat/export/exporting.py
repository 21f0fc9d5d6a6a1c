"""From a checkpoint to an exported file that was proved to read faces as the checkpoint does.

The file is one graph of the whole network as ONNX, from pixels to heatmaps, SCC included.

Letters: B batch, H W input pixels, N faces, A Action Units, G numbers of a face's shape.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from auheat.errors import AuheatError
from auheat.export.faces import faces_in, shapes_in, sheet
from auheat.export.shared_weights import share_weights
from auheat.face_shape import SIZE
from auheat.files import atomic_write, output_path
from auheat.metrics import Agreement
from auheat.models.checkpoint import load_checkpoint
from auheat.models.fused import fuse
from auheat.models.heatmap_model import HeatmapModel
from auheat.models.runtimes.exported import (
    CROPS,
    GEOMETRY,
    INTENSITY,
    KEY,
    LOCATION,
    SUFFIX,
    ExportedSettings,
)
from auheat.models.runtimes.names import Precision, RuntimeName
from auheat.models.runtimes.opening import installed, open_exported
from auheat.models.runtimes.runtime import Crops, Runtime, Shapes, read_intensities
from auheat.models.runtimes.torch_runtime import TorchRuntime
from auheat.models.weights import uncertainty_path
from auheat.optional import require
from auheat.sums import sha256

# The oldest set of operators that holds all of a network; every runtime of these years has it.
_OPERATORS = 17
_BATCH_SIZE = 8
# How far an intensity may be from that of the network in PyTorch, fp32, and the least mean ICC.
LIMITS: dict[Precision, float] = {"fp32": 1e-3, "bf16": 0.1}
MIN_ICC = 0.99


@dataclass(frozen=True)
class Check:
    """How the exported file does in one runtime.

    Attributes:
        runtime: Which runtime.
        precision: What it computes in.
        parity: How it compares with the network in PyTorch.
    """

    runtime: RuntimeName
    precision: Precision
    parity: Parity


@dataclass(frozen=True)
class Parity:
    """How a runtime compares with the network in PyTorch, fp32.

    Attributes:
        faces: How many were read.
        largest: Largest difference of an intensity, 0 to 5.
        icc: Mean ICC(3,1) over the AUs; NaN where no intensity varies, as with one face.
    """

    faces: int
    largest: float
    icc: float

    def problem(self, precision: Precision) -> str | None:
        """What is beyond the limits of a precision, or None."""
        if not self.largest <= LIMITS[precision]:
            return f"an intensity is {self.largest:.2g} off, more than {LIMITS[precision]:g}"
        if self.icc < MIN_ICC:
            return f"the mean ICC is {self.icc:.4f}, less than {MIN_ICC}"
        return None


def export(
    weights: str | Path,
    out: str | Path,
    *,
    precision: Precision = "fp32",
    examples: Iterable[str | Path] = (),
    share: bool = False,
) -> list[Check]:
    """Writes an exported file, if every runtime that is installed reads faces with it as it should.

    The uncertainty file beside the weights comes to lie beside the exported one too, instead of
    that of an older one.

    Args:
        weights: A checkpoint.
        out: The .onnx file to write; it replaces an older one.
        precision: The lowest that the file may be read in. bf16 is for OpenVINO; the file can still
            be read in fp32.
        examples: Images and videos whose faces are compared besides those that come with auheat.
        share: Take the numbers from the checkpoint, which has to lie beside the file, instead of
            writing them again; see `auheat.export.shared_weights`.

    Returns:
        A check for each runtime.

    Raises:
        AuheatError: A difference is beyond `LIMITS`, no runtime is installed, none computes in bf16
            where that is asked for, or the checkpoint has nothing to share; no file is left.
    """
    weights, out = Path(weights), output_path(out, "an exported network", SUFFIX)
    checkpoint = load_checkpoint(weights)
    size = checkpoint.config.input_size
    crops = np.concatenate([sheet(size), faces_in(examples, size)])
    shapes = None if checkpoint.config.geometry == "none" else shapes_in(crops)
    settings = ExportedSettings(
        checkpoint.config,
        checkpoint.card,
        precision,
        sha256(weights),
        shares=weights.name if share else "",
    )
    with atomic_write(out) as temporary:
        write_graph(checkpoint.net, settings, temporary)
        if share:
            share_weights(temporary, weights)
        # As it was trained: neither fused nor rounded.
        trained, checks = TorchRuntime(checkpoint, device="cpu", fused=False), []
        for name in installed():
            runtime = open_exported(temporary, runtime=name)
            checks.append(Check(name, runtime.precision, parity(trained, runtime, crops, shapes)))
        _refuse(checks, precision, out)
    _hand_on_uncertainty(weights, out)
    return checks


def _hand_on_uncertainty(weights: Path, out: Path) -> None:
    if uncertainty_path(weights).is_file():
        with atomic_write(uncertainty_path(out)) as temporary:
            shutil.copyfile(uncertainty_path(weights), temporary)
    else:
        uncertainty_path(out).unlink(missing_ok=True)


def _refuse(checks: list[Check], precision: Precision, out: Path) -> None:
    """Refuses what must not be kept."""
    for check in checks:
        problem = check.parity.problem(check.precision)
        if problem:
            raise AuheatError(
                f"{out} is not written: in {check.runtime}, {check.precision}, {problem} (over "
                f"{check.parity.faces} faces)"
            )
    if precision not in {check.precision for check in checks}:
        raise AuheatError(
            f"{out} is not written: nothing here computes in {precision}; that takes OpenVINO and "
            "a processor with it"
        )


def write_graph(net: HeatmapModel, settings: ExportedSettings, path: Path) -> None:
    """Writes a network and its settings into one file, see `auheat.models.runtimes.exported`.

    The number of crops in a batch is left open.

    Raises:
        AuheatError: The package onnx is not installed.
    """
    onnx = require("onnx")
    size, inputs, outputs = settings.config.input_size, [CROPS], [INTENSITY]
    examples = [torch.zeros(2, size, size, 3, dtype=torch.uint8)]
    if settings.config.geometry != "none":
        inputs.append(GEOMETRY)
        examples.append(torch.zeros(2, SIZE))
    if settings.config.location_maps:
        outputs.append(LOCATION)
    with torch.no_grad(), warnings.catch_warnings():
        # The newer exporter gives the same graph, but takes ten times as long and a package more.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        torch.onnx.export(
            _FromCrops(net).cpu(),
            tuple(examples),
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)},
            opset_version=_OPERATORS,
            dynamo=False,
        )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {KEY: settings.text()})
    onnx.save(model, str(path))


class _FromCrops(nn.Module):
    """What an exported graph computes: crops (B, H, W, 3) uint8 to the maps of each kind.

    The shapes (B, G) of the faces' meshes are a second input of networks that take them in.
    """

    def __init__(self, net: HeatmapModel) -> None:
        super().__init__()
        self.net = fuse(net)

    def forward(self, crops: Tensor, geometry: Tensor | None = None) -> tuple[Tensor, ...]:
        images = crops.permute(0, 3, 1, 2).float()
        return tuple(maps for maps in self.net(images, geometry) if maps is not None)


def parity(
    expected: Runtime, found: Runtime, crops: Crops, geometry: Shapes | None = None
) -> Parity:
    """Reads crops (N, H, W, 3) with a network that is right, and with one that may not be.

    Args:
        expected: The first.
        found: The second.
        crops: The faces.
        geometry: (N, G), the shapes of their meshes, for networks that take them in.
    """
    right, other = (
        read_intensities(one, crops, geometry, batch_size=_BATCH_SIZE) for one in (expected, found)
    )
    iccs = Agreement.of(other, right).icc
    mean = float(np.nanmean(iccs)) if np.isfinite(iccs).any() else float("nan")
    return Parity(len(crops), float(np.abs(other - right).max()), mean)
