"""From a file of weights and the wishes of a user to a network that runs."""

from __future__ import annotations

from pathlib import Path

from auheat.errors import AuheatError
from auheat.models.device_names import check_device
from auheat.models.runtimes.exported import SUFFIX
from auheat.models.runtimes.names import PrecisionChoice, RuntimeChoice, RuntimeName
from auheat.models.runtimes.onnx_runtime import OnnxRuntime
from auheat.models.runtimes.openvino_runtime import OpenVinoRuntime
from auheat.models.runtimes.runtime import Runtime
from auheat.models.weights import default_network, default_weights, is_default
from auheat.optional import is_installed, require
from auheat.sums import ships

# Those that run exported networks, with the package that each needs.
PACKAGES: dict[RuntimeName, str] = {"onnx": "onnxruntime", "openvino": "openvino"}


def open_runtime(
    weights: str | Path = "default",
    *,
    runtime: RuntimeChoice = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    threads: int | None = None,
) -> Runtime:
    """The network of a file, ready to run.

    Args:
        weights: A checkpoint; an exported .onnx file, which runs on the CPU alone; or "default" for
            the network that comes with auheat, of which there is one of each.
        runtime: "auto" is torch for a checkpoint and ONNX Runtime for an exported file. With the
            default network it is ONNX Runtime, unless another device than the CPU is asked for, or
            bf16.
        device: For torch, see `find_device`; with "auto" the default network stays on the CPU.
        precision: See each runtime.
        threads: See each runtime.

    Raises:
        AuheatError: The file cannot be read or does not go with the runtime, or the runtime is not
            installed.
    """
    check_device(device)
    path = file_of(weights, runtime=runtime, device=device, precision=precision)
    if path.suffix.lower() == SUFFIX:
        return open_exported(
            path, runtime=runtime, device=device, precision=precision, threads=threads
        )
    if runtime not in ("auto", "torch"):
        raise AuheatError(
            f"--runtime {runtime} reads exported networks, not {path}: write one with `auheat "
            f"export`, and give it with --weights"
        )
    require("torch", by=_wants_torch(device, precision))
    from auheat.models.checkpoint import load_checkpoint
    from auheat.models.runtimes.torch_runtime import TorchRuntime

    return TorchRuntime(load_checkpoint(path), device=device, precision=precision, threads=threads)


def file_of(
    weights: str | Path, *, runtime: RuntimeChoice, device: str, precision: PrecisionChoice
) -> Path:
    """The file that `open_runtime` opens with the same arguments.

    Raises:
        AuheatError: This copy of auheat comes without weights.
    """
    if not is_default(weights):
        return Path(weights)
    on_torch = runtime == "torch" or (runtime == "auto" and _wants_torch(device, precision))
    return default_weights() if on_torch else default_network()


def _wants_torch(device: str, precision: PrecisionChoice) -> str:
    """The option that only torch can follow with the default weights; "" if there is none."""
    if device not in ("auto", "cpu"):
        return f"--device {device}"
    return "--precision bf16" if precision == "bf16" else ""


def open_exported(
    path: str | Path,
    *,
    runtime: RuntimeChoice = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    threads: int | None = None,
) -> Runtime:
    """The network of an exported file, see `open_runtime`."""
    if runtime == "torch":
        raise AuheatError(f"--runtime torch reads .safetensors weights, not {path}")
    if device not in ("auto", "cpu"):
        with_torch = "" if ships(path) else " and the .safetensors weights that it was made from"
        raise AuheatError(
            f"exported networks run on the CPU, not on {device}, as {path} does: "
            f"give --runtime torch{with_torch}"
        )
    if runtime == "openvino":
        return OpenVinoRuntime(path, precision=precision, threads=threads)
    return OnnxRuntime(path, precision=precision, threads=threads)


def installed() -> list[RuntimeName]:
    """Those that can run exported networks here."""
    return [name for name, package in PACKAGES.items() if is_installed(package)]
