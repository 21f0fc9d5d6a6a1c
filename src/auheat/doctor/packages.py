"""Which packages are there, in which version, and which extra brings those that are missing."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from auheat import __version__
from auheat.doctor.findings import Finding, last_line

OLDEST, TOO_NEW = (3, 10), (3, 13)

# Module and distribution of what auheat cannot do without.
NEEDED = (
    ("torch", "torch"),
    ("mediapipe", "mediapipe"),
    ("cv2", "opencv-contrib-python"),
    ("av", "av"),
    ("numpy", "numpy"),
    ("pandas", "pandas"),
    ("PIL", "pillow"),
)
# Module, distribution, the extra that brings it, and what it is for. The first three are native
# and small, so that they are tried; of the others it is enough that they are there.
TRIED = (
    ("onnxruntime", "onnxruntime", "export", "--runtime onnx"),
    ("openvino", "openvino", "export", "--runtime openvino"),
    ("dlib", "dlib-bin", "dlib", "auheat prepare --landmarks dlib"),
)
LOOKED_FOR = (
    ("onnxscript", "onnxscript", "export", "auheat export"),
    ("polars", "polars", "polars", "VideoPrediction.to_polars"),
    ("fastapi", "fastapi", "serve", "auheat serve"),
    ("numba", "numba", "synth", "auheat synth"),
    ("lightning", "lightning", "train", "auheat train"),
    ("matplotlib", "matplotlib", "train", "figures of auheat reproduce"),
)


def python() -> Iterator[Finding]:
    """The interpreter, and auheat itself."""
    fits = OLDEST <= sys.version_info[:2] < TOO_NEW
    advice = "" if fits else "auheat needs Python 3.10 to 3.12"
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("ok" if fits else "FAILED", "python", found, advice)
    yield Finding("ok", "auheat", __version__)


def needed() -> Iterator[Finding]:
    """Loads what auheat cannot do without."""
    for module, distribution in NEEDED:
        try:
            import_module(module)
        except Exception as error:
            yield Finding("FAILED", distribution, last_line(error), _reinstall(distribution))
        else:
            yield Finding("ok", distribution, _version(distribution, module))


def optional() -> Iterator[Finding]:
    """Looks for what the extras bring."""
    for module, distribution, extra, purpose in TRIED + LOOKED_FOR:
        if find_spec(module) is None:
            advice = f'pip install "auheat[{extra}]"'
            yield Finding("missing", distribution, f"only needed for {purpose}", advice)
            continue
        try:
            if (module, distribution, extra, purpose) in TRIED:
                import_module(module)
        except Exception as error:
            yield Finding("FAILED", distribution, last_line(error), _reinstall(distribution))
        else:
            found = _version(distribution, module)
            yield Finding("ok", distribution, f"{found}, for {purpose}")


def _version(distribution: str, module: str) -> str:
    """The version, also where the module came from another distribution (opencv has four)."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        found = getattr(import_module(module), "__version__", "of unknown version")
        return f"{found} (not from {distribution})"


def _reinstall(distribution: str) -> str:
    return f"pip install --force-reinstall {distribution}"
