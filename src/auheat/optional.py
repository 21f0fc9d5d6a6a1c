"""Packages that only some of auheat needs, and the extra that brings each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from auheat.errors import AuheatError


class Package(NamedTuple):
    """A package that the core of auheat does without.

    Attributes:
        module: The name that it is imported by.
        distribution: The name that it is installed by.
        extra: The extra of auheat that brings it.
        purpose: What it is needed for.
    """

    module: str
    distribution: str
    extra: str
    purpose: str


PACKAGES = (
    Package("openvino", "openvino", "openvino", "--runtime openvino"),
    Package("dlib", "dlib-bin", "dlib", "auheat prepare --landmarks dlib"),
    Package("torch", "torch", "torch", "--runtime torch and GPUs"),
    Package("safetensors", "safetensors", "torch", "weights in .safetensors files"),
    Package("pandas", "pandas", "pandas", "tables as pandas, reports, --format tidy"),
    Package("pyarrow", "pyarrow", "parquet", "Parquet tables"),
    Package("fsspec", "fsspec", "corpus", "auheat corpus of s3:// and other addresses"),
    Package("ray", "ray", "ray", "auheat corpus --ray"),
    Package("polars", "polars", "polars", "tables as polars"),
    Package("fastapi", "fastapi", "serve", "auheat serve"),
    Package("uvicorn", "uvicorn", "serve", "auheat serve"),
    Package("scipy", "scipy", "evaluate", "auheat evaluate"),
    Package("onnx", "onnx", "export", "auheat export"),
    Package("numba", "numba", "synth", "auheat synth"),
    Package("lightning", "lightning", "train", "auheat train"),
    Package("matplotlib", "matplotlib", "train", "figures of auheat reproduce"),
    Package("tensorboard", "tensorboard", "train", "curves of auheat train"),
)
EXTRAS = {package.module: package.extra for package in PACKAGES}


def require(module: str) -> ModuleType:
    """An optional module.

    Args:
        module: The name that it is imported by, one of `EXTRAS`.

    Raises:
        AuheatError: It is not installed.
    """
    with needing():
        return import_module(module)


@contextmanager
def needing(extra: str | None = None) -> Iterator[None]:
    """Ends an import that fails for want of an extra, in what it is put around, in one line.

    Args:
        extra: See `explained`.

    Raises:
        AuheatError: A package of an extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise explained(error, extra) or error from None


def explained(error: ImportError, extra: str | None = None) -> AuheatError | None:
    """One line on an import that failed for want of an extra; None if it failed otherwise.

    Args:
        error: What the import raised.
        extra: The extra that brings all that is needed, where more than one package may be missing.
    """
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    extra = extra or EXTRAS[package]
    return AuheatError(f'{package} is not installed: pip install "auheat[{extra}]"')
