"""One network in every runtime that is installed: time a face, and how far its readings move.

Time is the processor's, of all threads, for faces that go through the network together; on an idle
machine with one thread that is the time on the wall, too. The reference is ONNX Runtime in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, get_args

import click
import numpy as np
from numpy.typing import NDArray

from auheat.data.dataset import CropDataset
from auheat.data.manifest import read_manifest
from auheat.data.shapes import shapes_for
from auheat.errors import AuheatError
from auheat.export.exporting import export
from auheat.export.faces import shapes_in, sheet
from auheat.models.runtimes.exported import CROPS, GEOMETRY
from auheat.models.runtimes.names import Precision, RuntimeName
from auheat.models.runtimes.opening import open_runtime
from auheat.models.runtimes.runtime import Crops, Runtime, Shapes, read_intensities
from auheat.models.weights import checkpoint_path
from auheat.optional import require
from harness import Benchmark, Numbers, finish, measuring, run, start
from measure import CLOCKS, Clock, Work, describe, interleaved

COLUMNS = (
    *("network", "threads", "ms a face", "spread", "times reference"),
    *("largest difference", "mean difference"),
)
REFERENCE = "onnx, fp32"
# Which convolutions are brought to int8: all but the first and the last, or the deeper half.
Int8 = Literal["all", "deep"]


@dataclass(frozen=True)
class RuntimesPlan:
    """What to measure.

    Attributes:
        threads: Of the network, each in turn; PyTorch is left out where there are several.
        batch: Faces that go through it together.
        rounds: See `measure.interleaved`.
        int8: Also ONNX Runtime with convolutions in int8, calibrated on the faces of the export.
    """

    threads: Sequence[int] = (1,)
    batch: int = 8
    rounds: int = 11
    int8: bool = False


@dataclass(frozen=True)
class Faces:
    """Crops (N, H, W, 3) and, for a network that takes them in, their shapes (N, G)."""

    crops: Crops
    shapes: Shapes | None

    def first(self, count: int) -> Faces:
        """So many of them, the first ones again where there are fewer."""
        which = np.arange(count) % len(self.crops)
        return Faces(self.crops[which], None if self.shapes is None else self.shapes[which])

    def read(self, network: Runtime) -> NDArray[np.float32]:
        """The intensities (N, A) that a network reads."""
        return read_intensities(network, self.crops, self.shapes)


def of_the_export(network: Runtime) -> Faces:
    """The 32 rendered faces that an exported network is checked on."""
    crops = sheet(network.config.input_size)
    return Faces(crops, None if network.config.geometry == "none" else shapes_in(crops))


def of_a_dataset(network: Runtime, folder: Path, count: int) -> Faces:
    """Faces spread over a dataset.

    Raises:
        AuheatError: if there is no dataset.
    """
    whole = read_manifest(folder)
    which = np.linspace(0, len(whole.table) - 1, min(count, len(whole.table))).astype(int)
    part = replace(whole, table=whole.table.iloc[which])
    dataset = CropDataset(part, network.config.aus, network.config.input_size)
    images = [dataset[index]["image"].permute(1, 2, 0).numpy() for index in range(len(dataset))]
    return Faces(np.stack(images), shapes_for(network.config, part))


def networks(weights: str, folder: Path, plan: RuntimesPlan) -> dict[str, Callable[[int], Runtime]]:
    """What can be opened here, each by its name with a number of threads."""
    checkpoint = checkpoint_path(weights)
    exported = {"fp32": folder / "fp32.onnx", "bf16": folder / "bf16.onnx"}
    export(checkpoint, exported["fp32"])
    with suppress(AuheatError):  # nothing here computes in it
        export(checkpoint, exported["bf16"], precision="bf16")
    files: dict[str, tuple[Path, RuntimeName, Precision]] = {
        REFERENCE: (exported["fp32"], "onnx", "fp32")
    }
    if len(plan.threads) == 1:  # PyTorch has one number of threads for the whole process
        files["torch, fp32"] = checkpoint, "torch", "fp32"
        files["torch, bf16"] = checkpoint, "torch", "bf16"
    files["openvino, fp32"] = exported["fp32"], "openvino", "fp32"
    files["openvino, bf16"] = exported["bf16"], "openvino", "bf16"
    if plan.int8:
        for kind in get_args(Int8):
            target = folder / f"{kind}.onnx"
            quantise(exported["fp32"], target, of_the_export(open_runtime(exported["fp32"])), kind)
            files[f"onnx, int8 ({kind})"] = target, "onnx", "fp32"

    def opener(path: Path, name: RuntimeName, precision: Precision) -> Callable[[int], Runtime]:
        return lambda threads: open_runtime(
            path, runtime=name, device="cpu", precision=precision, threads=threads
        )

    return {name: opener(*file) for name, file in files.items() if _opens(*file)}


def _opens(path: Path, runtime: RuntimeName, precision: Precision) -> bool:
    try:
        open_runtime(path, runtime=runtime, device="cpu", precision=precision)
    except AuheatError:
        return False
    return True


def quantise(path: Path, target: Path, faces: Faces, kind: Int8) -> None:
    """Writes an exported network whose convolutions compute in int8.

    Static quantisation in QDQ form, a scale for each channel of the weights, ranges from the
    largest values that the faces reach.
    """
    onnx = require("onnx")
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    nodes = onnx.load(str(prepared)).graph.node
    convolutions = [node.name for node in nodes if node.op_type == "Conv"][1:-1]
    batches = [
        {CROPS: faces.crops[at : at + 8]}
        | ({} if faces.shapes is None else {GEOMETRY: faces.shapes[at : at + 8]})
        for at in range(0, len(faces.crops), 8)
    ]
    quantization.quantize_static(
        str(prepared),
        str(target),
        _Batches(batches),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,  # what x86 multiplies fastest
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        nodes_to_quantize=convolutions[len(convolutions) // 2 if kind == "deep" else 0 :],
    )


class _Batches:
    """What `quantize_static` calibrates on."""

    def __init__(self, batches: Sequence[Mapping[str, Any]]) -> None:
        self._rest = iter(batches)

    def get_next(self) -> Mapping[str, Any] | None:
        return next(self._rest, None)


class _Key(NamedTuple):
    network: str
    threads: int


def bench_runtimes(
    weights: str, plan: RuntimesPlan, device: Any, clock: Clock, data: Path | None, count: int
) -> Benchmark:
    """Measures every runtime with every number of threads.

    Raises:
        AuheatError: if the weights or the dataset cannot be read.
    """
    with TemporaryDirectory() as folder:
        opened = {
            _Key(name, threads): opener(threads)
            for name, opener in networks(weights, Path(folder), plan).items()
            for threads in plan.threads
        }
        reference = _Key(REFERENCE, plan.threads[0])
        timed = of_the_export(opened[reference]).first(plan.batch)
        compared = (
            of_the_export(opened[reference])
            if data is None
            else of_a_dataset(opened[reference], data, count)
        )
        works: dict[str, Work] = {
            str(key): lambda one=one: one.heatmaps(timed.crops, timed.shapes)  # type: ignore[misc]
            for key, one in opened.items()
        }
        timings = interleaved(works, plan.rounds, clock=clock)
        expected = compared.read(opened[reference])
        rows: list[dict[str, Any]] = []
        for key, one in opened.items():
            timing, apart = timings[str(key)], np.abs(compared.read(one) - expected)
            rows.append(
                {
                    "network": key.network,
                    "threads": key.threads,
                    "ms a face": 1000 * timing.median / plan.batch,
                    "spread": f"{100 * timing.spread:.0f}%",
                    "times reference": timing.over(timings[str(reference)]),
                    "largest difference": float(apart.max()),
                    "mean difference": float(apart.mean()),
                    "seconds": list(timing.seconds),
                }
            )
    title = f"Runtimes, batch {plan.batch}, differences over {len(compared.crops)} faces"
    return Benchmark(title, describe(device), COLUMNS, rows)


@click.command()
@click.option("--weights", default="default", show_default=True, help="A .safetensors file.")
@click.option("--network-threads", type=Numbers(), default="1", show_default=True)
@click.option("--batch", default=8, show_default=True)
@click.option("--rounds", default=11, show_default=True)
@click.option("--int8", is_flag=True, help="Also with convolutions in int8.")
@click.option("--data", type=click.Path(path_type=Path), help="A dataset to compare readings on.")
@click.option("--images", default=256, show_default=True, help="Of the dataset, spread over it.")
@measuring
def main(
    *,
    weights: str,
    network_threads: tuple[int, ...],
    batch: int,
    rounds: int,
    int8: bool,
    data: Path | None,
    images: int,
    **where: Any,
) -> None:
    """One network in every runtime: time a face, and how far its readings move."""
    plan = RuntimesPlan(network_threads, batch, rounds, int8)
    measured = bench_runtimes(weights, plan, start(where), CLOCKS[where["clock"]], data, images)
    finish(measured, where)


if __name__ == "__main__":
    run(main)
