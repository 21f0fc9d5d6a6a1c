"""How auheat runs an ONNX model: on the CPU, in silence, with threads that sleep while waiting.

A file may be packed by gzip, as the face models are: they take a megabyte less, and 14 ms more to
load.
"""

from __future__ import annotations

import ctypes
import gzip
import os
import re
import weakref
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.onnx_outside import outside
from auheat.optional import require
from auheat.sums import OTHER_COPY, check_readable, check_sum

PACKED = ".gz"
_FATAL_ONLY = 4
# A fork has copies of these without their threads, for which a session waits when it ends.
_SESSIONS: weakref.WeakKeyDictionary[Any, object] = weakref.WeakKeyDictionary()


def _keep_for_ever() -> None:
    for session in _SESSIONS:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_for_ever)


def open_session(model: str | Path, *, threads: int = 1) -> Any:
    """An ONNX Runtime session.

    Args:
        model: path of an .onnx or .onnx.gz file.
        threads: CPU threads of one run; 0 leaves the number to ONNX Runtime.

    Returns:
        An `onnxruntime.InferenceSession`. It may be used by several threads at once.

    Raises:
        AuheatError: if onnxruntime is not installed or cannot be loaded, or the file is missing,
            damaged or cannot be run.
    """
    # Newer versions report to their makers, and say so on the terminal where they cannot.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    onnxruntime = require("onnxruntime")
    path = Path(model)
    numbers_outside = checked(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    # Plans keep a block for every size of batch until the end, and save no time here.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    packed = path.suffix == PACKED
    numbers = {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(values)
        for name, values in numbers_outside.items()
    }
    if numbers:
        options.add_external_initializers(list(numbers), list(numbers.values()))
    try:
        content = gzip.decompress(path.read_bytes()) if packed else str(path)
        # Its fallback would try the same once more, and say so on standard output.
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's kinds have no other base
        raise AuheatError(
            f"ONNX Runtime cannot run {path}: {_reason(error)}; {OTHER_COPY}"
        ) from None
    _SESSIONS[session] = numbers  # which it may go on reading
    return session


def checked(path: Path) -> dict[str, NDArray[Any]]:
    """What is looked at before a network is opened, whatever opens it.

    Returns:
        The numbers that it takes from a checkpoint beside it, by name, see `outside`.

    Raises:
        AuheatError: the file or the checkpoint is missing or damaged.
    """
    if not path.is_file():
        raise AuheatError(f"no file at {path}: {OTHER_COPY}")
    check_readable(path)
    check_sum(path)
    if not path.stat().st_size:  # ONNX Runtime takes it for a network that does nothing
        raise AuheatError(f"{path} is empty: {OTHER_COPY}")
    return {} if path.suffix == PACKED else outside(path)


def _reason(error: Exception) -> str:
    """ONNX Runtime's words without its codes, on one line."""
    text = str(error)
    if isinstance(error, UnicodeDecodeError):  # its words quote a name that is damaged
        text = error.object.decode("utf-8", "backslashreplace")
    lines = text.splitlines() or [type(error).__name__]
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", lines[0]).rstrip(".")
