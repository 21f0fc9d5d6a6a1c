"""Packages that auheat stands on: those of the core, and those that an extra brings.

What is said of one that is missing, or that is there and cannot be loaded, is decided here alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple

from auheat.errors import AuheatError, on_one_line


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


# Module and distribution of what auheat cannot do without.
NEEDED = (
    ("onnxruntime", "onnxruntime"),
    ("cv2", "opencv-python-headless"),
    ("av", "av"),
    ("numpy", "numpy"),
    ("PIL", "pillow"),
)
PACKAGES = (
    Package("openvino", "openvino", "openvino", "--runtime openvino"),
    Package("dlib", "dlib-bin", "dlib", "auheat prepare --landmarks dlib"),
    Package("torch", "torch", "torch", "--runtime torch and GPUs"),
    Package("safetensors", "safetensors", "torch", "weights in .safetensors files"),
    Package("pandas", "pandas", "pandas", "tables as pandas, auheat report, auheat events"),
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
_DISTRIBUTIONS = dict(NEEDED) | {package.module: package.distribution for package in PACKAGES}


def require(module: str, *, by: str = "") -> ModuleType:
    """A module of a package that auheat does not load before it is needed.

    Args:
        module: The name that it is imported by, of a package of `PACKAGES` or `NEEDED`.
        by: What needs it, as a user wrote it, where that does not say so itself.

    Raises:
        AuheatError: It is not installed, or cannot be loaded.
    """
    try:
        return import_module(module)
    except Exception as error:
        known = explained(error, package=module.partition(".")[0], by=by)
        if known is None:
            raise
        raise known from None


@contextmanager
def needing(extra: str | None = None) -> Iterator[None]:
    """Ends an import that fails, in what it is put around, in one line.

    Args:
        extra: See `explained`.

    Raises:
        AuheatError: A package is not installed, or cannot be loaded.
    """
    try:
        yield
    except Exception as error:
        known = explained(error, extra)
        if known is None:
            raise
        raise known from None


def is_installed(package: str) -> bool:
    """Whether a package is there, be it damaged."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
    except Exception:
        return True


def trouble(package: str) -> AuheatError | None:
    """Why a package cannot be used here; None if it can. It is loaded."""
    try:
        require(package)
    except AuheatError as error:
        return error
    return None


def explained(
    error: BaseException, extra: str | None = None, *, package: str | None = None, by: str = ""
) -> AuheatError | None:
    """One line on a package that could not be imported; None if the error is of another kind.

    A package may fail by any error, as by OSError where a library that it brings is damaged, and
    may be imported by another one, which is not at fault.

    Args:
        error: What was raised.
        extra: The extra that brings all that is needed, where more than one package may be missing.
        package: What was imported, where that is known.
        by: See `require`.
    """
    if isinstance(error, AuheatError | MemoryError) or not isinstance(error, Exception):
        return None
    named = ""
    if isinstance(error, ImportError):
        named = (error.name or "").partition(".")[0]
    missing = isinstance(error, ModuleNotFoundError) and named in _DISTRIBUTIONS
    if missing and not is_installed(named):
        extra = (extra or EXTRAS[named]) if named in EXTRAS else None
        what = f'"auheat[{extra}]"' if extra else _DISTRIBUTIONS[named]
        lead = f"{by} needs {named}, which" if by else named
        return AuheatError(f"{lead} is not installed: pip install {what}")
    for found in (_being_loaded(error), package, named):
        if found in _DISTRIBUTIONS:
            return AuheatError(
                f"{found} is installed, but cannot be loaded ({on_one_line(error)}): "
                f"pip install --force-reinstall {_DISTRIBUTIONS[found]}"
            )
    return None


def _being_loaded(error: BaseException) -> str | None:
    """The package, of those that auheat knows, whose module was being imported, the innermost."""
    found, place = None, error.__traceback__
    while place is not None:
        package = str(place.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if place.tb_frame.f_code.co_name == "<module>" and package in _DISTRIBUTIONS:
            found = package
        place = place.tb_next
    return found
