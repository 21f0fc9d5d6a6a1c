"""How auheat runs an ONNX model: on the CPU, in silence, with threads that sleep while waiting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from auheat.errors import AuheatError

_FATAL_ONLY = 4


def open_session(model: str | Path, *, threads: int = 1) -> Any:
    """An ONNX Runtime session.

    Args:
        model: path of an .onnx file.
        threads: CPU threads of one run; 0 leaves the number to ONNX Runtime.

    Returns:
        An `onnxruntime.InferenceSession`. It may be used by several threads at once.

    Raises:
        AuheatError: if onnxruntime is not installed, or the file is missing or cannot be run.
    """
    try:
        import onnxruntime
    except ImportError:
        raise AuheatError("ONNX Runtime is not installed: pip install onnxruntime") from None
    path = Path(model)
    if not path.is_file():
        raise AuheatError(f"no file at {path}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    # Plans keep a block for every size of batch until the end, and save no time here.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its kinds have no other base
        raise AuheatError(
            f"ONNX Runtime cannot run {path}: {_reason(error)}; give another copy of the file, or "
            "install auheat again"
        ) from None


def _reason(error: Exception) -> str:
    """ONNX Runtime's words without its codes, on one line."""
    lines = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", lines[0]).rstrip(".")
