"""Packages that only some of auheat needs, and the extra that brings each."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from auheat.errors import AuheatError

# The extra of each package, by the name that it is imported by.
EXTRAS = {
    "dlib": "dlib",
    "fastapi": "serve",
    "lightning": "train",
    "matplotlib": "train",
    "numba": "synth",
    "onnx": "export",
    "openvino": "openvino",
    "polars": "polars",
    "pyarrow": "parquet",
    "safetensors": "torch",
    "scipy": "synth",
    "tensorboard": "train",
    "torch": "torch",
    "uvicorn": "serve",
}


def require(module: str) -> ModuleType:
    """An optional module.

    Args:
        module: The name that it is imported by, one of `EXTRAS`.

    Raises:
        AuheatError: It is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise explained(error) or error from None


def explained(error: ImportError) -> AuheatError | None:
    """One line on an import that failed for want of an extra; None if it failed otherwise."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    return AuheatError(f'{package} is not installed: pip install "auheat[{EXTRAS[package]}]"')
