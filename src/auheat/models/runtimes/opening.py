"""From a file of weights and the wishes of a user to a network that runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from auheat.errors import AuheatError
from auheat.models.checkpoint import load_checkpoint
from auheat.models.runtimes.exported import SUFFIX
from auheat.models.runtimes.onnx_runtime import OnnxRuntime
from auheat.models.runtimes.openvino_runtime import OpenVinoRuntime
from auheat.models.runtimes.runtime import PrecisionChoice, Runtime, RuntimeChoice, RuntimeName
from auheat.models.runtimes.torch_runtime import TorchRuntime

# Those that run exported networks, the quickest first, with the package that each needs.
_EXPORTED: dict[RuntimeName, str] = {"openvino": "openvino", "onnx": "onnxruntime"}


def open_runtime(
    weights: Path,
    runtime: RuntimeChoice = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    threads: int | None = None,
) -> Runtime:
    """The network of a file, ready to run.

    weights: a checkpoint, or an exported .onnx file, which runs on the CPU alone.
    runtime: "auto" is torch for a checkpoint; for an exported file it is OpenVINO if it is
        installed, else ONNX Runtime.
    device: for torch, see `find_device`. precision, threads: see each runtime.
    Raises AuheatError if the file cannot be read or does not go with the runtime.
    """
    if weights.suffix.lower() == SUFFIX:
        return open_exported(weights, runtime, device, precision, threads)
    if runtime not in ("auto", "torch"):
        raise AuheatError(
            f"--runtime {runtime} reads exported networks, not {weights}: write one with `auheat "
            f"export`, and give it with --weights"
        )
    checkpoint = load_checkpoint(weights)
    return TorchRuntime(checkpoint.net, checkpoint.config, device, precision, threads)


def open_exported(
    path: Path,
    runtime: RuntimeChoice = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    threads: int | None = None,
) -> Runtime:
    """The network of an exported file, see `open_runtime`."""
    if runtime == "torch":
        raise AuheatError(f"--runtime torch reads .safetensors weights, not {path}")
    if device not in ("auto", "cpu"):
        raise AuheatError(f"exported networks run on the CPU, not on {device}: {path}")
    if runtime == "auto":
        chosen = installed()
        if not chosen:
            raise AuheatError(
                f"{path} needs OpenVINO or ONNX Runtime: pip install openvino, or onnxruntime"
            )
        runtime = chosen[0]
    if runtime == "openvino":
        return OpenVinoRuntime(path, precision, threads)
    return OnnxRuntime(path, precision, threads)


def installed() -> list[RuntimeName]:
    """Those that can run exported networks here, the quickest first."""
    return [name for name, package in _EXPORTED.items() if find_spec(package)]
